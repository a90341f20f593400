"""LedgerService: checkpoint, proofs, entries, tiles, receipts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc

from exchange import wire
from exchange.errors import InvalidInputError, NotFoundError
from exchange.flow.append import receipt_of
from exchange.flow.links import Links
from exchange.flow.tile import read_tile
from exchange.ids import parse_digest, parse_jurisdiction
from exchange.ledger import consistency_path, inclusion_path
from exchange.ports import LedgerStore, WitnessStore
from exchange.serve.caller import Gate
from exchange.serve.status import answers, streams
from exchange.serve.thread import in_thread
from exchange.v1 import ledger_pb2, ledger_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]


class LedgerServicer(ledger_pb2_grpc.LedgerServiceServicer):
    """Every member may read the ledger: it holds manifests and verdicts, no rows. So are the copies of peers'."""

    def __init__(
        self,
        gate: Gate,
        ledger: LedgerStore,
        witnesses: WitnessStore,
        find_move: Callable[[str], int | None],
        links: Links,
    ) -> None:
        self._gate = gate
        self._ledger = ledger
        self._witnesses = witnesses
        self._find_move = find_move
        self._links = links

    @answers
    async def GetCheckpoint(
        self, request: ledger_pb2.GetCheckpointRequest, context: Context
    ) -> ledger_pb2.GetCheckpointResponse:
        self._gate.agency(context)
        head = await asyncio.to_thread(self._copy(request.hub).head)
        if not head.size:
            raise NotFoundError("the ledger is empty")
        return ledger_pb2.GetCheckpointResponse(note=head.note)

    @answers
    async def GetInclusionProof(
        self, request: ledger_pb2.GetInclusionProofRequest, context: Context
    ) -> ledger_pb2.GetInclusionProofResponse:
        self._gate.agency(context)
        size = await self._reached(self._ledger, request.tree_size)
        path = await asyncio.to_thread(inclusion_path, request.index, size, self._ledger.tile)
        return ledger_pb2.GetInclusionProofResponse(hashes=path)

    @answers
    async def GetConsistencyProof(
        self, request: ledger_pb2.GetConsistencyProofRequest, context: Context
    ) -> ledger_pb2.GetConsistencyProofResponse:
        self._gate.agency(context)
        ledger = self._copy(request.hub)
        second = await self._reached(ledger, request.second)
        path = await asyncio.to_thread(consistency_path, request.first, second, ledger.tile)
        return ledger_pb2.GetConsistencyProofResponse(hashes=path)

    def _copy(self, hub: str) -> LedgerStore:
        """The ledger of a hub: this one's where none is named, else the copy of a peer's; raises NotFoundError."""
        return self._links.link(parse_jurisdiction(hub)).replica.ledger if hub else self._ledger

    async def _reached(self, ledger: LedgerStore, size: int) -> int:
        head = await asyncio.to_thread(ledger.head)
        if size > head.size:
            raise InvalidInputError(f"the ledger has {head.size} entries, not {size}")
        return size or head.size

    @streams
    async def ListEntries(
        self, request: ledger_pb2.ListEntriesRequest, context: Context
    ) -> AsyncIterator[ledger_pb2.ListEntriesResponse]:
        self._gate.agency(context)
        end = await self._reached(self._ledger, request.end)
        entries = in_thread(self._ledger.entries(request.start, end))
        async for entry in self._gate.while_welcome(context, entries):
            yield ledger_pb2.ListEntriesResponse(entry=wire.entry(entry))

    @answers
    async def GetTile(
        self, request: ledger_pb2.GetTileRequest, context: Context
    ) -> ledger_pb2.GetTileResponse:
        self._gate.agency(context)
        data = await asyncio.to_thread(read_tile, self._ledger, request.path)
        return ledger_pb2.GetTileResponse(data=data)

    @answers
    async def GetReceipt(
        self, request: ledger_pb2.GetReceiptRequest, context: Context
    ) -> ledger_pb2.GetReceiptResponse:
        self._gate.agency(context)
        return ledger_pb2.GetReceiptResponse(receipt=await asyncio.to_thread(self._receipt, request))

    def _receipt(self, request: ledger_pb2.GetReceiptRequest) -> str:
        ledger, index = self._copy(request.hub), request.index
        match request.WhichOneof("of"):
            case "batch":
                index = ledger.batch(parse_digest(request.batch)).index
            case "key":
                index = ledger.key(request.key).index
            case "move":
                found = self._find_move(parse_digest(request.move))
                if found is None or request.hub:
                    raise NotFoundError(f"this hub knows no move {request.move}")
                index = found
        return receipt_of(ledger, index, None if request.hub else self._witnesses)
