"""What a verdict promises, held to the check itself: rows that count under one version count under the other."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.contract.check import CheckResult, CompiledCheck
from exchange.contract.compat import compare, satisfies
from exchange.contract.load import load_contract
from exchange.contract.model import Compatibility, Contract
from tests.contracts import column, contract_text, key, rule

WORDS = ("a", "b", "ab", "c")
PREDICATES = (
    "level > mark",
    "level IS NULL AND mark IS NULL",
    "NOT (level > 1 AND mark > 1)",
    "COALESCE(mark, level) > 2",
    "CASE WHEN mark IS NULL THEN level ELSE 0 END > 2",
    "word = 'a' AND mark IS NULL",
)
DATA: dict[str, tuple[Any, pa.DataType]] = {
    "level": (st.none() | st.integers(0, 4), pa.float64()),
    "mark": (st.none() | st.integers(0, 4), pa.float64()),
    "word": (st.none() | st.sampled_from(WORDS), pa.string()),
}


@lru_cache(512)
def text(columns: tuple[tuple[str, tuple[Any, ...]], ...], rules: tuple[tuple[str, str], ...]) -> Contract:
    properties = [key("id", "integer", 1)]
    for name, (required, low, high, words) in columns:
        more: dict[str, Any] = {"required": required, "logicalTypeOptions": {}}
        if name == "word":
            more["enum"] = [{"value": word, "label": f"词 / {word}"} for word in words]
        else:
            bounds = {"minimum": low, "exclusiveMaximum": high}
            more["logicalTypeOptions"] = {name: at for name, at in bounds.items() if at is not None}
        properties.append(column(name, "string" if name == "word" else "number", **more))
    return load_contract(contract_text(properties, [rule(f"r{w}", w_, s) for w, (w_, s) in enumerate(rules)]))


@st.composite
def version(draw: st.DrawFn) -> Contract:
    names = draw(st.sets(st.sampled_from(["mark", "word"]))) | {"level"}
    bound = st.none() | st.integers(0, 4)
    columns = []
    for name in sorted(names):
        low, high = draw(bound), draw(bound)
        if low is not None and high is not None and low > high:
            low, high = high, low
        words = draw(st.sets(st.sampled_from(WORDS), min_size=1))
        columns.append((name, (draw(st.booleans()), low, high, tuple(sorted(words)))))
    missing = DATA.keys() - names
    usable = [where for where in PREDICATES if not any(name in where for name in missing)]
    severity = st.sampled_from(["warning", "error"])
    rules = draw(st.lists(st.tuples(st.sampled_from(usable), severity), max_size=2)) if usable else []
    return text(tuple(columns), tuple(rules))


def counted(contract: Contract, rows: list[dict[str, Any]]) -> set[int]:
    """The rows that count, to a version that reads the columns it does not have as NULL."""
    arrays = {"id": pa.array(range(len(rows)), pa.int32())}
    for name, (_, kind) in DATA.items():
        if contract.has_column(name):
            arrays[name] = pa.array([row[name] for row in rows], kind)
    table = pa.table(arrays)
    result: CheckResult = CompiledCheck(contract, {}).run(table.to_batches)
    return set(range(len(rows))) - set(result.rejected_rows.to_pylist())


ROWS = st.lists(st.fixed_dictionaries({name: values for name, (values, _) in DATA.items()}), min_size=1)


def without(rows: list[dict[str, Any]], contract: Contract) -> list[dict[str, Any]]:
    """Rows as a publisher under this contract can write them."""
    return [{name: row[name] if contract.has_column(name) else None for name in DATA} for row in rows]


@settings(max_examples=200)
@given(version(), version(), ROWS)
def test_what_counts_under_one_version_counts_under_the_other(
    old: Contract, new: Contract, rows: list[dict[str, Any]]
) -> None:
    verdict = compare(old, new)
    for promise, writer, reader in (
        (Compatibility.BACKWARD, old, new),
        (Compatibility.FORWARD, new, old),
    ):
        if satisfies(verdict, promise):
            written = without(rows, writer)
            assert counted(writer, written) <= counted(reader, written)


@given(version(), version())
def test_a_verdict_is_even_handed(old: Contract, new: Contract) -> None:
    same = compare(old, old)
    assert (same.level, same.breaks) == (Compatibility.FULL, ())
    there, back = compare(old, new), compare(new, old)
    if back.level is Compatibility.FULL:
        assert there.level in (Compatibility.FULL, Compatibility.BACKWARD)
