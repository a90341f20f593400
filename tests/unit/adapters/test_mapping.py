"""Mapping files: every problem with its line and field."""

from __future__ import annotations

import pytest

from adapters.mapping.document import find_form, load_form, parse_form, shipped_forms
from exchange.errors import InvalidInputError, MalformedError

TEXT = """mapping: 1
title: 测站 / Stations
tables:
  - contract: hydrology
    columns:
      station_code: {from: 站码}
      observed_at: {from: 时间}
      quality: {value: real-time}
      stage_m: {from: 水位, unit: cm}
"""


@pytest.mark.parametrize("name", sorted(shipped_forms()))
def test_the_shipped_mappings_are_good(name: str) -> None:
    assert load_form(find_form(name)).tables


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("mapping: 1", "mapping: 2", "line 1 · mapping"),
        ("测站 / Stations", "Stations", "line 2 · title"),
        ("{from: 站码}", "{fron: 站码}", "line 6 · tables.0.columns.station_code"),
        ("{from: 水位, unit: cm}", "{from: 水位, value: 3}", "line 9 · tables.0.columns.stage_m"),
        ("stage_m", "stage", "line 9 · tables.0.columns.stage"),
        ("contract: hydrology", "contract: weather", "line 4 · tables.0.contract"),
        ("      quality: {value: real-time}\n", "", "line 5 · tables.0.columns"),
    ],
)
def test_a_problem_is_named_by_line_and_field(old: str, new: str, said: str) -> None:
    assert parse_form(TEXT.encode(), "m.yaml")
    with pytest.raises(InvalidInputError) as caught:
        parse_form(TEXT.replace(old, new).encode(), "m.yaml")
    assert said in [item.field for item in caught.value.violations]


def test_what_is_not_yaml_is_named_by_line() -> None:
    with pytest.raises(MalformedError, match="line 2"):
        parse_form(b"mapping: 1\n  title: [\n", "m.yaml")
