"""PeerService: what this hub is to other hubs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

import grpc

from exchange import wire
from exchange.errors import LimitExceededError, PermissionDeniedError
from exchange.flow.deliver import Deliverer
from exchange.flow.witness import Witness
from exchange.ids import AgencyId, parse_digest
from exchange.ports import AccessLog, Entry, LedgerStore, PartHeader, WantedPart
from exchange.serve.agreement import read_token
from exchange.serve.caller import Gate
from exchange.serve.feed import Feed
from exchange.serve.raw import data_message
from exchange.serve.slots import Slots
from exchange.serve.status import answers, streams
from exchange.serve.thread import in_thread
from exchange.settings import Limit
from exchange.trust.identity import Peer
from exchange.v1 import peer_pb2, peer_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]
_MESSAGE_BYTES = 1 << 20


class PeerServicer(peer_pb2_grpc.PeerServiceServicer):
    """Only hubs may call."""

    def __init__(
        self,
        gate: Gate,
        ledger: LedgerStore,
        feed: Feed,
        deliverer: Deliverer,
        witness: Witness,
        coverage: Callable[[str, str], bytes],
        log: AccessLog,
        limit: Limit,
    ) -> None:
        """`coverage` gives a signed page, by what it is to begin behind and the tag that the caller has."""
        self._gate = gate
        self._ledger = ledger
        self._feed = feed
        self._deliverer = deliverer
        self._witness = witness
        self._coverage = coverage
        self._log = log
        self._limit = limit
        self._fetches = Slots(limit.concurrent_queries, "fetches")

    def _hub(self, context: Context) -> Peer:
        peer = self._gate.peer(context)
        if not peer.is_hub:
            raise PermissionDeniedError(f"{peer.agency} is not a hub", detail={"reason": "NOT_A_HUB"})
        return peer

    @streams
    async def Follow(
        self, request: peer_pb2.FollowRequest, context: Context
    ) -> AsyncIterator[peer_pb2.FollowResponse]:
        self._hub(context)
        waiting: list[Entry] = []
        async for page, _ in self._feed.follow(request.start):
            self._hub(context)
            waiting += [entry for entry, _ in page]
            ended = _complete(waiting)
            if ended:
                group, waiting = waiting[:ended], waiting[ended:]
                note = await asyncio.to_thread(self._ledger.checkpoint, group[-1].index + 1)
                for message in _messages(group, note):
                    yield message
            elif not page:
                yield peer_pb2.FollowResponse()

    @streams
    async def FetchParts(
        self, request: peer_pb2.FetchPartsRequest, context: Context
    ) -> AsyncIterator[peer_pb2.FetchPartsResponse | bytes]:
        """Data messages are given as their bytes: serve/raw."""
        self._hub(context)
        asker = self._gate.asker(context, request.on_behalf_of)
        if len(request.parts) > self._limit.page:
            raise LimitExceededError(f"at most {self._limit.page} parts in one call")
        wanted = [
            WantedPart(parse_digest(each.batch), wire.fetch_part(each.part), each.offset)
            for each in request.parts
        ]
        with self._fetches:
            parts = in_thread(self._deliverer.deliver(asker, wanted))
            async for part in self._gate.while_welcome(context, parts):
                if isinstance(part, PartHeader):
                    header = peer_pb2.PartHeader(digest=part.digest, bytes=part.bytes)
                    yield peer_pb2.FetchPartsResponse(header=header)
                else:
                    yield data_message(peer_pb2.FetchPartsResponse.DATA_FIELD_NUMBER, part)

    @answers
    async def AddCheckpoint(
        self, request: peer_pb2.AddCheckpointRequest, context: Context
    ) -> peer_pb2.AddCheckpointResponse:
        self._hub(context)
        signatures = await asyncio.to_thread(self._witness.add_checkpoint, request.body)
        return peer_pb2.AddCheckpointResponse(signatures=signatures)

    @answers
    async def GetCoverage(
        self, request: peer_pb2.GetCoverageRequest, context: Context
    ) -> peer_pb2.GetCoverageResponse:
        self._hub(context)
        envelope = await asyncio.to_thread(self._coverage, request.after, request.tag)
        return peer_pb2.GetCoverageResponse(envelope=envelope)

    @answers
    async def ListMirrorReads(
        self, request: peer_pb2.ListMirrorReadsRequest, context: Context
    ) -> peer_pb2.ListMirrorReadsResponse:
        peer, owner = self._hub(context), AgencyId.parse(request.owner)
        dataset = wire.dataset_or_none(request.dataset)
        if owner.jurisdiction != peer.agency.jurisdiction or (dataset and dataset.owner != owner):
            raise PermissionDeniedError(
                f"{peer.agency} does not ask for {owner}", detail={"reason": "NOT_ITS_HUB"}
            )
        size, before = min(request.page_size or 100, self._limit.page), read_token(request.page_token)
        found = await asyncio.to_thread(self._log.reads, owner, dataset, before, size)
        return peer_pb2.ListMirrorReadsResponse(reads=[wire.read(record) for record in found])


def _complete(entries: Sequence[Entry]) -> int:
    """How many entries make whole groups: the ledger has a checkpoint that ends with the last of them."""
    for at in range(len(entries), 0, -1):
        if entries[at - 1].index + 1 == entries[at - 1].checkpoint_size:
            return at
    return 0


def _messages(entries: Sequence[Entry], note: str) -> Iterator[peer_pb2.FollowResponse]:
    message, size = peer_pb2.FollowResponse(), 0
    for entry in entries:
        if size + len(entry.data) > _MESSAGE_BYTES and message.entries:
            yield message
            message, size = peer_pb2.FollowResponse(), 0
        message.entries.append(wire.entry(entry))
        size += len(entry.data)
    message.note = note
    yield message
