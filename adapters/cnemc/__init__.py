"""The four-hour data of the national automatic stations."""

from adapters.cnemc.adapter import CnemcAdapter, adapter

__all__ = ["CnemcAdapter", "adapter"]
