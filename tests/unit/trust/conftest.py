"""The token that some of these tests keep keys in."""

from __future__ import annotations

from tests.tokens import token

__all__ = ["token"]
