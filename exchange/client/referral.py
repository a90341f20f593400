"""Referrals from a party's point of view: send, answer, look, press, close, hand over."""

from __future__ import annotations

import hashlib
import mimetypes
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from exchange import wire
from exchange.client.call import error_of, retried
from exchange.client.verify import verify_receipt_text
from exchange.errors import DigestMismatchError, NotFoundError
from exchange.ids import AgencyId
from exchange.referral.move import Act, Attachment, Move
from exchange.referral.order import Kind, Order
from exchange.v1 import referral_pb2

if TYPE_CHECKING:
    from exchange.client.session import Session

_TIMEOUT: Final = 30
_LONG: Final = 600
_CHUNK: Final = 1 << 20
_CONFIRMS: Final = (Act.RECEIVE, Act.TAKE_OVER)
_TICK: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Referred:
    """A referral after a move, and the receipt of that move."""

    referral: referral_pb2.Referral
    receipt: str


def send_referral(
    client: Session,
    kind: Kind,
    handler: str,
    title: str,
    *,
    supervisor: str = "",
    text: str = "",
    matter: str = "",
    river: str = "",
    subject: str = "",
    parent: str = "",
    days: int = 0,
    attachments: Sequence[Attachment] = (),
    person: str = "",
) -> Referred:
    """Hand something to another agency; deadlines are the hub's for the kind, or `days` working days.

    Without `supervisor`, whoever sends it also closes it. `attachments` as `put_attachment` gave them.
    """
    asked = referral_pb2.PlanReferralRequest(kind=wire.referral_kind_number(kind), days=days)
    plan = retried(lambda: client.referral.PlanReferral(asked, timeout=_TIMEOUT))
    by = client.profile.agency
    order = Order(
        kind=kind,
        issuer=by,
        handler=AgencyId.parse(handler),
        supervisor=AgencyId.parse(supervisor) if supervisor else by,
        title=title,
        text=text,
        matter=matter,
        river=river,
        subject=subject,
        parent=parent,
        at=wire.instant(plan.at),
        acknowledge_by=wire.instant(plan.acknowledge_by),
        days=plan.days,
        due=wire.instant(plan.due_at),
    )
    parties = tuple(sorted(order.parties))
    move = Move(order.id, Act.SEND, by, parties, order.at, None, order, tuple(attachments), person=person)
    return _submit(client, move)


def move_referral(
    client: Session,
    referral: str,
    act: Act,
    *,
    reason: str = "",
    person: str = "",
    days: int = 0,
    to: str = "",
    attachments: Sequence[Attachment] = (),
) -> Referred:
    """Make a move; `days` for an extension or a new term. Receiving fetches what was handed over and confirms it.

    Raises what the hub raises: PermissionDeniedError, WrongStateError, InvalidInputError.
    """
    known = get_referral(client, referral)
    by = client.profile.agency
    last = max(wire.instant(each.at) for each in known.moves)
    at = max(datetime.now(UTC), last + _TICK)
    due: datetime | None = None
    if days:
        due = _term(client, known, act, days, at)
    if act in _CONFIRMS:
        attachments = [_attachment(item) for item in known.attachments]
        for item in attachments:
            for _ in read_attachment(client, referral, item.digest):
                pass
    named = {AgencyId.parse(text) for text in known.parties} | {by} | ({AgencyId.parse(to)} if to else set())
    move = Move(
        referral,
        act,
        by,
        tuple(sorted(named)),
        at,
        known.head,
        None,
        tuple(attachments),
        days,
        due,
        AgencyId.parse(to) if to else None,
        person,
        reason,
    )
    return _submit(client, move)


def get_referral(client: Session, referral: str) -> referral_pb2.Referral:
    """One referral with its moves."""
    request = referral_pb2.GetReferralRequest(id=referral)
    return retried(lambda: client.referral.GetReferral(request, timeout=_TIMEOUT)).referral


def list_referrals(
    client: Session,
    *,
    awaited: bool = False,
    kinds: Iterable[Kind] = (),
    closed: bool = False,
    moves: bool = False,
) -> Iterator[referral_pb2.Referral]:
    """The agency's referrals, the nearest deadline first; open ones unless `closed` asks for all."""
    token, numbers = "", [wire.referral_kind_number(kind) for kind in kinds]
    while True:
        request = referral_pb2.ListReferralsRequest(
            awaited=awaited, kinds=numbers, closed=closed, page_size=500, page_token=token, moves=moves
        )
        page = retried(lambda request=request: client.referral.ListReferrals(request, timeout=_TIMEOUT))  # type: ignore[misc]
        yield from page.referrals
        token = page.next_page_token
        if not token:
            return


