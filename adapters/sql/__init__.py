"""Tables and views of databases, incremental by a watermark."""

from adapters.sql.adapter import SqlAdapter, adapter

__all__ = ["SqlAdapter", "adapter"]
