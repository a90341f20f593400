"""Settlements from a party's point of view: propose, countersign, dispute, decide, look."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from exchange import wire
from exchange.client.call import retried
from exchange.client.verify import verify_receipt_text
from exchange.settlement.case import State
from exchange.settlement.matter import Matter
from exchange.settlement.move import Act, Move
from exchange.v1 import settlement_pb2

if TYPE_CHECKING:
    from exchange.client.session import Session

_TIMEOUT: Final = 30
_TICK: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Settled:
    """A settlement after a move, and the receipt of that move."""

    settlement: settlement_pb2.Settlement
    receipt: str


def propose_settlement(client: Session, matter: Matter, value: str, reason: str = "") -> Settled:
    """Begin: say what the value should be, as decimal text in the matter's unit."""
    by, now = client.profile.agency, datetime.now(UTC)
    first = Move(
        matter.id, Act.PROPOSE, by, matter.parties, now, None, matter=matter, value=value, reason=reason
    )
    return _submit(client, first)


def move_settlement(
    client: Session,
    settlement: str,
    act: Act,
    *,
    value: str | None = None,
    reason: str = "",
    person: str = "",
) -> Settled:
    """Answer what stands; raises what the hub raises: PermissionDeniedError, WrongStateError, InvalidInputError."""
    known = get_settlement(client, settlement)
    at = max(datetime.now(UTC), wire.instant(known.moved_at) + _TICK)
    parties = matter_of(known).parties
    by = client.profile.agency
    move = Move(known.id, act, by, parties, at, known.head, value=value, reason=reason, person=person)
    return _submit(client, move)


def get_settlement(client: Session, settlement: str) -> settlement_pb2.Settlement:
    """One settlement as the hub has it, with its signed moves."""
    request = settlement_pb2.GetSettlementRequest(id=settlement)
    return retried(lambda: client.settlement.GetSettlement(request, timeout=_TIMEOUT)).settlement


def list_settlements(client: Session, awaited: bool = False) -> Iterator[settlement_pb2.Settlement]:
    """The agency's settlements, in the order they began."""
    token = ""
    while True:
        request = settlement_pb2.ListSettlementsRequest(awaited=awaited, page_size=1000, page_token=token)
        page = retried(lambda request=request: client.settlement.ListSettlements(request, timeout=_TIMEOUT))  # type: ignore[misc]
        yield from page.settlements
        token = page.next_page_token
        if not token:
            return


def matter_of(settlement: settlement_pb2.Settlement) -> Matter:
    """What it is about."""
    return Matter.from_json(json.loads(settlement.matter))


def state_of(settlement: settlement_pb2.Settlement) -> State:
    """Where it stands."""
    return State[settlement_pb2.SettlementState.Name(settlement.state).removeprefix("SETTLEMENT_STATE_")]


def _submit(client: Session, move: Move) -> Settled:
    envelope = move.signed(client.profile.signing_key())
    request = settlement_pb2.MoveSettlementRequest(envelope=envelope.to_json_bytes())
    response = retried(lambda: client.settlement.MoveSettlement(request, timeout=_TIMEOUT))
    verify_receipt_text(response.receipt, client.profile.log_key)
    return Settled(response.settlement, response.receipt)
