"""Rules over one column: which rows of a batch violate them.

NULL violates only `required`, and `missing` where it is listed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from exchange.contract.evaluate import bools
from exchange.contract.frame import Bools, Codes, Frame, Numbers, Series
from exchange.contract.instant import FIRST_DAY, FIRST_INSTANT, LAST_DAY, LAST_INSTANT, days, microseconds
from exchange.contract.model import Bound, Kind, Reference, Rule

_FEW: Final = 64
TEXT_KINDS: Final = frozenset(
    {Kind.PATTERN, Kind.LENGTH, Kind.ENUM, Kind.MISSING, Kind.REFERENCE},
)


class ColumnCheck:
    """All rules over one column, ready to run on any number of batches, from any thread."""

    def __init__(
        self, name: str, rules: Sequence[Rule], arrow_type: pa.DataType, known: Mapping[Reference, pa.Array]
    ) -> None:
        self.name = name
        self._required = next((rule for rule in rules if rule.kind is Kind.REQUIRED), None)
        others = [rule for rule in rules if rule is not self._required]
        self._text: list[tuple[Rule, _TextTest]] = []
        self._numbers: list[tuple[Rule, _NumberTest]] = []
        for rule in others:
            targets = None if rule.reference is None else known[rule.reference]
            if pa.types.is_string(arrow_type):
                self._text.append((rule, _text_test(rule, targets)))
            else:
                self._numbers.append((rule, _number_test(rule, arrow_type, targets)))

    def violations(self, frame: Frame) -> Iterator[tuple[Rule, Bools]]:
        """Each rule that some row violates, with the rows."""
        series = frame.columns[self.name]
        if self._required is not None:
            nulls = null_rows(series)
            if nulls is not None:
                yield self._required, nulls
        if isinstance(series, Numbers):
            for rule, test in self._numbers:
                hit = test(series)
                if hit.any():
                    yield rule, hit
        elif isinstance(series, Codes):
            yield from self._by_code(series, frame)
        else:
            yield from ((rule, hit) for rule, hit in self._by_text(series.array) if hit.any())

    def _by_code(self, series: Codes, frame: Frame) -> Iterator[tuple[Rule, Bools]]:
        key = None if series.key is None else (id(self), series.has_null, series.key)
        for rule, table in frame.memory.recall(key, lambda: self._tables(series)):
            hit = table.take(series.codes)
            if hit.any():
                yield rule, hit

    def _tables(self, series: Codes) -> tuple[tuple[Rule, Bools], ...]:
        words = series.vocabulary
        if series.has_null:
            words = pa.concat_arrays([words, pa.nulls(1, pa.string())])
        return tuple((rule, hit) for rule, hit in self._by_text(words) if hit.any())

    def _by_text(self, array: pa.StringArray) -> Iterator[tuple[Rule, Bools]]:
        return ((rule, test(array)) for rule, test in self._text)


def null_rows(series: Series) -> Bools | None:
    """Where the column is NULL; None if nowhere."""
    if isinstance(series, Numbers):
        return None if series.valid is None else ~series.valid
    if isinstance(series, Codes):
        return series.codes == len(series.vocabulary) if series.has_null else None
    return bools(series.array.is_null()) if series.array.null_count else None


_TextTest = Callable[[pa.StringArray], Bools]
_NumberTest = Callable[[Numbers], Bools]


def _text_test(rule: Rule, known: pa.Array | None) -> _TextTest:
    match rule.kind:
        case Kind.PATTERN:
            options = pc.MatchSubstringOptions(rule.pattern)
            match = pc.get_function("match_substring_regex")
            return lambda array: _not_true(match.call([array], options), array)
        case Kind.LENGTH:
            return _length_test(rule)
        case Kind.ENUM:
            return _membership_test(pa.array(list(rule.values), pa.string()))
        case Kind.MISSING:
            forbidden = pa.array(list(rule.values), pa.string())
            return lambda array: bools(pc.is_in(array, value_set=forbidden))
        case Kind.REFERENCE:
            assert known is not None
            return _membership_test(known.cast(pa.string()))
    raise AssertionError(f"{rule.id}: {rule.kind} is no rule for strings")


def _length_test(rule: Rule) -> _TextTest:
    assert rule.bounds is not None
    low = int(rule.bounds.minimum or 0)  # type: ignore[arg-type]
    high = None if rule.bounds.maximum is None else int(rule.bounds.maximum)  # type: ignore[arg-type]

    def test(array: pa.StringArray) -> Bools:
        # A string has at most as many characters as bytes, and one exactly if it has any: often that is enough.
        size = pc.min_max(pc.binary_length(array)).as_py()
        if size["max"] is None or (low <= min(1, size["min"]) and (high is None or size["max"] <= high)):
            return np.zeros(len(array), np.bool_)
        lengths = pc.utf8_length(array)
        bad = pc.less(lengths, low)
        if high is not None:
            bad = pc.or_(bad, pc.greater(lengths, high))
        return bools(bad.fill_null(False))

    return test


def _membership_test(values: pa.StringArray) -> _TextTest:
    few = frozenset(values.drop_null().to_pylist())

    def test(array: pa.StringArray) -> Bools:
        if len(array) <= _FEW:
            return np.array([word is not None and word not in few for word in array.to_pylist()], np.bool_)
        return _not_true(pc.is_in(array, value_set=values), array)

    return test


def _not_true(hit: pa.BooleanArray, array: pa.Array) -> Bools:
    wrong = pc.invert(hit)
    if array.null_count:
        wrong = pc.and_(wrong.fill_null(False), array.is_valid())
    return bools(wrong)


def _number_test(rule: Rule, arrow_type: pa.DataType, known: pa.Array | None) -> _NumberTest:
    match rule.kind:
        case Kind.FINITE:
            return _finite_test(arrow_type)
        case Kind.RANGE:
            return _range_test(rule)
        case Kind.MULTIPLE:
            assert rule.multiple is not None
            step = int(rule.multiple)
            return lambda series: _valid(series.data % step != 0, series)
        case Kind.ENUM:
            values = np.array([as_number(value) for value in rule.values])
            return lambda series: _valid(~np.isin(series.data, values), series)
        case Kind.REFERENCE:
            assert known is not None
            targets = pc.unique(known.cast(arrow_type)).drop_null().to_numpy(zero_copy_only=False)
            return lambda series: _valid(~np.isin(series.data, targets), series)
        case Kind.MISSING:
            bad = np.array([as_number(value) for value in rule.values if value is not None])
            null = None in rule.values
            return lambda series: _missing(series, bad, null)
    raise AssertionError(f"{rule.id}: {rule.kind} is no rule for {arrow_type}")


def _missing(series: Numbers, bad: Any, null: bool) -> Bools:
    hit = _valid(np.isin(series.data, bad), series)
    return hit | ~series.valid if null and series.valid is not None else hit


def _finite_test(arrow_type: pa.DataType) -> _NumberTest:
    if pa.types.is_floating(arrow_type):
        return lambda series: _valid(~np.isfinite(series.data), series)
    first, last = (
        (FIRST_INSTANT, LAST_INSTANT) if pa.types.is_timestamp(arrow_type) else (FIRST_DAY, LAST_DAY)
    )
    return lambda series: _valid((series.data < first) | (series.data > last), series)


def _range_test(rule: Rule) -> _NumberTest:
    bounds = rule.bounds
    assert bounds is not None
    tests: list[Callable[[Any], Any]] = []
    if bounds.minimum is not None:
        low = as_number(bounds.minimum)
        tests.append((lambda data: data <= low) if bounds.exclusive_minimum else (lambda data: data < low))
    if bounds.maximum is not None:
        high = as_number(bounds.maximum)
        tests.append((lambda data: data >= high) if bounds.exclusive_maximum else (lambda data: data > high))

    def test(series: Numbers) -> Bools:
        hit: Bools = tests[0](series.data)
        for other in tests[1:]:
            hit = hit | other(series.data)
        return _valid(hit, series)

    return test


def as_number(value: Bound | str | bool | None) -> int | float:
    """A bound or permitted value in the terms of `Numbers`: dates as days, instants as microseconds."""
    if isinstance(value, datetime):
        return microseconds(value)
    if isinstance(value, date):
        return days(value)
    assert isinstance(value, int | float)
    return value


def _valid(hit: Any, series: Numbers) -> Bools:
    found: Bools = hit if series.valid is None else hit & series.valid
    return found
