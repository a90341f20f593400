"""A matter to settle, and moves upon it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from exchange.ids import AgencyId, ContractRef, DatasetId
from exchange.settlement.matter import Matter
from exchange.settlement.move import Act, Move

NOON: Final = datetime(2026, 3, 19, 4, tzinfo=UTC)
LEFT: Final = AgencyId.parse("500000/ecology")
RIGHT: Final = AgencyId.parse("510000/ecology")
ARBITER: Final = AgencyId.parse("500000/joint-office")


def matter(
    left: AgencyId = LEFT, right: AgencyId = RIGHT, arbiter: AgencyId = ARBITER, **changed: Any
) -> Matter:
    """Both banks' ammonia at one instant."""
    given: dict[str, Any] = {
        "left_dataset": DatasetId.parse(f"{left}/water-quality"),
        "right_dataset": DatasetId.parse(f"{right}/water-quality"),
        "arbiter": arbiter,
        "left_section": "CQ-TONGBO-LP",
        "right_section": "SC-SHANGHEBA",
        "item": "w21003",
        "unit": "mg/L",
        "left_at": NOON,
        "right_at": NOON + timedelta(minutes=20),
        "left_value": "0.62",
        "right_value": "0.06",
        "terms": ContractRef.parse("boundary-comparison@1.0.0"),
        "terms_digest": "sha256:" + "ab" * 32,
        "cause": "unit",
    }
    return Matter(**{**given, **changed})


def move(previous: Move | None, act: Act, by: AgencyId, value: str | None = None, minutes: int = 1) -> Move:
    """A move upon another, so many minutes later; the first proposes `matter()`."""
    about = matter()
    at = NOON + timedelta(days=1) if previous is None else previous.at + timedelta(minutes=minutes)
    decided = act is Act.ARBITRATE
    return Move(
        about.id,
        act,
        by,
        about.parties,
        at,
        previous and previous.digest,
        matter=None if previous else about,
        value=value,
        person="某处长" if decided else "",
        reason="复测" if act in (Act.DISPUTE, Act.ARBITRATE) else "",
    )
