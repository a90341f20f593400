"""River science: pure functions over Arrow tables."""
