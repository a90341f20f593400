"""Accords from a side's point of view: propose a plan, ask for changes, accept, look."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from exchange import wire
from exchange.accord.case import Accord, fold
from exchange.accord.matter import Matter
from exchange.accord.move import Act, Move
from exchange.accord.packed import Packed
from exchange.client.call import retried
from exchange.client.verify import verify_receipt_text
from exchange.errors import NotFoundError
from exchange.trust.envelope import Envelope
from exchange.v1 import patrol_pb2

if TYPE_CHECKING:
    from exchange.client.session import Session

_TIMEOUT: Final = 30
_TICK: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Agreed:
    """An accord after a move, and the receipt of that move."""

    accord: patrol_pb2.Accord
    receipt: str


def propose_plan(client: Session, matter: Matter, office: bytes, plan: bytes, reason: str = "") -> Agreed:
    """Say which plan it should be, or which instead: canonical JSON of the office and of its plan. Begins the
    accord where there is none.
    """
    try:
        known: patrol_pb2.Accord | None = get_accord(client, matter.id)
    except NotFoundError:
        known = None
    return _submit(
        client,
        Move(
            matter.id,
            Act.PROPOSE,
            client.profile.agency,
            matter.parties,
            _now(known),
            known.head if known else None,
            matter=None if known else matter,
            office=Packed.of(office),
            plan=Packed.of(plan),
            reason=reason,
        ),
    )


def move_accord(client: Session, accord: str, act: Act, reason: str = "") -> Agreed:
    """Answer what is proposed; raises what the hub raises: PermissionDeniedError, WrongStateError."""
    known = get_accord(client, accord)
    parties = matter_of(known).parties
    by = client.profile.agency
    return _submit(client, Move(known.id, act, by, parties, _now(known), known.head, reason=reason))


def get_accord(client: Session, accord: str) -> patrol_pb2.Accord:
    """One accord as the hub has it, with its signed moves."""
    request = patrol_pb2.GetAccordRequest(id=accord)
    return retried(lambda: client.patrol.GetAccord(request, timeout=_TIMEOUT)).accord


def list_accords(client: Session, awaited: bool = False) -> Iterator[patrol_pb2.Accord]:
    """The agency's accords, in the order they began."""
    token = ""
    while True:
        request = patrol_pb2.ListAccordsRequest(awaited=awaited, page_size=1000, page_token=token)
        page = retried(lambda request=request: client.patrol.ListAccords(request, timeout=_TIMEOUT))  # type: ignore[misc]
        yield from page.accords
        token = page.next_page_token
        if not token:
            return


def matter_of(accord: patrol_pb2.Accord) -> Matter:
    """What it is about."""
    return Matter.from_json(json.loads(accord.matter))


def folded(accord: patrol_pb2.Accord) -> Accord:
    """What its signed moves amount to; raises NotFoundError where they amount to nothing."""
    moves = [Move.parse(Envelope.from_json_bytes(envelope).payload) for envelope in accord.moves]
    standing, _ = fold(moves)
    if standing is None:
        raise NotFoundError(f"accord {accord.id} has no proposal")
    return standing


def _now(known: patrol_pb2.Accord | None) -> datetime:
    now = datetime.now(UTC)
    return now if known is None else max(now, wire.instant(known.moved_at) + _TICK)


def _submit(client: Session, move: Move) -> Agreed:
    envelope = move.signed(client.profile.signing_key())
    request = patrol_pb2.MoveAccordRequest(envelope=envelope.to_json_bytes())
    response = retried(lambda: client.patrol.MoveAccord(request, timeout=_TIMEOUT))
    verify_receipt_text(response.receipt, client.profile.log_key)
    return Agreed(response.accord, response.receipt)
