"""MemberService and EnrolmentService: who is here, and how one comes in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import grpc

from exchange import wire
from exchange.flow.catalog import Catalogue
from exchange.flow.links import Links
from exchange.ids import AgencyId
from exchange.ports import KeyRecord, LedgerStore
from exchange.serve.caller import Gate
from exchange.serve.status import answers
from exchange.v1 import member_pb2, member_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]
Redeem = Callable[[AgencyId, str, bytes], bytes]
"""(agency, secret, CSR as PEM) → certificate chain as PEM."""
Renew = Callable[[AgencyId, bytes], bytes]
"""(caller, CSR as PEM) → certificate chain as PEM."""


class MemberServicer(member_pb2_grpc.MemberServiceServicer):
    """Over mutual TLS."""

    def __init__(
        self, gate: Gate, ledger: LedgerStore, catalogue: Catalogue, renew: Renew, links: Links
    ) -> None:
        self._gate = gate
        self._links = links
        self._ledger = ledger
        self._catalogue = catalogue
        self._renew = renew

    @answers
    async def GetSelf(
        self, request: member_pb2.GetSelfRequest, context: Context
    ) -> member_pb2.GetSelfResponse:
        peer = self._gate.peer(context)
        return member_pb2.GetSelfResponse(
            agency=str(peer.agency),
            certificate_serial=peer.serial,
            certificate_expires_at=wire.timestamp(peer.not_after),
        )

    @answers
    async def RegisterKey(
        self, request: member_pb2.RegisterKeyRequest, context: Context
    ) -> member_pb2.RegisterKeyResponse:
        caller = self._gate.agency(context)
        appended = await asyncio.to_thread(self._catalogue.register_key, caller, request.envelope)
        record = appended.record
        assert isinstance(record, KeyRecord)
        return member_pb2.RegisterKeyResponse(key=wire.key(record), receipt=appended.receipt)

    @answers
    async def ListKeys(
        self, request: member_pb2.ListKeysRequest, context: Context
    ) -> member_pb2.ListKeysResponse:
        self._gate.agency(context)
        agency = AgencyId.parse(request.agency) if request.agency else None
        ledger = self._ledger
        if agency is not None and self._links.has(agency.jurisdiction):
            ledger = self._links.link(agency.jurisdiction).replica.ledger
        records = await asyncio.to_thread(ledger.keys, agency)
        return member_pb2.ListKeysResponse(keys=[wire.key(record) for record in records])

    @answers
    async def Renew(self, request: member_pb2.RenewRequest, context: Context) -> member_pb2.RenewResponse:
        caller = self._gate.agency(context)
        chain = await asyncio.to_thread(self._renew, caller, request.csr)
        return member_pb2.RenewResponse(certificate_chain=chain)


class EnrolmentServicer(member_pb2_grpc.EnrolmentServiceServicer):
    """Over server-authenticated TLS, on a port of its own."""

    def __init__(self, redeem: Redeem) -> None:
        self._redeem = redeem

    @answers
    async def Enroll(self, request: member_pb2.EnrollRequest, context: Context) -> member_pb2.EnrollResponse:
        agency = AgencyId.parse(request.agency)
        chain = await asyncio.to_thread(self._redeem, agency, request.secret, request.csr)
        return member_pb2.EnrollResponse(certificate_chain=chain)