def find_referral(client: Session, text: str) -> str:
    """A referral's whole id from its first digits; raises NotFoundError where not exactly one begins so."""
    if len(text) == _ID_DIGITS:
        return text
    found = [each.id for each in list_referrals(client, closed=True) if each.id.startswith(text)]
    if len(found) != 1:
        raise NotFoundError(f"{len(found)} 件以 {text} 开头 / referrals begin with {text}")
    return found[0]


_ID_DIGITS: Final = 32


def put_attachment(client: Session, file: Path) -> Attachment:
    """Put a file at the agency's hub, so that its next moves may name it."""
    media_type = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    return put_bytes(client, file.read_bytes(), file.name, media_type)


def put_bytes(client: Session, data: bytes, name: str, media_type: str) -> Attachment:
    """The same with bytes at hand; raises DigestMismatchError where the hub got others."""
    digest = "sha256:" + hashlib.sha256(data).hexdigest()

    def send() -> referral_pb2.PutAttachmentResponse:
        chunks = (data[at : at + _CHUNK] for at in range(0, len(data), _CHUNK))
        messages = (referral_pb2.PutAttachmentRequest(data=chunk) for chunk in chunks)
        return client.referral.PutAttachment(messages, timeout=_LONG)

    kept = retried(send)
    if kept.digest != digest:
        raise DigestMismatchError(f"the hub got other bytes of {name} than were sent")
    return Attachment(digest, len(data), media_type, name)


def read_attachment(client: Session, referral: str, digest: str) -> Iterator[bytes]:
    """An attachment's bytes in pieces, held to their digest at the end; raises DigestMismatchError."""
    found = hashlib.sha256()
    request = referral_pb2.GetAttachmentRequest(referral=referral, digest=digest)
    try:
        for message in client.referral.GetAttachment(request, timeout=_LONG):
            found.update(message.data)
            yield message.data
    except grpc.RpcError as error:
        raise error_of(error) from error
    if "sha256:" + found.hexdigest() != digest:
        raise DigestMismatchError(f"attachment {digest} came with other bytes")


def save_attachments(client: Session, referral: str, directory: Path) -> list[Path]:
    """All attachments of a referral into a directory; names that repeat get the digest before them."""
    known = get_referral(client, referral)
    directory.mkdir(parents=True, exist_ok=True)
    saved: list[Path] = []
    for item in map(_attachment, known.attachments):
        target = directory / item.name
        if target.exists():
            target = directory / f"{item.digest[7:15]}-{item.name}"
        scratch = target.with_name(target.name + ".part")
        with scratch.open("wb") as file:
            file.writelines(read_attachment(client, referral, item.digest))
        os.replace(scratch, target)
        saved.append(target)
    return saved


def leave(client: Session, successor: str, reason: str = "") -> list[str]:
    """离任移交: hand every open referral of this agency over to its successor; their ids."""
    me = str(client.profile.agency)
    mine = [each for each in list_referrals(client) if me in (each.issuer, each.handler, each.supervisor)]
    for each in mine:
        move_referral(client, each.id, Act.HAND_OVER, to=successor, reason=reason)
    return [each.id for each in mine]


def succeed(client: Session, reason: str = "") -> list[str]:
    """接任: take over whatever has been handed to this agency and waits for it; their ids."""
    me = str(client.profile.agency)
    offered = [
        each
        for each in list_referrals(client, awaited=True)
        if me not in (each.issuer, each.handler, each.supervisor)
    ]
    for each in offered:
        move_referral(client, each.id, Act.TAKE_OVER, reason=reason)
    return [each.id for each in offered]


def _term(client: Session, known: referral_pb2.Referral, act: Act, days: int, at: datetime) -> datetime:
    asked = referral_pb2.PlanReferralRequest(kind=known.kind, days=days, at=wire.timestamp(at))
    if act is Act.ASK_EXTENSION:
        asked.due_at.CopyFrom(known.due_at)
    plan: Any = retried(lambda: client.referral.PlanReferral(asked, timeout=_TIMEOUT))
    due: Timestamp = plan.due_at
    return wire.instant(due)


def _attachment(item: referral_pb2.ReferralAttachment) -> Attachment:
    return Attachment(item.digest, item.bytes, item.media_type, item.name)


def _submit(client: Session, move: Move) -> Referred:
    envelope = move.signed(client.profile.signing_key())
    request = referral_pb2.MoveReferralRequest(envelope=envelope.to_json_bytes())
    response = retried(lambda: client.referral.MoveReferral(request, timeout=_TIMEOUT))
    verify_receipt_text(response.receipt, client.profile.log_key)
    return Referred(response.referral, response.receipt)
