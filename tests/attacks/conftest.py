"""The hub that is attacked; after all of it, it must still be up and its ledger whole."""

from __future__ import annotations

from tests.hubs import site

__all__ = ["site"]
