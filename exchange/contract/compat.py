"""What a new contract version does to those who rely on the old one, each break named.

*Backward*: new readers read old data: rows that were valid stay valid. *Forward*: old readers read new data: rows
valid under the new version are valid under the old one. *Full*: both. The terms are those of schema registries; here
they cover values too, not only shapes. A column that a version lacks is NULL to it, so one that may be empty can be
added freely; but readers ask for columns by name, so none can go unnoticed. Rules of severity info and warning reject
nothing and break nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from pyarrow import types

from exchange.contract.absent import can_hold
from exchange.contract.model import Bounds, Column, Compatibility, Contract, Kind, Rule, Sharing
from exchange.contract.physical import accepts

BACKWARD: Final = Compatibility.BACKWARD
FORWARD: Final = Compatibility.FORWARD
_BOTH: Final = (BACKWARD, FORWARD)
# Implied by the type, or compared as the contract's own key.
_APART: Final = frozenset({Kind.TYPE, Kind.FINITE, Kind.PRIMARY_KEY})


@dataclass(frozen=True, slots=True)
class Break:
    """One broken promise. `direction`: which of backward and forward it breaks; `column`: None for the whole."""

    kind: str
    column: str | None
    direction: Compatibility
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The strongest promise that holds between two versions, and everything that breaks a stronger one."""

    level: Compatibility
    breaks: tuple[Break, ...]


def compare(old: Contract, new: Contract) -> Verdict:
    """Judge `new` against `old`, two versions of one contract."""
    breaks = tuple(dict.fromkeys([*_of_document(old, new), *_of_columns(old, new), *_of_rules(old, new)]))
    return _verdict(breaks)


def narrowed(verdict: Verdict, columns: Collection[str]) -> Verdict:
    """The verdict for a reader of some columns alone; what breaks the contract as a whole breaks everyone."""
    return _verdict(tuple(item for item in verdict.breaks if item.column is None or item.column in columns))


def _verdict(breaks: tuple[Break, ...]) -> Verdict:
    broken = {item.direction for item in breaks}
    if not broken:
        level = Compatibility.FULL
    elif len(broken) > 1:
        level = Compatibility.NONE
    else:
        level = FORWARD if BACKWARD in broken else BACKWARD
    return Verdict(level, breaks)


def satisfies(verdict: Verdict, required: Compatibility) -> bool:
    """Whether a verdict is as good as what is required."""
    return required is Compatibility.NONE or verdict.level in (Compatibility.FULL, required)


def _breaks(
    kind: str, column: str | None, directions: Iterable[Compatibility], zh: str, en: str
) -> Iterator[Break]:
    return (Break(kind, column, direction, zh, en) for direction in directions)


def _of_document(old: Contract, new: Contract) -> Iterator[Break]:
    if old.primary_key != new.primary_key:
        was, now = ", ".join(old.primary_key), ", ".join(new.primary_key)
        yield from _breaks(
            "primary_key_changed",
            None,
            _BOTH,
            f"主键由 {was} 改为 {now}",
            f"the primary key was {was}, now {now}",
        )
    for kind, zh, en, before, after in (
        ("time_column_changed", "时间列", "time column", old.time_column, new.time_column),
        ("section_column_changed", "断面列", "section column", old.section_column, new.section_column),
    ):
        if before is not None and before != after:
            yield from _breaks(
                kind, None, (FORWARD,), f"{zh}不再是 {before}", f"the {en} is no longer {before}"
            )
    order = list(Sharing)
    if order.index(new.sharing) > order.index(old.sharing):
        zh, en = (
            f"共享属性由 {old.sharing} 收紧为 {new.sharing}",
            f"sharing was {old.sharing}, now {new.sharing}",
        )
        yield from _breaks("sharing_tightened", None, (FORWARD,), zh, en)
    if new.max_rejected_share < old.max_rejected_share:
        was, now = f"{old.max_rejected_share:.2%}", f"{new.max_rejected_share:.2%}"
        zh = f"整批退回的不合格比例由 {was} 降为 {now}"
        en = f"a batch was refused above {was} of rejected rows, now above {now}"
        yield from _breaks("rejected_share_lowered", None, (BACKWARD,), zh, en)


