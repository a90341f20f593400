"""Databases of departments, real ones: no late row is missed, none repeated, whatever is committed when."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml

from adapters.sql import adapter
from adapters.sql.mark import load_mark
from exchange.errors import InvalidInputError, MalformedError, UnavailableError
from tests.databases import MARIADB, mariadb

NOON = datetime(2026, 3, 19, 12)
MAPPING: dict[str, Any] = {
    "mapping": 1,
    "title": "实时水情 / Stages",
    "source": {
        "query": "SELECT stcd, stnm, tm, z, q, modified FROM st_river_r",
        "watermark": {"column": "modified", "overlap_minutes": 30},
        "zone": "+08:00",
    },
    "tables": [
        {
            "contract": "hydrology",
            "columns": {
                "station_code": {"from": "stcd"},
                "station_name": {"from": "stnm"},
                "observed_at": {"from": "tm"},
                "stage_m": {"from": "z"},
                "stage_datum": {"value": "wusong"},
                "discharge_m3s": {"from": "q"},
                "discharge_method": {"value": "rating"},
                "quality": {"value": "real-time"},
            },
        }
    ],
}


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres), "mariadb"]
)
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    place = tmp_path_factory.mktemp("database")
    if request.param == "sqlite":
        yield f"sqlite:///{place / 'gauges.sqlite'}"
    elif request.param == "postgresql":
        server: str = request.getfixturevalue("postgresql_server")
        yield server.replace("postgresql://", "postgresql+psycopg://", 1)
    elif MARIADB is None:
        pytest.skip("mariadbd is not installed (Debian package mariadb-server)")
    else:
        with mariadb(place) as found:
            yield found


@pytest.fixture
def table(url: str) -> Iterator[sa.Engine]:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "CREATE TABLE st_river_r (stcd varchar(8), stnm varchar(20), tm timestamp, z numeric(7,2),"
                " q double precision, modified timestamp NULL)"
            )
        )
    yield engine
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE st_river_r"))
    engine.dispose()


def insert(engine: sa.Engine, station: str, stage: float | None, modified: datetime | None) -> None:
    with engine.begin() as connection:
        connection.execute(
            sa.text("INSERT INTO st_river_r VALUES (:s, '朱沱', :t, :z, 3120.5, :m)").bindparams(
                sa.bindparam("t", type_=sa.DateTime), sa.bindparam("m", type_=sa.DateTime)
            ),
            {"s": station, "t": NOON, "z": stage, "m": modified},
        )


def mapping(tmp_path: Path, **source: Any) -> Path:
    path = tmp_path / "stages.yaml"
    changed = {**MAPPING, "source": {**MAPPING["source"], **source}}
    path.write_text(yaml.safe_dump(changed, allow_unicode=True), encoding="utf-8")
    return path


def pull(url: str, form: Path, state: Path, commit: bool = True) -> list[str]:
    reading = adapter.since(state).read(url, form)
    found = [row["station_code"] for piece in reading.pieces() for row in piece.rows.to_pylist()]
    if commit:
        reading.commit()
    return sorted(found)


def test_values_arrive_as_they_stand(url: str, table: sa.Engine, tmp_path: Path) -> None:
    insert(table, "60105400", 196.42, NOON)
    insert(table, "60105401", None, NOON)
    (piece,) = adapter.read(url, mapping(tmp_path)).pieces()
    first, second = sorted(piece.rows.to_pylist(), key=lambda row: str(row["station_code"]))
    assert (first["station_name"], first["stage_m"], first["discharge_m3s"]) == ("朱沱", 196.42, 3120.5)
    assert first["observed_at"] == datetime(2026, 3, 19, 4, tzinfo=UTC)
    assert second["stage_m"] is None


def test_late_rows_come_once(url: str, table: sa.Engine, tmp_path: Path) -> None:
    form, state = mapping(tmp_path), tmp_path / "mark.json"
    insert(table, "A", 1.0, NOON)
    insert(table, "B", 2.0, NOON + timedelta(minutes=60))
    assert pull(url, form, state) == ["A", "B"]
    assert pull(url, form, state) == []
    insert(table, "late", 3.0, NOON + timedelta(minutes=40))
    insert(table, "too-late", 3.0, NOON + timedelta(minutes=20))
    insert(table, "same", 4.0, NOON + timedelta(minutes=60))
    insert(table, "new", 5.0, NOON + timedelta(minutes=61))
    assert pull(url, form, state) == ["late", "new", "same"]
    insert(table, "late", 3.5, NOON + timedelta(minutes=40))
    assert pull(url, form, state) == ["late"]
    assert pull(url, form, state) == []
    kept = load_mark(state)
    assert kept.high == (NOON + timedelta(minutes=61)).isoformat()
    assert len(kept.seen) == 5


def test_what_was_not_committed_is_read_again(url: str, table: sa.Engine, tmp_path: Path) -> None:
    form, state = mapping(tmp_path), tmp_path / "mark.json"
    insert(table, "A", 1.0, NOON)
    assert pull(url, form, state, commit=False) == ["A"]
    assert pull(url, form, state) == ["A"]
    assert pull(url, form, state) == []


def test_a_beginning_is_kept_to(url: str, table: sa.Engine, tmp_path: Path) -> None:
    start = {"column": "modified", "overlap_minutes": 5, "start": "2026-03-19T12:00:00"}
    form = mapping(tmp_path, watermark=start)
    insert(table, "old", 1.0, NOON - timedelta(days=1))
    insert(table, "new", 1.0, NOON)
    assert pull(url, form, tmp_path / "mark.json") == ["new"]


def test_what_cannot_be_read_is_told(url: str, table: sa.Engine, tmp_path: Path) -> None:
    assert table is not None
    with pytest.raises(InvalidInputError, match="query fails"):
        list(adapter.read(url, mapping(tmp_path, query="SELEC 1")).pieces())
    with pytest.raises(MalformedError, match="stcd"):
        list(
            adapter.read(
                url, mapping(tmp_path, query="SELECT tm, z, q, stnm, modified FROM st_river_r")
            ).pieces()
        )
    broken = tmp_path / "mark.json"
    broken.write_text("{}")
    with pytest.raises(MalformedError, match="watermark"):
        adapter.since(broken).read(url, mapping(tmp_path))


def test_a_database_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError):
        list(adapter.read("mysql+pymysql://nobody@127.0.0.1:1/x", mapping(tmp_path)).pieces())
    with pytest.raises(InvalidInputError):
        adapter.read("nonsense", mapping(tmp_path))
