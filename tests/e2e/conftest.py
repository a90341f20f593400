"""The hub that most of these tests talk to."""

from __future__ import annotations

from tests.hubs import site

__all__ = ["site"]
