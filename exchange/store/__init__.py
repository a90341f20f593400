"""Drivers of the ports, and which of them the settings ask for."""

from exchange.store.choice import open_ledger, open_objects, open_replica, open_search

__all__ = ["open_ledger", "open_objects", "open_replica", "open_search"]
