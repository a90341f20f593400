"""SettlementService: moves in, settlements out."""

from __future__ import annotations

from exchange import wire
from exchange.flow.settle import SettlementBook
from exchange.flow.statement import Statements
from exchange.serve.caller import Gate
from exchange.serve.cases import Cases, Context
from exchange.serve.status import answers
from exchange.settings import Limit
from exchange.settlement.case import Settlement
from exchange.trust.canonical import canonical
from exchange.v1 import settlement_pb2, settlement_pb2_grpc


class SettlementServicer(settlement_pb2_grpc.SettlementServiceServicer):
    """Each party sees its own settlements."""

    def __init__(self, gate: Gate, statements: Statements, book: SettlementBook, limit: Limit) -> None:
        self._cases = Cases(gate, statements, book, told, lambda each: (each.awaited,), limit.page)

    @answers
    async def MoveSettlement(
        self, request: settlement_pb2.MoveSettlementRequest, context: Context
    ) -> settlement_pb2.MoveSettlementResponse:
        after, appended = await self._cases.moved(request.envelope, context)
        return settlement_pb2.MoveSettlementResponse(
            settlement=after, receipt=appended.receipt, duplicate=appended.duplicate
        )

    @answers
    async def GetSettlement(
        self, request: settlement_pb2.GetSettlementRequest, context: Context
    ) -> settlement_pb2.GetSettlementResponse:
        return settlement_pb2.GetSettlementResponse(settlement=await self._cases.one(request.id, context))

    @answers
    async def ListSettlements(
        self, request: settlement_pb2.ListSettlementsRequest, context: Context
    ) -> settlement_pb2.ListSettlementsResponse:
        found, token = await self._cases.page(request, context)
        return settlement_pb2.ListSettlementsResponse(settlements=found, next_page_token=token)


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
