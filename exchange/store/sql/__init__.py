"""The ledger store on SQL databases."""

from exchange.store.sql.ledger import SqlLedgerStore

__all__ = ["SqlLedgerStore"]
