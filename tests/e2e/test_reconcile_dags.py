"""What Airflow runs between two real hubs: nightly comparisons, upkeep of storage and mirrors, warnings downstream."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pyarrow import csv

from demo import patrols, tongbo
from demo.files import automatic_values
from demo.hub import HubProcess, fixed_ports, introduce
from exchange.agreement.move import Act
from exchange.client import Client, connect
from exchange.client.accord import list_accords
from exchange.client.agreement import list_agreements
from exchange.client.referral import get_referral, list_referrals, move_referral, send_referral
from exchange.patrol.agreed import accept, standing
from exchange.patrol.check import breaches
from exchange.referral.move import Act as ReferralAct
from exchange.referral.order import Kind
from stewards.compare.difference import kept
from tests.airflows import AirflowHome, Dags
from tests.e2e.test_agreement import cases
from tests.e2e.test_two_hubs import agree, eventually
from tests.relay import Relay

pytestmark = [pytest.mark.e2e, pytest.mark.airflow]
LEFT, RIGHT = "500000/ecology/water-quality", "510000/ecology/water-quality"
CASES = "500000/ecology/enforcement-case"
SET = f"""
[[boundaries]]
name = "tongbo-he"
left = "{LEFT}"
right = "{RIGHT}"
sections = "{tongbo.BELOW}={tongbo.SECTION}"
days = 0

[[deliveries]]
name = "sichuan"
owner = "hechuan_sichuan"
minutes = 0

[[cases]]
name = "public-security"
dataset = "{CASES}"
receiver = "public-security"
received = "hechuan_police"

[[downstream]]
name = "tongbo-he"
watched = "510000/ecology/spill-report"
sections = "510000/ecology/monitoring-section, 500000/ecology/monitoring-section"
duties = "500000/ecology/duty-matrix"
connection = "hechuan_sichuan"
"""


HOST = """
[host]
directory = "{root}/hub-500000"
grace_seconds = 0

[[patrols]]
name = "tongbo-he"
frame = "{root}/frame.json"
evidence = "500000/ecology/river-reach, 510000/ecology/river-reach, 510000/ecology/monitoring-section"
other = "510000/ecology"
seconds = 1
"""


@dataclass(frozen=True, slots=True)
class Border:
    """Chongqing's steward beside both banks' departments; what its hub hears of Sichuan comes through the relay."""

    relay: Relay
    chongqing: Client
    sichuan: Client
    steward: Client
    police: Client
    dags: Dags

    def run(self, dag: str) -> list[dict[str, Any]]:
        return self.dags.returned(dag, "reconcile")

    def counted(self) -> list[dict[str, Any]]:
        [found] = self.dags.returned("mirror_peers", "count")
        return list(found)

    def kept(self, kind: str) -> dict[str, Any]:
        [found] = [each for each in kept(self.dags.airflow.home / "hechuan-pages") if each["kind"] == kind]
        return found


@pytest.fixture(scope="module")
def border(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Border]:
    root = tmp_path_factory.mktemp("border")
    with ExitStack() as stack:
        homes = [root / f"agency-500000-{name}" for name in ("ecology", "joint-office", "police")]
        homes.append(root / "agency-510000-ecology")
        connections = {"hechuan_default": homes[1], "hechuan_police": homes[2], "hechuan_sichuan": homes[3]}
        dags = stack.enter_context(
            Dags(AirflowHome(root / "airflow", connections, {}, SET + HOST.format(root=root)))
        )
        relay = stack.enter_context(Relay())
        chongqing = HubProcess(root, "500000", [*fixed_ports(), "--stewards", "joint-office"])
        sichuan = HubProcess(root, "510000", fixed_ports())
        introduce(root, chongqing, sichuan, addresses={"510000": f"localhost:{relay.port}"})
        for hub in (sichuan, chongqing):
            stack.enter_context(hub)
        relay.target = ("127.0.0.1", sichuan.ports["exchange"])
        for home in homes:
            (chongqing if "500000" in home.name else sichuan).enroll(home.name.split("-", 2)[2])
        ecology, steward, police, there = (stack.enter_context(connect(home)) for home in homes)
        for client in (ecology, there):
            client.publish("monitoring-section", tongbo.sections(client.profile.card.jurisdiction))
        yield Border(relay, ecology, there, steward, police, dags)


def samples(section: str, factor: float = 1.0) -> pa.Table:
    """Ammonia of some days at the border; one bank's may be in another unit."""
    table = automatic_values((tongbo.BELOW,), 1200)
    table = table.filter(pc.equal(table.column("item_code"), "w21003"))
    for name, values in (
        ("section_code", pa.array([section] * table.num_rows)),
        ("value", pc.multiply(table.column("value"), factor)),
    ):
        table = table.set_column(table.column_names.index(name), name, values)
    return table


