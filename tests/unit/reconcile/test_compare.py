"""Pairing and verdicts, case by case: which rows meet, and what is said of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pytest

from exchange.errors import InvalidInputError, MalformedError
from exchange.reconcile.boundary import compare, crosswalk
from exchange.reconcile.engine.duck import DuckEngine
from exchange.reconcile.grades import class_differences
from exchange.reconcile.side import OBSERVED
from exchange.reconcile.terms import read_terms, shipped_terms
from tests.unit.contract.test_shipped import CONTRACTS

NOON = datetime(2026, 3, 19, 12, tzinfo=UTC)
Row = dict[str, Any]


def row(value: float | None, minutes: int = 0, **changed: Any) -> Row:
    return {
        "section_code": "S", "sampled_at": NOON + timedelta(minutes=minutes), "item_code": "w21003",
        "monitoring_mode": "automatic", "value": value, "unit": "mg/L", "detection_limit": None,
        "data_flag": "N", **changed,
    }  # fmt: skip


def table(rows: list[Row]) -> pa.Table:
    fields = [(name, kind.to_pyarrow()) for name, kind in OBSERVED.items()]
    extra = [("datum", pa.string())] if any("datum" in each for each in rows) else []
    return pa.Table.from_pylist(rows, pa.schema([*fields, *extra]))


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[DuckEngine]:
    with DuckEngine(tmp_path, memory=256 << 20) as engine:
        yield engine


def pairs(engine: DuckEngine, left: list[Row], right: list[Row], datums: pa.Table | None = None) -> pa.Table:
    found = compare(engine, shipped_terms(), crosswalk({"S": "S"}), table(left), table(right), datums)
    return engine.table(found.all_pairs().order_by("compared_at", "left_value"))


SAME: Final[tuple[tuple[Row, Row, str], ...]] = (
    (row(1.0), row(1.0), "agree"),
    (row(2.0), row(2.4), "agree"),  # |a − b| / (a + b) = 9 %, 10 % allowed above 1 mg/L
    (row(2.0), row(2.5), "disagree"),  # 11 %
    (row(0.05), row(0.07), "agree"),  # 17 %, 20 % allowed up to 0.1 mg/L
    (row(0.02), row(0.04), "noise"),  # less apart than the detection limit of 0.025 mg/L
    (row(0.10), row(0.18, detection_limit=0.1), "noise"),  # a limit of the row's own
    (row(0.62), row(620.0, unit="ug/L"), "agree"),
    (row(7.5, item_code="w01001", unit="1"), row(7.58, item_code="w01001", unit="1"), "agree"),
    (row(7.5, item_code="w01001", unit="1"), row(7.7, item_code="w01001", unit="1"), "disagree"),
)
# automatic, laboratory
ACROSS: Final = (
    (2.0, 2.4, "agree"),  # above class IV: 20 % of the laboratory's value
    (2.0, 2.6, "disagree"),
    (0.9, 1.2, "agree"),  # between II and IV: 30 %
    (0.3, 0.5, "agree"),  # both at or below class II
    (0.6, 0.35, "disagree"),  # 4 detection limits to class II: 40 %
    (0.01, 0.09, "agree"),  # below 4 detection limits nothing is told apart
)


def each_at_its_section(engine: DuckEngine, cases: Sequence[tuple[Row, Row, str]]) -> list[Row]:
    """All cases in one comparison: what is found for each, in their order."""
    codes = [f"S{number:03}" for number in range(len(cases))]
    sides = [
        table([{**case[side], "section_code": code} for code, case in zip(codes, cases, strict=True)])
        for side in (0, 1)
    ]
    found = compare(engine, shipped_terms(), crosswalk({code: code for code in codes}), *sides)
    return engine.table(found.all_pairs().order_by("left_section")).to_pylist()


def test_verdicts(engine: DuckEngine) -> None:
    for found, (left, right, verdict) in zip(each_at_its_section(engine, SAME), SAME, strict=True):
        assert found["verdict"] == verdict, found
        assert (found["left_value"], found["left_unit"]) == (left["value"], left["unit"])
        assert (found["right_value"], found["right_unit"]) == (right["value"], right["unit"])


def test_automatic_against_laboratory(engine: DuckEngine) -> None:
    cases = [(row(a), row(b, 40, monitoring_mode="manual"), said) for a, b, said in ACROSS]
    for found, (_, _, verdict) in zip(each_at_its_section(engine, cases), cases, strict=True):
        assert (found["verdict"], found["pairing"]) == (verdict, "automatic-manual"), found


def test_nearest_within_the_tolerance(engine: DuckEngine) -> None:
    left = [row(1.0), row(1.0, 60), row(1.0, 240)]
    right = [row(1.0, 4), row(1.0, 20), row(1.0, 61), row(1.0, 275)]
    found = pairs(engine, left, right).to_pylist()
    met = {
        (each["left_at"] and each["left_at"].minute + 60 * (each["left_at"].hour - 12), each["verdict"])
        for each in found
    }
    assert met == {(0, "agree"), (60, "agree"), (240, "left_only"), (None, "right_only")}
    assert [each["verdict"] for each in found].count("right_only") == 2


def test_the_same_method_goes_first(engine: DuckEngine) -> None:
    left = [row(1.0), row(1.0, monitoring_mode="manual")]
    right = [row(1.0, 25), row(1.0, 5, monitoring_mode="manual")]
    found = pairs(engine, left, right).to_pylist()
    assert {each["pairing"] for each in found} == {"automatic-automatic", "manual-manual"}


def test_what_is_not_valid_is_not_compared(engine: DuckEngine) -> None:
    found = pairs(engine, [row(1.0), row(None, 240)], [row(1.0, data_flag="D"), row(1.0, 240)]).to_pylist()
    assert [each["verdict"] for each in found] == ["left_only", "right_only"]


def test_stages_meet_in_one_datum(engine: DuckEngine) -> None:
    stage = {"item_code": "Z", "unit": "m"}
    left, right = row(203.41, datum="1985", **stage), row(201.70, datum="wusong", **stage)
    datums = pa.table({"section_code": ["S"], "datum": ["wusong"], "shift": [1.71]})
    [found] = pairs(engine, [left], [right], datums).to_pylist()
    assert found["verdict"] == "agree"
    assert (found["left_value"], found["right_value"]) == (203.41, 201.70)


def test_classes_that_differ(engine: DuckEngine) -> None:
    left = [row(0.4), row(4.5, item_code="w01019")]
    right = [row(0.4), row(6.5, item_code="w01019"), row(9.0, item_code="w01018")]
    [found] = class_differences(pairs(engine, left, right)).to_pylist()
    assert (found["left_class"], found["right_class"]) == ("III", "IV")
    assert (found["left_main"], found["right_main"]) == ("", "w01019")


def test_a_contract_without_terms_and_an_odd_crosswalk() -> None:
    with pytest.raises(MalformedError):
        read_terms(CONTRACTS["water-quality"])
    with pytest.raises(InvalidInputError):
        crosswalk({})
    with pytest.raises(InvalidInputError):
        crosswalk({"A": "X", "B": "X"})
