"""Segments of a real hub: signed answers are the same to the byte with and without them, and when they are damaged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from demo.hub import HubProcess, hechuan
from demo.sample import monitoring_sections, water_quality
from exchange.app.upkeep import opened
from exchange.batch.manifest import Kind
from exchange.client import Client, Filter, connect
from exchange.client.many import Outgoing
from exchange.client.query import Rows
from exchange.flow.recheck import Fault
from exchange.home import HubDirectory
from exchange.ids import DatasetId, digest_of
from exchange.ports import Segment

pytestmark = pytest.mark.e2e
DATASET = "500000/ecology/water-quality"
SMALL = """
[compact]
batch_rows = 20
least_batches = 3
segment_batches = 40
keep_seconds = 0
"""
BATCHES = 90


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[HubProcess, Client]]:
    """Ninety batches of three rows: bad ones, corrections and retractions among them, and one that is not small."""
    made = HubProcess(tmp_path_factory.mktemp("compact"), "500000")
    with (made.directory / "hub.toml").open("a", encoding="utf-8") as settings:
        settings.write(SMALL)
    with made, connect(made.enroll("ecology")) as client:
        client.publish("monitoring-section", monitoring_sections())
        for each in client.publish_many(outgoing()):
            assert not isinstance(each, Exception), each
        yield made, client


def outgoing() -> Iterator[Outgoing]:
    for at in range(BATCHES):
        rows = water_quality(3, at * 3)
        if at % 7 == 3:
            yield Outgoing("water-quality", worse(water_quality(5, at * 3)))
        elif at % 11 == 5:
            yield Outgoing("water-quality", water_quality(3, at * 3 - 3), Kind.CORRECTION)
        elif at % 13 == 6:
            keys = water_quality(2, at * 3 - 6).select(KEYS)
            yield Outgoing("water-quality", keys, Kind.RETRACTION)
        else:
            yield Outgoing("water-quality", water_quality(50, 10_000) if at == 62 else rows)


KEYS = ["section_code", "sampled_at", "item_code", "monitoring_mode"]


def worse(rows: pa.Table) -> pa.Table:
    """The second row's value is missing without a flag that allows it, the third's section is nobody's."""
    values, sections = (rows.column(name).to_pylist() for name in ("value", "section_code"))
    values[0], sections[2] = None, "CQ-NOWHERE"
    changed = rows
    for name, made in (("value", values), ("section_code", sections)):
        field = rows.schema.field(name)
        changed = changed.set_column(rows.schema.get_field_index(name), field, pa.array(made, field.type))
    return changed


def told(rows: Rows) -> dict[str, Any]:
    """What the hub's signature stands for, but for its time."""
    table = rows.table()
    assert rows.statement is not None
    assert rows.statement["rows"] == table.num_rows
    return {name: value for name, value in rows.statement.items() if name != "created_at"}


def answers(client: Client, sizes: Sequence[int]) -> list[dict[str, Any]]:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    found = [
        told(client.query(DATASET, as_of=size, history=past)) for size in sizes for past in (False, True)
    ]
    asked = [
        [Filter("item_code", "in", ("w01018", "w01001"))],
        [Filter("sampled_at", "ge", (noon.isoformat(),)), Filter("value", "gt", ("3",))],
        [Filter("value", "is_null", ())],
    ]
    found += [told(client.query(DATASET, as_of=sizes[-1], filters=each, limit=40)) for each in asked]
    found += [told(client.quarantine(DATASET, corrected=each)) for each in (False, True)]
    return found


def segments(hub: HubProcess) -> Sequence[Segment]:
    with opened(HubDirectory(hub.directory)) as upkeep:
        return upkeep.ledger.segments().live(DatasetId.parse(DATASET))


def files(hub: HubProcess, segment: Segment) -> list[Path]:
    """Its objects, as large ones; small ones are rows of a database."""
    names = [digest.removeprefix("sha256:") for digest in segment.objects]
    return [hub.directory / "state" / "objects" / name[:2] / name[2:4] / name for name in names]


