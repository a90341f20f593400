"""Check record batches against a contract: which rows count, and which do not and why.

A `CompiledCheck` is built once per contract and may be used from any thread; each batch has its own `Run`:

    run = check.start()
    run.feed_all(batches)
    result = run.finish(lambda: batches)

Rules run as vector kernels over whole slices of a batch, never row by row.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Final, TypeVar

import numpy as np
import pyarrow as pa

from exchange.contract.evaluate import truth
from exchange.contract.finding import VIOLATIONS, Findings
from exchange.contract.frame import Bools, Frame, Memory, Numbers, frame_of
from exchange.contract.instant import FIRST_DAY, FIRST_INSTANT, LAST_DAY, LAST_INSTANT, instant_of
from exchange.contract.kernels import ColumnCheck
from exchange.contract.keys import KeyIndex, Reread
from exchange.contract.model import Contract, Kind, Reference, Rule, Severity
from exchange.contract.physical import arrange, cast, conform, validate

__all__ = ["CheckResult", "CompiledCheck", "Run", "cast", "conform"]

_SLICE: Final = 1 << 17
_THREADS: Final = 2
_DAY: Final = 86_400_000_000
_NOTHING: Final = pa.Table.from_batches([], VIOLATIONS)
_NO_ROWS: Final = pa.nulls(0, pa.int64())
_T = TypeVar("_T")
_R = TypeVar("_R")
_Examined = tuple[pa.RecordBatch, Frame, list[tuple[Rule, Bools]]]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What was found in one batch.

    counts: rows violating each rule of the contract, zero included. violations: row (int64, zero-based), rule,
    column (several joined by commas), value (text, at most 200 characters); every rejected row is listed at
    least once, of info and warning the first 100 per rule. period: earliest and latest value of the time column
    over all rows. blockers: blocker rules that some row violates. refused: why the batch as a whole does not
    count, None if it does. unchecked: reference rules for which no known values were given. complete: False
    where so much was wrong that itemising stopped; counts are then lower bounds and the batch is refused.
    """

    rows: int
    accepted: int
    rejected: int
    counts: dict[str, int]
    violations: pa.Table
    rejected_rows: pa.Int64Array
    period: tuple[datetime, datetime] | None
    blockers: tuple[str, ...]
    refused: str | None
    unchecked: tuple[str, ...]
    complete: bool


