"""An office out of what hubs hold: how much of a risk each reach is and why, and how often it is visited.

What no dataset tells, teams, roads and access points, comes from the office's own frame: a document as the office's,
whose reaches say `code`, `place` and `minutes`. Registers give names, rivers, sides and lengths; the contract
`patrol-plan` says what adds to a risk and how many visits follow; statute (`exchange.duty.rules`) asks for no fewer.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from math import ceil
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from exchange.client.duty import day_begins
from exchange.duty.rules import Rules, shipped_rules
from exchange.errors import InvalidInputError
from exchange.patrol.closed import banned, flooded
from exchange.patrol.terms import Terms
from exchange.river.assess import graded, means, section_classes
from exchange.river.standard import national_standard
from exchange.trust.workday import received_on

_NAMES: Final = ("", "Ⅰ", "Ⅱ", "Ⅲ", "Ⅳ", "Ⅴ", "劣Ⅴ")
_OPEN: Final = ("listed", "working")
_YEAR: Final = 365
_THIRD: Final = 3


@dataclass(frozen=True, slots=True)
class Evidence:
    """Rows by contract, of both sides, and the reaches that open referrals name."""

    tables: Mapping[str, Sequence[pa.Table]]
    referrals: Sequence[str] = ()

    def rows(self, contract: str, columns: Sequence[str]) -> list[dict[str, Any]]:
        """Some columns of all tables of a contract."""
        return [row for table in self.tables.get(contract, ()) for row in table.select(columns).to_pylist()]


@dataclass(slots=True)
class _Found:
    """What adds to a reach's risk, and how much."""

    adds: list[float] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)

    def add(self, much: float, why: str) -> None:
        if much > 0:
            self.adds.append(much)
            self.reasons.append(f"{why} +{much:.2f}")


def office_document(
    frame: Mapping[str, Any], evidence: Evidence, terms: Terms, quota: Rules | None = None
) -> dict[str, Any]:
    """The office's document with what the evidence says; raises InvalidInputError for a reach in no register."""
    start, end = date.fromisoformat(frame["start"]), date.fromisoformat(frame["end"])
    register = {
        row["reach_code"]: row for row in evidence.rows("river-reach", REGISTER) if _holds(row, start)
    }
    unknown = sorted({each["code"] for each in frame["reaches"]} - register.keys())
    if unknown:
        raise InvalidInputError(f"名录中没有河段 / no register has {', '.join(unknown)}")
    found = _risks(evidence, terms, start, end)
    floods = flooded(evidence.tables.get("hydrology", ()), _reach_of(evidence), terms.closing.flood)
    asked = (quota or shipped_rules()).quota
    reaches = []
    for given in frame["reaches"]:
        row, code = register[given["code"]], given["code"]
        period = [start + timedelta(days=day) for day in range((end - start).days + 1)]
        shut = (floods[code] & {*period}) | banned(terms.closing.bans, row["river_name"], period)
        closed = sorted({*given.get("closed", ()), *map(str, shut)})
        statute = ceil(asked.get(row["chief_level"], 0.0) * len(period) / _YEAR)
        reaches.append({**given, **_told(row, found[code], terms, len(period), statute, closed)})
    weights = {name: getattr(terms.weights, name) for name in terms.weights.__slots__}
    return {**frame, "reaches": reaches, "weights": weights}


def _told(
    row: Mapping[str, Any], case: _Found, terms: Terms, days: int, statute: int, closed: Sequence[str]
) -> dict[str, Any]:
    """What registers and evidence say of a reach."""
    risk = round(min(1.0, sum(case.adds)), 2)
    visits = ceil(next(count for least, count in terms.visits if risk >= least) * days / 30)
    reasons = [*case.reasons]
    if statute > visits:
        reasons.append(f"法定频次 statute asks for {statute}")
    if closed:
        reasons.append(f"封闭 {len(closed)} 天 days closed")
    return {
        "name": row["reach_name"],
        "river": row["river_name"],
        "sides": _sides(row),
        "length_km": row["length_km"] or 0.0,
        "risk": risk,
        "visits": max(statute, visits),
        "reasons": reasons,
        "closed": closed,
    }


