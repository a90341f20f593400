"""What a service of cases does whatever the kind: a step in, a case out, a page of a party's cases."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Container, Sequence
from typing import Any, Generic, Protocol, TypeVar

import grpc

from exchange.errors import MalformedError
from exchange.flow.append import Appended
from exchange.flow.casebook import CaseBook
from exchange.flow.statement import Statements
from exchange.ids import AgencyId, parse_case
from exchange.ports import StatementRecord
from exchange.serve.caller import Gate

Context = grpc.aio.ServicerContext[Any, Any]


class _Told(Protocol):
    @property
    def moves(self) -> Any: ...
    @property
    def state(self) -> Any: ...


class _Page(Protocol):
    @property
    def page_size(self) -> int: ...
    @property
    def page_token(self) -> str: ...


class _Question(_Page, Protocol):
    @property
    def awaited(self) -> bool: ...
    @property
    def states(self) -> Sequence[Any]: ...


C = TypeVar("C", bound=Any)
W = TypeVar("W", bound=_Told)


class Cases(Generic[C, W]):
    """Each party sees its own. `told`: a case's wire form without its steps; `awaits`: whose answer is awaited."""

    def __init__(
        self,
        gate: Gate,
        statements: Statements,
        book: CaseBook[Any, C],
        told: Callable[[C], W],
        awaits: Callable[[C], Container[AgencyId | None]],
        most: int,
    ) -> None:
        self._gate = gate
        self._statements = statements
        self._book = book
        self._told = told
        self._awaits = awaits
        self._most = most

    async def moved(self, envelope: bytes, context: Context) -> tuple[W, Appended]:
        """Enter the caller's step: the case after it, and what was appended."""
        caller = self._gate.agency(context)
        appended = await asyncio.to_thread(self._statements.submit, caller, envelope)
        record = appended.record
        assert isinstance(record, StatementRecord)
        after = await asyncio.to_thread(self._book.get_for, record.subject, caller)
        return self._told(after), appended

    async def one(self, id: str, context: Context) -> W:
        """One case with its signed steps."""
        caller = self._gate.agency(context)
        return await asyncio.to_thread(self._whole, parse_case(self._book.index.kind, id), caller)

    async def page(self, request: _Question, context: Context) -> tuple[list[W], str]:
        """The caller's cases that were asked for, from where the last page ended, and the next page's token."""
        caller = self._gate.agency(context)
        start, size = span_of(request, self._most)
        found = [
            each
            for each in await asyncio.to_thread(self._book.of, caller)
            if not request.awaited or caller in self._awaits(each)
        ]
        listed = [
            each for each in map(self._told, found) if not request.states or each.state in request.states
        ]
        return listed[start : start + size], str(start + size) if start + size < len(listed) else ""

    def _whole(self, id: str, caller: AgencyId) -> W:
        found = self._book.get_for(id, caller)
        out = self._told(found)
        out.moves.extend(self._book.envelopes(found))
        return out


def span_of(request: _Page, most: int) -> tuple[int, int]:
    """Where a page starts and how many it holds; raises MalformedError."""
    if request.page_token and not request.page_token.isdecimal():
        raise MalformedError("page_token is not one that this hub gave")
    return int(request.page_token or 0), min(request.page_size or 100, most)