def test_answers_are_the_same_to_the_byte(
    hub: tuple[HubProcess, Client], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made, client = hub
    entries = [batch.index for batch in client.batches(DATASET)]
    sizes = [entries[2], entries[20] + 1, entries[41], entries[-1] + 1]
    before = answers(client, sizes)
    assert hechuan("compact", made.directory) == 0
    assert "segments 段 3 · batches 批次 89 · made 新 3" in capsys.readouterr().out
    assert answers(client, sizes) == before
    batch = next(batch for batch in client.batches(DATASET) if batch.index == entries[3])
    client.fetch(batch.id, tmp_path / "signed.parquet")
    assert digest_of((tmp_path / "signed.parquet").read_bytes()) == batch.object
    assert hechuan("compact", made.directory) == 0
    assert "made 新 0 · replaced 换下 0" in capsys.readouterr().out
    assert hechuan("fsck", made.directory, "--sweep", "--grace", "0") == 0
    assert answers(client, sizes) == before


def newest(client: Client) -> list[dict[str, Any]]:
    size = max(batch.index for batch in client.batches(DATASET)) + 1
    return answers(client, [size])


def faults(hub: HubProcess, capsys: pytest.CaptureFixture[str], *options: str) -> set[str]:
    """Of what kinds fsck names; its exit code says the same."""
    capsys.readouterr()
    code = hechuan("fsck", hub.directory, *options)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("✗")]
    assert code == (1 if lines else 0)
    return {str(kind) for kind in Fault for line in lines if line.startswith(f"✗ {kind}")}


def test_a_lost_segment_is_made_again(
    hub: tuple[HubProcess, Client], capsys: pytest.CaptureFixture[str]
) -> None:
    made, client = hub
    hechuan("compact", made.directory)
    before = newest(client)
    for path in files(made, segments(made)[0]):
        path.unlink()
    assert newest(client) == before  # the hub reads the batches themselves
    assert faults(made, capsys) == {Fault.SEGMENT}
    assert hechuan("compact", made.directory) == 0
    assert "made 新 1" in capsys.readouterr().out
    assert newest(client) == before
    assert faults(made, capsys) == set()


def test_a_damaged_segment_is_named_and_made_again(
    hub: tuple[HubProcess, Client], capsys: pytest.CaptureFixture[str]
) -> None:
    made, client = hub
    hechuan("compact", made.directory)
    before = newest(client)
    path = files(made, segments(made)[1])[0]
    data = path.read_bytes()
    path.chmod(0o600)
    path.write_bytes(data[:100] + bytes([data[100] ^ 1]) + data[101:])
    assert faults(made, capsys) == {Fault.SEGMENT, Fault.DAMAGED_OBJECT}
    assert faults(made, capsys, "--sweep") == {Fault.SEGMENT, Fault.DAMAGED_OBJECT}
    assert hechuan("compact", made.directory) == 0
    assert faults(made, capsys) == set()
    assert newest(client) == before


def test_a_segment_that_says_something_else_is_named(
    hub: tuple[HubProcess, Client], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Sound as an object, but one value in it is nobody's."""
    made, client = hub
    hechuan("compact", made.directory)
    before = newest(client)
    right = segments(made)[2]
    table = pq.read_table(files(made, right)[0])
    values = table.column("value").to_pylist()
    values[4] = 999.0
    forged = table.set_column(table.column_names.index("value"), "value", pa.array(values))
    pq.write_table(forged, tmp_path / "forged")
    digest = digest_of((tmp_path / "forged").read_bytes())
    with opened(HubDirectory(made.directory)) as upkeep:
        upkeep.objects.put_file(tmp_path / "forged", digest)
        upkeep.ledger.segments().replace([replace(right, rows=digest)], [right], datetime.now(UTC))
    assert faults(made, capsys) == {Fault.SEGMENT}
    assert faults(made, capsys, "--sweep") == {Fault.SEGMENT}
    assert faults(made, capsys) == set()
    assert hechuan("compact", made.directory) == 0
    assert newest(client) == before


def test_a_segment_grows_with_its_dataset(
    hub: tuple[HubProcess, Client], capsys: pytest.CaptureFixture[str]
) -> None:
    """Not for every new batch; and what was replaced goes, once nobody reads it."""
    made, client = hub
    hechuan("compact", made.directory)
    old = segments(made)
    for at, grown in enumerate((0, 0, 1)):
        client.publish("water-quality", water_quality(3, 9_000 + at * 3))
        capsys.readouterr()
        hechuan("compact", made.directory)
        assert f"made 新 {grown} · replaced 换下 {grown}" in capsys.readouterr().out
    assert segments(made)[:-1] == old[:-1]
    assert segments(made)[-1].batches == old[-1].batches + 3
    before = newest(client)
    hechuan("compact", made.directory)  # forgets what was replaced
    assert hechuan("fsck", made.directory, "--sweep", "--grace", "0") == 0
    assert not files(made, old[-1])[0].exists()
    assert all(path.exists() for each in segments(made) for path in files(made, each))
    assert newest(client) == before
