"""ReportService: steps in, reports out."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc

from exchange import wire
from exchange.errors import MalformedError
from exchange.flow.review import ReviewBook
from exchange.flow.statement import Statements
from exchange.ids import AgencyId
from exchange.ports import StatementRecord
from exchange.review.case import Review
from exchange.review.draft import parse_report
from exchange.serve.caller import Gate
from exchange.serve.status import answers
from exchange.settings import Limit
from exchange.trust.canonical import canonical
from exchange.v1 import report_pb2, report_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]


class ReportServicer(report_pb2_grpc.ReportServiceServicer):
    """Each of the two who sign sees its own reports."""

    def __init__(self, gate: Gate, statements: Statements, book: ReviewBook, limit: Limit) -> None:
        self._gate = gate
        self._statements = statements
        self._book = book
        self._limit = limit

    @answers
    async def MoveReport(
        self, request: report_pb2.MoveReportRequest, context: Context
    ) -> report_pb2.MoveReportResponse:
        caller = self._gate.agency(context)
        appended = await asyncio.to_thread(self._statements.submit, caller, request.envelope)
        record = appended.record
        assert isinstance(record, StatementRecord)
        after = await asyncio.to_thread(self._book.get_for, record.subject, caller)
        return report_pb2.MoveReportResponse(
            report=self._told(after), receipt=appended.receipt, duplicate=appended.duplicate
        )

    @answers
    async def GetReport(
        self, request: report_pb2.GetReportRequest, context: Context
    ) -> report_pb2.GetReportResponse:
        caller = self._gate.agency(context)
        found = await asyncio.to_thread(self._whole, parse_report(request.id), caller)
        return report_pb2.GetReportResponse(report=found)

    @answers
    async def ListReports(
        self, request: report_pb2.ListReportsRequest, context: Context
    ) -> report_pb2.ListReportsResponse:
        caller = self._gate.agency(context)
        if request.page_token and not request.page_token.isdecimal():
            raise MalformedError("page_token is not one that this hub gave")
        start, size = int(request.page_token or 0), min(request.page_size or 100, self._limit.page)
        found = [
            each
            for each in await asyncio.to_thread(self._book.of, caller)
            if not request.awaited or caller in each.awaited
        ]
        listed = [
            each for each in map(self._told, found) if not request.states or each.state in request.states
        ]
        return report_pb2.ListReportsResponse(
            reports=listed[start : start + size],
            next_page_token=str(start + size) if start + size < len(listed) else "",
        )

    def _whole(self, id: str, caller: AgencyId) -> report_pb2.Report:
        found = self._book.get_for(id, caller)
        out = self._told(found)
        out.moves.extend(self._book.envelopes(found))
        return out

    def _told(self, found: Review) -> report_pb2.Report:
        """Its wire form, without steps."""
        numbers = {version.digest: number for number, version in enumerate(found.versions, 1)}
        return report_pb2.Report(
            id=found.id,
            state=report_pb2.ReportState.Value(f"REPORT_STATE_{found.state.name}"),
            draft=canonical(found.draft.to_json()),
            version=len(found.versions),
            signatures=[
                report_pb2.ReportSignature(
                    agency=str(each.by),
                    person=each.person,
                    signed_at=wire.timestamp(each.at),
                    move=each.digest,
                )
                for each in found.signed.values()
            ],
            remarks=[
                report_pb2.ReportRemark(
                    agency=str(each.by),
                    person=each.person,
                    made_at=wire.timestamp(each.at),
                    text=each.text,
                    version=numbers[each.previous or ""],
                )
                for each in found.remarks
            ],
            awaited=map(str, found.awaited),
            head=found.head,
            errata=self._book.errata(found.id),
            moved_at=wire.timestamp(found.moves[-1].at),
        )
