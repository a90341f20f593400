"""AgreementService: moves in, agreements and reads out."""

from __future__ import annotations

import asyncio
from contextlib import closing
from datetime import datetime
from typing import Any

import grpc
import structlog

from exchange import wire
from exchange.agreement.negotiation import Negotiation
from exchange.client.peer import GrpcPeer
from exchange.errors import HechuanError, MalformedError, PermissionDeniedError
from exchange.flow.agree import AgreementBook, Agreements, agreements_of, mirroring
from exchange.flow.links import Links
from exchange.ids import AgencyId
from exchange.ports import AccessLog, Clock
from exchange.serve.caller import Gate
from exchange.serve.status import answers
from exchange.settings import Agreement, Limit
from exchange.v1 import agreement_pb2, agreement_pb2_grpc

_log = structlog.get_logger(__name__)
Context = grpc.aio.ServicerContext[Any, Any]


class AgreementServicer(agreement_pb2_grpc.AgreementServiceServicer):
    """Each side sees its own agreements; an owner sees who read its datasets."""

    def __init__(
        self,
        gate: Gate,
        agreements: Agreements,
        book: AgreementBook,
        log: AccessLog,
        clock: Clock,
        settings: Agreement,
        limit: Limit,
        links: Links,
    ) -> None:
        self._gate = gate
        self._agreements = agreements
        self._book = book
        self._log = log
        self._clock = clock
        self._settings = settings
        self._limit = limit
        self._links = links

    @answers
    async def SubmitMove(
        self, request: agreement_pb2.SubmitMoveRequest, context: Context
    ) -> agreement_pb2.SubmitMoveResponse:
        caller = self._gate.agency(context)
        after, appended = await asyncio.to_thread(self._agreements.submit, caller, request.envelope)
        return agreement_pb2.SubmitMoveResponse(
            agreement=self._agreement(after), receipt=appended.receipt, duplicate=appended.duplicate
        )

    @answers
    async def GetAgreement(
        self, request: agreement_pb2.GetAgreementRequest, context: Context
    ) -> agreement_pb2.GetAgreementResponse:
        caller = self._gate.agency(context)
        found = await asyncio.to_thread(self._book.get, request.id)
        self._require_party(found, caller)
        return agreement_pb2.GetAgreementResponse(agreement=self._agreement(found))

    @answers
    async def ListAgreements(
        self, request: agreement_pb2.ListAgreementsRequest, context: Context
    ) -> agreement_pb2.ListAgreementsResponse:
        caller = self._gate.agency(context)
        dataset = wire.dataset_or_none(request.dataset)
        found = await asyncio.to_thread(agreements_of, self._book, caller, dataset)
        listed = [self._agreement(each) for each in found]
        wanted = set(request.states)
        return agreement_pb2.ListAgreementsResponse(
            agreements=[each for each in listed if not wanted or each.state in wanted]
        )

    @answers
    async def ListReads(
        self, request: agreement_pb2.ListReadsRequest, context: Context
    ) -> agreement_pb2.ListReadsResponse:
        caller = self._gate.agency(context)
        dataset = wire.dataset_or_none(request.dataset)
        if dataset is not None and dataset.owner != caller:
            raise PermissionDeniedError(f"only {dataset.owner} may see who read {dataset}")
        size = min(request.page_size or 100, self._limit.page)
        before = read_token(request.page_token)
        here = await asyncio.to_thread(self._log.reads, caller, dataset, before, size)
        elsewhere, missing = await asyncio.to_thread(self._at_mirrors, caller, request, size)
        found = [*map(wire.read, here), *elsewhere]
        found = sorted(found, key=lambda read: wire.instant(read.started_at), reverse=True)[:size]
        token = wire.instant(found[-1].started_at).isoformat() if len(found) == size else ""
        return agreement_pb2.ListReadsResponse(reads=found, next_page_token=token, missing=missing)

    def _at_mirrors(
        self, caller: AgencyId, request: agreement_pb2.ListReadsRequest, size: int
    ) -> tuple[list[agreement_pb2.Read], list[str]]:
        """What hubs that were ever allowed to mirror the caller's datasets have recorded, and those not reached."""
        found: list[agreement_pb2.Read] = []
        missing: list[str] = []
        for hub in mirroring(self._book, caller):
            try:
                peer = self._links.neighbour(hub).connect()
                assert isinstance(peer, GrpcPeer)
                with closing(peer):
                    listed = peer.reads(str(caller), request.dataset, request.page_token, size)
                for read in listed:
                    read.via = hub
                found += listed
            except HechuanError as error:
                _log.warning("reads at a mirror are not known", peer=hub, error=error.message)
                missing.append(hub)
        return found, missing

    def _agreement(self, found: Negotiation) -> agreement_pb2.Agreement:
        return wire.agreement(found, self._clock.now(), self._settings.remind_days)

    def _require_party(self, found: Negotiation, caller: AgencyId) -> None:
        found.side_of(caller)


def read_token(token: str) -> datetime | None:
    """The moment that a page of reads ends at; raises MalformedError."""
    if not token:
        return None
    try:
        moment = datetime.fromisoformat(token)
    except ValueError:
        moment = datetime.min
    if moment.tzinfo is None:
        raise MalformedError("page_token is not one that this hub gave")
    return moment
