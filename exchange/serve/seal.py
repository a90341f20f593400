"""SealService: wrapped keys in and out. A peer's datasets are asked for at the peer."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc

from exchange import wire
from exchange.client.peer import GrpcPeer
from exchange.flow.grant import Asker
from exchange.flow.links import Links
from exchange.flow.sealing import Sealing
from exchange.ids import AgencyId, DatasetId
from exchange.ports import LedgerStore, RecipientRecord
from exchange.serve.caller import Gate
from exchange.serve.status import answers
from exchange.v1 import seal_pb2, seal_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]


class SealServicer(seal_pb2_grpc.SealServiceServicer):
    """The hub keeps keys that it cannot open."""

    def __init__(self, gate: Gate, sealing: Sealing, ledger: LedgerStore, links: Links, hub: str) -> None:
        self._gate = gate
        self._sealing = sealing
        self._ledger = ledger
        self._links = links
        self._hub = hub

    @answers
    async def RegisterRecipient(
        self, request: seal_pb2.RegisterRecipientRequest, context: Context
    ) -> seal_pb2.RegisterRecipientResponse:
        caller = self._gate.agency(context)
        appended = await asyncio.to_thread(self._sealing.register, caller, request.envelope)
        record = appended.record
        assert isinstance(record, RecipientRecord)
        return seal_pb2.RegisterRecipientResponse(recipient=wire.recipient(record), receipt=appended.receipt)

    @answers
    async def ListRecipients(
        self, request: seal_pb2.ListRecipientsRequest, context: Context
    ) -> seal_pb2.ListRecipientsResponse:
        self._gate.agency(context)
        agency = AgencyId.parse(request.agency)
        found = await asyncio.to_thread(recipients_of, self._ledger, self._links, self._hub, agency)
        return seal_pb2.ListRecipientsResponse(recipients=[wire.recipient(record) for record in found])

    @answers
    async def PutKeys(self, request: seal_pb2.PutKeysRequest, context: Context) -> seal_pb2.PutKeysResponse:
        caller = self._gate.agency(context)
        kept = await asyncio.to_thread(self._sealing.keep, caller, list(request.envelopes))
        return seal_pb2.PutKeysResponse(kept=kept)

    @answers
    async def GetKeys(self, request: seal_pb2.GetKeysRequest, context: Context) -> seal_pb2.GetKeysResponse:
        asker = self._gate.asker(context, request.on_behalf_of)
        dataset = DatasetId.parse(request.dataset)
        origin = dataset.owner.jurisdiction
        if origin == self._hub or asker.via:
            found = await asyncio.to_thread(self._sealing.fetch, asker, dataset, list(request.keys))
            return seal_pb2.GetKeysResponse(envelopes=found)
        return await asyncio.to_thread(self._ask, origin, request, asker)

    def _ask(self, origin: str, request: seal_pb2.GetKeysRequest, asker: Asker) -> seal_pb2.GetKeysResponse:
        peer = self._links.neighbour(origin).connect()
        assert isinstance(peer, GrpcPeer)
        try:
            return peer.sealed_keys(request.dataset, list(request.keys), asker.reader)
        finally:
            peer.close()

    @answers
    async def EraseKey(
        self, request: seal_pb2.EraseKeyRequest, context: Context
    ) -> seal_pb2.EraseKeyResponse:
        caller = self._gate.agency(context)
        dataset = DatasetId.parse(request.dataset)
        erased = await asyncio.to_thread(self._sealing.erase, caller, dataset, request.key)
        return seal_pb2.EraseKeyResponse(erased=erased)


def recipients_of(ledger: LedgerStore, links: Links, hub: str, agency: AgencyId) -> list[RecipientRecord]:
    """Recipient keys of an agency: in this hub's ledger, and in the copy of its own hub's."""
    found = list(ledger.recipients(agency))
    if agency.jurisdiction != hub and links.has(agency.jurisdiction):
        found += links.link(agency.jurisdiction).replica.ledger.recipients(agency)
    return found
