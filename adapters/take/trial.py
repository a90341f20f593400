"""What a hub would say, found out here: the contract's own check over what an adapter took."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from adapters.take.spool import Spooled, Taken
from exchange.batch.parquet import read_groups
from exchange.contract.check import CheckResult, CompiledCheck
from exchange.contract.model import Contract, Reference, Severity
from exchange.settings import Limit

# As many items as a line of a wide table may have, so that enough is looked at.
_ITEMS: Final = 32


@dataclass(frozen=True, slots=True)
class Finding:
    """One violation: where the cell stood, the rule, what the value was; `times` where a cell is in several rows."""

    place: str
    rule: str
    severity: Severity
    zh: str
    en: str
    value: str | None
    times: int = 1


@dataclass(frozen=True, slots=True)
class Trial:
    """The verdict over one contract's rows."""

    taken: Taken
    result: CheckResult

    def findings(self, count: int) -> Iterator[Finding]:
        """The first violations that reject a row; what a cell of a wide table does to each of its items is one."""
        contract = self.taken.contract
        rules = {rule.id: rule for rule in contract.rules}
        rejecting = pa.array([rule.id for rule in contract.rules if rule.severity.rejects])
        table = self.result.violations
        table = table.filter(pc.is_in(table["rule"].cast(pa.string()), rejecting)).slice(0, count * _ITEMS)

        told: Counter[tuple[str, str, str | None]] = Counter(
            (self.taken.place(row["row"], row["column"]), row["rule"], row["value"])
            for row in table.to_pylist()
        )
        for (place, id, value), times in islice(told.items(), count):
            rule = rules[id]
            yield Finding(place, rule.id, rule.severity, rule.zh, rule.en, value, times)


def trial_of(spooled: Spooled, only: str | None = None) -> list[Trial]:
    """Hold every table against its contract. References are checked against what the same source gives."""
    return [
        Trial(taken, _checked(taken, _known(taken.contract, spooled)))
        for name, taken in spooled.taken.items()
        if only in (None, name)
    ]


def _checked(taken: Taken, known: dict[Reference, pa.Array]) -> CheckResult:
    check = CompiledCheck(taken.contract, known)
    return check.run(lambda: read_groups(taken.path, taken.contract, Limit()))


def _known(contract: Contract, spooled: Spooled) -> dict[Reference, pa.Array]:
    found: dict[Reference, pa.Array] = {}
    for reference in contract.references:
        target = spooled.taken.get(reference.contract)
        if target is not None and reference.contract != contract.ref.name:
            column = pq.read_table(target.path, columns=[reference.target_column])[reference.target_column]
            found[reference] = column.drop_null().combine_chunks()
    return found
