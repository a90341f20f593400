"""DAGs by Airflow's own machinery against a real hub: verdicts in the ledger, pages beside it, a report's bytes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from demo.files import automatic_values
from demo.hub import HubProcess, hechuan
from demo.sample import monitoring_sections
from exchange.client import Client, connect
from exchange.client.steward import list_verdicts
from exchange.trust.workday import SHANGHAI
from tests.airflows import AirflowHome, Dags

pytestmark = [pytest.mark.e2e, pytest.mark.airflow]
QUALITY = "500000/ecology/water-quality"
SECTIONS = "500000/ecology/monitoring-section"
CODES = tuple(code for code in monitoring_sections()["section_code"].to_pylist() if code.startswith("CQ-"))


@dataclass(frozen=True, slots=True)
class Office:
    """A hub, the department that publishes, the joint office as steward, and the steward's Airflow."""

    hub: HubProcess
    owner: Client
    steward: Client
    dags: Dags

    def validated(self, **conf: Any) -> list[dict[str, Any]]:
        return self.dags.returned("validate_batches", "validate", **conf)

    @property
    def pages(self) -> Path:
        return self.dags.airflow.home / "hechuan-pages"


SCOPE = {
    "title": "跨界断面",
    "about": {"kind": "boundary", "name": "川渝"},
    "left": {
        "jurisdiction": "500000",
        "name": "重庆",
        "signatory": "500000/joint-office",
        "datasets": {"water-quality": QUALITY, "monitoring-section": SECTIONS},
    },
    "right": {"jurisdiction": "510000", "name": "四川", "signatory": "510000/joint-office", "datasets": {}},
    "sections": [{"name": code, "left": code} for code in CODES],
}


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    root = tmp_path_factory.mktemp("office")
    names = ("ecology", "joint-office")
    homes = [root / f"agency-500000-{name}" for name in names]
    feeds = {QUALITY: "hechuan_default", SECTIONS: "hechuan_default"}
    scope = root / "scope.yaml"
    scope.write_text(json.dumps(SCOPE), encoding="utf-8")
    reports = f'[[reports]]\nname = "border"\nscope = "{scope}"\n'
    airflow = AirflowHome(root / "airflow", {"hechuan_default": homes[1]}, feeds, reports)
    airflow.environment["AIRFLOW__OPENLINEAGE__TRANSPORT"] = json.dumps(
        {"type": "file", "log_file_path": str(airflow.home / "lineage.json"), "append": True}
    )
    with Dags(airflow) as dags, HubProcess(root, "500000", ["--stewards", "joint-office"]) as hub:
        for name in names:
            hub.enroll(name)
        with connect(homes[0]) as owner, connect(homes[1]) as steward:
            yield Office(hub, owner, steward, dags)


def samples(rows: int, **changed: dict[int, Any]) -> pa.Table:
    """Good rows of the last hours, with cells changed by row number."""
    table = automatic_values(CODES, rows)
    for name, cells in changed.items():
        values = table.column(name).to_pylist()
        for row, value in cells.items():
            values[row] = value
        at = table.column_names.index(name)
        table = table.set_column(at, name, pa.array(values, table.schema.field(name).type))
    return table


def test_a_landed_batch_gets_a_verdict_once(office: Office) -> None:
    sections = office.owner.publish("monitoring-section", monitoring_sections())
    good = office.owner.publish("water-quality", samples(200))
    first = office.validated()
    assert {each["batch"] for each in first} == {sections.id, good.id}
    assert office.validated() == []
    listed = list(list_verdicts(office.owner))
    assert sorted(each.batch for each in listed) == sorted([sections.id, good.id])
    assert {each.by for each in listed} == {"500000/joint-office"}


def test_bad_rows_are_named_counted_and_judged(office: Office) -> None:
    bad = office.owner.publish("water-quality", samples(240, data_flag={3: "X"}, value={7: -4.0, 8: None}))
    [found] = office.validated()
    assert (found["batch"], found["decision"]) == (bad.id, "quarantine")
    told = {rule: count for rule, severity, count, _ in found["findings"] if severity == "error"}
    hub = {each.rule: each.rows for each in bad.batch.verdict.counts if each.rows and each.severity == 3}
    assert told == hub
    page = (office.pages / QUALITY / "batch.html").read_text(encoding="utf-8")
    assert "data_flag" in page
    assert re.findall(r"<(?:script|link|img|iframe)[^>]*https?:", page) == []
    assert "<script" not in page


def test_too_much_that_is_wrong_is_referred(office: Office) -> None:
    office.owner.publish("water-quality", samples(100, data_flag=dict.fromkeys(range(20), "X")))
    [found] = office.validated()
    assert found["decision"] == "refer"


def test_every_run_is_told_as_openlineage(office: Office) -> None:
    lines = (office.dags.airflow.home / "lineage.json").read_text(encoding="utf-8").splitlines()
    events = [json.loads(line) for line in lines]
    told = {(each["job"]["name"], each["eventType"]) for each in events}
    assert {("validate_batches.validate", kind) for kind in ("START", "COMPLETE")} <= told
    assert {each["job"]["namespace"] for each in events} == {"default"}


def test_no_referral_is_late_yet(office: Office) -> None:
    assert office.dags.returned("watch_deadlines", "watch") == [[]]
    assert office.dags.returned("plan_patrols", "due") == [[]]


def test_a_report_has_the_bytes_of_the_command(office: Office, tmp_path: Path) -> None:
    moment, period = datetime.now(UTC), f"{datetime.now(SHANGHAI):%Y-%m}"
    asked = {"period": period, "as_of": moment.isoformat()}
    [found] = office.dags.returned("report_month", "make", **asked)
    made = {path.name: path.read_bytes() for path in Path(found["directory"]).iterdir()}
    scope = office.dags.airflow.home.parent / "scope.yaml"
    given = ("--as-of", asked["as_of"], "--home", office.steward.profile.home.root, "-o", tmp_path)
    hechuan("report", "make", scope, period, *given)
    assert made == {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert len(made) == 5


def test_a_backfill_judges_again_what_stood(office: Office) -> None:
    """The same question gives the same verdict; at another moment it is another question."""
    second = sorted(each.index for each in office.owner.batches(QUALITY))[1]
    again = office.validated(as_of=second)
    assert len(again) == 2  # the sections and the first batch
    assert not any(each["duplicate"] for each in again)
    assert all(each["duplicate"] for each in office.validated(as_of=second))
