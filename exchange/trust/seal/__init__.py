"""Sealed columns."""

from exchange.trust.seal.batch import BatchKey, new_batch_key, unwrap_key, wrap_info, wrap_key
from exchange.trust.seal.column import open_columns, seal_columns
from exchange.trust.seal.recipient import Recipient, RecipientKey

__all__ = [
    "BatchKey",
    "Recipient",
    "RecipientKey",
    "new_batch_key",
    "open_columns",
    "seal_columns",
    "unwrap_key",
    "wrap_info",
    "wrap_key",
]
