"""Two hubs agree on a month of patrols: proposed, changed, accepted by both; then patrolled, and problems handed on."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from icalendar import Calendar

from demo.hub import HubProcess, fixed_ports, hechuan, introduce
from exchange import wire
from exchange.accord.move import Act
from exchange.client import Client, connect
from exchange.client.accord import folded, get_accord, list_accords, move_accord
from exchange.client.patrol import (
    calendars_at_hub,
    explain_at_hub,
    plan_at_hub,
    record_at_hub,
    replan_at_hub,
)
from exchange.client.referral import list_referrals
from exchange.client.verify import verify_receipt_text
from exchange.errors import InvalidInputError, MalformedError, WrongStateError
from exchange.patrol.agreed import Proposal, accept, propose, standing
from exchange.patrol.check import breaches
from exchange.patrol.cost import cost_of
from exchange.patrol.document import office_from_json, plan_from_json, plan_to_json
from exchange.patrol.done import BEGINS, joint_number, plan_rows
from exchange.patrol.model import Office, Visit
from exchange.patrol.planner import plan, without
from exchange.trust.workday import SHANGHAI
from exchange.v1 import patrol_pb2
from stewards.options import Patrols
from stewards.patrols import plan_next
from tests.e2e.test_two_hubs import eventually
from tests.offices import spread
from tests.shipped import GOOD

pytestmark = pytest.mark.e2e
PAGE = (Path(__file__).parents[2] / "docs" / "patrols.md").read_text("utf-8")
OFFICE = PAGE.split("```json\n")[1].split("```")[0].encode()


@dataclass(frozen=True)
class Border:
    left: Client
    right: Client
    homes: tuple[Path, Path]


@pytest.fixture(scope="module")
def border(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Border]:
    root = tmp_path_factory.mktemp("patrol")
    hubs = [HubProcess(root, code, fixed_ports()) for code in ("500000", "510000")]
    introduce(root, *hubs)
    with ExitStack() as stack:
        homes = [stack.enter_context(hub).enroll("joint-office") for hub in hubs]
        clients = connect(homes[0]), connect(homes[1])
        for client in clients:
            stack.enter_context(client)
        yield Border(*clients, (homes[0], homes[1]))


def seen(client: Client, accord: str, state: str) -> None:
    number = patrol_pb2.AccordState.Value(f"ACCORD_STATE_{state}")
    eventually(lambda: [each.state for each in list_accords(client) if each.id == accord] == [number])


def test_a_plan_that_both_sides_accept(
    border: Border, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    office = office_from_json(OFFICE)
    made = plan(office, 2).plan
    text = plan_to_json(office, made)
    late = replace(made, tours=(replace(made.tours[0], day=5), *made.tours[1:]))
    with pytest.raises(InvalidInputError, match="不成立"):
        propose(border.left, OFFICE, plan_to_json(office, late), border.right.profile.agency)
    other = json.dumps({**json.loads(text), "weights": {**json.loads(text)["weights"], "unmet": 1}}).encode()
    with pytest.raises(InvalidInputError, match="weights"):
        propose(border.left, OFFICE, other, border.right.profile.agency)
    begun = propose(border.left, OFFICE, text, border.right.profile.agency)
    id = begun.accord.id
    verify_receipt_text(begun.receipt, border.left.profile.log_keys)
    with pytest.raises(WrongStateError):
        move_accord(border.left, id, Act.ACCEPT)
    seen(border.right, id, "PROPOSED")
    hechuan("patrol", "ask", id, "--reason", "大竹一队 6 月 2 日培训", "--home", border.homes[1])
    seen(border.left, id, "ASKED")
    hechuan("patrol", "show", id, "-o", tmp_path, "--home", border.homes[0])
    assert (tmp_path / "plan.json").read_bytes() == text
    document = json.loads(OFFICE)
    document["teams"][1]["away"] = ["2026-06-02"]
    changed = office_from_json(json.dumps(document).encode())
    again = plan_to_json(changed, plan(changed, 2).plan)
    propose(border.left, json.dumps(document).encode(), again, border.right.profile.agency)
    seen(border.right, id, "PROPOSED")
    countersigned = accept(border.right, id)
    verify_receipt_text(countersigned.receipt, border.right.profile.log_keys)
    for client in (border.left, border.right):
        seen(client, id, "ACCEPTED")
        assert standing(client, id)[1].plan_text == again
        signers = [json.loads(each)["signatures"][0]["keyid"] for each in get_accord(client, id).moves]
        sides = [side.profile.signing_key().verify_key.keyid for side in (border.left, border.right)]
        assert signers == [sides[0], sides[1], sides[0], sides[1]]
    capsys.readouterr()
    hechuan("patrol", "accords", "--home", border.homes[1])
    assert "双方已会签" in capsys.readouterr().out


def record(office: Office, accord: str, visit: Visit, number: int) -> dict[str, object]:
    """A row of patrol-record for a planned visit; the first finds two problems and solves one."""
    day = office.date_of(visit.day)
    joint = visit.reach in {reach.code for reach in office.reaches if reach.joint}
    first = datetime.combine(day, BEGINS, SHANGHAI) + timedelta(hours=1)
    return {
        "patrol_code": f"CQ-XH-{number:03d}",
        "reach_code": visit.reach,
        "chief_level": "county",
        "role": "ranger",
        "started_at": first.isoformat(),
        "ended_at": (first + timedelta(hours=1)).isoformat(),
        "is_joint": str(joint).lower(),
        "partner_code": "510000" if joint else "",
        "joint_number": joint_number(accord, visit.reach, day) if joint else "",
        "problems_found": 0 if number else 2,
        "problems_solved": 0 if number else 1,
    }


def test_a_hub_plans_mends_explains_and_tells(border: Border) -> None:
    """What the commands do, over gRPC, by a client that has no planner."""
    stages: list[str] = []
    text = json.dumps(spread(reaches=20, teams=4)).encode()
    made = plan_at_hub(
        border.left, text, 2.0, lambda each: stages.append(patrol_pb2.PlanStage.Name(each.stage)[11:])
    )
    assert stages == ["FIRST", "BOUND", "DAYS"]
    office, planned = office_from_json(text), plan_from_json(made.plan)
    assert not breaches(office, planned)
    cost = cost_of(office, planned)
    assert (made.cost.travel, made.cost.unmet) == (cost.travel, cost.unmet)
    assert 0 < made.bound <= cost.whole
    joint = {reach.code for reach in office.reaches if reach.joint}
    tour = next(each for each in planned.tours if not joint & {stop.reach for stop in each.stops})
    gone = tour.team, office.date_of(tour.day)
    again = replan_at_hub(border.left, text, made.plan, [gone], 1.0)
    mended = plan_from_json(again.made.plan)
    assert not breaches(without(office, *gone), mended)
    assert (again.visits, again.kept) == (
        len(set(planned.visits())),
        len(set(planned.visits()) & set(mended.visits())),
    )
    others = tuple(each for each in planned.tours if each != tour)
    fewer = replace(planned, tours=others)
    told = explain_at_hub(border.left, text, plan_to_json(office, fewer))
    assert {each.reach for each in told.unmet} == {stop.reach for stop in tour.stops}
    assert all(each.remedies[-1].kind == "waive" and each.reason_zh for each in told.unmet)
    late = replace(planned, tours=(replace(tour, day=tour.day + 200), *others))
    assert explain_at_hub(border.left, text, plan_to_json(office, late)).breaches
    calendars = calendars_at_hub(border.left, text, made.plan, "09:00")
    events = [each for ics in calendars.values() for each in Calendar.from_ical(ics).walk("VEVENT")]
    assert len(events) == len(planned.tours)
    with pytest.raises(InvalidInputError, match="seconds"):
        plan_at_hub(border.left, text, 1e6)
    with pytest.raises(MalformedError):
        plan_at_hub(border.left, b"{}", 1.0)


def test_a_hub_tells_which_visits_were_made(border: Border) -> None:
    made = plan_at_hub(border.left, OFFICE, 1.0).plan
    office = office_from_json(OFFICE)
    visit = next(each for each in plan_from_json(made).visits() if each.reach == "TB-01")
    at = datetime.combine(office.date_of(visit.day), BEGINS, SHANGHAI)
    left = patrol_pb2.PatrolRecord(
        side="500000", patrol="P-1", reach="TB-01", started_at=wire.timestamp(at), problems_found=2
    )
    right = patrol_pb2.PatrolRecord(side="510000", patrol="P-2", reach="TB-01", started_at=wire.timestamp(at))
    alone, both = (record_at_hub(border.left, OFFICE, made, found) for found in ([left], [left, right]))
    assert not any(each.made for each in alone.visits)  # a joint visit wants both sides' records
    assert [each.date for each in both.visits if each.made] == [str(at.date())] * 2
    [problem] = both.problems
    assert (problem.patrol, problem.left, problem.date) == ("P-1", 2, str(at.date()))


def test_what_was_patrolled_and_what_was_found(
    border: Border, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    [accord] = list_accords(border.left)
    _, proposal = standing(border.left, accord.id)
    rows = plan_rows(proposal.office, proposal.plan, accord.id, accord.standing, "500000")
    published = border.left.publish("patrol-plan", rows)
    assert (published.batch.verdict.accepted, published.batch.verdict.rejected) == (rows.num_rows, 0)
    records = tmp_path / "records.csv"
    visits = sorted(visit for visit in proposal.plan.visits() if visit.team == "LP-1")
    rows_done = [record(proposal.office, accord.id, visit, at) for at, visit in enumerate(visits[:-1])]
    with records.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows_done[0])
        writer.writeheader()
        writer.writerows(rows_done)
    capsys.readouterr()
    for _ in range(2):  # handed on once
        hechuan(
            "patrol", "record", accord.id, "--file", records, "--refer", "510000/joint-office",
            "--other", "510000/joint-office/patrol-record", "--home", border.homes[0],
        )  # fmt: skip
    said = capsys.readouterr().out
    assert "NOT_FOUND" in said
    assert "coverage 覆盖   1 / 3 reaches" in said
    alone = sum(not reach.joint for reach in proposal.office.reaches for _ in range(reach.visits))
    row = next(line.split() for line in said.splitlines() if line.startswith("500000"))
    assert int(row[1]) == len(visits)
    assert int(row[2]) in (alone, alone - 1)  # joint ones want the other side's records too
    [referral] = list_referrals(border.left)
    assert referral.subject == visits[0].reach


def test_next_month_is_planned_out_of_evidence_and_proposed_once(border: Border, tmp_path: Path) -> None:
    """What the DAG does: registers of one side, its samples, points and records; the other side sees the reasons."""
    names = ("river-reach", "monitoring-section", "water-quality", "directive-point")
    for name in names:
        row = {**GOOD[name], "reach_code": "CQ-TB-01"} if "reach_code" in GOOD[name] else GOOD[name]
        path = tmp_path / f"{name}.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, row)
            writer.writeheader()
            writer.writerow(row)
        assert border.left.publish(name, path).batch.verdict.accepted == 1, name
    frame = json.loads(OFFICE)
    frame["reaches"] = [{"code": "CQ-TB-01", "place": [107.52, 30.71], "minutes": 90}]
    (tmp_path / "frame.json").write_text(json.dumps(frame), encoding="utf-8")
    watched = Patrols(
        "tongbo",
        str(tmp_path / "frame.json"),
        ",".join(f"500000/joint-office/{name}" for name in (*names, "patrol-record")),
        "510000/joint-office",
        seconds=1.0,
    )
    first = plan_next(border.left, watched, tmp_path, date(2026, 4, 20))
    assert first["new"]
    assert plan_next(border.left, watched, tmp_path, date(2026, 4, 21)) == {**first, "new": False}
    seen(border.right, first["accord"], "PROPOSED")
    office = Proposal.of(folded(get_accord(border.right, first["accord"])).proposed).office
    assert (office.start, office.days) == (date(2026, 5, 1), 31)
    assert any("+" in reason for reason in office.reaches[0].reasons)
    page = (tmp_path / "patrols" / "tongbo-2026-05.html").read_text("utf-8")
    assert office.reaches[0].name in page
    assert office.reaches[0].reasons[0] in page