def _risks(evidence: Evidence, terms: Terms, start: date, end: date) -> dict[str, _Found]:
    risk, since = terms.risk, start - timedelta(days=terms.risk.lately)
    found: dict[str, _Found] = defaultdict(_Found)
    codes = [row["reach_code"] for row in evidence.rows("river-reach", ("reach_code",))]
    worst, beyond = _classes(evidence, since, start)
    counted = (
        (risk.exceedance, risk.exceedances, beyond, "超Ⅲ类天数", "days beyond Ⅲ"),
        (risk.case, risk.cases, _cases(evidence, since, start), "禁捕案件", "fishing-ban cases"),
        (risk.problem, risk.problems, Counter(evidence.referrals), "未结交办", "open referrals"),
        (risk.campaign, risk.campaigns, _points(evidence), "行动点位", "campaign points"),
    )
    last = _last_patrols(evidence, start)
    months = {(start + timedelta(days=day)).month for day in range((end - start).days + 1)}
    season = max(risk.season.get(month, 0.0) for month in months)
    for code in dict.fromkeys(codes):
        case = found[code]
        if code in worst:
            case.add(risk.classes.get(worst[code], 0.0), f"近期水质 {_NAMES[worst[code]]} recent class")
        else:
            case.add(risk.unknown, "近期无水质数据 no recent data")
        for much, most, counts, zh, en in counted:
            case.add(min(most, much * counts[code]), f"{zh} {counts[code]} {en}")
        idle = (start - last[code]).days if code in last else None
        much = risk.idles if idle is None else min(risk.idles, risk.idle * idle)
        case.add(much, "从未巡查 never patrolled" if idle is None else f"{idle} 天未巡 days without a patrol")
        case.add(season, "汛期与禁渔 season")
    return found


def _cases(evidence: Evidence, since: date, until: date) -> Counter[str]:
    """Cases of the fishing ban, by reach."""
    rows = evidence.rows("fishing-ban-case", ("reach_code", "discovered_at"))
    return Counter(
        row["reach_code"]
        for row in rows
        if row["reach_code"] and since <= received_on(row["discovered_at"]) < until
    )


def _points(evidence: Evidence) -> Counter[str]:
    """Open points of campaigns, by reach."""
    rows = evidence.rows("directive-point", ("reach_code", "status"))
    return Counter(row["reach_code"] for row in rows if row["status"] in _OPEN)


def _reach_of(evidence: Evidence) -> dict[str, str]:
    """The reach of each section that names one."""
    rows = evidence.rows("monitoring-section", ("section_code", "reach_code"))
    return {row["section_code"]: row["reach_code"] for row in rows if row["reach_code"]}


def _classes(evidence: Evidence, since: date, until: date) -> tuple[dict[str, int], Counter[str]]:
    """The worst class of a reach's sections, from the means of each, 1 to 6; and days with an item worse than III."""
    standard, reach = national_standard(), _reach_of(evidence)
    worst: dict[str, int] = {}
    days: set[tuple[str, date]] = set()
    for rows in evidence.tables.get("water-quality", ()):
        lately = rows.filter(
            pc.and_(
                pc.greater_equal(rows["sampled_at"], day_begins(since)),
                pc.less(rows["sampled_at"], day_begins(until)),
            )
        )
        averaged = graded(means(lately, ("section_code",), month=False), standard)
        for row in section_classes(averaged, standard, ("section_code",)).to_pylist():
            if code := reach.get(row["section_code"]):
                worst[code] = max(worst.get(code, 0), row["level"])
        sound = lately.filter(pc.equal(lately["data_flag"], "N"))
        sampled = section_classes(graded(sound, standard), standard, ("section_code", "sampled_at"))
        beyond = sampled.filter(pc.greater(sampled["level"], _THIRD)).select(["section_code", "sampled_at"])
        days.update(
            (reach[row["section_code"]], received_on(row["sampled_at"]))
            for row in beyond.to_pylist()
            if row["section_code"] in reach
        )
    return worst, Counter(code for code, _ in days)


def _last_patrols(evidence: Evidence, before: date) -> dict[str, date]:
    last: dict[str, date] = {}
    for row in evidence.rows("patrol-record", ("reach_code", "started_at")):
        day = received_on(row["started_at"])
        if day < before:
            last[row["reach_code"]] = max(day, last.get(row["reach_code"], day))
    return last


REGISTER: Final = (
    "reach_code", "reach_name", "river_name", "chief_level", "province_code", "boundary_kind",
    "neighbour_code", "length_km", "valid_from", "valid_to",
)  # fmt: skip


def _holds(row: Mapping[str, Any], on: date) -> bool:
    return bool(row["valid_from"] <= on and (row["valid_to"] is None or on <= row["valid_to"]))


def _sides(row: Mapping[str, Any]) -> list[str]:
    """Both where a reach is the border or crosses it."""
    shared = row["boundary_kind"] not in (None, "none") and row["neighbour_code"]
    return sorted({row["province_code"], row["neighbour_code"] if shared else row["province_code"]})
