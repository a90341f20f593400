"""What a verdict promises, held to the check itself: rows that count under one version count under the other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.contract.check import CompiledCheck
from exchange.contract.compat import compare, satisfies
from exchange.contract.load import load_contract
from exchange.contract.model import Compatibility, Contract
from tests.contracts import column, contract_text, key, rule

WORDS = ("a", "b", "c")
# Every row there can be, near enough.
NUMBERS = (None, 0, 1, 2, 3)
ROWS = [
    {"level": level, "mark": mark, "word": word}
    for level, mark, word in product(NUMBERS, NUMBERS, (None, *WORDS))
]
PREDICATES = (
    "level > 1 AND word = 'a'",
    "level > mark",
    "level IS NULL AND mark IS NULL",
    "NOT (level > 1 AND mark > 1)",
    "COALESCE(mark, level) > 2",
    "CASE WHEN mark IS NULL THEN level ELSE 0 END > 2",
    "word = 'a' AND mark IS NULL",
    "mark IS NULL",
)
BOUNDS = st.sampled_from(
    [(low, high) for low, high in product(NUMBERS, NUMBERS) if low is None or high is None or low <= high]
)
ENUM = st.none() | st.sets(st.sampled_from(WORDS), min_size=1).map(lambda words: tuple(sorted(words)))
SEVERITY = st.sampled_from(["warning", "error", "blocker"])


@dataclass(frozen=True)
class Draft:
    """A version in few words; None for a column that it does not have."""

    level: tuple[int | None, int | None]
    closed: bool
    required: bool
    mark: tuple[int | None, int | None] | None
    word: tuple[str, ...] | None
    rules: tuple[tuple[int, str], ...]


PARTS: dict[str, st.SearchStrategy[Any]] = {
    "level": BOUNDS,
    "closed": st.booleans(),
    "required": st.booleans(),
    "mark": st.none() | BOUNDS,
    "word": ENUM,
    "rules": st.dictionaries(st.integers(0, len(PREDICATES) - 1), SEVERITY, max_size=2).map(
        lambda rules: tuple(sorted(rules.items()))
    ),
}
DRAFT = st.builds(Draft, **PARTS)


@st.composite
def evolution(draw: st.DrawFn) -> tuple[Contract, Contract]:
    """A version, and one that differs in a part or two."""
    old = draw(DRAFT)
    changed = draw(st.sets(st.sampled_from(sorted(PARTS)), min_size=1, max_size=2))
    return contract(old), contract(replace(old, **{part: draw(PARTS[part]) for part in sorted(changed)}))


@cache
def contract(draft: Draft) -> Contract:
    low, high = draft.level
    top = "maximum" if draft.closed else "exclusiveMaximum"
    columns = [key("id", "integer", 1), number("level", low, high, top, draft.required)]
    if draft.mark is not None:
        columns.append(number("mark", *draft.mark, "maximum", False))
    if draft.word is not None:
        columns.append(
            column("word", "string", enum=[{"value": word, "label": f"词 / {word}"} for word in draft.word])
        )
    names = {item["name"] for item in columns}
    usable = [
        rule(f"rule_{at}", PREDICATES[at], severity)
        for at, severity in draft.rules
        if all(name in names or name not in PREDICATES[at] for name in ("mark", "word"))
    ]
    return load_contract(contract_text(columns, usable))


def number(name: str, low: int | None, high: int | None, top: str, required: bool) -> dict[str, Any]:
    bounds = {option: at for option, at in (("minimum", low), (top, high)) if at is not None}
    return column(name, "number", required=required, logicalTypeOptions=bounds)


@cache
def counted(writer: Contract, reader: Contract) -> frozenset[int]:
    """Of all rows that a writer's version can hold those that count under a reader's; a column missing is NULL."""
    arrays: dict[str, pa.Array] = {"id": pa.array(range(len(ROWS)), pa.int32())}
    for name, kind in (("level", pa.float64()), ("mark", pa.float64()), ("word", pa.string())):
        if reader.has_column(name):
            arrays[name] = pa.array([row[name] if writer.has_column(name) else None for row in ROWS], kind)
    result = CompiledCheck(reader, {}).run(pa.table(arrays).to_batches)
    return frozenset(range(len(ROWS))) - set(result.rejected_rows.to_pylist())


@settings(max_examples=300)
@given(evolution())
def test_what_counts_under_one_version_counts_under_the_other(versions: tuple[Contract, Contract]) -> None:
    old, new = versions
    verdict = compare(old, new)
    if satisfies(verdict, Compatibility.BACKWARD):
        assert counted(old, old) <= counted(old, new)
    if satisfies(verdict, Compatibility.FORWARD):
        assert counted(new, new) <= counted(new, old)


@given(DRAFT)
def test_a_version_keeps_every_promise_to_itself(draft: Draft) -> None:
    verdict = compare(contract(draft), contract(draft))
    assert (verdict.level, verdict.breaks) == (Compatibility.FULL, ())
