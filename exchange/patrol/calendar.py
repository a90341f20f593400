"""Plans as iCalendar (RFC 5545), one event per tour, for the phones of those who go."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event

from exchange.ids import digest_of
from exchange.patrol.model import Office, Plan, Team, Tour

_CHINA: Final = ZoneInfo("Asia/Shanghai")


def calendar_of(office: Office, plan: Plan, team: Team, begins: time, made_at: datetime) -> bytes:
    """A team's tours. `begins`: when its days begin, Asia/Shanghai; `made_at` with an offset."""
    calendar = Calendar()
    calendar.add("prodid", "-//hechuan//patrol//ZH")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", f"{team.name} 巡河计划")
    for tour in plan.tours:
        if tour.team == team.code:
            calendar.add_component(_event(office, plan, team, tour, begins, made_at))
    return bytes(calendar.to_ical())


def _event(office: Office, plan: Plan, team: Team, tour: Tour, begins: time, made_at: datetime) -> Event:
    reach = {one.code: one for one in office.reaches}
    home = len(office.reaches) + office.homes.index(team.home)
    site = {one.code: at for at, one in enumerate(office.reaches)}
    start = datetime.combine(office.date_of(tour.day), begins, _CHINA)
    last = tour.stops[-1]
    back = last.start + reach[last.reach].minutes + int(office.travel[site[last.reach], home])
    lines = []
    for stop in tour.stops:
        at = start + timedelta(minutes=stop.start)
        others = sorted(
            other.team
            for other in plan.tours
            if other.day == tour.day
            and other.team != tour.team
            and stop.reach in {one.reach for one in other.stops}
        )
        together = f"  联合 with {'、'.join(others)}" if others else ""
        lines.append(f"{at:%H:%M} {reach[stop.reach].name} {reach[stop.reach].river} {stop.reach}{together}")
    event = Event()
    event.add("uid", digest_of(f"{team.code} {office.date_of(tour.day)}".encode())[7:39] + "@hechuan")
    event.add("dtstamp", made_at.astimezone(UTC))
    event.add("dtstart", start.astimezone(UTC))
    event.add("dtend", (start + timedelta(minutes=back)).astimezone(UTC))
    event.add("summary", "巡河 " + "、".join(reach[stop.reach].name for stop in tour.stops))
    event.add("location", reach[tour.stops[0].reach].name)
    event.add("geo", tuple(reversed(reach[tour.stops[0].reach].place)))
    event.add("description", "\n".join(lines))
    return event
