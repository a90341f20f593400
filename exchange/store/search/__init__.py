"""The search index in a SQLite file of its own, whatever holds the ledger."""

from exchange.store.search.index import SqliteSearchIndex

__all__ = ["SqliteSearchIndex"]
