"""The stewards' page in Airflow's own API server: Airflow's login guards it, and three clicks find a cell."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from demo.hub import HubProcess
from demo.sample import monitoring_sections
from exchange.client import Client, connect
from exchange.client.publish import Published
from exchange.client.referral import list_referrals
from tests.airflows import AirflowHome, airflow_database
from tests.e2e.test_validate_batches import QUALITY, samples

pytestmark = [pytest.mark.e2e, pytest.mark.airflow]


@dataclass(frozen=True, slots=True)
class Desk:
    """A hub with one bad batch, its steward, and their Airflow."""

    airflow: AirflowHome
    steward: Client
    bad: Published

    def ask(self, *questions: dict[str, Any]) -> list[dict[str, Any]]:
        answers: list[dict[str, Any]] = json.loads(
            self.airflow.python("-m", "tests.page_driver", json.dumps(questions))
        )
        return answers


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    root = tmp_path_factory.mktemp("desk")
    hub = HubProcess(root, "500000", ["--stewards", "joint-office"])
    with hub:
        owner_home, steward_home = (hub.enroll(name) for name in ("ecology", "joint-office"))
        away = root / "nowhere"
        feeds = {QUALITY: "hechuan_default", "500000/ecology/hydrology": "hechuan_away"}
        airflow = AirflowHome(
            root / "airflow", {"hechuan_default": steward_home, "hechuan_away": away}, feeds
        )
        airflow_database(airflow)
        with connect(owner_home) as owner, connect(steward_home) as steward:
            owner.publish("monitoring-section", monitoring_sections())
            cell = '<b onclick="x">X</b>'
            bad = owner.publish("water-quality", samples(240, data_flag={3: cell}, value={7: -4.0}))
            yield Desk(airflow, steward, bad)


def test_every_route_asks_for_airflows_login(desk: Desk) -> None:
    page = f"/stewards/pages/{QUALITY}/batch.html"
    batch = f"/stewards/batch?dataset={QUALITY}&id={desk.bad.id}"
    gets = [
        "/stewards/",
        batch,
        page,
        "/stewards/pages/pages.css",
        "/stewards/docs",
        "/stewards/openapi.json",
    ]
    form = {"dataset": QUALITY, "id": desk.bad.id}
    answers = desk.ask(
        *({"path": path} for path in gets),
        {"path": "/stewards/objection", "form": form},
        {"path": "/stewards/", "role": "viewer"},
        {"path": "/stewards/openapi.json", "role": "admin"},
        {"path": "/stewards/objection", "role": "viewer", "form": form},
        {"path": "/stewards/objection", "role": "admin", "form": {**form, "_origin": "http://elsewhere"}},
    )
    nobody, logged_in = answers[:7], answers[7:]
    assert {each["status"] for each in nobody[:4]} == {401}
    assert {each["status"] for each in nobody[4:6]} <= {401, 404}
    assert nobody[6]["status"] == 401
    assert [each["status"] for each in logged_in] == [200, 404, 403, 403]
    assert not any("500000" in each["text"] for each in nobody)
    assert list(list_referrals(desk.steward)) == []


def test_from_the_page_to_the_cell_in_two_clicks_and_on_to_an_objection(desk: Desk) -> None:
    [home] = desk.ask({"path": "/stewards/", "role": "user"})
    assert "Content-Security-Policy".lower() in home["headers"]
    assert desk.bad.id[7:19] in home["text"]
    assert "枢纽不可达" in home["text"]
    link = next(unescape(each) for each in re.findall(r'href="([^"]+)"', home["text"]) if "/batch?" in each)
    form = {"dataset": QUALITY, "id": desk.bad.id}
    zh, en, sent, again, after = desk.ask(
        {"path": link, "role": "user"},
        {"path": link.replace("lang=zh", "lang=en"), "role": "user"},
        {"path": "/stewards/objection", "role": "user", "form": form},
        {"path": "/stewards/objection", "role": "user", "form": form},
        {"path": "/stewards/?lang=en", "role": "user"},
    )
    kept = os.environ.get("HECHUAN_SCREENS")  # where somebody wants to look at the pages
    pages = {"home": home, "zh": zh, "en": en, "after": after} if kept else {}
    for name, each in pages.items():
        (Path(str(kept)) / f"{name}.html").write_text(each["text"], encoding="utf-8")
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