def written(place: Path, rows: Iterable[dict[str, str | None]]) -> Path:
    """A CSV as an office has it."""
    path = place / "cases.csv"
    csv.write_csv(pa.Table.from_pylist(list(rows)), path)
    return path


def ended(border: Border, referral: str) -> None:
    """The other side answers, the steward closes."""
    handler = (
        border.sichuan
        if get_referral(border.steward, referral).handler.startswith("51")
        else border.chongqing
    )
    for act in (ReferralAct.RECEIVE, ReferralAct.ACCEPT, ReferralAct.START):
        eventually(lambda: get_referral(handler, referral).id == referral)
        move_referral(handler, referral, act)
    move_referral(handler, referral, ReferralAct.REPORT, reason="已核")
    eventually(lambda: len(get_referral(border.steward, referral).moves) == 5)
    move_referral(border.steward, referral, ReferralAct.APPROVE, person="示例处长")


def test_banks_that_differ_are_told_why_and_each_difference_is_put_once(border: Border) -> None:
    border.chongqing.publish("water-quality", samples(tongbo.BELOW))
    border.sichuan.publish("water-quality", samples(tongbo.SECTION, 1000))
    eventually(lambda: border.steward.query(RIGHT).table().num_rows > 0)
    [first] = border.run("reconcile_boundaries")
    assert first["causes"]["unit"] > 0
    assert border.kept("boundary")["rows"][0]["zh"] == "单位换算：乙方 = 甲方 × 1000"
    [referral] = list_referrals(border.steward, kinds=[Kind.OBJECTION])
    assert (referral.id, referral.handler) == (first["referral"], "510000/ecology")
    assert "单位换算 unit factor" in referral.text
    assert "0." not in referral.text  # values are in the attachment, for the parties
    ended(border, referral.id)
    [again] = border.run("reconcile_boundaries")
    assert (again["causes"], again["referral"]) == (first["causes"], "")
    assert list(list_referrals(border.steward, kinds=[Kind.OBJECTION])) == []


def test_a_batch_that_has_not_arrived_is_found_and_its_arrival_too(border: Border, tmp_path: Path) -> None:
    dataset = "510000/ecology/enforcement-case"
    border.sichuan.publish("enforcement-case", written(tmp_path, cases(3)))
    agree(border.sichuan, border.steward, dataset, mirror=True)
    [same] = border.run("reconcile_deliveries")
    assert (same["compared"], same["differences"]) == (1, 0)
    border.relay.cut()
    missing = border.sichuan.publish("enforcement-case", written(tmp_path, cases(4)))
    [late] = border.run("reconcile_deliveries")
    assert late["causes"] == {"left_only": 1}
    assert border.kept("delivery")["rows"][0]["what"] == missing.id
    border.relay.mend()
    eventually(lambda: len(list(border.steward.batches(dataset))) == 2, 40)
    [again] = border.run("reconcile_deliveries")
    assert (again["differences"], again["referral"]) == (0, late["referral"])


def test_cases_sent_and_not_received(border: Border, tmp_path: Path) -> None:
    today = (datetime.now(UTC) + timedelta(hours=8)).date().isoformat()
    moved = {"transferred_on": today, "status": "transferred", "closed_on": None}
    rows = [{**each, **moved} for each in cases(3)]
    done = border.chongqing.publish("enforcement-case", written(tmp_path, rows))
    assert done.batch.verdict.rejected == 0, done.batch.verdict
    for number, category in ((0, rows[0]["category"]), (1, "sand-mining")):
        send_referral(
            border.chongqing, Kind.CASE_TRANSFER, "500000/police", "案件移送",
            subject=str(rows[number]["case_number"]), matter=str(category),
        )  # fmt: skip
    agree(border.chongqing, border.steward, CASES)
    [found] = border.run("reconcile_cases")
    assert found["causes"] == {"differs": 1, "left_only": 1}
    [again] = border.run("reconcile_cases")
    assert again["referral"] == found["referral"]
    referral = get_referral(border.steward, found["referral"])
    assert (referral.handler, referral.subject) == ("500000/ecology", "cases:public-security")


