"""The DAG `pull_sources` by Airflow's own machinery against a real hub: a task per source, lateness told for each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
import yaml

from adapters.take.source import load_sources, pull
from exchange.errors import InvalidInputError, MalformedError, NotFoundError
from tests.airflows import AirflowHome, Dags
from tests.hubs import Site

pytestmark = pytest.mark.e2e
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


@pytest.mark.airflow
@pytest.mark.timeout(300)
def test_the_dag_maps_a_task_to_each_source(configured: Path, tmp_path: Path) -> None:
    home = AirflowHome(tmp_path / "airflow", {}, {})
    home.environment |= {
        "HECHUAN_SOURCES": str(configured),
        "HECHUAN_SOURCES_RETRIES": "0",
        "HECHUAN_SOURCES_STATE": str(tmp_path / "dag-state"),
        "HECHUAN_TEST_BASE": str(tmp_path / "gauges.sqlite"),
    }
    with Dags(home) as dags:
        tasks = dags.run("pull_sources")["tasks"]
    told = tasks["tell[-1]"]["returned"]
    assert set(told) == {"base", "sheets", "odd"}
    assert told["odd"] is None
    assert told["base"]["late"] is True
    pulls = [each["state"] for name, each in tasks.items() if name.startswith("pull[")]
    assert sorted(pulls) == ["failed", "success", "success"]
