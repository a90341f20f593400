"""The stewards' page in Airflow's own API server: Airflow's login guards it, and three clicks find a cell."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from demo.hub import HubProcess
from demo.sample import monitoring_sections
from exchange.client import Client, connect
from exchange.client.publish import Published
from exchange.client.referral import list_referrals
from stewards.compare.boundary import reconcile_boundary
from stewards.options import Boundary, Comparing
from tests.airflows import AirflowHome, Pages
from tests.e2e.test_validate_batches import CODES, QUALITY, samples

pytestmark = [pytest.mark.e2e, pytest.mark.airflow]
OTHER = "500000/water/water-quality"
COMPARISON = "/stewards/differences?kind=boundary&name=tongbo-he"


@dataclass(frozen=True, slots=True)
class Desk:
    """A hub with one bad batch, its steward, and their Airflow."""

    pages: Pages
    steward: Client
    bad: Published


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    root = tmp_path_factory.mktemp("desk")
    names = ("ecology", "joint-office", "water")
    homes = [root / f"agency-500000-{name}" for name in names]
    feeds = {QUALITY: "hechuan_default", "500000/ecology/hydrology": "hechuan_away"}
    airflow = AirflowHome(
        root / "airflow", {"hechuan_default": homes[1], "hechuan_away": root / "nowhere"}, feeds
    )
    with Pages(airflow) as pages, HubProcess(root, "500000", ["--stewards", "joint-office"]) as hub:
        for name in names:
            hub.enroll(name)
        with connect(homes[0]) as owner, connect(homes[1]) as steward, connect(homes[2]) as other:
            owner.publish("monitoring-section", monitoring_sections())
            cell = '<b onclick="x">X</b>'
            bad = owner.publish("water-quality", samples(1200, data_flag={3: cell}, value={7: -4.0}))
            other.publish("water-quality", in_other_units(samples(1200)))
            boundary = Boundary(
                "tongbo-he", QUALITY, OTHER, f"{CODES[0]}={CODES[0]}", days=0, tolerated=10_000
            )
            reconcile_boundary(steward, boundary, Comparing(), airflow.home / "hechuan-pages")
            yield Desk(pages, steward, bad)


def in_other_units(table: pa.Table) -> pa.Table:
    """As a bank would report that takes micrograms for milligrams."""
    at = table.column_names.index("value")
    return table.set_column(at, "value", pc.multiply(table.column("value"), 1000.0)).filter(
        pc.equal(table.column("item_code"), "w21003")
    )


def test_every_route_asks_for_airflows_login(desk: Desk) -> None:
    page = f"/stewards/pages/{QUALITY}/batch.html"
    batch = f"/stewards/batch?dataset={QUALITY}&id={desk.bad.id}"
    gets = [
        "/stewards/",
        batch,
        page,
        COMPARISON,
        "/stewards/pages/pages.css",
        "/stewards/docs",
        "/stewards/openapi.json",
    ]
    form = {"dataset": QUALITY, "id": desk.bad.id}
    answers = desk.pages.get(
        *({"path": path} for path in gets),
        {"path": "/stewards/objection", "form": form},
        {"path": "/stewards/objection/differences", "form": {"kind": "boundary", "name": "tongbo-he"}},
        {"path": "/stewards/", "role": "viewer"},
        {"path": "/stewards/openapi.json", "role": "admin"},
        {"path": "/stewards/objection", "role": "viewer", "form": form},
        {"path": "/stewards/objection", "role": "admin", "form": {**form, "_origin": "http://elsewhere"}},
    )
    nobody, logged_in = answers[:9], answers[9:]
    assert {each["status"] for each in nobody[:5]} == {401}
    assert {each["status"] for each in nobody[5:7]} <= {401, 404}
    assert {each["status"] for each in nobody[7:]} == {401}
    assert [each["status"] for each in logged_in] == [200, 404, 403, 403]
    assert not any("500000" in each["text"] for each in nobody)
    assert list(list_referrals(desk.steward)) == []


def test_from_the_page_to_the_cell_in_two_clicks_and_on_to_an_objection(desk: Desk) -> None:
    [home] = desk.pages.get({"path": "/stewards/", "role": "user"})
    assert "Content-Security-Policy".lower() in home["headers"]
    assert desk.bad.id[7:19] in home["text"]
    assert "枢纽不可达" in home["text"]
    link = next(unescape(each) for each in re.findall(r'href="([^"]+)"', home["text"]) if "/batch?" in each)
    form = {"dataset": QUALITY, "id": desk.bad.id}
    zh, en, sent, again, after = desk.pages.get(
        {"path": link, "role": "user"},
        {"path": link.replace("lang=zh", "lang=en"), "role": "user"},
        {"path": "/stewards/objection", "role": "user", "form": form},
        {"path": "/stewards/objection", "role": "user", "form": form},
        {"path": "/stewards/?lang=en", "role": "user"},
    )
    shown(home=home, zh=zh, en=en, after=after)
    for said in (
        "data_flag.enum",
        "<mark>-4.0</mark>",
        desk.bad.id,
        "&lt;b onclick=",
        "不在允许值之列",
    ):
        assert said in zh["text"], said
    assert "<b onclick" not in zh["text"]
    assert "is not among the permitted values" in en["text"]
    assert (sent["status"], again["status"]) == (303, 303)
    [referral] = list(list_referrals(desk.steward))
    assert (referral.handler, referral.subject) == ("500000/ecology", desk.bad.id)
    assert "data_flag.enum" in referral.text
    assert "onclick" not in referral.text  # the ledger is everybody's to read: no cells
    assert referral.title in after["text"]


def test_differences_side_by_side_and_one_button(desk: Desk) -> None:
    form = {"kind": "boundary", "name": "tongbo-he"}
    home, zh, en, sent, again, absent = desk.pages.get(
        {"path": "/stewards/", "role": "user"},
        {"path": COMPARISON + "&lang=zh", "role": "user"},
        {"path": COMPARISON + "&lang=en", "role": "user"},
        {"path": "/stewards/objection/differences?lang=zh", "role": "user", "form": {**form}},
        {"path": "/stewards/objection/differences", "role": "user", "form": {**form}},
        {"path": "/stewards/differences?kind=boundary&name=..", "role": "user"},
    )
    assert "有不一致尚未提出异议" in home["text"]
    assert "单位换算：乙方 = 甲方 × 1000" in zh["text"]
    assert "unit factor: second = first × 1000" in en["text"]
    left, right = re.findall(r"<mark>([\d.]+) mg/L</mark>", zh["text"])[:2]
    assert float(right) == pytest.approx(1000 * float(left))
    assert (sent["status"], again["status"], absent["status"]) == (303, 303, 404)
    [referral] = [each for each in list_referrals(desk.steward) if each.subject == "boundary:tongbo-he"]
    assert referral.handler == "500000/water"
    after, closed = desk.pages.get(
        {"path": sent["headers"]["location"], "role": "user"}, {"path": "/stewards/", "role": "user"}
    )
    shown(differences=zh, differences_en=en, differences_after=after, referrals=closed)
    assert referral.id[:8] in after["text"]
    assert "<button>" not in after["text"]
    assert "有不一致尚未提出异议" not in closed["text"]
    assert "个工作日" in closed["text"]


def shown(**pages: dict[str, Any]) -> None:
    """Keep pages where somebody wants to look at them."""
    kept = os.environ.get("HECHUAN_SCREENS")
    for name, each in pages.items() if kept else ():
        (Path(str(kept)) / f"{name}.html").write_text(each["text"], encoding="utf-8")