def test_a_sweep_leaves_mirrors_alone_until_their_agreement_ends(border: Border) -> None:
    """After the deliveries: two batches, an object and a report each."""
    dataset = "510000/ecology/enforcement-case"
    eventually(lambda: border.counted()[0]["missing"] == 0)
    assert [(each["dataset"], each["parts"]) for each in border.counted()] == [(dataset, 4)]
    [swept] = border.dags.returned("sweep_storage", "sweep")
    assert (swept["problems"], swept["removed"]) == ([], 0)
    assert border.counted()[0]["missing"] == 0
    [agreement] = [each for each in list_agreements(border.steward) if each.dataset == dataset]
    border.steward.sign(agreement.id, Act.TERMINATE, "期满")
    assert border.counted() == []
    [swept] = border.dags.returned("sweep_storage", "sweep")
    assert (swept["problems"], swept["removed"]) == ([], 4)


def test_a_spill_is_a_warning_once(border: Border) -> None:
    duties = tongbo.duties()
    agency = pa.array(["500000/police"] * duties.num_rows)
    border.chongqing.publish(
        "duty-matrix", duties.set_column(duties.column_names.index("agency"), "agency", agency)
    )
    eventually(lambda: border.sichuan.query("500000/ecology/duty-matrix").table().num_rows > 0)
    row = {
        "report_code": "SC-SP-2024-0001", "began_at": tongbo.ALARM, "reported_at": tongbo.ALARM,
        "reach_code": "SC-TB-01", "item_code": "w21003", "mass_kg": 120.0, "status": "first",
    }  # fmt: skip
    border.sichuan.publish("spill-report", pa.Table.from_pylist([row]))
    [[warning]] = border.dags.returned("alert_downstream", "warn")
    found = get_referral(border.sichuan, warning)
    assert (found.handler, found.subject) == ("500000/police", "SC-SP-2024-0001")
    move_referral(border.sichuan, warning, ReferralAct.WITHDRAW)
    assert border.dags.returned("alert_downstream", "warn") == [[]]


def test_next_month_is_planned_proposed_once_and_accepted(border: Border) -> None:
    for client, code in ((border.chongqing, "500000"), (border.sichuan, "510000")):
        client.publish("river-reach", patrols.reaches(code))
    eventually(lambda: border.steward.query("510000/ecology/river-reach").table().num_rows > 0)
    frame = border.dags.airflow.home.parent / "frame.json"
    frame.write_text(json.dumps(patrols.frame_document()), encoding="utf-8")
    [first] = border.dags.returned("plan_patrols", "plan", today="2026-04-20")
    assert first["new"]
    assert border.dags.returned("plan_patrols", "plan", today="2026-04-21") == [{**first, "new": False}]
    eventually(lambda: [each.id for each in list_accords(border.sichuan, True)] == [first["accord"]])
    accept(border.sichuan, first["accord"])
    eventually(lambda: [each.awaited for each in list_accords(border.steward)] == [""])
    known, proposal = standing(border.steward, first["accord"])
    assert (known.matter.start, known.matter.end) == (date(2026, 5, 1), date(2026, 5, 31))
    assert not breaches(proposal.office, proposal.plan)
    assert {tour.team[:2] for tour in proposal.plan.tours} == {"LP", "DZ"}
    pages = border.dags.airflow.home / "hechuan-pages" / "patrols"
    assert "上河坝" in (pages / "tongbo-he-2026-05.html").read_text("utf-8")


def test_what_is_kept_is_json_that_a_page_can_show(border: Border) -> None:
    place = Path(border.dags.airflow.home / "hechuan-pages" / "differences")
    told = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(place.glob("*.json"))]
    assert [each["kind"] for each in told] == ["boundary", "cases", "delivery"]
    assert all({"what", "left", "right", "zh", "en"} <= row.keys() for each in told for row in each["rows"])
