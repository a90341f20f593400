"""一河一策: whether plans fit together. Rows of `river-plan`, and of `river-reach` for what lies within what.

不交叉: no two plans of one level claim one figure on one reach at one time.
不重复: no plan claims it twice.
上统下: a task's upper task is there, of a higher level, and not due earlier.
大统小: lower tasks together come up to the upper one's target.
流域统河库: a lower task's reach lies within the upper task's.
Source: “一河（湖）一策”方案编制指南（试行）, 办建管函〔2017〕1071号.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from typing import Any, Final

import pyarrow as pa

Row = Mapping[str, Any]
LEVELS: Final = ("township", "county", "municipal", "provincial", "basin")
_SLACK: Final = 1e-9


class Rule(StrEnum):
    """Which rule is broken."""

    OVERLAP = "overlap"  # 不交叉
    REPEATED = "repeated"  # 不重复
    NO_UPPER = "no_upper"  # 上统下
    NOT_ABOVE = "not_above"
    LATER_THAN_UPPER = "later_than_upper"
    SHORT_OF_UPPER = "short_of_upper"  # 大统小
    OUTSIDE_UPPER = "outside_upper"  # 流域统河库


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that does not fit; `tasks` as `<plan>/<task>`."""

    rule: Rule
    tasks: tuple[str, ...]
    zh: str
    en: str


def check_plans(plans: pa.Table, reaches: pa.Table | None = None) -> list[Problem]:
    """Everything that does not fit, by rule and task; without `reaches` what lies within what is not judged."""
    rows = plans.to_pylist()
    tasks = {_key(row): row for row in rows}
    within = _ancestors(reaches) if reaches is not None else None
    found = [*_claims(rows), *_uppers(rows, tasks, within), *_sums(rows, tasks)]
    return sorted(found, key=lambda item: (item.rule, item.tasks))


def _claims(rows: Sequence[Row]) -> Iterator[Problem]:
    claims: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        claims[row["level"], row["reach_code"], row["measure"], row["indicator"]].append(row)
    for same in claims.values():
        for one, other in combinations(same, 2):
            if not _meet(one, other):
                continue
            both = tuple(sorted((_name(one), _name(other))))
            if one["plan_code"] == other["plan_code"]:
                yield Problem(Rule.REPEATED, both, "同一方案重复列入", "listed twice in one plan")
            else:
                yield Problem(Rule.OVERLAP, both, "同级方案交叉", "claimed by two plans of one level")


def _uppers(
    rows: Sequence[Row], tasks: Mapping[Any, Row], within: Mapping[str, set[str]] | None
) -> Iterator[Problem]:
    for row in rows:
        if row["parent_task"] is None:
            continue
        upper = tasks.get((row["parent_plan"], row["parent_task"]))
        name = (_name(row),)
        if upper is None:
            yield Problem(Rule.NO_UPPER, name, "上级任务不存在", "its upper task is not there")
            continue
        if LEVELS.index(upper["level"]) <= LEVELS.index(row["level"]):
            yield Problem(
                Rule.NOT_ABOVE, name, "上级任务级别不高于本级", "its upper task is of no higher level"
            )
        if row["due_on"] > upper["due_on"]:
            yield Problem(Rule.LATER_THAN_UPPER, name, "晚于上级时限", "due later than its upper task")
        if within is not None and upper["reach_code"] not in within.get(
            row["reach_code"], {row["reach_code"]}
        ):
            yield Problem(
                Rule.OUTSIDE_UPPER, name, "不在上级河段之内", "its reach lies outside the upper one's"
            )


def _sums(rows: Sequence[Row], tasks: Mapping[Any, Row]) -> Iterator[Problem]:
    parts: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        if row["parent_task"] is not None:
            parts[row["parent_plan"], row["parent_task"]].append(row)
    for key, lower in parts.items():
        upper = tasks.get(key)
        if upper is None or upper["target_value"] is None:
            continue
        same = [row["target_value"] or 0.0 for row in lower if row["indicator"] == upper["indicator"]]
        total = sum(same)
        if same and total < upper["target_value"] * (1 - _SLACK):
            missing = upper["target_value"] - total
            yield Problem(
                Rule.SHORT_OF_UPPER,
                (_name(upper),),
                f"下级合计 {total:g}，差 {missing:g}",
                f"lower tasks give {total:g}, {missing:g} are missing",
            )


def _ancestors(reaches: pa.Table) -> dict[str, set[str]]:
    """Each reach with all that it lies within, itself included."""
    parents = {row["reach_code"]: row["parent_reach_code"] for row in reaches.to_pylist()}
    found: dict[str, set[str]] = {}
    for code, parent in parents.items():
        above, at = {code}, parent
        while at is not None and at not in above:
            above.add(at)
            at = parents.get(at)
        found[code] = above
    return found


def _key(row: Row) -> tuple[str, str]:
    return (row["plan_code"], row["task_code"])


def _name(row: Row) -> str:
    return "/".join(_key(row))


def _meet(one: Row, other: Row) -> bool:
    return all(
        end is None or start <= end
        for start, end in ((one["valid_from"], other["valid_to"]), (other["valid_from"], one["valid_to"]))
    )
