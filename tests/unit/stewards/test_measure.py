"""Measures of a batch against its window, each with a case that can be reckoned by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from exchange.contract.load import load_contract, shipped_contracts
from stewards.options import Tolerance
from stewards.quality.measure import Earlier, Looked, measures_of, unknown_references
from stewards.quality.window import compile_window, said_of, wording_of

CONTRACT = next(c for c in map(load_contract, shipped_contracts()) if c.ref.name == "water-quality")
NOON = datetime(2026, 3, 19, 12, tzinfo=UTC)
FEW = Tolerance(drift_rows=10)


def rows(
    count: int, *, first: int = 0, value: float = 1.0, sections: tuple[str, ...] = ("A", "B")
) -> pa.Table:
    """One row an hour, sections in turn, values rising by a hundredth."""
    return pa.table(
        {
            "section_code": [sections[at % len(sections)] for at in range(count)],
            "sampled_at": pa.array(
                [NOON + timedelta(hours=first + at) for at in range(count)], pa.timestamp("us", "UTC")
            ),
            "item_code": ["w21003"] * count,
            "monitoring_mode": ["automatic"] * count,
            "value": [value + at / 100 for at in range(count)],
            "method": ["HJ 535-2009"] * count,
        }
    )


def looked(now: pa.Table, stood: pa.Table, before: tuple[int, ...] = ()) -> Looked:
    start, until = NOON, NOON + timedelta(hours=3)
    earlier = [Earlier(n, NOON - timedelta(days=1), NOON - timedelta(hours=8)) for n in before]
    return Looked(now, stood, earlier, until + timedelta(hours=12), start, until)


def test_time_and_volume() -> None:
    found = measures_of(CONTRACT, looked(rows(20), rows(0), (10, 40, 40)), Tolerance())
    assert found == {"late": pytest.approx(2.0), "gap": pytest.approx(2.0), "volume": pytest.approx(0.5)}
    assert "volume" not in measures_of(CONTRACT, looked(rows(20), rows(0), (10, 40)), Tolerance())


def test_rows_that_stood_already_are_repeated_or_changed() -> None:
    found = measures_of(CONTRACT, looked(rows(20), rows(10)), FEW)
    assert (found["repeated"], found["changed"]) == (0.5, 0.0)
    found = measures_of(CONTRACT, looked(rows(20), rows(5, value=9.0)), FEW)
    assert (found["repeated"], found["changed"]) == (0.0, 0.25)


def test_sections_that_fall_silent() -> None:
    found = measures_of(CONTRACT, looked(rows(20), rows(40, first=100, sections=("A", "B", "C", "D"))), FEW)
    assert found["sections"] == 0.5


def test_columns_that_are_filled_in_less_often() -> None:
    now = rows(20)
    blank = now.set_column(now.column_names.index("method"), "method", pa.array([None] * 15 + ["x"] * 5))
    assert measures_of(CONTRACT, looked(blank, rows(20, first=100)), FEW)["empty.method"] == 0.75


def test_drift_sees_a_unit_that_changed_and_not_a_quiet_day() -> None:
    stood = rows(200, first=1000)
    assert measures_of(CONTRACT, looked(rows(200), stood), FEW)["drift.value"] == pytest.approx(0, abs=1e-9)
    assert measures_of(CONTRACT, looked(rows(200, value=1000.0), stood), FEW)["drift.value"] > 1
    assert "drift.value" not in measures_of(CONTRACT, looked(rows(200), stood), Tolerance(drift_rows=500))


def test_references_that_nothing_stands_behind() -> None:
    assert unknown_references(CONTRACT, rows(4), {"section_code": pa.array(["A"])}) == {
        "unknown.section_code": 1.0
    }


def test_what_is_ordinary_is_said_with_its_bounds() -> None:
    measures = {"volume": 0.25, "drift.value": 3.0, "late": 0.5}
    expected = compile_window(measures, Tolerance())
    assert [each.rule.id for each in expected] == ["window.drift.value", "window.late", "window.volume"]
    assert said_of("volume", measures, Tolerance()) == "0.25 (≥ 0.5, ≤ 2)"
    assert said_of("drift.value", measures, replace(Tolerance(), drift_high=1.0)) == "3 (≤ 1)"
    assert "PSI" in wording_of("drift.value")[0]
    with pytest.raises(KeyError):
        wording_of("unheard")
