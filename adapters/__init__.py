"""What departments already have, turned into tables under the contracts; entry points of group `hechuan.adapters`."""
