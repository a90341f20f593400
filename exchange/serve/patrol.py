"""PatrolService: moves in, accords out."""

from __future__ import annotations

from exchange import wire
from exchange.accord.case import Accord
from exchange.accord.move import Move
from exchange.flow.accord import AccordBook
from exchange.flow.statement import Statements
from exchange.serve.caller import Gate
from exchange.serve.cases import Cases, Context
from exchange.serve.status import answers
from exchange.settings import Limit
from exchange.trust.canonical import canonical
from exchange.v1 import patrol_pb2, patrol_pb2_grpc


class PatrolServicer(patrol_pb2_grpc.PatrolServiceServicer):
    """Each party sees its own accords."""

    def __init__(self, gate: Gate, statements: Statements, book: AccordBook, limit: Limit) -> None:
        self._cases = Cases(gate, statements, book, told, lambda each: (each.awaited,), limit.page)

    @answers
    async def MoveAccord(
        self, request: patrol_pb2.MoveAccordRequest, context: Context
    ) -> patrol_pb2.MoveAccordResponse:
        after, appended = await self._cases.moved(request.envelope, context)
        return patrol_pb2.MoveAccordResponse(
            accord=after, receipt=appended.receipt, duplicate=appended.duplicate
        )

    @answers
    async def GetAccord(
        self, request: patrol_pb2.GetAccordRequest, context: Context
    ) -> patrol_pb2.GetAccordResponse:
        return patrol_pb2.GetAccordResponse(accord=await self._cases.one(request.id, context))

    @answers
    async def ListAccords(
        self, request: patrol_pb2.ListAccordsRequest, context: Context
    ) -> patrol_pb2.ListAccordsResponse:
        found, token = await self._cases.page(request, context)
        return patrol_pb2.ListAccordsResponse(accords=found, next_page_token=token)


def told(found: Accord) -> patrol_pb2.Accord:
    """Its wire form, without moves."""
    state = patrol_pb2.AccordState.Value(f"ACCORD_STATE_{found.state.name}")
    return patrol_pb2.Accord(
        id=found.id,
        state=state,
        matter=canonical(found.matter.to_json()),
        proposed=_plan(found.proposed),
        standing=_plan(found.standing),
        awaited=str(found.awaited or ""),
        head=found.head,
        moved_at=wire.timestamp(found.moves[-1].at),
    )


def _plan(move: Move | None) -> str:
    return move.plan.digest if move and move.plan else ""
