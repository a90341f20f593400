"""Joint reports from a signatory's point of view: submit, remark, sign, withdraw, look."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from exchange import wire
from exchange.client.call import retried
from exchange.client.verify import verify_receipt_text
from exchange.review.case import State
from exchange.review.draft import Draft
from exchange.review.move import Act, Move
from exchange.v1 import report_pb2

if TYPE_CHECKING:
    from exchange.client.session import Session

_TIMEOUT: Final = 30
_TICK: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A report after a step, and the receipt of that step."""

    report: report_pb2.Report
    receipt: str


def submit_report(client: Session, draft: Draft, person: str = "", revises: str = "") -> Reviewed:
    """Put a draft up for review, or the next version of the report `revises`; raises what the hub raises."""
    if revises:
        return _answer(client, revises, Act.SUBMIT, draft=draft, person=person)
    by, now = client.profile.agency, datetime.now(UTC)
    return _submit(client, Move(draft.id, Act.SUBMIT, by, draft.signatories, now, None, draft, person))


def remark_report(client: Session, report: str, text: str, person: str = "") -> Reviewed:
    """Say what should be different."""
    return _answer(client, report, Act.REMARK, person=person, text=text)


def sign_report(client: Session, report: str, person: str) -> Reviewed:
    """Sign the version that stands; the caller has held the files to its digests."""
    return _answer(client, report, Act.SIGN, person=person)


def withdraw_report(client: Session, report: str, text: str = "") -> Reviewed:
    """Take a draft back."""
    return _answer(client, report, Act.WITHDRAW, text=text)


def get_report(client: Session, report: str) -> report_pb2.Report:
    """One report as the hub has it, with its signed steps."""
    request = report_pb2.GetReportRequest(id=report)
    return retried(lambda: client.report.GetReport(request, timeout=_TIMEOUT)).report


def list_reports(client: Session, awaited: bool = False) -> Iterator[report_pb2.Report]:
    """The agency's reports, in the order they began."""
    token = ""
    while True:
        request = report_pb2.ListReportsRequest(awaited=awaited, page_size=1000, page_token=token)
        page = retried(lambda request=request: client.report.ListReports(request, timeout=_TIMEOUT))  # type: ignore[misc]
        yield from page.reports
        token = page.next_page_token
        if not token:
            return


def draft_of(report: report_pb2.Report) -> Draft:
    """The version that stands."""
    return Draft.from_json(json.loads(report.draft))


def state_of(report: report_pb2.Report) -> State:
    """Where it stands."""
    return State[report_pb2.ReportState.Name(report.state).removeprefix("REPORT_STATE_")]


def _answer(
    client: Session, report: str, act: Act, *, draft: Draft | None = None, person: str = "", text: str = ""
) -> Reviewed:
    known = get_report(client, report)
    at = max(datetime.now(UTC), wire.instant(known.moved_at) + _TICK)
    parties, by = draft_of(known).signatories, client.profile.agency
    return _submit(client, Move(known.id, act, by, parties, at, known.head, draft, person, text))


def _submit(client: Session, move: Move) -> Reviewed:
    envelope = move.signed(client.profile.signing_key())
    request = report_pb2.MoveReportRequest(envelope=envelope.to_json_bytes())
    response = retried(lambda: client.report.MoveReport(request, timeout=_TIMEOUT))
    verify_receipt_text(response.receipt, client.profile.log_key)
    return Reviewed(response.report, response.receipt)
