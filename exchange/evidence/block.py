"""What a cover page is made of, whatever form it is given."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Final

from exchange.evidence.facts import Cosigned

_CHINA: Final = timezone(timedelta(hours=8))


class Code(str):
    """Text for machines: digests, keys, file names."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Prose:
    """A paragraph in both languages."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Grid:
    """A table; without `head`, rows of (name, value)."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Command:
    """What to type."""

    lines: tuple[str, ...]


Block = Prose | Grid | Command


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page."""

    title: str
    blocks: tuple[Block, ...]


def local(instant: datetime | None) -> str:
    """An instant as people in China read it; every page says which zone that is."""
    return instant.astimezone(_CHINA).strftime("%Y-%m-%d %H:%M:%S") if instant else "–"


def cosigned_by(found: Cosigned) -> str:
    """Who cosigned, and when."""
    return " · ".join(f"{name} {local(at)}" for name, at in found) or "–"
