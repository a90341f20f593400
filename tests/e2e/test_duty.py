"""`hechuan duty` over datasets of a running hub: routing, plans, directives, patrols, and a score that stays."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from demo.hub import hechuan
from tests.hubs import Site
from tests.shipped import GOOD, Row

pytestmark = pytest.mark.e2e
YEAR = ("--since", "2026-01-01", "--until", "2026-12-31")
UPPER = {
    "plan_code": "CQ-PLAN-TB", "task_code": "TB-03", "parent_plan": None, "parent_task": None,
    "level": "municipal", "reach_code": "CQ-TB",
}  # fmt: skip
WHOLE = {"reach_code": "CQ-TB", "parent_reach_code": None, "chief_level": "provincial", "county_code": None}


def publish(site: Site, files: Path, contract: str, *changes: Row) -> str:
    """Rows of a contract's example, changed; gives the dataset."""
    path = files / f"{contract}.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, GOOD[contract].keys())
        writer.writeheader()
        writer.writerows({**GOOD[contract], **change} for change in changes)
    assert hechuan("publish", contract, path, "--home", site.ecology) == 0
    return f"500000/ecology/{contract}"


@pytest.fixture
def say(site: Site, capsys: pytest.CaptureFixture[str]) -> object:
    def run(*words: str | Path, code: int = 0) -> str:
        capsys.readouterr()
        assert hechuan("duty", *words, "--home", site.ecology) == code
        return capsys.readouterr().out

    return run


def test_who_leads(site: Site, tmp_path: Path, say) -> None:  # type: ignore[no-untyped-def]
    matrix = publish(
        site, tmp_path, "duty-matrix", {}, {"duty_code": "CQ-DUTY-032", "river_name": None, "county_code": None,
                                           "agency": "500000/water"},
    )  # fmt: skip
    where = ("--river", "铜钵河", "--county", "500155", "--on", "2026-03-19")
    assert "500000/ecology  CQ-DUTY-031" in say("route", matrix, "boundary-water-quality", *where)
    assert "500000/water" in say("route", matrix, "boundary-water-quality", "--on", "2026-03-19")


def test_plans_fit_until_they_cross(site: Site, tmp_path: Path, say) -> None:  # type: ignore[no-untyped-def]
    reaches = publish(site, tmp_path, "river-reach", {}, WHOLE)
    plans = publish(site, tmp_path, "river-plan", {}, UPPER)
    assert "2 tasks fit" in say("plans", plans, "--reaches", reaches)
    publish(
        site, tmp_path, "river-plan", {"plan_code": "CQ-PLAN-TB-2", "task_code": "X-1", "target_value": "0"}
    )
    assert "overlap" in say("plans", plans, "--reaches", reaches, code=1)


def test_reported_totals_are_held_to_points(site: Site, tmp_path: Path, say) -> None:  # type: ignore[no-untyped-def]
    open_point = {"point_code": "CQ-D2026-01-0013", "status": "working", "mended_on": None, "closed_on": None,
                  "referral": None}  # fmt: skip
    points = publish(site, tmp_path, "directive-point", {}, open_point)
    assert "第4号" in say("directive", points, "--on", "2026-07-31")
    totals = tmp_path / "totals.csv"
    counts = "directive,campaign,county_code,points,mended,closed,overdue\n"
    counts += "第4号总河长令,three-discharges,500155,2,1,{},1\n"
    totals.write_text(counts.format(1), encoding="utf-8")
    say("directive", points, "--reported", totals, "--on", "2026-07-31")
    totals.write_text(counts.format(2), encoding="utf-8")
    told = say("directive", points, "--reported", totals, "--on", "2026-07-31", code=1)
    assert "填报 reported 2, 点位 counted 1" in told


def test_quotas_and_a_score_that_stays(site: Site, tmp_path: Path, say) -> None:  # type: ignore[no-untyped-def]
    post = {"valid_from": "2026-01-01", "valid_to": None, "predecessor": None, "handed_over_on": None}
    chiefs = publish(site, tmp_path, "river-chief", post)
    records = publish(site, tmp_path, "patrol-record", {})
    assert "示例甲" in say("patrols", chiefs, records, *YEAR)
    datasets = ("500000/ecology/directive-point", "500000/ecology/river-plan", chiefs, records)
    before = say("score", *datasets, *YEAR)
    with site.client() as client:
        rows = client.query(chiefs)
        rows.table()
        size = rows.tree_size
    # the open point is closed: a score over today's rows rises, one over the frozen ledger does not
    publish(site, tmp_path, "directive-point", {"point_code": "CQ-D2026-01-0013"})
    frozen = say("score", *datasets, *YEAR, "--as-of", str(size))
    assert points_of(frozen) == points_of(before)
    assert points_of(say("score", *datasets, *YEAR)) > points_of(before)


def points_of(said: str) -> float:
    """The score that a command told."""
    [line] = [line for line in said.splitlines() if line.startswith("score")]
    return float(line.split()[2])
