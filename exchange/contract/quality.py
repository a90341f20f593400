"""From ODCS quality checks to rules.

| ODCS | here |
|---|---|
| nullValues, mustBe 0 | required |
| missingValues (missingValues), mustBe 0 | missing |
| invalidValues (validValues, pattern), mustBe 0 | enum, pattern |
| duplicateValues (properties), mustBe 0 | unique |
| sql counting rows WHERE …, mustBe 0 | predicate |
| text | documentation, not checked |

Anything else is refused by name: a promise that is not checked would be worse than none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from open_data_contract_standard.model import DataQuality

from exchange.contract import wording
from exchange.contract.expression import Type
from exchange.contract.model import Column, Kind, Rule, Scalar, Severity
from exchange.contract.predicate import parse_violation_query
from exchange.contract.problem import Problems
from exchange.contract.value import pattern_problem, typed
from exchange.errors import MalformedError

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")


class QualityReader:
    """Reads the checks at one place; `column` is None at the level of the whole object."""

    def __init__(self, types: Mapping[str, Type], column: Column | None, problems: Problems) -> None:
        self._types = types
        self._column = column
        self._problems = problems

    def rules(self, given: DataQuality, path: str) -> Iterator[Rule]:
        """The rules of one check; none, and a problem noted, where it cannot be compiled."""
        if given.type == "text":
            return
        if (given.severity or Severity.ERROR) not in list(Severity):
            known = ", ".join(Severity)
            self._problems.add(
                f"{path}.severity", "severity", f"{given.severity!r:.40} is not one of {known}"
            )
            return
        if given.mustBe != 0 or isinstance(given.mustBe, bool) or given.unit not in (None, "rows"):
            self._problems.add(path, "unsupported", "only mustBe: 0 rows can be checked row by row")
            return
        for known_type in ("schedule", "scheduler", "method"):
            if getattr(given, known_type):
                said = "rules run whenever a batch arrives, and at no other time"
                self._problems.add(f"{path}.{known_type}", "unsupported", said)
        zh, en = wording.description(given.description, f"{path}.description", self._problems)
        severity = Severity(given.severity or Severity.ERROR)
        if given.type == "sql":
            yield from self._predicate(given, severity, zh, en, path)
        elif given.type in (None, "library"):
            yield from self._library(given, severity, zh, en, path)
        else:
            self._problems.add(f"{path}.type", "unsupported", f"type {given.type} cannot be compiled")

    def _predicate(
        self, given: DataQuality, severity: Severity, zh: str, en: str, path: str
    ) -> Iterator[Rule]:
        name = given.name or ""
        if not _NAME.fullmatch(name):
            self._problems.add(f"{path}.name", "name", f"{name[:80]!r} is not a lower_case rule name")
            return
        own = None if self._column is None else self._column.name
        try:
            predicate = parse_violation_query(given.query or "", self._types, own)
        except MalformedError as error:
            self._problems.add(f"{path}.query", "predicate", error.message)
            return
        order = list(self._types)
        columns = tuple(sorted(predicate.columns, key=order.index))
        yield Rule(
            id=name if own is None else f"{own}.{name}",
            kind=Kind.PREDICATE,
            columns=columns,
            severity=severity,
            zh=zh,
            en=en,
            dimension=given.dimension or "",
            predicate=predicate,
            sql=" ".join((given.query or "").split()),
        )

    def _library(self, given: DataQuality, severity: Severity, zh: str, en: str, path: str) -> Iterator[Rule]:
        arguments = dict(given.arguments or {})
        columns = self._columns_of(given.metric, arguments, path)
        if columns is None:
            return
        head = ",".join(columns)
        common: dict[str, Any] = {"columns": columns, "severity": severity, "zh": zh, "en": en}
        common["dimension"] = given.dimension or ""
        if given.metric == "nullValues":
            yield Rule(id=f"{head}.{Kind.REQUIRED}", kind=Kind.REQUIRED, **common)
        elif given.metric == "duplicateValues":
            yield Rule(id=f"{head}.{Kind.UNIQUE}", kind=Kind.UNIQUE, **common)
        elif given.metric == "missingValues":
            values = self._values(
                arguments.pop("missingValues", None), True, f"{path}.arguments.missingValues"
            )
            yield Rule(id=f"{head}.{Kind.MISSING}", kind=Kind.MISSING, values=values, **common)
        elif given.metric == "invalidValues":
            if "validValues" in arguments:
                values = self._values(arguments.pop("validValues"), False, f"{path}.arguments.validValues")
                yield Rule(id=f"{head}.{Kind.ENUM}", kind=Kind.ENUM, values=values, **common)
            if "pattern" in arguments:
                pattern = arguments.pop("pattern")
                said = pattern_problem(pattern)
                if said is None and self._types[head] is not Type.STRING:
                    said = "a pattern is for strings"
                if said is not None:
                    self._problems.add(f"{path}.arguments.pattern", "pattern", said)
                else:
                    yield Rule(id=f"{head}.{Kind.PATTERN}", kind=Kind.PATTERN, pattern=pattern, **common)
        for name in sorted(arguments):
            self._problems.add(
                f"{path}.arguments.{name}"[:200], "unsupported", f"argument {name[:60]} is not compiled"
            )

    def _columns_of(self, metric: str | None, arguments: dict[str, Any], path: str) -> tuple[str, ...] | None:
        if metric not in ("nullValues", "missingValues", "invalidValues", "duplicateValues"):
            said = (
                f"metric {metric} is about a whole dataset, not about rows"
                if metric
                else "a metric is needed"
            )
            self._problems.add(f"{path}.metric", "unsupported", said)
            return None
        if self._column is not None:
            return (self._column.name,)
        names = arguments.pop("properties", None) if metric == "duplicateValues" else None
        if not isinstance(names, list) or not names or not all(name in self._types for name in names):
            said = "at this level only duplicateValues is compiled, with arguments.properties naming columns"
            self._problems.add(f"{path}.metric", "unsupported", said)
            return None
        return tuple(dict.fromkeys(names))

    def _values(self, given: Any, nullable: bool, path: str) -> tuple[Scalar | None, ...]:
        assert self._column is not None
        found: list[Scalar | None] = []
        if not isinstance(given, list) or not given:
            self._problems.add(path, "value", "a list of values is needed")
            return ()
        for value in given:
            try:
                item = None if nullable and value is None else typed(self._column.logical_type, value)
            except (TypeError, ValueError) as error:
                self._problems.add(path, "value", f"{str(value)[:80]!r}: {error}")
                continue
            if item is None or isinstance(item, str | int | float):
                found.append(item)
            else:
                self._problems.add(path, "unsupported", "dates and instants cannot be enumerated")
        return tuple(found)
