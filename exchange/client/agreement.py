"""Agreements from a side's point of view: propose, answer, look, and see who read."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from exchange.agreement.move import Act, answer, propose
from exchange.agreement.negotiation import Side
from exchange.agreement.terms import Terms
from exchange.client.call import retried
from exchange.client.verify import verify_receipt_text
from exchange.errors import ConflictError
from exchange.ids import DatasetId
from exchange.trust.envelope import Envelope
from exchange.v1 import agreement_pb2

if TYPE_CHECKING:
    from exchange.client.session import Session

_TIMEOUT: Final = 30
_NEXT: Final = {
    agreement_pb2.AGREEMENT_STATE_REQUESTED: Act.AGREE,
    agreement_pb2.AGREEMENT_STATE_OFFERED: Act.ACCEPT,
    agreement_pb2.AGREEMENT_STATE_ACCEPTED: Act.AGREE,
    agreement_pb2.AGREEMENT_STATE_AGREED: Act.VERIFY,
    agreement_pb2.AGREEMENT_STATE_VERIFIED: Act.FINALIZE,
}


@dataclass(frozen=True, slots=True)
class Moved:
    """An agreement after a move, and the receipt of that move."""

    agreement: agreement_pb2.Agreement
    receipt: str


def propose_terms(
    client: Session,
    dataset: str,
    consumer: str,
    *,
    purpose: str,
    start: datetime | None = None,
    until: datetime,
    columns: Sequence[str] = (),
    row_filter: str = "",
    mirror: bool = False,
    onward: bool = False,
    contract: str | None = None,
    agreement: str | None = None,
    reason: str = "",
) -> Moved:
    """Request (as consumer) or offer (as owner); with `agreement`, a counter to what stands there.

    Without `columns`, all of the contract's.
    """
    parsed = client.contract(contract or DatasetId.parse(dataset).contract)
    known = get_agreement(client, agreement) if agreement else None
    now = datetime.now(UTC)
    terms = Terms.from_json(
        {
            "agreement": agreement or secrets.token_hex(16),
            "columns": list(columns) or [column.name for column in parsed.columns],
            "consumer": consumer,
            "contract": str(parsed.ref),
            "dataset": dataset,
            "from": _text(start or now),
            "mirror": mirror,
            "onward": onward,
            "provider": str(DatasetId.parse(dataset).owner),
            "purpose": purpose,
            "row_filter": row_filter,
            "until": _text(until),
            "v": 1,
        }
    )
    act = Act.OFFER if client.profile.agency == terms.provider else Act.REQUEST
    key, by = client.profile.signing_key(), client.profile.agency
    return _submit(client, propose(act, terms, known.head if known else None, key, by, now, reason))


def move_agreement(client: Session, agreement: str, act: Act | None = None, reason: str = "") -> Moved:
    """Make a move on an agreement: the one that says yes where none is named.

    Raises ConflictError where there is nothing to say yes to, or it is the other side's turn.
    """
    known = get_agreement(client, agreement)
    if act is None:
        act = _NEXT.get(known.state)
        if act is None or known.awaited != str(client.profile.agency):
            state = agreement_pb2.AgreementState.Name(known.state).removeprefix("AGREEMENT_STATE_").lower()
            waits = f"，等待 {known.awaited} / {known.awaited} is awaited" if known.awaited else ""
            raise ConflictError(f"协议处于 {state} 状态 / the agreement is {state}{waits}")
    terms = Terms.parse(known.terms)
    key, by = client.profile.signing_key(), client.profile.agency
    return _submit(client, answer(act, terms, known.head, key, by, datetime.now(UTC), reason))


def get_agreement(client: Session, agreement: str) -> agreement_pb2.Agreement:
    """One agreement as the hub has it."""
    request = agreement_pb2.GetAgreementRequest(id=agreement)
    return retried(lambda: client.agreement.GetAgreement(request, timeout=_TIMEOUT)).agreement


def list_agreements(client: Session, dataset: str = "") -> Sequence[agreement_pb2.Agreement]:
    """The agency's agreements, on either side."""
    request = agreement_pb2.ListAgreementsRequest(dataset=dataset)
    return retried(lambda: client.agreement.ListAgreements(request, timeout=_TIMEOUT)).agreements


def list_reads(
    client: Session, dataset: str = "", missing: set[str] | None = None
) -> Iterator[agreement_pb2.Read]:
    """Who read the agency's datasets, here and from mirrors, newest first.

    Hubs that mirror them and could not be asked are added to `missing`.
    """
    token = ""
    while True:
        request = agreement_pb2.ListReadsRequest(dataset=dataset, page_size=1000, page_token=token)
        page = retried(lambda request=request: client.agreement.ListReads(request, timeout=_TIMEOUT))  # type: ignore[misc]
        if missing is not None:
            missing.update(page.missing)
        yield from page.reads
        token = page.next_page_token
        if not token:
            return


def in_force(agreement: agreement_pb2.Agreement) -> bool:
    """Whether data may flow under it now."""
    return agreement.state == agreement_pb2.AGREEMENT_STATE_IN_FORCE


def side_of(agreement: agreement_pb2.Agreement, agency: str) -> Side:
    """Which side of it an agency is."""
    return Side.PROVIDER if agency == agreement.provider else Side.CONSUMER


def _submit(client: Session, envelope: Envelope) -> Moved:
    request = agreement_pb2.SubmitMoveRequest(envelope=envelope.to_json_bytes())
    response = retried(lambda: client.agreement.SubmitMove(request, timeout=_TIMEOUT))
    verify_receipt_text(response.receipt, client.profile.log_key)
    return Moved(response.agreement, response.receipt)


def _text(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
