"""Running suites. Great Expectations takes seconds to import, so nothing here is imported where DAGs are parsed."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from stewards.quality.suite import ROW, Expected

if TYPE_CHECKING:
    import pandas as pd

_EXAMPLES: Final = 20


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of one expectation: rows that violate it, and which, where they were asked for."""

    expected: Expected
    count: int
    rows: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """A suite's results, each in the order of the suite; `result` is Great Expectations' own, for its pages."""

    judged: tuple[Judged, ...]
    result: Any
    suite: Any


def run_suite(
    name: str,
    expected: Sequence[Expected],
    frame: pd.DataFrame,
    rows: bool = False,
    numbered: bool = True,
) -> Outcome:
    """Run a suite over a frame. `rows` lists every violating row; else counts, and a few examples for the pages.

    `numbered` examples name their rows. For them Great Expectations walks through all violating rows in Python, so a
    batch with very many goes without; the page has the first few hundred of them from the hub.
    Raises RuntimeError where an expectation could not be evaluated: that is no verdict.
    """
    gx = _great_expectations()
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("hub").add_dataframe_asset(name)
    whole = asset.add_batch_definition_whole_dataframe("batch")
    suite = context.suites.add(gx.ExpectationSuite(name, expectations=[each.config for each in expected]))
    definition = context.validation_definitions.add(
        gx.ValidationDefinition(name=name, data=whole, suite=suite)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pandas, about how Great Expectations calls it
        result = definition.run(
            batch_parameters={"dataframe": frame}, result_format=_format(rows, numbered, frame)
        )
    return Outcome(tuple(map(_judged, expected, _ordered(result, suite))), result, suite)


def _great_expectations() -> Any:
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is installed beside it
        import great_expectations
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    return great_expectations


def _format(rows: bool, numbered: bool, frame: pd.DataFrame) -> dict[str, Any]:
    asked = {"unexpected_index_column_names": [ROW]} if numbered and ROW in frame.columns else {}
    if rows:
        return {"result_format": "COMPLETE", **asked}
    return {"result_format": "SUMMARY", "partial_unexpected_count": _EXAMPLES, **asked}


def _ordered(result: Any, suite: Any) -> list[Any]:
    """Results in the order of the suite: by the ids that it gave its expectations."""
    by_id = {each.expectation_config.id: each for each in result.results}
    return [by_id[each.id] for each in suite.expectations]


def _judged(expected: Expected, result: Any) -> Judged:
    if result.exception_info and result.exception_info.get("raised_exception"):
        raise RuntimeError(f"{expected.rule.id}: {result.exception_info.get('exception_message')}")
    found = result.result
    count = int(found.get("unexpected_count", 0 if result.success else 1))
    listed = found.get("unexpected_index_list")
    rows = None if "unexpected_list" not in found else tuple(sorted(int(each[ROW]) for each in listed or ()))
    return Judged(expected, count, rows)
