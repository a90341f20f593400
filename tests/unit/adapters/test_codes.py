"""Codes: divisions and their dates, factors in both sets, units, crosswalks."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import pytest

from adapters.codes.crosswalk import Crosswalk, load_crosswalk
from adapters.codes.division import code_of, division, divisions, successor
from adapters.codes.factor import FACTORS, factor_of
from adapters.codes.unit import factor_between, unit_of
from adapters.mapping.document import shipped
from exchange.errors import InvalidInputError
from tests.conftest import SHARED

AREAS = SHARED / "data" / "gbt2260_areas_cq_sc_gz_hb_hn.csv"


def test_a_code_holds_for_a_time() -> None:
    old = division("500228")
    assert (old.name, old.until) == ("梁平县", date(2016, 12, 1))
    assert division("500228", date(2015, 5, 1)) is old
    with pytest.raises(InvalidInputError, match="it is 500155 now"):
        division("500228", date(2021, 1, 1))
    with pytest.raises(InvalidInputError, match="no code 509999"):
        division("509999")


@pytest.mark.parametrize(
    ("before", "now"),
    [("500228", "500155"), ("500232", "500156"), ("520221", "520204"), ("511724", "511724")],
)
def test_a_place_keeps_its_history(before: str, now: str) -> None:
    found = successor(before)
    assert found is not None
    assert found.code == now


def test_names_are_no_keys() -> None:
    assert code_of("重庆市") == "500000"
    assert code_of("梁平区", "500000") == "500155"
    assert code_of("梁平县", "500000", date(2015, 1, 1)) == "500228"
    assert code_of("鼓楼区") is None
    assert code_of("鼓楼区", "350100") == "350102"


@pytest.mark.skipif(not AREAS.exists(), reason="../shared is absent")
def test_every_county_of_the_five_provinces_is_known() -> None:
    with AREAS.open(encoding="utf-8") as file:
        rows = [
            row for row in csv.DictReader(file) if not "70" < row["code"][4:] < "80"
        ]  # zones have no code of theirs
    assert len(rows) > 500
    known = divisions()
    assert [row for row in rows if known[row["code"]].name != row["name"] or known[row["code"]].until] == []


def test_both_sets_of_factors_lead_to_the_contracts_codes() -> None:
    contract = {str(value.value) for value in shipped()["water-quality"].column("item_code").values}
    assert {factor.code for factor in FACTORS} == contract
    for given, code in [
        ("060", "w21003"),
        ("101", "w21011"),
        ("w20111", "w20142"),
        ("氨氮", "w21003"),
        ("pH值", "w01001"),
    ]:
        found = factor_of(given)
        assert found is not None
        assert found.code == code
    assert factor_of("藻密度") is None


@pytest.mark.parametrize(
    ("given", "wanted", "factor"),
    [
        ("μg/L", "mg/L", 0.001),
        ("毫克/升", "mg/L", 1.0),
        ("万立方米", "10⁶ m³", 0.01),
        ("cm", "m", 0.01),
        ("mS/m", "uS/cm", 10.0),
        ("m3/d", "m³/s", 1 / 86400),
        ("亩", "m²", 2000 / 3),
        ("万元", "CNY", 10_000.0),
    ],
)
def test_units_convert(given: str, wanted: str, factor: float) -> None:
    assert factor_between(given, wanted) == pytest.approx(factor, rel=1e-12)


def test_units_of_other_things_do_not() -> None:
    assert unit_of("毫克/升") == "mg/L"
    assert unit_of("furlong") is None
    for given, wanted in [("mg/L", "m"), ("furlong", "m"), ("NTU", "mg/L")]:
        with pytest.raises(InvalidInputError):
            factor_between(given, wanted)
    assert factor_between("mg/L", "mg/L", "NH3") == pytest.approx(0.8224, abs=1e-4)
    with pytest.raises(InvalidInputError, match="NH3, NH4"):
        factor_between("mg/L", "mg/L", "urea")


def test_a_crosswalk_ties_two_worlds(tmp_path: Path) -> None:
    path = tmp_path / "codes.csv"
    head = "reach_code,other_code,sl249_code,hj932_code,valid_to\n"
    path.write_text(f"{head}CQ-TB,SC-TB,FCC11000000L,500155R01,\nCQ-OLD,SC-OLD,FCC11000000L,,2020-01-01\n")
    found = load_crosswalk(path)
    for code in ("FCC11000000L", "500155R01", "CQ-TB"):
        assert found.code_of("reach", code) == "CQ-TB"
    assert found.code_of("reach", "X") is None
    assert found.code_of("section", "CQ-TB") is None
    assert Crosswalk().code_of("reach", "X") == "X"
    path.write_text(path.read_text() + "CQ-TC,SC-TC,FCC11000000L,,\n")
    with pytest.raises(InvalidInputError, match="row 4: FCC11000000L stands for CQ-TB"):
        load_crosswalk(path)
    path.write_text("code\n1\n")
    with pytest.raises(InvalidInputError, match="sl249_code"):
        load_crosswalk(path)
