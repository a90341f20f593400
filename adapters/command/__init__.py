"""Commands that adapters add to `hechuan`; entry points of group `hechuan.commands`."""
