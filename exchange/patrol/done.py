"""What became of a plan: rows of `patrol-plan` out of it, visits that `patrol-record` says were made, problems found.

A visit is made where its side has a record of the reach on that day, Asia/Shanghai; a joint one needs both sides'.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from exchange.client.duty import day_begins
from exchange.client.query import Filter
from exchange.client.referral import Referred, list_referrals, send_referral
from exchange.patrol.model import Office, Plan
from exchange.referral.order import Kind
from exchange.trust.workday import SHANGHAI, received_on

if TYPE_CHECKING:
    from exchange.client.connection import Client
    from exchange.client.session import Session

BEGINS: Final = time(8, 30)
RECORD: Final = ("patrol_code", "reach_code", "started_at", "problems_found", "problems_solved")


@dataclass(frozen=True, slots=True)
class Done:
    """A planned visit of one side and whether it was made."""

    day: date
    reach: str
    team: str
    side: str
    joint: bool
    made: bool


@dataclass(frozen=True, slots=True)
class Problem:
    """A patrol that found more than it could solve."""

    patrol: str
    reach: str
    day: date
    left: int


def plan_rows(
    office: Office, plan: Plan, accord: str, digest: str, side: str, begins: time = BEGINS
) -> pa.Table:
    """Rows of the contract `patrol-plan` for one side's teams. `begins`: when days begin, Asia/Shanghai."""
    reach = {one.code: one for one in office.reaches}
    team = {one.code: one for one in office.teams}
    rows: list[dict[str, Any]] = []
    for tour in plan.tours:
        if team[tour.team].side != side:
            continue
        first = datetime.combine(office.date_of(tour.day), begins, SHANGHAI)
        for stop in tour.stops:
            about, day = reach[stop.reach], office.date_of(tour.day)
            partner = next((other for other in about.sides if other != side), None)
            rows.append(
                {
                    "team_code": tour.team,
                    "reach_code": stop.reach,
                    "team_name": team[tour.team].name,
                    "reach_name": about.name,
                    "river_name": about.river,
                    "risk": about.risk,
                    "starts_at": (first + timedelta(minutes=stop.start)).astimezone(UTC),
                    "minutes": about.minutes,
                    "side_code": side,
                    "is_joint": about.joint,
                    "partner_code": partner,
                    "joint_number": joint_number(accord, stop.reach, day) if about.joint else None,
                    "plan_digest": digest,
                }
            )
    return pa.Table.from_pylist(rows, _SCHEMA)


def joint_number(accord: str, reach: str, day: date) -> str:
    """What both sides call one joint patrol."""
    return f"{accord[:8]}-{reach[:20]}-{day:%Y%m%d}"


def done(office: Office, plan: Plan, records: dict[str, pa.Table]) -> list[Done]:
    """Every planned visit, by day; `records` are rows of `patrol-record` by side."""
    made = {
        (side, row["reach_code"], received_on(row["started_at"]))
        for side, table in records.items()
        for row in table.select(["reach_code", "started_at"]).to_pylist()
    }
    reach = {one.code: one for one in office.reaches}
    side = {one.code: one.side for one in office.teams}
    found = []
    for visit in plan.visits():
        day, sides = office.date_of(visit.day), reach[visit.reach].sides
        present = all((one, visit.reach, day) in made for one in sides)
        found.append(Done(day, visit.reach, visit.team, side[visit.team], reach[visit.reach].joint, present))
    return sorted(found, key=lambda each: (each.day, each.reach, each.side))


def recorded(client: Client, dataset: str, office: Office) -> pa.Table:
    """What a side has recorded in the office's period, days of China; raises what reading raises."""
    first, last = (day_begins(office.date_of(day)) for day in (0, office.days))
    period = [Filter("started_at", "ge", (first,)), Filter("started_at", "lt", (last,))]
    return client.query(dataset, columns=RECORD, filters=period).table()


def problems(records: pa.Table) -> Iterator[Problem]:
    """Patrols that left something unsolved."""
    for row in records.select(list(RECORD)).to_pylist():
        left = row["problems_found"] - (row["problems_solved"] or 0)
        if left > 0:
            yield Problem(row["patrol_code"], row["reach_code"], received_on(row["started_at"]), left)


def refer(client: Session, found: Sequence[Problem], handler: str) -> list[Referred]:
    """Hand each problem on, once: what a referral names already is left alone."""
    named = {each.title for each in list_referrals(client, closed=True)}
    sent = []
    for each in found:
        title = f"巡河发现问题 {each.patrol}"
        if title not in named:
            text = f"{each.day} 巡查河段 {each.reach} 发现 {each.left} 个问题未现场解决"
            sent.append(send_referral(client, Kind.ASSIGNMENT, handler, title, text=text, subject=each.reach))
    return sent


_SCHEMA: Final = pa.schema(
    [
        ("team_code", pa.string()),
        ("reach_code", pa.string()),
        ("starts_at", pa.timestamp("us", tz="UTC")),
        ("team_name", pa.string()),
        ("reach_name", pa.string()),
        ("river_name", pa.string()),
        ("risk", pa.float64()),
        ("minutes", pa.int64()),
        ("side_code", pa.string()),
        ("is_joint", pa.bool_()),
        ("partner_code", pa.string()),
        ("joint_number", pa.string()),
        ("plan_digest", pa.string()),
    ]
)
