"""Tasks about plans in a process of their own: one from standard input, what comes of it on standard output.

A hub plans for others. What that needs of memory and time must not be the hub's, and has to end when its caller has
gone; so the hub starts `python -m exchange.patrol.work BYTES`, writes one JSON object and reads one a line:
{"progress": …} while there is any, at last {"done": …} or {"failed": …}. `exchange.serve.planning` is the other end.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime, time
from typing import Any, Final

import pyarrow as pa

from exchange.errors import HechuanError, InvalidInputError, LimitExceededError
from exchange.patrol.calendar import calendar_of
from exchange.patrol.check import breaches
from exchange.patrol.cost import cost_of
from exchange.patrol.document import office_from_json, plan_from_json, plan_to_json
from exchange.patrol.explain import explain
from exchange.patrol.model import Office, Plan
from exchange.patrol.planner import Progress, plan, replan, without

Said = dict[str, Any]
_NICE: Final = 10
_RECORDS: Final = pa.schema(
    [
        ("patrol_code", pa.string()),
        ("reach_code", pa.string()),
        ("started_at", pa.timestamp("us", tz="UTC")),
        ("problems_found", pa.int64()),
        ("problems_solved", pa.int64()),
    ]
)


def main() -> None:
    """Do one task; whatever goes wrong is said, not raised."""
    most = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    os.nice(_NICE)
    try:
        task = json.load(sys.stdin)
        _say({"done": TASKS[task["task"]](task)})
    except HechuanError as error:
        violations = [[each.field, each.rule, each.description] for each in error.violations[:50]]
        _say({"failed": {"code": error.code, "message": error.message, "violations": violations}})
    except MemoryError:
        _say({"failed": {"code": LimitExceededError.code, "message": f"needs more than {most} bytes"}})


def _say(said: Said) -> None:
    print(json.dumps(said, ensure_ascii=False), flush=True)


def _plan(task: Mapping[str, Any]) -> Said:
    office = office_from_json(task["office"].encode())
    made = plan(office, task["seconds"], tell=_tell, most_tours=task["tours"])
    return _made(office, made.plan, made.bound, made.first_seconds)


def _replan(task: Mapping[str, Any]) -> Said:
    before = plan_from_json(task["plan"].encode())
    office = office_from_json(task["office"].encode(), before)
    for each in task["cancelled"]:
        office = without(office, each["team"], _parsed(date.fromisoformat, each["date"]))
    made = replan(office, task["seconds"])
    old = set(before.visits())
    kept = {"visits": len(old), "kept": len(old & set(made.visits()))}
    return {**_made(office, made, 0.0, 0.0), **kept}


def _explain(task: Mapping[str, Any]) -> Said:
    office, made = _both(task)
    return {"breaches": [asdict(each) for each in breaches(office, made)], "unmet": _unmet(office, made)}


def _calendars(task: Mapping[str, Any]) -> Said:
    from exchange.patrol.done import BEGINS

    office, made = _both(task)
    begins = _parsed(time.fromisoformat, task["begins"]) if task["begins"] else BEGINS
    now = datetime.now(UTC)
    return {
        "calendars": [
            {
                "team": team.code,
                "name": team.name,
                "ics": calendar_of(office, made, team, begins, now).decode(),
            }
            for team in office.teams
        ]
    }


def _record(task: Mapping[str, Any]) -> Said:
    from exchange.patrol.done import done, problems  # brings the client along: not for every task

    office, made = _both(task)
    records = {
        side: pa.Table.from_pylist(
            [{**row, "started_at": datetime.fromisoformat(row["started_at"])} for row in rows], _RECORDS
        )
        for side, rows in task["records"].items()
    }
    left = [
        {
            "side": side,
            "patrol": each.patrol,
            "reach": each.reach,
            "date": each.day.isoformat(),
            "left": each.left,
        }
        for side, table in records.items()
        for each in problems(table)
    ]
    visits = [
        {
            "date": each.day.isoformat(),
            "reach": each.reach,
            "team": each.team,
            "side": each.side,
            "joint": each.joint,
            "made": each.made,
        }
        for each in done(office, made, records)
    ]
    return {"visits": visits, "problems": left}


TASKS: Final[Mapping[str, Callable[[Mapping[str, Any]], Said]]] = {
    "plan": _plan,
    "replan": _replan,
    "explain": _explain,
    "calendars": _calendars,
    "record": _record,
}


def _both(task: Mapping[str, Any]) -> tuple[Office, Plan]:
    return office_from_json(task["office"].encode()), plan_from_json(task["plan"].encode())


def _tell(progress: Progress) -> None:
    _say({"progress": asdict(progress)})


def _made(office: Office, plan: Plan, bound: float, first_seconds: float) -> Said:
    return {
        "plan": plan_to_json(office, plan).decode(),
        "cost": asdict(cost_of(office, plan)),
        "bound": bound,
        "first_seconds": first_seconds,
        "unmet": _unmet(office, plan),
    }


def _unmet(office: Office, plan: Plan) -> list[Said]:
    return [
        {
            "reach": each.reach,
            "first": each.first.isoformat(),
            "last": each.last.isoformat(),
            "reason_zh": each.zh,
            "reason_en": each.en,
            "remedies": [{"kind": one.kind, "text_zh": one.zh, "text_en": one.en} for one in each.remedies],
        }
        for each in explain(office, plan)
    ]


def _parsed(read: Callable[[str], Any], text: str) -> Any:
    try:
        return read(text)
    except ValueError:
        raise InvalidInputError(f"{text[:40]!r} 不是日期或时刻 / is no date or time") from None


if __name__ == "__main__":
    main()
