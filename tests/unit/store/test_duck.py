"""The table engine, case by case; `tests/properties/test_duck.py` holds it to a slow reader."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from exchange.batch.manifest import Kind
from exchange.contract.load import load_contract
from exchange.contract.model import Contract
from exchange.errors import StorageError
from exchange.ids import AgencyId, ContractRef, DatasetId, digest_of
from exchange.ports import BatchRecord, Condition, Part, Plan
from exchange.store.duck import DuckTableEngine
from tests.contracts import column, contract_text, gauge, key

OWNER = AgencyId.parse("500000/ecology")
AT = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
Row = dict[str, Any]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckTableEngine]:
    made = DuckTableEngine(tmp_path_factory.mktemp("spill"))
    yield made
    made.close()


class Shelf:
    """Stored batches under one contract, in the order of `put`."""

    def __init__(self, directory: Path, contract: Contract | None = None) -> None:
        self.directory = directory
        self.contract = contract or gauge()
        self.parts: list[Part] = []

    def put(
        self,
        rows: Sequence[Row] | pa.Table,
        kind: Kind = Kind.OBSERVATION,
        rejected: Sequence[tuple[int, str, str]] = (),
        **facts: Any,
    ) -> Part:
        """`rejected`: (row, rule, column)."""
        at = len(self.parts)
        table = rows if isinstance(rows, pa.Table) else self._table(rows, kind)
        path, report = self.directory / f"{at}.parquet", None
        pq.write_table(table, path, row_group_size=1000)
        if rejected:
            report = self.directory / f"{at}.report"
            named: dict[str, list[Any]] = {"row": [], "rule": [], "column": [], "value": [], "severity": []}
            for row, rule, name in rejected:
                for field, value in zip(named, (row, rule, name, "?", "error"), strict=True):
                    named[field].append(value)
            pq.write_table(pa.table({**named, "row": pa.array(named["row"], pa.int64())}), report)
        gone = len({row for row, *_ in rejected})
        times = (
            [moment for moment in table.column("at").to_pylist() if moment]
            if "at" in table.column_names
            else []
        )
        record = BatchRecord(
            index=at,
            id=identity(at),
            publisher=OWNER,
            idempotency_key=str(at),
            dataset=DatasetId(OWNER, self.contract.ref.name),
            contract=self.contract.ref,
            kind=kind,
            object=identity(at),
            object_bytes=1,
            source=identity(at),
            encoded_by_hub=False,
            report=identity(at) if report else None,
            rows=table.num_rows,
            accepted=table.num_rows - gone,
            rejected=gone,
            counts={},
            corrects=(),
            period_from=min(times, default=None),
            period_until=max(times, default=None),
            recorded_at=AT,
        )
        part = Part(replace(record, **facts), path, report)
        self.parts.append(part)
        return part

    def plan(self, *conditions: Condition, columns: Sequence[str] = ("note",), **more: Any) -> Plan:
        wanted = {"history": False, "limit": None} | more
        return Plan(self.contract, tuple(self.parts), tuple(columns), conditions, **wanted)

    def _table(self, rows: Sequence[Row], kind: Kind) -> pa.Table:
        schema = self.contract.arrow_schema
        if kind is Kind.RETRACTION:
            schema = pa.schema([schema.field(name) for name in self.contract.primary_key])
        schema = pa.schema([pa.field(item.name, item.type) for item in schema])
        return pa.Table.from_pylist([{name: row.get(name) for name in schema.names} for row in rows], schema)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


def identity(at: int) -> str:
    return digest_of(str(at).encode())


def row(section: str, hour: int, note: str | None = None, **more: Any) -> Row:
    return {"section": section, "at": AT + hour * HOUR, "note": note, **more}


def notes(engine: DuckTableEngine, plan: Plan) -> list[Any]:
    return [value for batch in engine.standing(plan) for value in batch.column(0).to_pylist()]


def test_the_last_batch_counts_and_order_is_the_ledgers(engine: DuckTableEngine, shelf: Shelf) -> None:
    shelf.put([row("A", 0, "a0"), row("B", 0, "b0"), row("C", 0, "c0")])
    shelf.put([row("B", 0, "b1"), row("A", 9, "a9")], Kind.CORRECTION)
    assert notes(engine, shelf.plan()) == ["a0", "c0", "b1", "a9"]
    assert notes(engine, shelf.plan(limit=3)) == ["a0", "c0", "b1"]
    assert notes(engine, shelf.plan(limit=0)) == []


def test_a_retraction_ends_and_a_later_row_returns(engine: DuckTableEngine, shelf: Shelf) -> None:
    shelf.put([row("A", 0, "a0"), row("B", 0, "b0")])
    shelf.put([row("A", 0), row("B", 0)], Kind.RETRACTION)
    assert notes(engine, shelf.plan()) == []
    shelf.put([row("B", 0, "b2")])
    assert notes(engine, shelf.plan()) == ["b2"]
    rows = [item for batch in engine.standing(shelf.plan(history=True)) for item in batch.to_pylist()]
    assert [(item["note"], item["_index"], item["_kind"]) for item in rows] == [
        ("a0", 0, "observation"),
        ("b0", 0, "observation"),
        (None, 1, "retraction"),
        (None, 1, "retraction"),
        ("b2", 2, "observation"),
    ]


def test_rejected_rows_neither_stand_nor_supersede(engine: DuckTableEngine, shelf: Shelf) -> None:
    shelf.put([row("A", 0, "a0"), row("B", 0, "b0")])
    shelf.put([row("A", 0, "bad"), row("B", 0, "b1")], rejected=[(0, "level.range", "level")])
    assert notes(engine, shelf.plan()) == ["a0", "b1"]


def test_a_condition_off_the_key_looks_at_what_stands(engine: DuckTableEngine, shelf: Shelf) -> None:
    shelf.put([row("A", 0, "old", level=1.0)])
    shelf.put([row("A", 0, "new", level=2.0)])
    assert notes(engine, shelf.plan(Condition("level", "eq", (1.0,)))) == []
    assert notes(engine, shelf.plan(Condition("level", "ne", (1.0,)))) == ["new"]


def test_periods_that_are_unknown_may_overlap(engine: DuckTableEngine, shelf: Shelf) -> None:
    shelf.put([row("A", 0, "old")], period_from=None, period_until=None)
    shelf.put([row("A", 0, "new")])
    assert notes(engine, shelf.plan()) == ["new"]


def test_no_parts_no_rows(engine: DuckTableEngine, shelf: Shelf) -> None:
    for plan in (shelf.plan(), shelf.plan(history=True)):
        assert list(engine.standing(plan)) == []
    assert list(engine.quarantined(shelf.plan(), True)) == []
    assert engine.schema(shelf.plan(columns=("at", "level"), history=True)).types == [
        pa.timestamp("us", tz="UTC"),
        pa.float64(),
        pa.int64(),
        pa.string(),
        pa.timestamp("us", tz="UTC"),
    ]


def test_many_values_keep_the_order(engine: DuckTableEngine, shelf: Shelf) -> None:
    size, sections = 60_000, 300
    table = pa.table(
        {
            "section": [f"S{at % sections}" for at in range(size)],
            "at": pa.array([AT + at // sections * HOUR for at in range(size)], pa.timestamp("us", tz="UTC")),
            "count": pa.array(range(size), pa.int32()),
        }
    )
    for _ in range(3):
        shelf.put(table)
    wanted = tuple(f"S{at}" for at in range(0, sections, 3))
    plan = shelf.plan(Condition("section", "in", wanted), columns=("count",), history=True)
    first = pa.Table.from_batches(engine.standing(plan))
    assert first.column("_index").to_pylist() == sorted(first.column("_index").to_pylist())
    assert first.column("count").to_pylist() == 3 * [at for at in range(size) if at % sections % 3 == 0]


INSTANT = datetime(1, 1, 1, tzinfo=timezone(8 * HOUR))
CONDITIONS: list[tuple[Condition, list[str | None]]] = [
    (Condition("note", "eq", ("it's",)), ["it's"]),
    (Condition("note", "eq", ("x' OR TRUE --",)), []),
    (Condition("note", "eq", ("a\0b",)), ["a\0b"]),
    (Condition("note", "in", ("a\0b", "it's", "?")), ["it's", "a\0b"]),
    (Condition("note", "ne", ("it's",)), ["a\0b"]),
    (Condition("note", "is_null", ()), [None]),
    (Condition("note", "not_null", ()), ["it's", "a\0b"]),
    (Condition("at", "ge", (INSTANT,)), ["it's", "a\0b", None]),
    (Condition("at", "lt", (INSTANT,)), []),
    (Condition("at", "gt", (AT.astimezone(timezone(8 * HOUR)),)), ["a\0b", None]),
    (Condition("at", "le", (AT,)), ["it's"]),
    (Condition("count", "eq", (1 << 200,)), []),
    (Condition("count", "ne", (1 << 200,)), ["it's", "a\0b"]),
    (Condition("count", "gt", (-(1 << 200),)), ["it's", "a\0b"]),
    (Condition("count", "in", (2, 1 << 40)), ["a\0b"]),
    (Condition("level", "lt", (math.inf,)), ["it's", "a\0b"]),
    (Condition("level", "gt", (1,)), ["a\0b"]),
    (Condition("day", "eq", (date(2026, 3, 2),)), ["a\0b"]),
    (Condition("day", "in", (date(2026, 3, 1), date(1, 1, 1))), ["it's"]),
    (Condition("automatic", "eq", (False,)), ["a\0b"]),
    (Condition("automatic", "in", (True, False)), ["it's", "a\0b"]),
]


@pytest.mark.parametrize("history", [False, True])
@pytest.mark.parametrize(("condition", "expected"), CONDITIONS, ids=str)
def test_conditions(
    engine: DuckTableEngine, shelf: Shelf, condition: Condition, expected: list[str | None], history: bool
) -> None:
    shelf.put(
        [
            row("A", 0, "it's", level=1.0, count=1, day=date(2026, 3, 1), automatic=True),
            row("A", 1, "a\0b", level=2.0, count=2, day=date(2026, 3, 2), automatic=False),
            row("A", 2),
        ]
    )
    assert notes(engine, shelf.plan(condition, history=history)) == expected


NUMBERS = ["i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "f32", "f64"]


@pytest.mark.parametrize("form", NUMBERS)
def test_numbers_of_every_width(engine: DuckTableEngine, tmp_path: Path, form: str) -> None:
    kind = "integer" if form[0] in "iu" else "number"
    value = column("value", kind, logicalTypeOptions={"format": form})
    contract = load_contract(contract_text([key("section", "string", 1), value]))
    shelf, top = Shelf(tmp_path, contract), 0.1 if kind == "number" else 100
    if form == "u64":
        top = (1 << 64) - 1
    shelf.put([{"section": "A", "value": top}, {"section": "B", "value": 1}])
    for operator, expected in (
        ("eq", ["A"]),
        ("lt", ["B"] if top > 1 else []),
        ("ge", ["A"] if top > 1 else ["A", "B"]),
    ):
        assert (
            notes(engine, shelf.plan(Condition("value", operator, (top,)), columns=("section",))) == expected
        )
    if kind == "number":
        assert notes(engine, shelf.plan(Condition("value", "lt", (1e300,)), columns=("section",))) == [
            "A",
            "B",
        ]
    (batch,) = engine.standing(shelf.plan(columns=("value",)))
    assert batch.schema == engine.schema(shelf.plan(columns=("value",)))
    assert batch.schema.field("value").type == contract.column("value").arrow_type


def test_files_of_other_shapes(engine: DuckTableEngine, shelf: Shelf) -> None:
    """Narrower types, dictionaries, other order, absent and untyped columns, instants of another unit and zone."""
    shelf.put(
        pa.table(
            {
                "note": pa.nulls(1),
                "count": pa.array([7], pa.int8()),
                "level": pa.array([0.5], pa.float32()),
                "at": pa.array([AT], pa.timestamp("ms", tz="Asia/Shanghai")),
                "section": pa.array(["A"]).dictionary_encode(),
            }
        )
    )
    shelf.put(
        pa.table(
            {
                "section": pa.array(["B"], pa.large_string()),
                "at": pa.array([AT], pa.timestamp("ns", tz="UTC")),
                "level": pa.array([3], pa.int64()),
                "day": pa.array([date(2026, 3, 1)], pa.date64()),
            }
        )
    )
    plan = shelf.plan(columns=[item.name for item in shelf.contract.columns])
    found = pa.Table.from_batches(engine.standing(plan))
    assert found.schema == engine.schema(plan)
    empty = {"count": None, "day": None, "automatic": None, "note": None}
    assert found.to_pylist() == [
        empty | {"section": "A", "at": AT, "level": 0.5, "count": 7},
        empty | {"section": "B", "at": AT, "level": 3.0, "day": date(2026, 3, 1)},
    ]


@pytest.mark.parametrize("name", ["section=7", "a'[?]*"])
def test_a_directory_says_nothing_about_its_rows(engine: DuckTableEngine, tmp_path: Path, name: str) -> None:
    directory = tmp_path / name
    directory.mkdir()
    shelf = Shelf(directory)
    shelf.put([row("A", 0)])
    assert notes(engine, shelf.plan(columns=("section",))) == ["A"]


def test_columns_named_as_the_scans_own(engine: DuckTableEngine, tmp_path: Path) -> None:
    names = ("file_index", "file_row_number", "filename", "pos")
    extra = [column(name, "integer") for name in names]
    shelf = Shelf(tmp_path, load_contract(contract_text([key("section", "string", 1), *extra])))
    for at in range(2):
        rows = [{"section": section} | dict.fromkeys(names, 70 + at) for section in "AB"]
        shelf.put(rows, rejected=[(1, "odd", "pos")])
    plan = shelf.plan(columns=("section", *names), history=True)
    found = [item for batch in engine.standing(plan) for item in batch.to_pylist()]
    assert [(item["section"], item["file_index"], item["pos"], item["_index"]) for item in found] == [
        ("A", 70, 70, 0),
        ("A", 71, 71, 1),
    ]
    wrong = [item for batch in engine.quarantined(plan, True) for item in batch.to_pylist()]
    assert [(item["section"], item["file_row_number"], item["_row"]) for item in wrong] == [
        ("B", 70, 1),
        ("B", 71, 1),
    ]


def test_a_required_column_younger_than_the_batch_is_null(engine: DuckTableEngine, tmp_path: Path) -> None:
    young = load_contract(
        contract_text([key("section", "string", 1), column("note", "string", required=True)])
    )
    shelf = Shelf(tmp_path, young)
    shelf.put(pa.table({"section": ["A"]}))
    plan = shelf.plan()
    found = pa.Table.from_batches(engine.standing(plan), engine.schema(plan))
    pq.write_table(found, tmp_path / "out.parquet")
    assert found.to_pylist() == [{"note": None}]


def test_quarantine_until_a_later_batch_answers(engine: DuckTableEngine, shelf: Shelf) -> None:
    findings = [
        (0, "level.range", "level"),
        (0, "note.length", "note"),
        (1, "at.required", "at"),
        (2, "odd", "level"),
    ]
    shelf.put([row("A", 0, "a"), {"section": "B"}, row("C", 0, "c"), row("D", 0, "d")], rejected=findings)

    def open_ones() -> list[tuple[int, str, str]]:
        batches = engine.quarantined(shelf.plan(), False)
        return [
            (item["_row"], item["_rule"], item["note"]) for batch in batches for item in batch.to_pylist()
        ]

    everything = [(0, "level.range", "a"), (0, "note.length", "a"), (1, "at.required", None), (2, "odd", "c")]
    assert open_ones() == everything
    shelf.put([row("A", 0, "a1")], rejected=[(0, "level.range", "level")])
    assert open_ones() == [*everything, (0, "level.range", "a1")]
    shelf.put([row("A", 0, "a2")], Kind.CORRECTION)
    assert open_ones() == everything[2:]
    shelf.put([row("C", 0)], Kind.RETRACTION)
    assert open_ones() == everything[2:3]
    # A row without a whole key can only be answered by a batch that names its batch.
    shelf.put([row("B", 5)], Kind.CORRECTION, corrects=(identity(0),))
    assert open_ones() == []
    batches = list(engine.quarantined(shelf.plan(), True))
    assert all(batch.schema == engine.quarantine_schema(shelf.plan()) for batch in batches)
    assert [item["_corrected"] for batch in batches for item in batch.to_pylist()] == [True] * 5


def test_threads_ask_at_once(engine: DuckTableEngine, shelf: Shelf) -> None:
    shelf.put([row("A", at, f"a{at}") for at in range(3000)], rejected=[(7, "odd", "note")])
    shelf.put([row("A", 5, "new")])
    one = notes(engine, shelf.plan())
    assert len(one) == 2999
    with ThreadPoolExecutor(6) as pool:
        assert all(found == one for found in pool.map(lambda _: notes(engine, shelf.plan()), range(24)))


def test_an_answer_may_be_left_early(engine: DuckTableEngine, shelf: Shelf) -> None:
    size = 200_000
    table = pa.table(
        {
            "section": ["A"] * size,
            "at": pa.array(
                [AT + at * timedelta(seconds=1) for at in range(size)], pa.timestamp("us", tz="UTC")
            ),
        }
    )
    shelf.put(table)
    answer = engine.standing(shelf.plan(columns=("at",)))
    assert next(answer).num_rows < size
    answer.close()  # type: ignore[attr-defined]
    assert len(notes(engine, shelf.plan(columns=("at",), limit=5))) == 5


def _lose_object(part: Part) -> None:
    part.path.unlink()


def _lose_report(part: Part) -> None:
    assert part.report is not None
    part.report.unlink()


def _cut_object(part: Part) -> None:
    part.path.write_bytes(part.path.read_bytes()[:-30])


def _spoil_pages(part: Part) -> None:
    data = bytearray(part.path.read_bytes())
    data[4:200] = b"\xff" * 196
    part.path.write_bytes(data)


def _foreign_report(part: Part) -> None:
    assert part.report is not None
    listed = pa.table(
        {"row": [10_000], "rule": ["r"], "column": ["c"], "value": ["v"], "severity": ["error"]}
    )
    pq.write_table(listed, part.report)


def _other_type(part: Part) -> None:
    pq.write_table(pa.table({"section": ["A"], "at": ["never"], "note": ["n"]}), part.path)


DAMAGE = [_lose_object, _lose_report, _cut_object, _spoil_pages, _foreign_report, _other_type]


@pytest.mark.parametrize("history", [False, True])
@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_a_storage_error(engine: DuckTableEngine, shelf: Shelf, damage: Any, history: bool) -> None:
    rows = [row("A", at, f"{at:>50}") for at in range(50)]
    part = shelf.put(rows, rejected=[(3, "odd", "note")])
    plan = shelf.plan(columns=("section", "at", "note"), history=history)
    assert sum(batch.num_rows for batch in engine.standing(plan)) == 49
    damage(part)
    with pytest.raises(StorageError):
        list(engine.standing(plan))


def test_rejected_rows_without_a_report(engine: DuckTableEngine, shelf: Shelf) -> None:
    shelf.put([row("A", 0)], rejected=[(0, "odd", "note")])
    shelf.parts[0] = replace(shelf.parts[0], report=None)
    with pytest.raises(StorageError, match="no report"):
        list(engine.standing(shelf.plan()))


def test_another_minor_version_reads_alike(engine: DuckTableEngine, shelf: Shelf) -> None:
    shelf.put([row("A", 0, "a")], contract=ContractRef.parse("gauge@1.4.0"))
    assert notes(engine, shelf.plan()) == ["a"]
