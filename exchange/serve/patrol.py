"""PatrolService: moves in, accords out."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc

from exchange import wire
from exchange.accord.case import Accord
from exchange.accord.move import Move, parse_accord
from exchange.errors import MalformedError
from exchange.flow.accord import AccordBook
from exchange.flow.statement import Statements
from exchange.ids import AgencyId
from exchange.ports import StatementRecord
from exchange.serve.caller import Gate
from exchange.serve.status import answers
from exchange.settings import Limit
from exchange.trust.canonical import canonical
from exchange.v1 import patrol_pb2, patrol_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]


class PatrolServicer(patrol_pb2_grpc.PatrolServiceServicer):
    """Each party sees its own accords."""

    def __init__(self, gate: Gate, statements: Statements, book: AccordBook, limit: Limit) -> None:
        self._gate = gate
        self._statements = statements
        self._book = book
        self._limit = limit

    @answers
    async def MoveAccord(
        self, request: patrol_pb2.MoveAccordRequest, context: Context
    ) -> patrol_pb2.MoveAccordResponse:
        caller = self._gate.agency(context)
        appended = await asyncio.to_thread(self._statements.submit, caller, request.envelope)
        record = appended.record
        assert isinstance(record, StatementRecord)
        after = await asyncio.to_thread(self._book.get_for, record.subject, caller)
        return patrol_pb2.MoveAccordResponse(
            accord=told(after), receipt=appended.receipt, duplicate=appended.duplicate
        )

    @answers
    async def GetAccord(
        self, request: patrol_pb2.GetAccordRequest, context: Context
    ) -> patrol_pb2.GetAccordResponse:
        caller = self._gate.agency(context)
        found = await asyncio.to_thread(self._whole, parse_accord(request.id), caller)
        return patrol_pb2.GetAccordResponse(accord=found)

    @answers
    async def ListAccords(
        self, request: patrol_pb2.ListAccordsRequest, context: Context
    ) -> patrol_pb2.ListAccordsResponse:
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
        return patrol_pb2.ListAccordsResponse(
            accords=listed[start : start + size],
            next_page_token=str(start + size) if start + size < len(listed) else "",
        )

    def _whole(self, id: str, caller: AgencyId) -> patrol_pb2.Accord:
        found = self._book.get_for(id, caller)
        out = told(found)
        out.moves.extend(self._book.envelopes(found))
        return out


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
