"""The `hechuan` command."""

from exchange.cli.main import main

__all__ = ["main"]
