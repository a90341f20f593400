"""The DAG `pull_sources` by Airflow's own machinery against a real hub: a task per source, lateness told for each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml

from adapters.take.source import load_sources, pull
from exchange.errors import InvalidInputError, MalformedError, NotFoundError
from tests.hubs import Site

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 3, 19, 4, tzinfo=UTC)
TABLES = {
    "mapping": 1,
    "title": "水情 / Stages",
    "tables": [
        {
            "contract": "hydrology",
            "columns": {
                "station_code": {"from": "stcd"},
                "observed_at": {"from": "tm"},
                "stage_m": {"from": "z"},
                "stage_datum": {"value": "wusong"},
                "quality": {"value": "real-time"},
            },
        }
    ],
}
DRIVER = """
import json, logging, sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(sys.argv[1])
assert not bag.import_errors, bag.import_errors
run = bag.dags["pull_sources"].test()
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from sqlalchemy import select
with create_session() as session:
    query = select(XComModel).where(XComModel.run_id == run.run_id, XComModel.task_id == "tell")
    value = session.scalars(query).one().value
states = {f"{each.task_id}[{each.map_index}]": str(each.state) for each in run.get_task_instances()}
told = json.loads(value) if isinstance(value, str) else value
print("ANSWER" + json.dumps({"states": states, "told": told}))
"""


@pytest.fixture
def configured(site: Site, tmp_path: Path) -> Path:
    """Two sources that work and one that does not."""
    database = sa.create_engine(f"sqlite:///{tmp_path / 'gauges.sqlite'}")
    with database.begin() as connection:
        connection.execute(sa.text("CREATE TABLE st_river_r (stcd text, tm text, z real)"))
        connection.execute(
            sa.text("INSERT INTO st_river_r VALUES ('60105400', '2026-03-19 11:00:00', 196.4)")
        )
    database.dispose()
    source = {"query": "SELECT * FROM st_river_r", "watermark": {"column": "tm", "overlap_minutes": 60}}
    mappings = {"sheet": TABLES, "base": {**TABLES, "source": source}}
    for name, mapping in mappings.items():
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(mapping, allow_unicode=True), encoding="utf-8")
    for day in (17, 18):
        (tmp_path / f"in-{day}.csv").write_text(
            f"stcd,tm,z\n60105401,2026-03-{day} 08:00,1.5\n", encoding="utf-8"
        )
    (tmp_path / "odd.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    shared = {"home": str(site.water), "late_after_minutes": 120}
    sources = [
        {
            "name": "base",
            "adapter": "sql",
            "source": "sqlite:///${HECHUAN_TEST_BASE}",
            "mapping": "base.yaml",
        },
        {"name": "sheets", "adapter": "tabular", "source": f"{tmp_path}/in-*.csv", "mapping": "sheet.yaml"},
        {"name": "odd", "adapter": "tabular", "source": f"{tmp_path}/odd.csv", "mapping": "sheet.yaml"},
    ]
    listed = [{**each, **shared, "mapping": str(tmp_path / each["mapping"])} for each in sources]
    path = tmp_path / "sources.yaml"
    path.write_text(yaml.safe_dump({"sources": listed}), encoding="utf-8")
    return path


def test_a_pull_publishes_what_is_new(
    configured: Path, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HECHUAN_TEST_BASE", str(tmp_path / "gauges.sqlite"))
    sources, state = load_sources(configured), tmp_path / "state"
    first = pull(sources["base"], state, NOW)
    assert (first.rows, first.accepted, first.late_minutes, first.late) == (1, 1, 60.0, False)
    again = pull(sources["base"], state, NOW + timedelta(hours=2))
    assert (again.rows, again.late_minutes, again.late) == (0, 180.0, True)
    assert pull(sources["sheets"], state, NOW).rows == 2
    assert pull(sources["sheets"], state, NOW).rows == 0
    with pytest.raises(MalformedError):
        pull(sources["odd"], state)
    monkeypatch.delenv("HECHUAN_TEST_BASE")
    with pytest.raises(NotFoundError, match="HECHUAN_TEST_BASE"):
        pull(sources["base"], state)
    with site.client() as client:
        stations = client.query("500000/water/hydrology").table()["station_code"].to_pylist()
    assert sorted(stations) == ["60105400", "60105401", "60105401"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sources: 3",
        "sources: [{name: a}]",
        "sources: [{name: A b, adapter: sql, source: x, mapping: m, home: h, late_after_minutes: 1}]",
    ],
)
def test_a_bad_configuration_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "sources.yaml"
    path.write_text(text)
    with pytest.raises(InvalidInputError):
        load_sources(path)


def test_the_dag_maps_a_task_to_each_source(configured: Path, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
        "HECHUAN_SOURCES": str(configured),
        "HECHUAN_SOURCES_RETRIES": "0",
        "HECHUAN_SOURCES_STATE": str(tmp_path / "dag-state"),
        "HECHUAN_TEST_BASE": str(tmp_path / "gauges.sqlite"),
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "ignore",
    }
    answer = run(environment, "-m", "airflow", "db", "migrate")
    answer = run(environment, "-c", DRIVER, str(ROOT / "dags"))
    found: dict[str, Any] = json.loads(answer.rpartition("ANSWER")[2])
    assert found["told"]["odd"] is None
    assert found["told"]["base"]["late"] is True
    assert set(found["told"]) == {"base", "sheets", "odd"}
    pulls = [state for name, state in found["states"].items() if name.startswith("pull[")]
    assert sorted(pulls) == ["failed", "success", "success"]


def run(environment: dict[str, str], *words: str) -> str:
    done = subprocess.run(
        [sys.executable, *words], env=environment, capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout
