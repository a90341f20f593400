"""Classes, verdicts and changes against the standard's own words; golden values are worked out in the comments."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from exchange.errors import InvalidInputError, MalformedError, SchemaMismatchError
from exchange.river.assess import graded, means, section_classes
from exchange.river.grade import below_limit, class_names, item_levels
from exchange.river.lake import trophic_index, trophic_state
from exchange.river.oxygen import saturation
from exchange.river.standard import load_standard, national_standard
from exchange.river.trend import trends
from exchange.river.verdict import (
    Change,
    class_change,
    compare_sections,
    river_verdicts,
    section_wording,
    share_change,
    share_wording,
)

STANDARD = national_standard()
NOW = datetime(2026, 3, 19, 1, tzinfo=UTC)
EDITION = (files("exchange.river") / "data/gb3838-2002.json").read_bytes()


def rows(*given: tuple[Any, ...], **columns: list[Any]) -> pa.Table:
    """Item, value and unit a row; further columns by name."""
    names = ("item_code", "value", "unit")
    table = pa.table({name: [row[at] for row in given] for at, name in enumerate(names)})
    table = table.set_column(1, "value", pa.array([row[1] for row in given], pa.float64()))
    for name, values in columns.items():
        table = table.append_column(name, pa.array(values))
    return table


def sampled(*given: tuple[Any, ...], section: str = "A") -> pa.Table:
    return rows(*given, section_code=[section] * len(given), sampled_at=[NOW] * len(given))


@pytest.mark.parametrize(
    ("code", "value", "unit", "level"),
    [
        ("w21003", 0.15, "mg/L", 1),  # at the limit of I, still I
        ("w21003", 0.1501, "mg/L", 2),
        ("w21003", 2.0, "mg/L", 5),
        ("w21003", 2.01, "mg/L", 6),
        ("w01009", 7.5, "mg/L", 1),
        ("w01009", 7.49, "mg/L", 2),
        ("w01009", 1.99, "mg/L", 6),
        ("w01001", 6.0, "1", 1),
        ("w01001", 9.0, "1", 1),
        ("w01001", 9.01, "1", 6),  # pH has one range for all classes
        ("w01001", 5.99, "1", 6),
        ("w01018", 15.0, "mg/L", 1),  # I and II share a limit: the better class
        ("w22001", 0.05, "mg/L", 1),
        ("w22001", 0.051, "mg/L", 4),
        ("w20142", 0.05, "ug/L", 1),  # 0.05 µg/L = 0.00005 mg/L, the limit of I
        ("w20142", 0.11, "ug/L", 4),
        ("w20142", 0.00011, "mg/L", 4),
        ("w21011", 0.3, "mg/L", 4),
        ("w21001", 1.5, "mg/L", 0),  # total nitrogen has limits for lakes alone
        ("w02003", 2000, "1/L", 2),
        ("w01003", 12.0, "NTU", 0),
        ("w21003", 0.1, "1", 0),
        ("w21003", None, "mg/L", 0),
        ("w21003", float("nan"), "mg/L", 0),
    ],
)
def test_the_class_of_a_value(code: str, value: float | None, unit: str, level: int) -> None:
    table = rows((code, value, unit))
    assert item_levels(table, STANDARD).tolist() == [level]
    encoded = pa.table(
        {
            name: table[name].dictionary_encode() if name != "value" else table[name]
            for name in table.column_names
        }
    )
    assert item_levels(encoded, STANDARD).tolist() == [level]


def test_phosphorus_and_nitrogen_of_lakes() -> None:
    given = [("w21011", 0.1, "mg/L")] * 4 + [("w21001", 1.2, "mg/L")]
    bodies = ["river", "lake", "reservoir", None, "lake"]
    assert item_levels(rows(*given, water_body=bodies), STANDARD).tolist() == [2, 4, 4, 2, 4]


def test_only_valid_values_count() -> None:
    given = [("w21003", 0.1, "mg/L")] * 3
    assert item_levels(rows(*given, data_flag=["N", "D", None]), STANDARD).tolist() == [1, 0, 0]


def test_below_the_detection_limit_half_of_it_is_graded() -> None:
    # 0.4 < 0.8: half of the limit, 0.4, is II; 0.6 with "<" at 0.6: 0.3, II; 0.9 above its limit stays, III
    given = [("w21003", 0.4, "mg/L"), ("w21003", 0.6, "mg/L"), ("w21003", 0.9, "mg/L")]
    table = rows(*given, detection_limit=[0.8, 0.6, 0.8], qualifier=[None, "<", None])
    assert item_levels(table, STANDARD).tolist() == [2, 2, 3]
    assert below_limit(table, 0.5).tolist() == [0.4, 0.3, 0.9]
    assert below_limit(table, 0.0).tolist() == [0.0, 0.0, 0.9]


def test_oxygen_at_nine_tenths_of_saturation_is_class_one() -> None:
    # 468 / (31.6 + 25) = 8.2686; nine tenths are 7.4417, below the 7.5 of class I
    assert saturation(np.array([25.0])) == pytest.approx([8.2686], abs=1e-4)
    warm = sampled(("w01009", 7.45, "mg/L"), ("w01010", 25.0, "degC"))
    cold = sampled(("w01009", 7.45, "mg/L"), ("w01010", 15.0, "degC"))
    assert graded(warm, STANDARD)["class"].to_pylist() == ["I", None]
    assert graded(cold, STANDARD)["class"].to_pylist() == ["II", None]
    assert graded(warm, STANDARD, with_saturation=False)["class"].to_pylist() == ["II", None]


def test_the_worst_item_decides_and_main_pollutants_are_ranked() -> None:
    # ammonia 3.0: worse than V, (3 − 1) / 1 = 2 times over; phosphorus 0.5: worse than V, (0.5 − 0.2) / 0.2 = 1.5;
    # CODMn 7: IV, (7 − 6) / 6 = 1/6; oxygen 1: worse than V, no multiple, so last; chromium 0.08: V, first
    table = sampled(
        ("w21011", 0.5, "mg/L"), ("w01009", 1.0, "mg/L"), ("w21003", 3.0, "mg/L"), ("w01019", 7.0, "mg/L"),
        ("w20117", 0.08, "mg/L"), ("w21001", 9.0, "mg/L"), ("w02003", 1e6, "1/L"),
    )  # fmt: skip
    rowed = graded(table, STANDARD)
    [section] = section_classes(rowed, STANDARD).to_pylist()
    assert (section["class"], section["level"], section["items"]) == ("worse-than-V", 6, 5)
    assert [each["item_code"] for each in section["main"]] == ["w20117", "w21003", "w21011"]
    assert [each["multiple"] for each in section["main"]] == pytest.approx([0.6, 2.0, 1.5])
    by_item = dict(zip(rowed["item_code"].to_pylist(), rowed["multiple"].to_pylist(), strict=True))
    assert by_item["w01019"] == pytest.approx(1 / 6)
    assert by_item["w01009"] is None


def test_a_clean_section_has_no_main_pollutants() -> None:
    clean = graded(sampled(("w21003", 0.2, "mg/L"), section="B"), STANDARD)
    foul = graded(sampled(("w21003", 1.2, "mg/L")), STANDARD)
    found = section_classes(pa.concat_tables([clean, foul]), STANDARD).to_pylist()
    assert [(each["section_code"], each["class"]) for each in found] == [("A", "IV"), ("B", "II")]
    assert [each["main"] and len(each["main"]) for each in found] == [1, None]


def test_means_are_of_the_month_in_china() -> None:
    times = [
        datetime(2026, 2, 28, 15, tzinfo=UTC),
        datetime(2026, 2, 28, 17, tzinfo=UTC),
        datetime(2026, 3, 2, tzinfo=UTC),
    ]
    table = rows(*[("w21003", value, "mg/L") for value in (1.0, 0.5, 0.02)], section_code=["A"] * 3, sampled_at=times,
                 detection_limit=[0.025] * 3)  # fmt: skip
    found = means(table, ["section_code"]).to_pylist()
    # 17:00 UTC is the next day in China; 0.02 is below the limit, so 0.0125: (0.5 + 0.0125) / 2
    assert [(row["month"], row["value"], row["samples"]) for row in found] == [
        ("2026-02", 1.0, 1),
        ("2026-03", pytest.approx(0.25625), 2),
    ]


def river(levels: list[float], name: str = "铜钵河") -> pa.Table:
    """A section each with this much ammonia."""
    count = len(levels)
    return rows(
        *[("w21003", value, "mg/L") for value in levels],
        river_name=[name] * count,
        section_code=[f"S{at}" for at in range(count)],
    )


def test_a_river_of_few_sections_is_graded_by_its_mean() -> None:
    # (0.2 + 0.2 + 0.2 + 4.2) / 4 = 1.2 → IV, light, though one section is worse than V
    [found] = river_verdicts(river([0.2, 0.2, 0.2, 4.2]), STANDARD)
    assert (found.by_share, found.level, found.wording.code, found.main) == (False, 4, "light", ("w21003",))


def test_a_river_of_five_sections_is_graded_by_shares() -> None:
    # four of five in I–III: 80 % → good; the fifth is worse than V
    [found] = river_verdicts(river([0.2, 0.2, 0.2, 0.2, 4.2]), STANDARD)
    assert (found.by_share, found.good, found.bad, found.wording.code) == (True, 80.0, 20.0, "good")
    # two of five in I–III, two worse than V: 40 % → heavy
    [found] = river_verdicts(river([0.2, 0.2, 1.2, 4.2, 4.2]), STANDARD)
    assert (found.wording.zh, found.main) == ("重度污染", ("w21003",))


def test_a_lake_is_graded_by_its_mean_however_many_points() -> None:
    table = river([0.2, 0.2, 0.2, 0.2, 4.2], "长寿湖").append_column("water_body", pa.array(["lake"] * 5))
    [found] = river_verdicts(table, STANDARD)
    assert (found.by_share, found.level) == (False, 3)  # mean 1.0, at the limit of III


@pytest.mark.parametrize(
    ("good", "bad", "code"),
    [(90, 0, "excellent"), (89.9, 5, "good"), (75, 25, "good"), (74.9, 19.9, "light"), (50, 20, "moderate"),
     (50, 39.9, "moderate"), (50, 40, "heavy")],
)  # fmt: skip
def test_shares(good: float, bad: float, code: str) -> None:
    assert share_wording(good, bad, STANDARD).code == code


def test_verdicts_over_sections() -> None:
    assert [section_wording(level, STANDARD).zh for level in range(1, 7)] == [
        "优", "优", "良好", "轻度污染", "中度污染", "重度污染",
    ]  # fmt: skip


def test_changes() -> None:
    assert class_change(1, 2) is Change.SAME
    assert class_change(3, 2) is Change.BETTER
    assert class_change(6, 3) is Change.MUCH_BETTER
    assert class_change(3, 4) is Change.WORSE
    before, after = (
        river_verdicts(river([0.2] * 8 + [4.2] * 2), STANDARD),
        river_verdicts(river([0.2] * 10), STANDARD),
    )
    # ΔG = 20, ΔD = −20: 40 points
    assert share_change(before[0], after[0], STANDARD) is Change.MUCH_BETTER
    assert share_change(after[0], after[0], STANDARD) is Change.SAME


def test_a_month_is_held_against_target_and_earlier_months() -> None:
    classes = pa.table(
        {
            "section_code": ["A"] * 3 + ["B"],
            "month": ["2025-01", "2025-12", "2026-01", "2026-01"],
            "level": [6, 3, 4, 2],
        }
    )
    a, b = compare_sections(classes, "2026-01", {"A": 3})
    assert (a.meets, a.last_month, a.last_year) == (False, Change.WORSE, Change.MUCH_BETTER)
    assert (b.meets, b.last_month, b.last_year) == (None, None, None)


def test_the_trophic_index() -> None:
    # chlorophyll 10 µg/L: 10 (2.5 + 1.086 ln 10) = 50.006; TP 0.05: 45.709; TN 1: 54.53; SD 1 m: 51.18;
    # CODMn 4: 10 (0.109 + 2.661 ln 4) = 37.979
    # Σ = .2663·50.006 + .1879·45.709 + .1790·54.53 + .1834·51.18 + .1834·37.979 = 48.02
    given = [("w01016", 0.01, "mg/L"), ("w21011", 0.05, "mg/L"), ("w21001", 1.0, "mg/L"),
             ("transparency", 1.0, "m"), ("w01019", 4.0, "mg/L")]  # fmt: skip
    [found] = trophic_index(sampled(*given), STANDARD, ["section_code"]).to_pylist()
    assert found["tli"] == pytest.approx(48.02, abs=0.02)
    assert found["state"] == "mesotrophic"
    assert trophic_index(sampled(*given[:4]), STANDARD, ["section_code"]).num_rows == 0
    assert [trophic_state(value, STANDARD).zh for value in (29.9, 30, 50, 50.1, 60, 70, 70.1)] == [
        "贫营养", "中营养", "中营养", "轻度富营养", "轻度富营养", "中度富营养", "重度富营养",
    ]  # fmt: skip


def monthly(values: list[float | None], item: str = "w21003") -> pa.Table:
    months = [f"{2020 + at // 12}-{at % 12 + 1:02}" for at in range(len(values))]
    count = len(values)
    return pa.table(
        {"section_code": ["A"] * count, "item_code": [item] * count, "month": months, "value": values}
    )


def test_a_trend_is_seen_through_the_seasons() -> None:
    season = [0.3 * np.cos(2 * np.pi * at / 12) for at in range(60)]
    # 0.06 a year less, under a season five times as large
    [found] = trends(monthly([1.0 + season[at] - 0.005 * at for at in range(60)]))
    assert (found.direction, found.slope, found.tau) == ("falling", pytest.approx(-0.06), pytest.approx(-1.0))
    assert found.p < 0.001
    [found] = trends(monthly(list(1.0 + np.array(season) + np.random.default_rng(1).normal(0, 0.05, 60))))
    assert found.direction == "none"


def test_gaps_are_no_zeros_and_short_series_have_no_trend() -> None:
    values: list[float | None] = [1.0 + 0.005 * at for at in range(60)]
    values[7:12] = [None] * 5
    [found] = trends(monthly(values))
    assert (found.months, found.slope) == (55, pytest.approx(0.06))
    assert trends(monthly([1.0] * 24)) == []
    with pytest.raises(InvalidInputError, match="two values"):
        trends(pa.concat_tables([monthly([1.0] * 40), monthly([1.0] * 40)]))
    with pytest.raises(InvalidInputError, match="alpha"):
        trends(monthly([1.0] * 40), alpha=1.0)


def test_the_standard_is_whole() -> None:
    assert sum(item.assessed for item in STANDARD.items) == 21
    assert STANDARD.limit("w21011", "III") == 0.2
    assert STANDARD.limit("w21011", "III", "lake") == 0.05
    assert STANDARD.limit("w01009", "III") == 5.0
    assert class_names([0, 1, 6], STANDARD).to_pylist() == [None, "I", "worse-than-V"]
    for code, grade in (("w99999", "I"), ("w21001", "I"), ("w21003", "VI")):
        with pytest.raises(InvalidInputError):
            STANDARD.limit(code, grade)


def test_another_edition_is_taken_and_a_broken_one_refused() -> None:
    document = json.loads(EDITION)
    ammonia = next(item for item in document["items"] if item["code"] == "w21003")
    ammonia["limits"]["all"][0] = 0.2
    other = load_standard(json.dumps(document).encode())
    assert item_levels(rows(("w21003", 0.18, "mg/L")), other).tolist() == [1]
    ammonia["limits"]["all"][0] = 0.9  # class I would allow more than class II
    for broken in (json.dumps(document).encode(), b"{}", b"[]", b"\xff", b'{"standard": 1}'):
        with pytest.raises(MalformedError):
            load_standard(broken)


def test_missing_columns_are_named() -> None:
    with pytest.raises(SchemaMismatchError, match="unit, value"):
        item_levels(pa.table({"item_code": ["w21003"]}), STANDARD)
