"""A plan as a page that carries its picture, and a task sheet for each team: HTML that loads nothing from elsewhere."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, time, timedelta
from html import escape
from typing import Final

from exchange.patrol.cost import unmet_of
from exchange.patrol.model import Office, Plan, Reach, Team, Tour

_STYLE: Final = """
body { font: 10.5pt/1.5 "Noto Sans CJK SC", "Source Han Sans SC", "PingFang SC", "Microsoft YaHei", sans-serif;
  color: #24303c; max-width: 1100px; margin: 2em auto; padding: 0 1em }
h1 { font-size: 17pt } h2 { font-size: 13pt; margin-top: 1.6em }
svg { width: 100%; height: auto }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; padding: .25em .6em; vertical-align: top }
th { border-bottom: 2px solid #24303c } td { border-bottom: 1px solid #d5dbe1 }
td.n { text-align: right; font-variant-numeric: tabular-nums } .no { color: #b91c1c; font-weight: bold }
.yes { color: #0f766e } small { color: #5b6772 }
@media print { body { margin: 0; max-width: none } section { break-inside: avoid } }
"""


def plan_page(office: Office, plan: Plan, title: str, picture: bytes) -> str:
    """The picture (SVG) and the table of requirements: risk with its reasons, visits asked for and planned."""
    svg = picture.decode("utf-8")
    days: dict[str, set[int]] = defaultdict(set)
    for visit in plan.visits():
        days[visit.reach].add(visit.day)
    missing: dict[str, int] = defaultdict(int)
    for at, _ in unmet_of(office, plan):
        missing[office.reaches[at].code] += 1
    rows = [
        _requirement(office, reach, sorted(days[reach.code]), missing[reach.code])
        for reach in sorted(office.reaches, key=lambda reach: (-reach.risk, reach.code))
    ]
    asked = sum(office.visits())
    met = asked - sum(missing.values())
    body = f"""<h1>{escape(title)}</h1>
{svg[svg.index("<svg") :]}
<h2>要求与满足 Requirements: {met} / {asked}</h2>
<table><tr><th>河段 reach</th><th>河流 river</th><th>双方 sides</th><th>风险 risk</th><th>应巡 asked</th>
<th>计划 planned</th><th></th></tr>
{"".join(rows)}</table>"""
    return _page(title, body)


def _requirement(office: Office, reach: Reach, days: list[int], missing: int) -> str:
    when = " ".join(f"{office.date_of(day):%m-%d}" for day in days)
    mark = f'<td class="no">✗ 缺 {missing}</td>' if missing else '<td class="yes">✓</td>'
    why = "<br>".join(map(escape, reach.reasons))
    return (
        f"<tr><td>{escape(reach.name)} <small>{escape(reach.code)}</small></td><td>{escape(reach.river)}</td>"
        f"<td>{' '.join(reach.sides)}</td><td>{reach.risk:.2f}<br><small>{why}</small></td>"
        f'<td class="n">{reach.visits}</td><td>{when}</td>{mark}</tr>\n'
    )


def sheet_page(office: Office, plan: Plan, team: Team, begins: time) -> str:
    """A team's tours, each with its stops, whom it meets and what to look at. `begins`: when its days begin."""
    tours = [tour for tour in plan.tours if tour.team == team.code]
    title = f"{team.name} 巡河任务单 task sheet {office.start:%Y-%m}"
    parts = [_tour(office, plan, tour, begins) for tour in tours]
    skills = "、".join(sorted(team.skills)) or "—"
    body = f"""<h1>{escape(title)}</h1>
<p>{escape(team.code)} · {team.side} · 驻地 home {escape(team.home)} · 装备 brings {escape(skills)}
 · 出队 tours {len(tours)}</p>
{"".join(parts)}"""
    return _page(title, body)


def _tour(office: Office, plan: Plan, tour: Tour, begins: time) -> str:
    reach = {one.code: one for one in office.reaches}
    day = office.date_of(tour.day)
    first = datetime.combine(day, begins)
    rows = []
    for stop in tour.stops:
        about = reach[stop.reach]
        start = first + timedelta(minutes=stop.start)
        end = start + timedelta(minutes=about.minutes)
        partners = sorted(
            other.team
            for other in plan.tours
            if other.day == tour.day
            and other.team != tour.team
            and stop.reach in {one.reach for one in other.stops}
        )
        place = f"{about.place[0]:.5f}, {about.place[1]:.5f}"
        rows.append(
            f"<tr><td>{start:%H:%M}–{end:%H:%M}</td><td>{escape(about.name)} <small>{escape(about.code)}"
            f"<br>{escape(about.river)} · {place}</small></td><td>{escape('、'.join(partners)) or '—'}</td>"
            f"<td>{about.risk:.2f}<br><small>{'<br>'.join(map(escape, about.reasons))}</small></td><td>□</td></tr>\n"
        )
    weekday = "一二三四五六日"[day.weekday()]
    return f"""<section><h2>{day} 星期{weekday} · {first:%H:%M} 出发 leave</h2>
<table><tr><th>时间 time</th><th>河段 reach</th><th>会合 meets</th><th>风险 risk</th><th>完成 done</th></tr>
{"".join(rows)}</table></section>
"""


def _page(title: str, body: str) -> str:
    return (
        f'<!doctype html>\n<html lang="zh"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head>\n<body>\n{body}\n</body></html>\n"
    )
