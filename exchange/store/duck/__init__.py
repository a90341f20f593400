"""Stored batches read as one table, by DuckDB."""

from exchange.store.duck.engine import DuckTableEngine

__all__ = ["DuckTableEngine"]
