"""From an ODCS property to a column and the rules that its type and options imply."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Any, Final

import pyarrow as pa
from open_data_contract_standard.model import SchemaProperty

from exchange.contract import wording
from exchange.contract.custom import custom, severities
from exchange.contract.expression import Type
from exchange.contract.model import (
    Bound,
    Bounds,
    Classification,
    Column,
    Kind,
    Reference,
    Rule,
    Scalar,
    Severity,
    Value,
)
from exchange.contract.problem import Problems
from exchange.contract.value import interval, pattern_problem, typed

MAX_VALUES: Final = 5000
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")
_TARGET: Final = re.compile(
    r"\.\./([a-z0-9-]{1,63})/[0-9]+\.[0-9]+\.[0-9]+\.yaml#/?schema/[A-Za-z0-9_-]+/properties/([a-z][a-z0-9_]{0,62})"
)
_ARROW: Final[dict[tuple[str, str], pa.DataType]] = {
    ("string", ""): pa.string(),
    ("boolean", ""): pa.bool_(),
    ("date", ""): pa.date32(),
    ("timestamp", ""): pa.timestamp("us", tz="UTC"),
    ("number", ""): pa.float64(),
    ("number", "f64"): pa.float64(),
    ("number", "f32"): pa.float32(),
    ("integer", ""): pa.int32(),
    ("integer", "i8"): pa.int8(),
    ("integer", "i16"): pa.int16(),
    ("integer", "i32"): pa.int32(),
    ("integer", "i64"): pa.int64(),
    ("integer", "u8"): pa.uint8(),
    ("integer", "u16"): pa.uint16(),
    ("integer", "u32"): pa.uint32(),
    ("integer", "u64"): pa.uint64(),
}
_OPTIONS: Final = {
    "string": {"minLength", "maxLength", "pattern"},
    "boolean": set[str](),
    "date": {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"},
    "timestamp": {
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "timezone",
        "defaultTimezone",
    },
    "number": {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "format"},
    "integer": {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "format", "multipleOf"},
}
TYPES: Final = {
    "string": Type.STRING,
    "number": Type.NUMBER,
    "integer": Type.NUMBER,
    "boolean": Type.BOOLEAN,
    "date": Type.DATE,
    "timestamp": Type.TIMESTAMP,
}
_OWN_PROPERTIES: Final = frozenset({"unit", "severity"})
_SETTABLE: Final = frozenset(
    {
        Kind.REQUIRED,
        Kind.RANGE,
        Kind.PATTERN,
        Kind.LENGTH,
        Kind.ENUM,
        Kind.MULTIPLE,
        Kind.REFERENCE,
        Kind.UNIQUE,
    }
)


class ColumnReader:
    """Reads one property; `column` and `rules` are what it says."""

    def __init__(self, given: SchemaProperty, path: str, problems: Problems) -> None:
        self._given = given
        self._path = path
        self._problems = problems
        self._options: dict[str, Any] = dict(given.logicalTypeOptions or {})
        own = custom(given.customProperties, _OWN_PROPERTIES, path, problems)
        self._severity = severities(own.get("severity"), _SETTABLE, f"{path}.severity", problems)
        self.name = given.name or ""
        self._kind = given.logicalType or ""
        self._check_shape()
        self.column = self._column(str(own.get("unit") or ""))
        self.rules = list(self._rules()) if self._kind in TYPES else []

    def _check_shape(self) -> None:
        given, path, problems = self._given, self._path, self._problems
        if not _NAME.fullmatch(self.name):
            problems.add(f"{path}.name", "name", f"{self.name[:80]!r} is not a lower_case column name")
        if self._kind not in TYPES:
            said = f"logicalType {self._kind!r} is not one of {', '.join(TYPES)}"
            problems.add(f"{path}.logicalType", "unsupported", said)
            return
        for option in sorted(self._options.keys() - _OPTIONS[self._kind]):
            said = f"{option} of a {self._kind} is not checked here"
            problems.add(f"{path}.logicalTypeOptions.{option}", "unsupported", said)
        if (self._kind, self._options.get("format", "")) not in _ARROW:
            said = f"format {str(self._options['format'])[:40]!r} of a {self._kind} is not supported"
            problems.add(f"{path}.logicalTypeOptions.format", "unsupported", said)
            self._kind = ""
        if self._options.get("timezone") is False:
            problems.add(f"{path}.logicalTypeOptions.timezone", "unsupported", "instants carry a time zone")
        if given.classification not in list(Classification):
            problems.add(
                f"{path}.classification", "classification", f"one of {', '.join(Classification)} is needed"
            )

    def _column(self, unit: str) -> Column:
        given, path, problems = self._given, self._path, self._problems
        title_zh, title_en = wording.title(given.businessName, f"{path}.businessName", problems)
        zh, en = wording.description(given.description, f"{path}.description", problems)
        if self._kind == "number" and not unit:
            problems.add(path, "unit", "a number has a customProperties unit, 1 if it has no dimension")
        held = given.classification or ""
        return Column(
            name=self.name,
            logical_type=self._kind,
            arrow_type=_ARROW.get((self._kind, self._options.get("format", "")), pa.string()),
            required=bool(given.required),
            classification=Classification(held)
            if held in list(Classification)
            else Classification.RESTRICTED,
            unit=unit,
            title_zh=title_zh,
            title_en=title_en,
            zh=zh,
            en=en,
            examples=tuple(given.examples or ()),
            values=tuple(self._values()),
        )

    def _values(self) -> Iterator[Value]:
        if len(self._given.enum or ()) > MAX_VALUES:
            self._problems.add(f"{self._path}.enum", "limit", f"at most {MAX_VALUES} values")
            return
        if self._given.enum and self._kind not in ("string", "integer"):
            self._problems.add(
                f"{self._path}.enum", "unsupported", "strings and integers alone can be enumerated"
            )
            return
        for position, item in enumerate(self._given.enum or ()):
            at = f"{self._path}.enum[{position}]"
            zh, en = wording.title(item.label, f"{at}.label", self._problems)
            value = item.value
            if self.typed(value, at) is not None and isinstance(value, str | int | float | bool):
                yield Value(value, zh, en)

    def _rules(self) -> Iterator[Rule]:
        numeric = self._kind in ("number", "integer")
        if self._kind != "string":
            yield self.rule(Kind.TYPE, "无法按类型读取", f"cannot be read as {self._kind}")
        if self._given.required:
            yield self.rule(Kind.REQUIRED, "不能为空", "must not be empty")
        if self._kind in ("number", "date", "timestamp"):
            what = "不是有限数值" if numeric else "超出公元 1 至 9999 年"
            yield self.rule(
                Kind.FINITE, what, "is not a finite number" if numeric else "lies outside years 1 to 9999"
            )
        bounds = self._bounds()
        if bounds is not None:
            shown = interval(bounds)
            yield self.rule(Kind.RANGE, f"须在 {shown} 内", f"must lie in {shown}", bounds=bounds)
        if "multipleOf" in self._options:
            yield from self._multiple(self._options["multipleOf"])
        low, high = self._options.get("minLength"), self._options.get("maxLength")
        if low is not None or high is not None:
            bounds = Bounds(low, high)
            shown = interval(bounds)
            if low is not None and high is not None and low > high:
                self._problems.add(f"{self._path}.logicalTypeOptions", "bounds", f"{shown} is empty")
            yield self.rule(
                Kind.LENGTH, f"字符数须在 {shown} 内", f"must have {shown} characters", bounds=bounds
            )
        if "pattern" in self._options:
            yield from self.pattern(self._options["pattern"], f"{self._path}.logicalTypeOptions.pattern")
        if self._given.enum and self._kind in ("string", "integer"):
            values = tuple(
                value for item in self._given.enum if (value := self._plain(item.value)) is not None
            )
            yield self.rule(Kind.ENUM, "不在允许值之列", "is not among the permitted values", values=values)
        yield from self._references()
        if self._given.unique:
            yield self.rule(Kind.UNIQUE, "不能重复", "must not occur twice")

    def rule(self, kind: Kind, zh: str, en: str, **more: Any) -> Rule:
        """A rule over this column alone."""
        severity = self._severity.get(kind, Severity.ERROR)
        return Rule(f"{self.name}.{kind}", kind, (self.name,), severity, zh, en, **more)

    def pattern(self, text: Any, path: str) -> Iterator[Rule]:
        """A pattern rule, if Arrow's RE2 compiles the text."""
        said = pattern_problem(text)
        if said is not None:
            self._problems.add(path, "pattern", said)
        else:
            yield self.rule(Kind.PATTERN, f"须符合 {text}", f"must match {text}", pattern=text)

    def _multiple(self, step: Any) -> Iterator[Rule]:
        if isinstance(step, int) and 0 < step < 2**31:
            yield self.rule(
                Kind.MULTIPLE, f"须为 {step} 的倍数", f"must be a multiple of {step}", multiple=step
            )
        else:
            at = f"{self._path}.logicalTypeOptions.multipleOf"
            self._problems.add(at, "unsupported", "multipleOf is a whole number below 2147483648")

    def _bounds(self) -> Bounds | None:
        found: dict[str, Bound] = {}
        for option in ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"):
            if option in self._options:
                value = self.typed(self._options[option], f"{self._path}.logicalTypeOptions.{option}")
                if isinstance(value, int | float | date):
                    found[option] = value
        if {"minimum", "exclusiveMinimum"} <= found.keys() or {"maximum", "exclusiveMaximum"} <= found.keys():
            self._problems.add(
                f"{self._path}.logicalTypeOptions", "bounds", "one lower and one upper bound at most"
            )
        low = found.get("exclusiveMinimum", found.get("minimum"))
        high = found.get("exclusiveMaximum", found.get("maximum"))
        if low is None and high is None:
            return None
        bounds = Bounds(low, high, "exclusiveMinimum" in found, "exclusiveMaximum" in found)
        if low is not None and high is not None and low > high:  # type: ignore[operator]
            self._problems.add(f"{self._path}.logicalTypeOptions", "bounds", f"{interval(bounds)} is empty")
        return bounds

    def _references(self) -> Iterator[Rule]:
        for position, given in enumerate(self._given.relationships or ()):
            target = _TARGET.fullmatch(given.to) if isinstance(given.to, str) else None
            if target is None:
                said = "a reference is ../<contract>/<version>.yaml#/schema/<object>/properties/<column>"
                self._problems.add(f"{self._path}.relationships[{position}].to", "reference", said)
                continue
            reference = Reference(self.name, target.group(1), target.group(2))
            zh = f"不是 {reference.contract} 中已有的 {reference.target_column}"
            en = f"is no known {reference.target_column} of {reference.contract}"
            yield self.rule(Kind.REFERENCE, zh, en, reference=reference)

    def typed(self, value: Any, path: str) -> Scalar | date | None:
        """A YAML value as this column's type (dates and instants parsed); notes a problem and gives None if not."""
        try:
            return typed(self._kind, value)
        except (ValueError, TypeError) as error:
            self._problems.add(path, "value", f"{str(value)[:80]!r} is no {self._kind}: {str(error)[:120]}")
            return None

    def _plain(self, value: Any) -> Scalar | None:
        try:
            found = typed(self._kind, value)
        except (ValueError, TypeError):
            return None
        return found if isinstance(found, str | int | float | bool) else None
