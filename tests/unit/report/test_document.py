"""Periods, figures, scopes and the document: what is read, what is refused, what is shown."""

from __future__ import annotations

import copy
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from exchange.errors import HechuanError, MalformedError, NotFoundError
from exchange.ids import AgencyId
from exchange.report.document import Change, Report, changes
from exchange.report.figure import Figures
from exchange.report.period import Period
from exchange.report.scope import Scope
from exchange.report.source import Source
from exchange.report.words import Words, plain
from exchange.trust.canonical import canonical, parse_canonical
from tests.months import SCOPE

PAGE = (Path(__file__).parents[3] / "docs" / "reports.md").read_text("utf-8")

_DAYS = (date(2026, 3, 5), date(2026, 4, 5), date(2026, 1, 5))


@pytest.mark.parametrize(
    ("text", "first", "last", "previous", "year_ago", "following"),
    [
        ("2026-03", date(2026, 3, 1), date(2026, 3, 31), "2026-02", "2025-03", "2026-04"),
        ("2026-01", date(2026, 1, 1), date(2026, 1, 31), "2025-12", "2025-01", "2026-02"),
        ("2026-Q1", date(2026, 1, 1), date(2026, 3, 31), "2025-Q4", "2025-Q1", "2026-Q2"),
        ("2024", date(2024, 1, 1), date(2024, 12, 31), "2023", "2023", "2025"),
    ],
)
def test_periods(text: str, first: date, last: date, previous: str, year_ago: str, following: str) -> None:
    period = Period.parse(text)
    assert str(period) == text
    assert (period.first, period.last) == (first, last)
    assert [str(each) for each in (period.previous, period.year_ago, period.following)] == [
        previous,
        year_ago,
        following,
    ]


def test_a_month_is_shanghai_s() -> None:
    month = Period.parse("2026-03")
    assert month.start == datetime(2026, 2, 28, 16, tzinfo=UTC)
    assert month.end == datetime(2026, 3, 31, 16, tzinfo=UTC)
    assert month.words == Words("2026年3月", "March 2026")
    assert str(month.last_year) == "2025"
    over = {str(day): [str(each) for each in Period.over_on(day).values()] for day in _DAYS}
    assert list(over.values()) == [["2026-02"], ["2026-03", "2026-Q1"], ["2025-12", "2025-Q4", "2025"]]
    assert [str(each) for each in Period.parse("2026-Q1").each_month()] == ["2026-01", "2026-02", "2026-03"]


@pytest.mark.parametrize("text", ["2026-13", "2026-Q5", "26-03", "2026-3", "", "0001", "9999-01"])
def test_what_is_no_period(text: str) -> None:
    with pytest.raises(MalformedError):
        Period.parse(text)


def test_figures_are_shown_as_they_are_rounded() -> None:
    figures = Figures()
    figures.add("a", 2.345, digits=2)
    figures.add("b", 2.335, digits=2)
    figures.add("c", None, unit="t")
    figures.add("d", "yes", said=Words("达标", "yes"))
    figures.add("e", 1234567)
    # half goes to the even digit: 2.345 → 2.34, 2.335 → 2.34 (GB/T 8170-2008)
    assert [figures[id].shown("zh") for id in "abcde"] == ["2.34", "2.34", "—", "达标", "1,234,567"]
    assert figures["d"].shown("en") == "yes"
    assert figures["d"].number is None
    with pytest.raises(MalformedError, match="taken"):
        figures.add("a", 1)
    with pytest.raises(NotFoundError):
        figures["z"]


def test_what_others_write_fits_into_every_form() -> None:
    assert plain("上河坝\x07\n氨氮\u202e超标　★") == Words(*["上河坝\ufffd\ufffd氨氮\ufffd超标　★"] * 2)


def refused(**changed: Any) -> str:
    document = copy.deepcopy(SCOPE)
    document.update(changed)
    with pytest.raises(MalformedError) as raised:
        Scope.of(document)
    return raised.value.message


def test_scopes_that_are_refused() -> None:
    assert Scope.of(SCOPE).sections[0].code == "SC-SHANGHEBA"
    assert "twice" not in refused(sections=[])
    assert "title" in refused(title=3)
    assert "surprise" in refused(surprise=1)
    assert "two jurisdictions" in refused(right={**SCOPE["right"], "jurisdiction": "500000"})  # type: ignore[dict-item]
    one = {"name": "上河坝", "left": "CQ-TONGBO-LP"}
    assert "CQ-TONGBO-LP" in refused(sections=[one, one])
    assert "no code on the right" in refused(sections=[{**one, "from": "right"}])
    assert "signatory" in refused(left={**SCOPE["left"], "signatory": ""})  # type: ignore[dict-item]
    assert "not sound" in refused(left={**SCOPE["left"], "signatory": "nobody"})  # type: ignore[dict-item]
    with pytest.raises(MalformedError):
        Scope.parse(b"\xff\xfe: [")


def test_the_scope_that_the_documentation_shows() -> None:
    shown = PAGE.split("```yaml\n")[1].split("```")[0]
    scope = Scope.parse(shown.encode())
    assert (scope.accord, scope.patrols) == ("0f3c5a7e9b1d24680f3c5a7e9b1d2468", None)
    assert [each.code for each in scope.sections] == ["SC-SHANGHEBA"]
    assert scope.compensation[0].contract == "compensation-chongqing"


def report(**changed: Any) -> Report:
    figures = Figures()
    figures.add("quality.count", 4, sources=["500000#1"])
    figures.add("mean", 1.05, unit="mg/L", digits=2)
    given: dict[str, Any] = {
        "scope": Scope.of(SCOPE),
        "period": Period.parse("2026-03"),
        "as_of": datetime(2026, 4, 5, tzinfo=UTC),
        "by": AgencyId.parse("500000/joint-office"),
        "figures": figures,
        "sources": (
            Source("500000#1", "batch", "500000", 1, "sha256:" + "ab" * 32, "500000/ecology/water-quality"),
        ),
        "pinned": (("500000/ecology/water-quality", "500000", 7),),
        "absent": (),
    }
    return Report(**{**given, **changed})


def test_a_document_reads_as_it_was_written() -> None:
    made = report()
    again = Report.parse(made.to_bytes())
    assert again.to_bytes() == made.to_bytes()
    assert again.digest == made.digest
    assert again.source("500000#1").index == 1
    with pytest.raises(MalformedError):
        again.source("500000#2")


@pytest.mark.parametrize("member", ["figures", "period", "pinned", "sources", "scope", "as_of", "by", "v"])
@pytest.mark.parametrize("put", [None, [], "", 5, [[]], [{}], {"zh": 1}])
def test_documents_that_are_refused(member: str, put: object) -> None:
    value = parse_canonical(report().to_bytes())
    if value[member] == put or (put == [] and isinstance(value[member], list)):
        return
    with pytest.raises(HechuanError):
        Report.parse(canonical({**value, member: put}))


def test_bytes_that_are_no_document() -> None:
    for data in (b"", b"{}", b"[]", b"\xff", b'{"v":1}'):
        with pytest.raises(MalformedError):
            Report.parse(data)


def test_what_has_changed_is_named() -> None:
    before, after = Figures(), Figures()
    for figures, same, other in ((before, 1, 2), (after, 1, 3)):
        figures.add("same", same)
        figures.add("other", other)
    before.add("gone", 5)
    after.add("new", 6)
    assert changes(before, after) == (
        Change("other", "2", "3"),
        Change("gone", "5", None),
        Change("new", None, "6"),
    )
