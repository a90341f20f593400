"""A matter to agree on, and moves upon it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from exchange.accord.matter import Matter
from exchange.accord.move import Act, Move
from exchange.accord.packed import Packed
from exchange.ids import AgencyId, ContractRef

NOON: Final = datetime(2026, 5, 20, 4, tzinfo=UTC)
LEFT: Final = AgencyId.parse("500000/joint-office")
RIGHT: Final = AgencyId.parse("510000/joint-office")
OTHER: Final = AgencyId.parse("520000/joint-office")


def matter(left: AgencyId = LEFT, right: AgencyId = RIGHT, **changed: Any) -> Matter:
    """June of two sides."""
    given: dict[str, Any] = {
        "sides": tuple(sorted((left, right))),
        "start": date(2026, 6, 1),
        "end": date(2026, 6, 30),
        "terms": ContractRef.parse("patrol-plan@1.0.0"),
        "terms_digest": "sha256:" + "ab" * 32,
    }
    return Matter(**{**given, **changed})


def move(previous: Move | None, act: Act, by: AgencyId, plan: str = "a", minutes: int = 1) -> Move:
    """A move upon another, so many minutes later; the first proposes for `matter()`."""
    about = matter()
    packed = act is Act.PROPOSE
    return Move(
        about.id,
        act,
        by,
        about.parties,
        NOON if previous is None else previous.at + timedelta(minutes=minutes),
        previous.digest if previous else None,
        matter=None if previous else about,
        office=Packed.of(b'{"office":1}') if packed else None,
        plan=Packed.of(f'{{"plan":"{plan}"}}'.encode()) if packed else None,
        reason="少跑一趟" if act is Act.ASK else "",
    )
