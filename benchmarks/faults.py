"""Clean series of both banks, faults put into them, and what is named for each: made, and labelled as made.

A series is the logarithm of an AR(1) process around a level, one value every four hours; each bank sees it with
noise of its own. One fault befalls the right side of a series (of a whole section, for wrong codes) for some weeks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from exchange.reconcile.cause import Cause

MADE: Final = "made for the tests"
ITEMS: Final = {
    "w01009": ("mg/L", 7.5, 2), "w01014": ("uS/cm", 420.0, 1), "w01019": ("mg/L", 3.1, 2),
    "w21003": ("mg/L", 0.62, 3), "w21011": ("mg/L", 0.14, 4), "w21001": ("mg/L", 1.9, 3),
}  # fmt: skip
_STEPS: Final = 6 * 7 * 12
_HOUR: Final = 3600
_STEP: Final = 4 * _HOUR
_START: Final = 1_767_225_600
_CODES: Final = tuple(ITEMS)
# detection limits of the shipped terms
_FILLS: Final = {"w21003": 0.025, "w21011": 0.01, "w21001": 0.05, "w01019": 0.5}
# where such a fault leads beyond the tolerance at all
_AT: Final = {Cause.FILL: tuple(_FILLS), Cause.ROUNDING: ("w21011", "w21001")}
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Fault:
    """What was put where: `first` to `last` are seconds since 1970."""

    cause: Cause
    section: int
    item: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Banks:
    """Both sides' rows (columns of `side.OBSERVED`), the crosswalk, and the faults in them."""

    left: pa.Table
    right: pa.Table
    crosswalk: Mapping[str, str]
    faults: tuple[Fault, ...]


