"""SettlementService: moves in, settlements out."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc

from exchange import wire
from exchange.errors import MalformedError
from exchange.flow.settle import SettlementBook
from exchange.flow.statement import Statements
from exchange.ids import AgencyId
from exchange.ports import StatementRecord
from exchange.serve.caller import Gate
from exchange.serve.status import answers
from exchange.settings import Limit
from exchange.settlement.case import Settlement
from exchange.settlement.move import parse_settlement
from exchange.trust.canonical import canonical
from exchange.v1 import settlement_pb2, settlement_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]


class SettlementServicer(settlement_pb2_grpc.SettlementServiceServicer):
    """Each party sees its own settlements."""

    def __init__(self, gate: Gate, statements: Statements, book: SettlementBook, limit: Limit) -> None:
        self._gate = gate
        self._statements = statements
        self._book = book
        self._limit = limit

    @answers
    async def MoveSettlement(
        self, request: settlement_pb2.MoveSettlementRequest, context: Context
    ) -> settlement_pb2.MoveSettlementResponse:
        caller = self._gate.agency(context)
        appended = await asyncio.to_thread(self._statements.submit, caller, request.envelope)
        record = appended.record
        assert isinstance(record, StatementRecord)
        after = await asyncio.to_thread(self._book.get_for, record.subject, caller)
        return settlement_pb2.MoveSettlementResponse(
            settlement=told(after), receipt=appended.receipt, duplicate=appended.duplicate
        )

    @answers
    async def GetSettlement(
        self, request: settlement_pb2.GetSettlementRequest, context: Context
    ) -> settlement_pb2.GetSettlementResponse:
        caller = self._gate.agency(context)
        found = await asyncio.to_thread(self._whole, parse_settlement(request.id), caller)
        return settlement_pb2.GetSettlementResponse(settlement=found)

    @answers
    async def ListSettlements(
        self, request: settlement_pb2.ListSettlementsRequest, context: Context
    ) -> settlement_pb2.ListSettlementsResponse:
        caller = self._gate.agency(context)
        if request.page_token and not request.page_token.isdecimal():
            raise MalformedError("page_token is not one that this hub gave")
        start, size = int(request.page_token or 0), min(request.page_size or 100, self._limit.page)
        found = [
            each
            for each in await asyncio.to_thread(self._book.of, caller)
            if not request.awaited or each.awaited == caller
        ]
        listed = [each for each in map(told, found) if not request.states or each.state in request.states]
        return settlement_pb2.ListSettlementsResponse(
            settlements=listed[start : start + size],
            next_page_token=str(start + size) if start + size < len(listed) else "",
        )

    def _whole(self, id: str, caller: AgencyId) -> settlement_pb2.Settlement:
        found = self._book.get_for(id, caller)
        out = told(found)
        out.moves.extend(self._book.envelopes(found))
        return out


def told(found: Settlement) -> settlement_pb2.Settlement:
    """Its wire form, without moves."""
    state = settlement_pb2.SettlementState.Value(f"SETTLEMENT_STATE_{found.state.name}")
    return settlement_pb2.Settlement(
        id=found.id,
        state=state,
        matter=canonical(found.matter.to_json()),
        value=found.value,
        awaited=str(found.awaited or ""),
        head=found.head,
        moved_at=wire.timestamp(found.moves[-1].at),
    )
