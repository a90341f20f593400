"""The table engine against a slow reading of the same batches, row by row."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.batch.manifest import Kind
from exchange.contract.load import load_contract
from exchange.contract.model import Contract
from exchange.errors import StorageError
from exchange.ids import AgencyId, DatasetId, digest_of
from exchange.ports import BatchRecord, Condition, Part, Plan
from exchange.store.duck import DuckTableEngine
from tests.contracts import column, contract_text, key

OWNER = AgencyId.parse("500000/ecology")
AT = datetime(2026, 3, 1, tzinfo=UTC)
COLUMNS = [key("section", "string", 1), column("level", "number"), column("note", "string")]


@cache
def engine() -> DuckTableEngine:
    return DuckTableEngine(Path(tempfile.mkdtemp()))


@cache
def contract(timed: bool) -> Contract:
    """With the time in the key, batches can be told apart by their periods; without, they cannot."""
    time = key("at", "timestamp", 2) if timed else column("at", "timestamp", required=True)
    return load_contract(contract_text([*COLUMNS, time], timeColumn="at"))


@dataclass(frozen=True)
class Held:
    """A stored batch: rows, which of them are rejected (row → rules), and what it names as corrected."""

    kind: Kind
    rows: Sequence[dict[str, Any]]
    rejected: dict[int, list[str]]
    names: int | None
    without_note: bool


@st.composite
def batches(draw: st.DrawFn, timed: bool) -> list[Held]:
    found = []
    for at in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from([Kind.OBSERVATION, Kind.OBSERVATION, Kind.CORRECTION, Kind.RETRACTION]))
        days = draw(st.integers(0, 3))
        row = st.tuples(st.sampled_from("ABC"), st.integers(days, days + 1), st.none() | st.integers(0, 5))
        rows, rejected, keys = [], {}, set()
        for number, (section, day, level) in enumerate(draw(st.lists(row, max_size=5))):
            made = {
                "section": section,
                "at": AT + timedelta(days=day),
                "level": level,
                "note": draw(st.none() | st.just("n")),
            }
            identity = (section, day if timed else None)
            if identity in keys or draw(st.integers(0, 4)) == 0:
                rejected[number] = draw(st.sampled_from([["level.range"], ["level.range", "section.length"]]))
                if draw(st.booleans()):
                    made["at"] = None
            else:
                keys.add(identity)
            rows.append(made)
        names = draw(st.none() | st.integers(0, at - 1)) if at else None
        found.append(Held(kind, rows, rejected, names, draw(st.booleans())))
    return found


def stored(held: Sequence[Held], of: Contract, directory: Path) -> tuple[Part, ...]:
    return tuple(_part(index, item, of, directory) for index, item in enumerate(held))


def _part(index: int, held: Held, of: Contract, directory: Path) -> Part:
    names = [item.name for item in of.columns]
    if held.kind is Kind.RETRACTION:
        names = list(of.primary_key)
    elif held.without_note:
        names.remove("note")
    schema = pa.schema([pa.field(name, of.column(name).arrow_type) for name in reversed(names)])
    path, report = directory / f"[{index}]'.parquet", None
    pq.write_table(pa.Table.from_pylist(list(held.rows), schema), path, row_group_size=2)
    if held.rejected:
        report = directory / f"{index}.report"
        listed = [
            {"row": row, "rule": rule, "column": rule.split(".")[0], "value": "v", "severity": "error"}
            for row, rules in sorted(held.rejected.items())
            for rule in rules
        ]
        listed.insert(0, {"row": 0, "rule": "odd", "column": "note", "value": None, "severity": "warning"})
        pq.write_table(pa.Table.from_pylist(listed), report)
    times = [row["at"] for row in held.rows if row["at"]]
    timed = "at" in names
    record = BatchRecord(
        index=index * 3,
        id=_id(index),
        publisher=OWNER,
        idempotency_key=str(index),
        dataset=DatasetId(OWNER, "gauge"),
        contract=of.ref,
        kind=held.kind,
        object=_id(index),
        object_bytes=1,
        source=_id(index),
        encoded_by_hub=False,
        report=_id(index) if report else None,
        rows=len(held.rows),
        accepted=len(held.rows) - len(held.rejected),
        rejected=len(held.rejected),
        counts={},
        corrects=() if held.names is None else (_id(held.names),),
        period_from=min(times) if times and timed else None,
        period_until=max(times) if times and timed else None,
        recorded_at=AT + timedelta(hours=index),
    )
    return Part(record, path, report)


def _id(index: int) -> str:
    return digest_of(str(index).encode())


def as_stored(held: Held, row: dict[str, Any], of: Contract) -> dict[str, Any]:
    """A row as its file holds it."""
    if held.kind is Kind.RETRACTION:
        return {item.name: row[item.name] if item.name in of.primary_key else None for item in of.columns}
    return {
        item.name: None if held.without_note and item.name == "note" else row[item.name]
        for item in of.columns
    }


def identity(row: dict[str, Any], of: Contract) -> tuple[Any, ...]:
    return tuple(row[name] for name in of.primary_key)


def slow_standing(held: Sequence[Held], of: Contract) -> list[dict[str, Any]]:
    last: dict[tuple[Any, ...], int] = {}
    for index, item in enumerate(held):
        for number, row in enumerate(item.rows):
            if number not in item.rejected:
                last[identity(row, of)] = index
    return [
        as_stored(item, row, of)
        for index, item in enumerate(held)
        for number, row in enumerate(item.rows)
        if number not in item.rejected
        and item.kind is not Kind.RETRACTION
        and last[identity(row, of)] == index
    ]


def slow_history(held: Sequence[Held], of: Contract) -> list[dict[str, Any]]:
    return [
        as_stored(item, row, of)
        | {"_index": index * 3, "_kind": item.kind.value, "_recorded_at": AT + timedelta(hours=index)}
        for index, item in enumerate(held)
        for number, row in enumerate(item.rows)
        if number not in item.rejected
    ]


def slow_quarantine(held: Sequence[Held], of: Contract, corrected: bool) -> list[dict[str, Any]]:
    found = []
    for index, item in enumerate(held):
        for number, rules in sorted(item.rejected.items()):
            row = item.rows[number]
            right = _is_right(held, index, row, of, rules)
            found += [
                {
                    "_index": index * 3,
                    "_batch": _id(index),
                    "_row": number,
                    "_rule": rule,
                    "_column": rule.split(".")[0],
                }
                | {"_value": "v", "_corrected": right}
                | as_stored(item, row, of)
                for rule in rules
                if corrected or not right
            ]
    return found


def _is_right(held: Sequence[Held], index: int, row: dict[str, Any], of: Contract, rules: list[str]) -> bool:
    in_doubt = None in identity(row, of) or "section.length" in rules
    if in_doubt and any(other.names == index for other in held):
        return True
    return any(
        identity(candidate, of) == identity(row, of)
        for other in held[index + 1 :]
        for number, candidate in enumerate(other.rows)
        if number not in other.rejected
    )


FILTERS: list[tuple[Condition, Any]] = [
    (Condition("section", "eq", ("A",)), lambda row: row["section"] == "A"),
    (Condition("section", "in", ("A", "C'")), lambda row: row["section"] in ("A", "C'")),
    (
        Condition("at", "ge", (AT + timedelta(days=1),)),
        lambda row: row["at"] and row["at"] >= AT + timedelta(days=1),
    ),
    (
        Condition("at", "lt", (AT + timedelta(days=2),)),
        lambda row: row["at"] and row["at"] < AT + timedelta(days=2),
    ),
    (Condition("level", "gt", (2.0,)), lambda row: row["level"] is not None and row["level"] > 2),
    (Condition("level", "ne", (2.0,)), lambda row: row["level"] is not None and row["level"] != 2),
    (Condition("note", "is_null", ()), lambda row: row["note"] is None),
    (Condition("level", "not_null", ()), lambda row: row["level"] is not None),
]


@st.composite
def segments(draw: st.DrawFn) -> list[tuple[int, int]]:
    """Which stretches of at most five batches lie in a segment each."""
    cuts = sorted(draw(st.sets(st.integers(0, 5), max_size=4)))
    return [pair for pair in pairwise(cuts) if draw(st.booleans())]


def packed(
    parts: tuple[Part, ...], stretches: Sequence[tuple[int, int]], of: Contract, directory: Path
) -> tuple[Part, ...]:
    """The same parts, those of each stretch in one file."""
    found = list(parts)
    for start, end in stretches:
        of_stretch = parts[start:end]
        rows = pa.Table.from_batches(engine().packed(of, of_stretch)) if any_rows(of_stretch) else None
        if rows is None:
            continue
        path, reports = directory / f"{start}.rows", directory / f"{start}.reports"
        pq.write_table(rows, path, row_group_size=3)
        lines = list(engine().packed_reports(of_stretch))
        if lines:
            pq.write_table(pa.Table.from_batches(lines), reports)
        found[start:end] = [
            Part(each.record, path, each.report and reports, packed=True) for each in of_stretch
        ]
        assert engine().differing(of, of_stretch, found[start:end]) == 0
    return tuple(found)


def any_rows(parts: Sequence[Part]) -> bool:
    return any(part.record.rows for part in parts)


CASES = st.booleans().flatmap(lambda timed: st.tuples(st.just(timed), batches(timed)))


@given(
    CASES,
    segments(),
    st.integers(1, 5),
    st.lists(st.sampled_from(FILTERS), max_size=2),
    st.booleans(),
    st.none() | st.integers(1, 4),
)
@settings(max_examples=150, deadline=None)
def test_as_a_slow_reader(
    case: tuple[bool, list[Held]],
    stretches: list[tuple[int, int]],
    until: int,
    filters: list[tuple[Condition, Any]],
    history: bool,
    limit: int | None,
) -> None:
    """Whatever lies in segments, and at any size of the ledger."""
    timed, held = case
    of = contract(timed)
    with tempfile.TemporaryDirectory() as directory:
        names = tuple(item.name for item in of.columns)
        conditions = tuple(condition for condition, _ in filters)
        parts = packed(stored(held, of, Path(directory)), stretches, of, Path(directory))
        held = held[:until]
        plan = Plan(of, parts[:until], names, conditions, history, limit)
        found = list(engine().standing(plan))
        assert all(batch.schema == engine().schema(plan) for batch in found)
        rows = [row for batch in found for row in batch.to_pylist()]
        expected = (slow_history if history else slow_standing)(held, of)
        expected = [row for row in expected if all(holds(row) for _, holds in filters)][:limit]
        assert rows == expected


@given(
    CASES,
    segments(),
    st.integers(1, 5),
    st.booleans(),
    st.none() | st.integers(0, 4),
    st.none() | st.integers(1, 4),
)
@settings(max_examples=120, deadline=None)
def test_quarantine_as_a_slow_reader(
    case: tuple[bool, list[Held]],
    stretches: list[tuple[int, int]],
    until: int,
    corrected: bool,
    batch: int | None,
    limit: int | None,
) -> None:
    timed, held = case
    of = contract(timed)
    with tempfile.TemporaryDirectory() as directory:
        parts = packed(stored(held, of, Path(directory)), stretches, of, Path(directory))
        held = held[:until]
        plan = Plan(of, parts[:until], (), (), False, limit)
        wanted = None if batch is None else _id(batch)
        found = list(engine().quarantined(plan, corrected, wanted))
        assert all(each.schema == engine().quarantine_schema(plan) for each in found)
        expected = slow_quarantine(held, of, corrected)
        expected = [row for row in expected if wanted in (None, row["_batch"])][:limit]
        assert [row for each in found for row in each.to_pylist()] == expected


def test_a_batch_that_is_gone_is_a_storage_error(tmp_path: Path) -> None:
    row = {"section": "A", "at": AT, "level": 1.0, "note": None}
    (part,) = stored([Held(Kind.OBSERVATION, [row], {}, None, False)], contract(True), tmp_path)
    plan = Plan(contract(True), (part,), ("section",), (), False, None)
    assert [batch.to_pylist() for batch in engine().standing(plan)] == [[{"section": "A"}]]
    part.path.write_bytes(b"PAR1 and then nothing")
    with pytest.raises(StorageError):
        list(engine().standing(plan))
    with pytest.raises(StorageError):
        list(engine().standing(replace(plan, parts=(replace(part, path=tmp_path / "gone"),))))