class _Made:
    """Values by section and item, [steps], and instants; what faults do is done to these."""

    def __init__(self, sections: int, noise: float, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        shape = (sections, len(ITEMS), _STEPS)
        self.truth = np.empty(shape)
        kicks = self.random.normal(0, 0.25, shape)
        state = self.random.normal(0, 0.45, shape[:2])
        for step in range(_STEPS):
            state = 0.83 * state + kicks[:, :, step]
            self.truth[:, :, step] = state
        levels = np.array([level for _, level, _ in ITEMS.values()])
        levels = levels * np.exp(self.random.normal(0, 0.3, shape[:2]))
        self.truth = levels[:, :, None] * np.exp(self.truth * 0.8)
        self.noise = noise
        self.left, self.right = self.seen(self.truth), self.seen(self.truth)
        self.instants = np.broadcast_to(_START + np.arange(_STEPS) * _STEP, shape).copy()
        jitter = self.random.integers(0, 900, shape)
        self.instants += np.where(self.random.random(shape) < 0.2, jitter, 0)
        self.own = np.broadcast_to(np.arange(sections)[:, None, None], shape)
        self.code = self.own.copy()
        self.twice = np.zeros(shape, bool)

    def seen(self, truth: Floats) -> Floats:
        """What a bank measures: with noise, to the item's decimals."""
        found = truth * np.exp(self.random.normal(0, self.noise, truth.shape))
        for at, (_, _, decimals) in enumerate(ITEMS.values()):
            found[..., at, :] = np.round(found[..., at, :], decimals)
        return found

    def span(self) -> slice:
        length = int(self.random.integers(6 * 21, 6 * 42))
        first = int(self.random.integers(0, _STEPS - length))
        return slice(first, first + length)


def banks(causes: Mapping[Cause, int], clean: int, noise: float = 0.05, seed: int = 1) -> Banks:
    """So many faults of each cause, each in a section of its own (two for wrong codes), and `clean` sections beside."""
    wanted = [cause for cause, count in causes.items() for _ in range(count)]
    made = _Made(len(wanted) + wanted.count(Cause.SECTION) + clean, noise, seed)
    section, faults = 0, list[Fault]()
    for number, cause in enumerate(wanted):
        faults += _inject(made, cause, section, number)
        section += 2 if cause is Cause.SECTION else 1
    grid = np.broadcast_to(_START + np.arange(_STEPS) * _STEP, made.left.shape)
    left = _table(made, "CQ", made.left, grid, made.own)
    right = _right(made)
    sections = made.left.shape[0]
    walk = {f"CQ-{at:04}": f"SC-{at:04}" for at in range(sections)}
    return Banks(left, right, walk, tuple(faults))


def _inject(made: _Made, cause: Cause, section: int, number: int) -> Iterator[Fault]:
    item, span = number % len(ITEMS), made.span()
    if cause in _AT:
        item = _CODES.index(list(_AT[cause])[number % len(_AT[cause])])
    where = (section, item, span)
    values = made.right
    if cause is Cause.UNIT:
        factor = (10.0, 1000.0, 0.1, 0.001, 14 / 17)[number % 5]
        item = _CODES.index("w21003") if factor == 14 / 17 else item
        values[section, item, span] *= factor
    elif cause in (Cause.TIME_ZONE, Cause.PERIOD, Cause.LAG):
        hours = {Cause.TIME_ZONE: 8, Cause.PERIOD: 4, Cause.LAG: 12}[cause] * (1 if number % 2 else -1)
        made.instants[where] += (abs(hours) if cause is Cause.LAG else hours) * _HOUR
    elif cause is Cause.SWAP:
        other = (item + 1 + number // len(ITEMS) % (len(ITEMS) - 1)) % len(ITEMS)
        values[section, [item, other], span] = values[section, [other, item], span]
        yield _fault(cause, section, other, span)
    elif cause is Cause.SECTION:
        made.code[[section, section + 1], :, span] = made.code[[section + 1, section], :, span]
        for each in range(len(ITEMS)):
            yield _fault(cause, section, each, span)
            yield _fault(cause, section + 1, each, span)
        return
    elif cause is Cause.STUCK:
        values[where] = values[section, item, span.start]
    else:
        _inject_rows(made, cause, (section, item, span))
    yield _fault(cause, section, item, span)


def _inject_rows(made: _Made, cause: Cause, where: tuple[int, int, slice]) -> None:
    section, item, span = where
    length = span.stop - span.start
    chosen = made.random.random(length) < 0.35
    if cause is Cause.FILL:
        made.right[where] = np.where(chosen, _FILLS[_CODES[item]], made.right[where])
    elif cause is Cause.ROUNDING:
        digits = int(np.ceil(-np.log10(np.median(made.right[where]))))
        made.right[where] = np.round(made.right[where], max(digits, 0))
    elif cause is Cause.DUPLICATE:
        made.twice[where] = chosen
    elif cause is Cause.TRUE:
        other = made.random.permutation(made.truth[section, item, span])
        made.right[where] = np.round(other * 1.3, 3)
    else:
        raise AssertionError(cause)


def _fault(cause: Cause, section: int, item: int, span: slice) -> Fault:
    first, last = (_START + at * _STEP for at in (span.start, span.stop))
    return Fault(cause, section, _CODES[item], first, last)


def _right(made: _Made) -> pa.Table:
    once = _table(made, "SC", made.right, made.instants, made.code)
    later = made.instants + made.random.integers(300, 2400, made.instants.shape)
    again = _table(made, "SC", made.right, later, made.code)
    return pa.concat_tables([once, again.filter(pa.array(made.twice.ravel()))])


def _table(
    made: _Made, prefix: str, values: Floats, instants: npt.NDArray[np.int64], code: npt.NDArray[np.int64]
) -> pa.Table:
    shape = values.shape
    item = np.broadcast_to(np.arange(shape[1])[None, :, None], shape).ravel()
    units = [unit for unit, _, _ in ITEMS.values()]
    rows = values.size
    return pa.table(
        {
            "section_code": _words([f"{prefix}-{at:04}" for at in range(shape[0])], code.ravel()),
            "sampled_at": pa.array(instants.ravel() * 1_000_000, pa.timestamp("us", tz="UTC")),
            "item_code": _words(list(_CODES), item),
            "monitoring_mode": _words(["automatic"], item * 0),
            "value": pa.array(values.ravel()),
            "unit": _words(units, item),
            "detection_limit": pa.nulls(rows, pa.float64()),
            "data_flag": _words(["N"], item * 0),
        }
    )


def _words(words: list[str], which: npt.NDArray[np.int64]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(which.astype(np.int32), words).dictionary_decode()


@dataclass(frozen=True, slots=True)
class Score:
    """`matrix` counts faults by what was put in and what was named for most of the differences they made."""

    matrix: Mapping[tuple[str, str], int]
    clean_pairs: int
    alarms: int

    def hits(self, causes: tuple[Cause, ...]) -> float:
        """The share of faults of these causes that were named right."""
        rows = {key: count for key, count in self.matrix.items() if key[0] in causes}
        return sum(count for (put, named), count in rows.items() if put == named) / sum(rows.values())

    @property
    def false_alarms(self) -> float:
        """The share of clean pairs for which a fault was named."""
        return self.alarms / self.clean_pairs


def score(made: Banks, differences: pa.Table, pairs: int) -> Score:
    """Hold named causes against the faults; `differences` are those of `Compared`, `pairs` their number in all."""
    sections = np.array([int(code[-4:]) for code in differences["left_section"].to_pylist()], np.int64)
    items = np.array(differences["item_code"].to_pylist(), dtype=object)
    at = differences["compared_at"].cast(pa.timestamp("s")).cast(pa.int64()).to_numpy()
    named = np.array(differences["cause"].to_pylist(), dtype=object)
    dirty = np.zeros(len(named), bool)
    matrix: Counter[tuple[str, str]] = Counter()
    touched = 0
    for fault in made.faults:
        # a moved series touches what it moved into as well
        edge = 12 * _HOUR
        mine = (sections == fault.section) & (items == fault.item)
        mine &= (at >= fault.first - edge) & (at < fault.last + edge)
        dirty |= mine
        touched += (fault.last - fault.first) // _STEP
        inside = named[mine & (at >= fault.first) & (at < fault.last)]
        most = Counter(inside.tolist()).most_common(1)
        matrix[fault.cause.value, most[0][0] if most else "none"] += 1
    wrong = np.isin(named, [each.value for each in Cause if each.fault])
    return Score(dict(matrix), pairs - touched, int((wrong & ~dirty).sum()))
