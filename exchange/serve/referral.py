"""ReferralService: moves in, referrals and attachments out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc

from exchange import wire
from exchange.client.peer import GrpcPeer
from exchange.errors import LimitExceededError
from exchange.flow.attach import Attachments
from exchange.flow.links import Links
from exchange.flow.refer import Desk, ReferralBook
from exchange.flow.statement import Statements
from exchange.ids import AgencyId, parse_case, parse_digest
from exchange.ports import Clock, StatementRecord
from exchange.referral.case import Referral
from exchange.serve.caller import Gate
from exchange.serve.cases import span_of
from exchange.serve.status import answers, streams
from exchange.serve.thread import in_thread
from exchange.settings import Limit
from exchange.settings import Referral as Settings
from exchange.v1 import referral_pb2, referral_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]
_CHUNK = 1 << 20


class ReferralServicer(referral_pb2_grpc.ReferralServiceServicer):
    """Each party sees its own referrals."""

    def __init__(
        self,
        gate: Gate,
        statements: Statements,
        book: ReferralBook,
        desk: Desk,
        attachments: Attachments,
        clock: Clock,
        settings: Settings,
        limit: Limit,
    ) -> None:
        self._gate = gate
        self._statements = statements
        self._book = book
        self._desk = desk
        self._attachments = attachments
        self._clock = clock
        self._settings = settings
        self._limit = limit

    @answers
    async def MoveReferral(
        self, request: referral_pb2.MoveReferralRequest, context: Context
    ) -> referral_pb2.MoveReferralResponse:
        caller = self._gate.agency(context)
        appended = await asyncio.to_thread(self._statements.submit, caller, request.envelope)
        record = appended.record
        assert isinstance(record, StatementRecord)
        after = await asyncio.to_thread(self._book.get, record.subject)
        return referral_pb2.MoveReferralResponse(
            referral=self._referral(after), receipt=appended.receipt, duplicate=appended.duplicate
        )

    @answers
    async def GetReferral(
        self, request: referral_pb2.GetReferralRequest, context: Context
    ) -> referral_pb2.GetReferralResponse:
        caller = self._gate.agency(context)
        found = await asyncio.to_thread(self._whole, parse_case("referral", request.id), caller)
        return referral_pb2.GetReferralResponse(referral=found)

    def _whole(self, id: str, caller: AgencyId) -> referral_pb2.Referral:
        return self._told(self._book.get_for(id, caller))

    def _told(self, known: Referral) -> referral_pb2.Referral:
        out = self._referral(known)
        out.moves.extend(wire.referral_moves(*self._book.told(known.id)))
        return out

    @answers
    async def ListReferrals(
        self, request: referral_pb2.ListReferralsRequest, context: Context
    ) -> referral_pb2.ListReferralsResponse:
        caller = self._gate.agency(context)
        kinds = {wire.referral_kind(number) for number in request.kinds}
        start, size = span_of(request, self._limit.page)
        return await asyncio.to_thread(self._listed, caller, kinds, request, start, size)

    def _listed(
        self,
        caller: AgencyId,
        kinds: set[Any],
        request: referral_pb2.ListReferralsRequest,
        start: int,
        size: int,
    ) -> referral_pb2.ListReferralsResponse:
        found = self._book.inbox(caller, request.awaited, request.closed)
        if kinds:
            found = [each for each in found if each.order.kind in kinds]
        page = found[start : start + size]
        return referral_pb2.ListReferralsResponse(
            referrals=[self._told(each) if request.moves else self._referral(each) for each in page],
            next_page_token=str(start + size) if start + size < len(found) else "",
            total=len(found),
        )

    @answers
    async def PlanReferral(
        self, request: referral_pb2.PlanReferralRequest, context: Context
    ) -> referral_pb2.PlanReferralResponse:
        self._gate.agency(context)
        kind = wire.referral_kind(request.kind)
        at = wire.instant(request.at) if request.HasField("at") else self._clock.now()
        days = request.days or self._desk.days(kind)
        if request.HasField("due_at"):
            due = self._desk.extended(wire.instant(request.due_at), days)
        else:
            due = self._desk.due(at, days)
        return referral_pb2.PlanReferralResponse(
            at=wire.timestamp(at),
            acknowledge_by=wire.timestamp(self._desk.acknowledge_by(kind, at)),
            days=days,
            due_at=wire.timestamp(due.instant),
            uncertain=not due.certain,
        )

    @answers
    async def PutAttachment(
        self, request_iterator: AsyncIterator[referral_pb2.PutAttachmentRequest], context: Context
    ) -> referral_pb2.PutAttachmentResponse:
        caller = self._gate.agency(context)
        incoming = self._attachments.incoming(caller)
        try:
            async for message in request_iterator:
                if len(message.data) > _CHUNK:
                    raise LimitExceededError("a message carries at most 1 MiB of an attachment")
                await asyncio.to_thread(incoming.write, message.data)
            digest = await asyncio.to_thread(self._attachments.keep, incoming, caller)
        finally:
            incoming.close()
        return referral_pb2.PutAttachmentResponse(digest=digest, bytes=incoming.size)

    @streams
    async def GetAttachment(
        self, request: referral_pb2.GetAttachmentRequest, context: Context
    ) -> AsyncIterator[referral_pb2.GetAttachmentResponse]:
        asker = self._gate.asker(context, request.on_behalf_of)
        id, digest = parse_case("referral", request.referral), parse_digest(request.digest)
        known = await asyncio.to_thread(self._book.get, id)
        _, chunks = await asyncio.to_thread(self._attachments.open, known, asker.reader, digest)
        async for chunk in self._gate.while_welcome(context, in_thread(chunks)):
            yield referral_pb2.GetAttachmentResponse(data=chunk)

    def _referral(self, found: Referral) -> referral_pb2.Referral:
        now = self._clock.now()
        left, step = self._desk.days_left(found, now), self._desk.proposed(found, now)
        return wire.referral(found, now, left, self._settings.soon_days, step)


def fetch_attachment(links: Links, hub: str, reader: AgencyId, referral: str, digest: str) -> Iterator[bytes]:
    """An attachment that lies at another hub, asked for there on the reader's behalf."""
    peer = links.neighbour(hub).connect()
    assert isinstance(peer, GrpcPeer)
    try:
        yield from peer.attachment(referral, digest, reader)
    finally:
        peer.close()
