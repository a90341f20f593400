"""Changes between two versions, and what each of them breaks."""

from __future__ import annotations

from typing import Any

import pytest

from exchange.contract.compat import compare, satisfies
from exchange.contract.load import load_contract
from exchange.contract.model import Compatibility, Contract
from tests.contracts import column, contract_text, key, rule

B, F = "backward", "forward"
KEY = key("section", "string", 1)
TIME = column("at", "timestamp")


def contract(*columns: dict[str, Any], quality: Any = None, version: str = "1.0.0", **own: Any) -> Contract:
    return load_contract(contract_text([KEY, TIME, *columns], quality, version=version, **own))


def level(**more: Any) -> dict[str, Any]:
    return column("level", "number", **more)


def word(**more: Any) -> dict[str, Any]:
    return column("word", "string", **more)


def values(*names: str) -> list[dict[str, str]]:
    return [{"value": name, "label": f"值{name} / {name}"} for name in names]


def within(**options: Any) -> dict[str, Any]:
    return {"logicalTypeOptions": options}


MARK = column("mark", "number")
FLOODED = rule("flooded", "level > 5")
CHANGES: dict[str, tuple[Contract, Contract, set[tuple[str, str]]]] = {
    "nothing": (contract(level()), contract(level()), set()),
    "a column that may be empty": (contract(), contract(level()), set()),
    "a column that may be empty, gone": (contract(level()), contract(), {("column_removed", F)}),
    "a required column": (contract(), contract(level(required=True)), {("required_column_added", B)}),
    "a required column, gone": (contract(level(required=True)), contract(), {("column_removed", F)}),
    "required from now on": (contract(level()), contract(level(required=True)), {("required_added", B)}),
    "no longer required": (contract(level(required=True)), contract(level()), {("required_removed", F)}),
    "a column that may be empty but for a check": (
        contract(),
        contract(level(quality=[{"metric": "nullValues", "mustBe": 0, "description": "必填。\nNeeded."}])),
        {("required_column_added", B)},
    ),
    "a column that may be empty but for a rule": (
        contract(), contract(level(), quality=[rule("dry", "level IS NULL")]), {("predicate_added", B)},
    ),
    "a column with a rule that wants a value": (contract(), contract(level(), quality=[FLOODED]), set()),
    "a column that another is compared with": (
        contract(level()), contract(level(), MARK, quality=[rule("high", "level > mark")]), set(),
    ),
    "a column that another must come with": (
        contract(level()),
        contract(level(), MARK, quality=[rule("lone", "level > 1 AND mark IS NULL")]),
        {("predicate_added", B)},
    ),
    "a column gone, and the rule that tied another to it": (
        contract(level(), MARK, quality=[rule("lone", "level > 1 AND mark IS NULL")]),
        contract(level()),
        {("column_removed", F), ("predicate_removed", F)},
    ),
    "a wider integer": (
        contract(column("n", "integer", **within(format="i16"))),
        contract(column("n", "integer", **within(format="i32"))),
        {("type_changed", F)},
    ),
    "an integer that a short float holds": (
        contract(column("n", "integer", unit="1", **within(format="i16"))),
        contract(column("n", "number", **within(format="f32"))),
        {("type_changed", F)},
    ),
    "an integer that a short float does not hold": (
        contract(column("n", "integer", unit="1")),
        contract(column("n", "number", **within(format="f32"))),
        {("type_changed", B), ("type_changed", F)},
    ),
    "a day that becomes an instant, each within bounds": (
        contract(column("day", "date", **within(minimum="2020-01-01"))),
        contract(column("day", "timestamp", **within(minimum="2020-01-01T00:00:00Z"))),
        {("type_changed", B), ("type_changed", F), ("range_changed", B), ("range_changed", F)},
    ),
    "an integer that becomes a number": (
        contract(column("n", "integer")),
        contract(column("n", "number")),
        {("type_changed", F), ("unit_changed", B), ("unit_changed", F)},
    ),
    "text that becomes a number": (
        contract(column("level", "string")),
        contract(level()),
        {("type_changed", B), ("type_changed", F), ("unit_changed", B), ("unit_changed", F)},
    ),
    "another unit": (
        contract(level(unit="m")), contract(level(unit="cm")), {("unit_changed", B), ("unit_changed", F)},
    ),
    "held more closely": (
        contract(level()), contract(level(classification="sensitive")), {("classification_raised", F)},
    ),
    "held less closely": (contract(level(classification="internal")), contract(level()), set()),
    "a narrower range": (
        contract(level(**within(maximum=9))), contract(level(**within(maximum=8))), {("range_narrowed", B)},
    ),
    "an open end": (
        contract(level(**within(maximum=9))), contract(level(**within(exclusiveMaximum=9))), {("range_narrowed", B)},
    ),
    "a wider range": (
        contract(level(**within(minimum=0, maximum=9))), contract(level(**within(maximum=9))), {("range_widened", F)},
    ),
    "a range that moved": (
        contract(level(**within(minimum=0, maximum=9))),
        contract(level(**within(minimum=1, maximum=10))),
        {("range_changed", B), ("range_changed", F)},
    ),
    "a range where none was": (contract(level()), contract(level(**within(minimum=0))), {("range_added", B)}),
    "a value less": (
        contract(word(enum=values("a", "b"))), contract(word(enum=values("a"))), {("enum_narrowed", B)},
    ),
    "a value more": (
        contract(word(enum=values("a"))), contract(word(enum=values("a", "b"))), {("enum_widened", F)},
    ),
    "another pattern": (
        contract(word(**within(pattern="^a"))),
        contract(word(**within(pattern="^b"))),
        {("pattern_changed", B), ("pattern_changed", F)},
    ),
    "a finer step": (
        contract(column("n", "integer", **within(multipleOf=10))),
        contract(column("n", "integer", **within(multipleOf=5))),
        {("multiple_widened", F)},
    ),
    "a new rule": (contract(level()), contract(level(), quality=[FLOODED]), {("predicate_added", B)}),
    "a rule gone": (contract(level(), quality=[FLOODED]), contract(level()), {("predicate_removed", F)}),
    "a rule reworded": (
        contract(level(), quality=[FLOODED]),
        contract(level(), quality=[rule("flooded", "level > 6")]),
        {("predicate_changed", B), ("predicate_changed", F)},
    ),
    "a rule that rejects from now on": (
        contract(level(), quality=[FLOODED | {"severity": "warning"}]),
        contract(level(), quality=[FLOODED]),
        {("severity_raised", B)},
    ),
    "a rule that only warns from now on": (
        contract(level(), quality=[FLOODED]),
        contract(level(), quality=[FLOODED | {"severity": "info"}]),
        {("severity_lowered", F)},
    ),
    "a rule that refuses the batch from now on": (
        contract(level(), quality=[FLOODED]),
        contract(level(), quality=[FLOODED | {"severity": "blocker"}]),
        {("severity_raised", B)},
    ),
    "a rule that refuses the batch no longer": (
        contract(level(), quality=[FLOODED | {"severity": "blocker"}]),
        contract(level(), quality=[FLOODED]),
        set(),
    ),
    "a list of known places": (
        contract(word()),
        contract(word(relationships=[{"to": "../place/1.0.0.yaml#/schema/place/properties/code"}])),
        {("reference_added", B)},
    ),
    "a new warning": (contract(level()), contract(level(), quality=[FLOODED | {"severity": "warning"}]), set()),
    "another key": (
        contract(key("place", "string", 2)),
        contract(column("place", "string", required=True)),
        {("primary_key_changed", B), ("primary_key_changed", F)},
    ),
    "less sharing": (contract(), contract(sharing="conditional"), {("sharing_tightened", F)}),
    "more sharing": (contract(sharing="withheld"), contract(), set()),
    "a lower share": (contract(), contract(maxRejectedShare=0.1), {("rejected_share_lowered", B)}),
    "another time column": (contract(timeColumn="at"), contract(), {("time_column_changed", F)}),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_each_break_is_named(name: str) -> None:
    old, new, expected = CHANGES[name]
    verdict = compare(old, new)
    assert {(item.kind, str(item.direction)) for item in verdict.breaks} == expected
    directions = {direction for _, direction in expected}
    level = {(): "full", (B,): "forward", (F,): "backward"}.get(tuple(sorted(directions)), "none")
    assert verdict.level == level
    assert all(item.zh and item.en for item in verdict.breaks)


def test_what_satisfies_what() -> None:
    full, backward = (
        compare(contract(), contract()),
        compare(contract(level(required=True)), contract(level())),
    )
    assert [satisfies(full, each) for each in Compatibility] == [True] * 4
    assert [each for each in Compatibility if satisfies(backward, each)] == ["none", "backward"]
