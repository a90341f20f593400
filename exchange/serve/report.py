"""ReportService: steps in, reports out."""

from __future__ import annotations

from exchange import wire
from exchange.flow.review import ReviewBook
from exchange.flow.statement import Statements
from exchange.review.case import Review
from exchange.serve.caller import Gate
from exchange.serve.cases import Cases, Context
from exchange.serve.status import answers
from exchange.settings import Limit
from exchange.trust.canonical import canonical
from exchange.v1 import report_pb2, report_pb2_grpc


class ReportServicer(report_pb2_grpc.ReportServiceServicer):
    """Each of the two who sign sees its own reports."""

    def __init__(self, gate: Gate, statements: Statements, book: ReviewBook, limit: Limit) -> None:
        self._book = book
        self._cases = Cases(gate, statements, book, self._told, lambda each: each.awaited, limit.page)

    @answers
    async def MoveReport(
        self, request: report_pb2.MoveReportRequest, context: Context
    ) -> report_pb2.MoveReportResponse:
        after, appended = await self._cases.moved(request.envelope, context)
        return report_pb2.MoveReportResponse(
            report=after, receipt=appended.receipt, duplicate=appended.duplicate
        )

    @answers
    async def GetReport(
        self, request: report_pb2.GetReportRequest, context: Context
    ) -> report_pb2.GetReportResponse:
        return report_pb2.GetReportResponse(report=await self._cases.one(request.id, context))

    @answers
    async def ListReports(
        self, request: report_pb2.ListReportsRequest, context: Context
    ) -> report_pb2.ListReportsResponse:
        found, token = await self._cases.page(request, context)
        return report_pb2.ListReportsResponse(reports=found, next_page_token=token)

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
