"""Reports of a river, a chief, a campaign, of a quarter and a year: one hub, every number made and worked out here.

Ammonia of section A, mg/L: 0.4 (2025-03), 2.6 (2025-09), 0.6 (2025-11), 0.8, 1.4, 1.1 (January to March 2026). Limits
of GB 3838-2002, table 1: II 0.5, III 1.0, IV 1.5. Section B has 0.3 in each month, section C 2.5, worse than V; the
target of all three is III.

    March 2026      1.1              IV   before 1.4 IV    a year ago 0.4 II
    Q1 2026         3.3 / 3 = 1.1    IV   before 0.6 III   a year ago 0.4 II
    2026            3.3 / 3 = 1.1    IV   before and a year ago 3.6 / 3 = 1.2 IV
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from demo.hub import HubProcess, hechuan
from exchange.client import Client, connect
from exchange.errors import NotFoundError
from exchange.report.document import Report
from exchange.report.make import make
from exchange.report.period import Period
from exchange.report.scope import Scope
from tests.months import noon, patrol, published, register, values, work

pytestmark = pytest.mark.e2e
A, B, C = "CQ-A", "CQ-B", "CQ-C"
TONGBO, RENSHI, CAMPAIGN = "铜钵河", "任市河", "three-disorders"
# section, river, reach
SECTIONS = ((A, TONGBO, "CQ-TB-01"), (B, TONGBO, "CQ-TB-02"), (C, RENSHI, "CQ-RS-01"))
AMMONIA = ((2025, 3, 0.4), (2025, 9, 2.6), (2025, 11, 0.6), (2026, 1, 0.8), (2026, 2, 1.4), (2026, 3, 1.1))


@dataclass(frozen=True)
class Office:
    """The joint office's connection, and a directory for its files."""

    client: Client
    root: Path

    def scope(self, kind: str, name: str, **more: Any) -> Path:
        """The office's file about something."""
        left = {
            "jurisdiction": "500000",
            "name": "重庆",
            "signatory": "500000/joint-office",
            "datasets": {
                each: f"500000/ecology/{each}"
                for each in (
                    "water-quality",
                    "monitoring-section",
                    "river-chief",
                    "directive-point",
                    "patrol-record",
                    "river-plan",
                )
            },
        }
        right = {"jurisdiction": "510000", "name": "四川", "signatory": "510000/ecology", "datasets": {}}
        sections = [{"name": code, "river": river, "left": code} for code, river, _ in SECTIONS]
        about = {"kind": kind, "name": name}
        document = {"title": name, "about": about, "left": left, "right": right, "sections": sections}
        path = self.root / f"{kind}.yaml"
        path.write_text(json.dumps({**document, "made": True, **more}), encoding="utf-8")
        return path

    def made(self, kind: str, name: str, period: str, **more: Any) -> Report:
        """The report of a period."""
        scope = Scope.parse(self.scope(kind, name, **more).read_bytes())
        return make(self.client, scope, Period.parse(period), datetime.now(UTC), self.root).report


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    root = tmp_path_factory.mktemp("kinds")
    with HubProcess(root, "500000") as hub:
        ecology, home = hub.enroll("ecology"), hub.enroll("joint-office")
        with connect(ecology) as client:
            _publish(client)
        with connect(home) as client:
            yield Office(client, root)


def _publish(client: Client) -> None:
    registers = [
        {**register(code, code, river, "500000", "III"), "reach_code": reach}
        for code, river, reach in SECTIONS
    ]
    published(client, "monitoring-section", registers)
    rows = [each for year, month, value in AMMONIA for each in _month(A, year, month, w21003=value)]
    for month in (1, 2, 3):
        rows += _month(B, 2026, month, w21003=0.3, w21001=0.5)
        rows += values(C, [noon(15, month)], w21003=(2.5,))
    published(client, "water-quality", rows)
    held = [("张河长", date(2026, 1, 15), None), ("李河长", date(2024, 1, 1), date(2026, 1, 14))]
    chiefs = [
        {
            "reach_code": "CQ-TB-01",
            "post": "chief",
            "valid_from": begun,
            "valid_to": ended,
            "chief_name": name,
            "position": "副县长",
            "chief_level": "county",
        }
        for name, begun, ended in held
    ]
    published(client, "river-chief", chiefs)
    points: list[tuple[str, date, date | None, str]] = [
        ("CQ-PT-1", date(2026, 4, 1), None, "listed"),
        ("CQ-PT-2", date(2026, 3, 10), None, "working"),
    ]
    points = [*points, ("CQ-PT-3", date(2026, 3, 31), date(2026, 3, 20), "closed")]
    published(client, "directive-point", [_point(*each) for each in points])
    walked = [("CQ-P1", 4, "CQ-TB-01"), ("CQ-P2", 11, "CQ-TB-02"), ("CQ-P3", 18, "CQ-RS-01")]
    published(
        client,
        "patrol-record",
        [{**patrol(code, day, 3, False, 0, 0), "reach_code": reach} for code, day, reach in walked],
    )
    published(client, "river-plan", [work("TB-01", 12, "2026-03-10")])


def _month(section: str, year: int, month: int, **items: float) -> list[dict[str, Any]]:
    """Values of the fifteenth; permanganate and phosphorus are of class II always."""
    given = {"w01019": (3.0,), "w21011": (0.05,), **{item: (value,) for item, value in items.items()}}
    return values(section, [noon(15, month, year)], **given)


