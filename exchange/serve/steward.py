"""StewardService: verdicts in and out."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc

from exchange import wire
from exchange.flow.judge import Bench
from exchange.ids import parse_digest
from exchange.ports import LedgerStore, VerdictRecord
from exchange.serve.caller import Gate
from exchange.serve.status import answers
from exchange.settings import Limit
from exchange.v1 import steward_pb2, steward_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]


class StewardServicer(steward_pb2_grpc.StewardServiceServicer):
    """Whoever may give verdicts gives them; they are in the ledger, for everybody to read."""

    def __init__(self, gate: Gate, bench: Bench, ledger: LedgerStore, limit: Limit) -> None:
        self._gate = gate
        self._bench = bench
        self._ledger = ledger
        self._limit = limit

    @answers
    async def SubmitVerdict(
        self, request: steward_pb2.SubmitVerdictRequest, context: Context
    ) -> steward_pb2.SubmitVerdictResponse:
        caller = self._gate.agency(context)
        appended = await asyncio.to_thread(self._bench.submit, caller, request.envelope)
        record = appended.record
        assert isinstance(record, VerdictRecord)
        return steward_pb2.SubmitVerdictResponse(
            verdict=wire.steward_verdict(record), receipt=appended.receipt, duplicate=appended.duplicate
        )

    @answers
    async def ListVerdicts(
        self, request: steward_pb2.ListVerdictsRequest, context: Context
    ) -> steward_pb2.ListVerdictsResponse:
        self._gate.agency(context)
        dataset = wire.dataset_or_none(request.dataset)
        batch = parse_digest(request.batch) if request.batch else None
        size = min(request.page_size or 100, self._limit.page)
        before = int(request.page_token) if request.page_token.isdecimal() else 1 << 62
        found = await asyncio.to_thread(self._ledger.verdicts, dataset, batch, before, size)
        return steward_pb2.ListVerdictsResponse(
            verdicts=[wire.steward_verdict(record) for record in found],
            next_page_token=str(found[-1].index) if len(found) == size else "",
        )