def _of_columns(old: Contract, new: Contract) -> Iterator[Break]:
    for column in old.columns:
        name = column.name
        if new.has_column(name):
            yield from _of_column(column, new.column(name))
        else:
            yield from _breaks(
                "column_removed", name, (FORWARD,), f"列 {name} 被删除", f"column {name} is gone"
            )
    demanded = {rule.columns[0] for rule in new.rules if rule.kind is Kind.REQUIRED and rule.severity.rejects}
    for column in new.columns:
        name = column.name
        if not old.has_column(name) and (column.required or name in demanded):
            said = f"新增必填列 {name}", f"required column {name} is new"
            yield from _breaks("required_column_added", name, (BACKWARD,), *said)


def _of_column(old: Column, new: Column) -> Iterator[Break]:
    name = old.name
    if old.arrow_type != new.arrow_type:
        broken = [
            direction
            for direction, fits in (
                (BACKWARD, _fits(old.arrow_type, new.arrow_type)),
                (FORWARD, _fits(new.arrow_type, old.arrow_type)),
            )
            if not fits
        ]
        was, now = str(old.arrow_type), str(new.arrow_type)
        yield from _breaks("type_changed", name, broken, f"类型由 {was} 改为 {now}", f"was {was}, now {now}")
    if old.unit != new.unit:
        zh = f"单位由 {old.unit or '无'} 改为 {new.unit or '无'}"
        en = f"the unit was {old.unit or 'none'}, now {new.unit or 'none'}"
        yield from _breaks("unit_changed", name, _BOTH, zh, en)
    if new.classification.rank > old.classification.rank:
        zh = f"密级由 {old.classification} 提高为 {new.classification}"
        en = f"classification was {old.classification}, now {new.classification}"
        yield from _breaks("classification_raised", name, (FORWARD,), zh, en)


def _fits(given: pa.DataType, target: pa.DataType) -> bool:
    """Whether every value of one type is a value of the other."""
    if given == target or not accepts(target, given):
        return bool(given == target)
    if not types.is_integer(given):
        return True
    if types.is_integer(target):
        inner, outer = (np.iinfo(item.to_pandas_dtype()) for item in (given, target))
        return bool(outer.min <= inner.min and inner.max <= outer.max)
    return bool(given.bit_width <= np.finfo(target.to_pandas_dtype()).nmant)


def _of_rules(old: Contract, new: Contract) -> Iterator[Break]:
    before, after = _rejecting(old), _rejecting(new)
    for rule_id, rule in before.items():
        if rule_id in after:
            yield from _of_rule(rule, after[rule_id])
        elif _bites(rule, new):
            lowered = any(item.id == rule_id for item in new.rules)
            kind = "severity_lowered" if lowered else f"{rule.kind}_removed"
            zh, en = f"规则 {rule_id} 不再拒收：{rule.zh}", f"rule {rule_id} rejects no longer: {rule.en}"
            yield from _breaks(kind, _column_of(rule), (FORWARD,), zh, en)
    for rule_id, rule in after.items():
        if rule_id not in before and _bites(rule, old):
            raised = any(item.id == rule_id for item in old.rules)
            kind = "severity_raised" if raised else f"{rule.kind}_added"
            zh, en = f"新的拒收规则 {rule_id}：{rule.zh}", f"rule {rule_id} now rejects: {rule.en}"
            yield from _breaks(kind, _column_of(rule), (BACKWARD,), zh, en)


def _bites(rule: Rule, other: Contract) -> bool:
    """Whether a rule can reject rows of the other version, to which columns it lacks are NULL."""
    absent = {name for name in rule.columns if not other.has_column(name)}
    if not absent:
        return True
    if rule.predicate is not None:
        return can_hold(rule.predicate, absent)
    # A required column that comes or goes is named as a column.
    return rule.kind is Kind.MISSING and None in rule.values


