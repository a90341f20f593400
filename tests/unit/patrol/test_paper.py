"""Plans on paper: the picture is a picture, the page loads nothing, and both say what is in the plan."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from exchange.cli.main import app
from exchange.errors import InvalidInputError
from exchange.patrol.chart import plan_chart
from exchange.patrol.document import office_from_json, plan_to_json
from exchange.patrol.model import Plan
from exchange.patrol.page import plan_page, sheet_page
from exchange.patrol.planner import plan

PAGE = (Path(__file__).parents[3] / "docs" / "patrols.md").read_text("utf-8")
TEXT = PAGE.split("```json\n")[1].split("```")[0].encode()
OFFICE = office_from_json(TEXT)


def test_the_page_carries_its_picture_and_every_requirement(tmp_path: Path) -> None:
    made = plan(OFFICE, 2).plan
    (tmp_path / "office.json").write_bytes(TEXT)
    (tmp_path / "plan.json").write_bytes(plan_to_json(OFFICE, made))
    given = ["patrol", "picture", str(tmp_path / "office.json"), "--plan", str(tmp_path / "plan.json"), "-o"]
    for name in ("plan.png", "plan.html"):
        run = CliRunner().invoke(app, [*given, str(tmp_path / name)])
        assert run.exit_code == 0, run.output
    assert (tmp_path / "plan.png").read_bytes().startswith(b"\x89PNG")
    page = (tmp_path / "plan.html").read_text("utf-8")
    assert page.count("<svg") == 1
    assert not re.search(r'(src|href)="(?!#|data:image)', page.replace("http://www.w3.org", ""))
    assert "Requirements: 7 / 7" in page
    for visit in made.visits():
        assert f"{OFFICE.date_of(visit.day):%m-%d}" in page
    run = CliRunner().invoke(app, ["patrol", "sheets", *given[2:5], "-o", str(tmp_path / "sheets")])
    assert run.exit_code == 0, run.output
    sheet = (tmp_path / "sheets" / "LP-1.html").read_text("utf-8")
    assert sheet.count("<section>") == sum(tour.team == "LP-1" for tour in made.tours)
    assert sheet.count("<td>DZ-1</td>") == 5


def test_what_is_missing_is_marked_and_text_is_text() -> None:
    hostile = replace(OFFICE.reaches[0], name="<b>上河坝</b>", reasons=("<i>",))
    office = replace(OFFICE, reaches=(hostile, *OFFICE.reaches[1:]))
    page = plan_page(office, Plan(), "x", b"<svg></svg>")
    assert "✗ 缺 4" in page
    assert "Requirements: 0 / 7" in page
    assert "<b>上" not in page
    assert "<i>" not in page
    assert "<b>" not in sheet_page(office, plan(office, 1).plan, office.teams[0], time(8))


def test_another_kind_of_picture_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="png"):
        plan_chart(OFFICE, Plan(), "x", "gif")