class CompiledCheck:
    """A contract's rules, ready to run. `known` holds the values that references may take."""

    def __init__(self, contract: Contract, known: Mapping[Reference, pa.Array]) -> None:
        self.contract = contract
        self.memory = Memory()
        self.unchecked = tuple(
            rule.id for rule in contract.rules if rule.reference is not None and rule.reference not in known
        )
        self._columns: list[ColumnCheck] = []
        self._predicates = [rule for rule in contract.rules if rule.predicate is not None]
        self._unique = [rule for rule in contract.rules if rule.kind in (Kind.PRIMARY_KEY, Kind.UNIQUE)]
        self._good_schema: pa.Schema | None = None
        apart = {Kind.TYPE, Kind.PREDICATE, Kind.PRIMARY_KEY, Kind.UNIQUE}
        for column in contract.columns:
            rules = [
                rule
                for rule in contract.rules
                if rule.columns == (column.name,) and rule.kind not in apart and rule.id not in self.unchecked
            ]
            targets = {rule.reference: known[rule.reference] for rule in rules if rule.reference is not None}
            if pa.types.is_binary(column.arrow_type):
                continue  # sealed
            self._columns.append(ColumnCheck(column.name, rules, column.arrow_type, targets))

    def start(self) -> Run:
        """Begin one batch."""
        return Run(self, [KeyIndex(rule) for rule in self._unique])

    def run(self, batches: Callable[[], Iterable[pa.RecordBatch]]) -> CheckResult:
        """Check all of one batch that can be read as often as needed."""
        run = self.start()
        run.feed_all(batches())
        return run.finish(batches)

    def spotless(self, rows: pa.RecordBatch) -> Sequence[CheckResult | None]:
        """For each row, taken as a batch of its own: its result if no rule has anything to say, else None.

        Many batches of one row are checked at the cost of one. Raises MalformedError and SchemaMismatchError.
        """
        rows = self.cast(rows)
        frame = frame_of(rows, self.memory)
        clean: Bools = np.ones(rows.num_rows, np.bool_)
        for _, hit in self.violations(frame):
            clean &= ~hit
        periods = self._periods(frame)
        return [
            self._clean_row(period) if good else None for good, period in zip(clean, periods, strict=True)
        ]

    def _periods(self, frame: Frame) -> list[datetime | None]:
        name = self.contract.time_column
        if name is None:
            return [None] * frame.rows
        series = frame.columns[name]
        assert isinstance(series, Numbers)
        scale = _DAY if self.contract.column(name).logical_type == "date" else 1
        low, high = FIRST_INSTANT // scale, LAST_INSTANT // scale
        known = (series.data >= low) & (series.data <= high)
        if series.valid is not None:
            known &= series.valid
        return [
            instant_of(int(at) * scale) if good else None for at, good in zip(series.data, known, strict=True)
        ]

    def _clean_row(self, at: datetime | None) -> CheckResult:
        return CheckResult(
            rows=1,
            accepted=1,
            rejected=0,
            counts={},
            violations=_NOTHING,
            rejected_rows=_NO_ROWS,
            period=None if at is None else (at, at),
            blockers=(),
            refused=None,
            unchecked=self.unchecked,
            complete=True,
        )

    def cast(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """`exchange.contract.physical.cast`, quicker from the second batch of a schema on."""
        validate(batch)
        schema = batch.schema
        if self._good_schema is None or not schema.equals(self._good_schema):
            conform(schema, self.contract)
            self._good_schema = schema
        return arrange(batch, self.contract)

    def violations(self, frame: Frame) -> Iterator[tuple[Rule, Bools]]:
        """Each rule within rows that some row of the frame violates, with the rows."""
        for column in self._columns:
            yield from column.violations(frame)
        for rule in self._predicates:
            assert rule.predicate is not None
            hit = truth(rule.predicate, frame)
            if hit.any():
                yield rule, hit


class Run:
    """One batch being checked; not for several threads at once."""

    def __init__(self, check: CompiledCheck, keys: list[KeyIndex]) -> None:
        self._check = check
        self._findings = Findings(check.contract)
        self._keys = keys
        self._rows = 0
        self._period: tuple[int, int] | None = None

    def feed(self, batch: pa.RecordBatch, typed_violations: pa.Table | None = None) -> None:
        """Take the next rows, numbered on from those before.

        `typed_violations` are those of `exchange.contract.text.from_text` for these rows.
        Raises MalformedError and SchemaMismatchError.
        """
        if typed_violations is not None:
            self._findings.add_listed(typed_violations, self._rows)
        for part in _slices(batch):
            self._take(self._examine(part))

    def feed_all(self, batches: Iterable[pa.RecordBatch]) -> None:
        """`feed` each of them: some are examined side by side, while the next is being read."""
        for examined in _ahead(self._examine, (part for batch in batches for part in _slices(batch))):
            self._take(examined)

    def add_violations(self, listed: pa.Table) -> None:
        """Take violations found while reading text; their rows are numbered from the start of the batch."""
        self._findings.add_listed(listed)

    def finish(self, reread: Reread | None = None) -> CheckResult:
        """What was found. `reread` yields the batches fed, again; needed to tell equal keys beyond 100,000 rows."""
        contract, findings = self._check.contract, self._findings
        enough = int(contract.max_rejected_share * self._rows)
        again = None if reread is None else lambda: (self._check.cast(batch) for batch in reread())
        complete = True
        for key in self._keys:
            same = key.duplicates(again, enough)
            if same is not None:
                findings.add_rows(key.rule, same.rows, same.keys)
                complete &= same.complete
        findings.settle()
        rejected = findings.rejected_rows()
        blockers = tuple(
            rule.id
            for rule in contract.rules
            if rule.severity is Severity.BLOCKER and findings.counts[rule.id]
        )
        complete &= findings.complete
        return CheckResult(
            rows=self._rows,
            accepted=self._rows - len(rejected),
            rejected=len(rejected),
            counts=findings.counts,
            violations=findings.table(),
            rejected_rows=pa.array(rejected, pa.int64()),
            period=self._period_of(),
            blockers=blockers,
            refused=_refusal(contract, findings, blockers, len(rejected), self._rows, complete),
            unchecked=self._check.unchecked,
            complete=complete,
        )

    def _examine(self, part: pa.RecordBatch) -> _Examined:
        part = self._check.cast(part)
        frame = frame_of(part, self._check.memory)
        return part, frame, list(self._check.violations(frame))

    def _take(self, examined: _Examined) -> None:
        part, frame, found = examined
        for rule, hit in found:
            self._findings.add(rule, hit, part, self._rows)
        for key in self._keys:
            key.feed(part, frame)
        self._widen_period(frame)
        self._rows += part.num_rows

    def _widen_period(self, frame: Frame) -> None:
        name = self._check.contract.time_column
        if name is None:
            return
        series = frame.columns[name]
        assert isinstance(series, Numbers)
        data = series.data if series.valid is None else series.data[series.valid]
        if not len(data):
            return
        first, last = (FIRST_INSTANT, LAST_INSTANT) if data.dtype == np.int64 else (FIRST_DAY, LAST_DAY)
        low, high = int(data.min()), int(data.max())
        if low < first or high > last:
            data = data[(data >= first) & (data <= last)]
            if not len(data):
                return
            low, high = int(data.min()), int(data.max())
        before = self._period or (low, high)
        self._period = (min(low, before[0]), max(high, before[1]))

    def _period_of(self) -> tuple[datetime, datetime] | None:
        if self._period is None:
            return None
        column = self._check.contract.column(self._check.contract.time_column or "")
        scale = _DAY if column.logical_type == "date" else 1
        return instant_of(self._period[0] * scale), instant_of(self._period[1] * scale)


def _slices(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    return (batch.slice(start, _SLICE) for start in range(0, batch.num_rows, _SLICE))


def _ahead(act: Callable[[_T], _R], items: Iterable[_T]) -> Iterator[_R]:
    """`map` in threads of their own, a few items ahead of who takes the results."""
    waiting: deque[Future[_R]] = deque()
    for item in items:
        waiting.append(_pool().submit(act, item))
        if len(waiting) > _THREADS:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_THREADS, thread_name_prefix="contract-check")


def _refusal(
    contract: Contract,
    findings: Findings,
    blockers: tuple[str, ...],
    rejected: int,
    rows: int,
    complete: bool,
) -> str | None:
    if blockers:
        rule = contract.rule(blockers[0])
        count = findings.counts[rule.id]
        return f"{count} 行违反阻断规则 {rule.id}：{rule.zh} / {count} rows violate blocker rule {rule.id}: {rule.en}"
    share = contract.max_rejected_share
    if rows and rejected / rows > share:
        return (
            f"{rows} 行中有 {rejected} 行不合格，超过合约上限 {share:.2%} / "
            f"{rejected} of {rows} rows are rejected, more than the contract's {share:.2%}"
        )
    if not complete:
        return "问题过多，无法逐条列出 / more is wrong than can be itemised"
    return None