def _rejecting(contract: Contract) -> dict[str, Rule]:
    return {rule.id: rule for rule in contract.rules if rule.severity.rejects and rule.kind not in _APART}


def _column_of(rule: Rule) -> str | None:
    return rule.columns[0] if len(rule.columns) == 1 else None


def _of_rule(old: Rule, new: Rule) -> Iterator[Break]:
    """The same rule, rejecting in both versions: is it stricter, looser, or neither nor?"""
    judge = _JUDGES.get(old.kind, _by_equality)
    stricter, looser = judge(old, new) if old.kind is new.kind else (True, True)
    column = _column_of(new)
    if stricter and looser:
        zh, en = f"规则 {old.id} 已改变：{new.zh}", f"rule {old.id} is another one: {new.en}"
        yield from _breaks(f"{old.kind}_changed", column, _BOTH, zh, en)
    elif stricter:
        zh, en = f"规则 {old.id} 收紧：{new.zh}", f"rule {old.id} is stricter: {new.en}"
        yield from _breaks(f"{old.kind}_narrowed", column, (BACKWARD,), zh, en)
    elif looser:
        zh, en = f"规则 {old.id} 放宽：{new.zh}", f"rule {old.id} is looser: {new.en}"
        yield from _breaks(f"{old.kind}_widened", column, (FORWARD,), zh, en)
    if new.severity.rank > old.severity.rank:
        zh, en = f"规则 {old.id} 改为阻断整批：{new.zh}", f"rule {old.id} now refuses the batch: {new.en}"
        yield from _breaks("severity_raised", column, (BACKWARD,), zh, en)


def _by_equality(old: Rule, new: Rule) -> tuple[bool, bool]:
    same = (old.pattern, old.sql, old.reference) == (new.pattern, new.sql, new.reference)
    return not same, not same


def _by_bounds(old: Rule, new: Rule) -> tuple[bool, bool]:
    assert old.bounds is not None
    assert new.bounds is not None
    if _axis(old.bounds) is not _axis(new.bounds):
        return True, True
    return not _within(old.bounds, new.bounds), not _within(new.bounds, old.bounds)


def _axis(bounds: Bounds) -> type:
    """Numbers, dates and instants do not compare with each other."""
    bound = bounds.maximum if bounds.minimum is None else bounds.minimum
    return float if isinstance(bound, int | float) else type(bound)


def _within(inner: Bounds, outer: Bounds) -> bool:
    """Whether an interval lies in another."""
    low = outer.minimum is None or (
        inner.minimum is not None
        and (
            inner.minimum > outer.minimum  # type: ignore[operator]
            or (inner.minimum == outer.minimum and inner.exclusive_minimum >= outer.exclusive_minimum)
        )
    )
    high = outer.maximum is None or (
        inner.maximum is not None
        and (
            inner.maximum < outer.maximum  # type: ignore[operator]
            or (inner.maximum == outer.maximum and inner.exclusive_maximum >= outer.exclusive_maximum)
        )
    )
    return low and high


def _by_values(old: Rule, new: Rule) -> tuple[bool, bool]:
    before, after = set(old.values), set(new.values)
    fewer, more = bool(before - after), bool(after - before)
    return (fewer, more) if old.kind is Kind.ENUM else (more, fewer)


def _by_step(old: Rule, new: Rule) -> tuple[bool, bool]:
    assert old.multiple
    assert new.multiple
    return old.multiple % new.multiple != 0, new.multiple % old.multiple != 0


_JUDGES: Final[dict[Kind, Callable[[Rule, Rule], tuple[bool, bool]]]] = {
    Kind.RANGE: _by_bounds,
    Kind.LENGTH: _by_bounds,
    Kind.ENUM: _by_values,
    Kind.MISSING: _by_values,
    Kind.MULTIPLE: _by_step,
}