def _point(code: str, due: date, closed: date | None, status: str) -> dict[str, Any]:
    return {
        "point_code": code,
        "directive": "2026-1",
        "campaign": CAMPAIGN,
        "listed_on": date(2026, 3, 1),
        "county_code": "500155",
        "reach_code": "CQ-RS-01",
        "description": "河岸垃圾堆",
        "responsible_agency": "500000/ecology",
        "status": status,
        "due_on": due,
        "mended_on": closed,
        "closed_on": closed,
    }


SECTION = {"class": "Ⅳ类", "before": "Ⅳ类", "year-ago": "Ⅱ类", "meets": "未达标"}


@pytest.mark.parametrize(
    ("kind", "name", "period", "expected"),
    [
        ("boundary", "川渝", "2026-03", {"quality.count": "3", "quality.meets": "1", "patrols.500000.done": "3"}),
        ("river", TONGBO, "2026-03", {"quality.count": "2", "quality.meets-share": "50.0", "patrols.500000.done": "2"}),
        ("chief", "张河长", "2026-03", {"quality.count": "1", "quality.meets": "0", "patrols.500000.done": "1"}),
        # three points: one closed, one open beyond its day, one that has a day left
        ("campaign", CAMPAIGN, "2026-03", {"quality.bad": "1", "points.500000.done": "1", "points.500000.late": "1"}),
        ("chief", "李河长", "2026-Q1", {"quality.count": "1", f"section.{A}.class": "Ⅳ类"}),
        ("boundary", "川渝", "2026", {"quality.count": "3", f"section.{C}.class": "劣Ⅴ类", "works.500000.done": "1"}),
    ],
)  # fmt: skip
def test_what_it_is_about(
    office: Office, kind: str, name: str, period: str, expected: Mapping[str, str]
) -> None:
    figures = office.made(kind, name, period).figures
    assert {id: figures[id].shown("zh") for id in expected} == expected


@pytest.mark.parametrize(
    ("period", "mean", "before", "year_ago"),
    [("2026-03", "1.1", "Ⅳ类", "Ⅱ类"), ("2026-Q1", "1.1", "Ⅲ类", "Ⅱ类"), ("2026", "1.1", "Ⅳ类", "Ⅳ类")],
)
def test_periods_before(office: Office, period: str, mean: str, before: str, year_ago: str) -> None:
    figures = office.made("river", TONGBO, period).figures
    assert figures[f"mean.{A}.w21003"].value == mean
    shown = {name: figures[f"section.{A}.{name}"].shown("zh") for name in SECTION}
    assert shown == {**SECTION, "before": before, "year-ago": year_ago}


def test_a_chief_who_had_left(office: Office) -> None:
    with pytest.raises(NotFoundError):
        office.made("chief", "李河长", "2026-03")


def test_compensation_of_a_year(office: Office) -> None:
    """All three formulas; yuan in units of ten thousand.

    Chongqing, section A, by month against 2025 (IV): January III, better: +100; February, March IV, off target: −100.
    Xin'an, section B: means over bases are one half each, P = 0.85 · 4 · 0.25 · 0.5 = 0.425: downstream pays 10,000.
    Chishui: A misses II by one item of three. At stake is a half; of 520000's 8,000 and 510000's 6,000 goes a half of a
    half of a third: 666.67 and 500. Net of what was paid in (2,000, 10,000, 8,000): 4,000, −2,666.67, −2,500.
    """
    base = {"w01019": 6.0, "w21003": 0.6, "w21011": 0.1, "w21001": 1.0}
    named = {"清水铺": B, "鲢鱼溪": B, "茅台镇上游": A}
    asked = [
        {"contract": "compensation-chongqing", "sections": [A]},
        {"contract": "compensation-xinan", "sections": [B], "base": base},
        {"contract": "compensation-chishui", "named": named},
    ]
    year, quarter = (
        office.made("boundary", "川渝", each, compensation=asked) for each in ("2026", "2026-Q1")
    )
    for figures in (year.figures, quarter.figures):
        assert figures["compensation-chongqing.total"].shown("zh") == "-100.00"
        assert figures["compensation-xinan.total"].shown("zh") == "10,000.00"
        nets = {
            code: figures[f"compensation-chishui.{code}.net"].shown("zh")
            for code in ("530000", "520000", "510000")
        }
        assert nets == {"530000": "4,000.00", "520000": "-2,666.67", "510000": "-2,500.00"}
    assert (
        len([figure for figure in year.figures if figure.id.startswith(f"compensation-chongqing.{A}.2026-")])
        == 48
    )


def test_one_command_makes_a_quarter(office: Office, tmp_path: Path) -> None:
    scope = office.scope("chief", "张河长", title={"zh": "张河长责任河段", "en": "Reaches of chief Zhang"})
    home = office.client.profile.home.root
    hechuan("report", "make", scope, "2026-Q1", "--home", home, "-o", tmp_path, "--language", "en")
    report = Report.parse((tmp_path / "report.json").read_bytes())
    assert (str(report.period), report.figures["quality.count"].value) == ("2026-Q1", "1")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Q1 2026" in page
    assert "Reaches counted: CQ-TB-01." in page
    assert "Problems found, closed and overdue" not in page, "a chart with nothing in it"
