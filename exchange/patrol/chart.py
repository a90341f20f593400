"""A plan as a picture: where patrols go and how often, when teams are out, and which requirements are met.

PNG, or SVG whose letters are outlines, so that it looks the same wherever it is opened.
"""

from __future__ import annotations

import io
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any, Final

import numpy as np

from exchange.errors import InvalidInputError
from exchange.patrol.cost import unmet_of
from exchange.patrol.model import Office, Plan, Reach, Team
from exchange.river.chart import FORMATS
from exchange.river.extra import load
from exchange.river.letter import family_of, thickened

_INK, _QUIET, _OFF, _MISSED = "#24303c", "#9db8cf", "#eef1f4", "#b91c1c"
_SIDES: Final = ("#1d4ed8", "#c2410c", "#0f766e", "#7c3aed")
_NAMED: Final = 40
_ROWS: Final = 60
_CROWD: Final = 100
"""Of more reaches than these, each has a smaller dot."""


def plan_chart(office: Office, plan: Plan, title: str, kind: str = "png", font: Path | None = None) -> bytes:
    """Bytes of a picture 14 inches wide: a map, and below it who is out when. Raises InvalidInputError (another kind,
    the extra `river` not installed), NotFoundError (no such font).
    """
    if kind not in FORMATS:
        raise InvalidInputError(f"图须为 {'、'.join(FORMATS)} / a chart is png or svg")
    matplotlib, figure_of = load("matplotlib"), load("matplotlib.figure").Figure
    family, weight = family_of(font)
    weights = dict.fromkeys(
        ("font.weight", "axes.titleweight", "axes.labelweight", "figure.titleweight"), weight
    )
    rows = max(4, min(len(office.teams), _ROWS))
    with matplotlib.rc_context(
        {"font.family": family, "svg.fonttype": "path", "svg.hashsalt": "hechuan", **weights}
    ):
        figure = figure_of(figsize=(14, 8 + 0.26 * rows), layout="constrained")
        where, when = figure.subplots(2, 1, height_ratios=(7, 1 + 0.26 * rows))
        figure.suptitle(title, color=_INK, fontsize=16)
        _draw_map(figure, where, office, plan)
        _draw_days(when, office, plan)
        thickened(figure)
        out = io.BytesIO()
        metadata = {"Date": None} if kind == "svg" else {"Software": None}
        figure.savefig(out, format=kind, dpi=130, metadata=metadata)
    return out.getvalue()


def colours(office: Office) -> dict[str, str]:
    """A colour for each side."""
    sides = sorted({team.side for team in office.teams})
    return {side: _SIDES[at % len(_SIDES)] for at, side in enumerate(sides)}


def _draw_map(figure: Any, axes: Any, office: Office, plan: Plan) -> None:
    place = {reach.code: reach.place for reach in office.reaches}
    visits = Counter({(visit.reach, visit.day) for visit in plan.visits()})
    times = Counter(reach for reach, _ in visits)
    colour = colours(office)
    home = {team.home: (team.place, colour[team.side]) for team in office.teams}
    team = {one.code: one for one in office.teams}
    for tour in plan.tours:
        one = team[tour.team]
        way = [one.place, *(place[stop.reach] for stop in tour.stops), one.place]
        axes.plot(*zip(*way, strict=True), color=colour[one.side], lw=0.7, alpha=0.22, zorder=1)
    for river in sorted({reach.river for reach in office.reaches}):
        along = [reach.place for reach in office.reaches if reach.river == river]
        axes.plot(*zip(*along, strict=True), color=_QUIET, lw=2.2, alpha=0.7, zorder=2)
    room = min(1.0, _CROWD / len(office.reaches))
    dots = axes.scatter(
        *zip(*place.values(), strict=True),
        s=[room * (60 + 70 * times[reach.code]) for reach in office.reaches],
        c=[reach.risk for reach in office.reaches],
        cmap="YlOrRd", vmin=0, vmax=1, edgecolors=_INK, zorder=3,
        linewidths=[1.8 if reach.joint else 0.5 for reach in office.reaches],
    )  # fmt: skip
    for at, tint in home.values():
        axes.plot(*at, "s", color=tint, ms=9, mec="white", mew=1.2, zorder=4)
    missed = {office.reaches[at].code for at, _ in unmet_of(office, plan)}
    for code in sorted(missed):
        axes.plot(*place[code], "x", color=_MISSED, ms=13, mew=2.4, zorder=5)
    for reach in _named(office):
        text = f"{reach.name} {times[reach.code]}/{reach.visits}"
        axes.annotate(text, reach.place, (8, 6), textcoords="offset points", fontsize=8, color=_INK, zorder=6)
    figure.colorbar(dots, ax=axes, label="风险 risk", fraction=0.02, pad=0.01)
    axes.set_aspect(1 / np.cos(np.radians(np.mean([at[1] for at in place.values()]))))
    axes.set_title(
        "河段：颜色为风险，大小为次数，粗边为联合，× 为未满足；方块为驻地\n"
        "reaches: colour is risk, size is visits, thick is joint, × is unmet; squares are homes",
        fontsize=10, color=_INK,
    )  # fmt: skip
    axes.margins(0.08)
    axes.set_axis_off()


def _named(office: Office) -> list[Reach]:
    """The riskiest, but for those whose names would lie on one another."""
    places = np.array([reach.place for reach in office.reaches])
    apart = np.maximum(np.ptp(places, axis=0) * (0.09, 0.02), 1e-9)
    found: list[Reach] = []
    for reach in sorted(office.reaches, key=lambda reach: -reach.risk):
        near = (np.abs(np.subtract(reach.place, one.place)) < apart for one in found)
        if len(found) < _NAMED and not any(each.all() for each in near):
            found.append(reach)
    return found


def _draw_days(axes: Any, office: Office, plan: Plan) -> None:
    """A row a team, a column a day; grey where it does not work. Of many teams those that are out most."""
    out = Counter(tour.team for tour in plan.tours)
    teams = sorted(office.teams, key=lambda team: -out[team.code])[:_ROWS]
    teams = sorted(teams, key=lambda team: (team.side, team.code), reverse=True)
    row = {team.code: at for at, team in enumerate(teams)}
    colour, joint = colours(office), {reach.code for reach in office.reaches if reach.joint}
    for team in teams:
        _shade(axes, office, team, row[team.code])
    side = {team.code: team.side for team in office.teams}
    for tour in plan.tours:
        if tour.team in row:
            met = any(stop.reach in joint for stop in tour.stops)
            axes.barh(
                row[tour.team], 0.84, left=tour.day - 0.42, height=0.7, color=colour[side[tour.team]],
                alpha=0.9, edgecolor=_INK, linewidth=1.6 if met else 0,
            )  # fmt: skip
            axes.text(
                tour.day, row[tour.team], str(len(tour.stops)), ha="center", va="center",
                fontsize=7.5, color="white",
            )  # fmt: skip
    axes.set_yticks(list(row.values()), [f"{team.name} {team.code}" for team in teams], fontsize=8)
    days = range(office.days)
    step = max(1, office.days // 31)
    axes.set_xticks(days[::step], [f"{office.date_of(day):%d}" for day in days[::step]], fontsize=8)
    axes.set_xlim(-0.6, office.days - 0.4)
    axes.set_ylim(-0.7, len(teams) - 0.3)
    axes.tick_params(length=0)
    axes.spines[["top", "right", "left", "bottom"]].set_visible(False)
    shown = (
        f"，出队最多的 {len(teams)} 队 the {len(teams)} teams out most"
        if len(teams) < len(office.teams)
        else ""
    )
    axes.set_title(
        f"出队（数字为停靠处，框为联合，灰为不当班）{office.start:%Y-%m}{shown}"
        "  tours: stops; framed where both meet; grey: not at work",
        fontsize=10, color=_INK,
    )  # fmt: skip


def _shade(axes: Any, office: Office, team: Team, row: int) -> None:
    runs: dict[int, int] = defaultdict(int)
    first = 0
    for day in range(office.days):
        if day in team.days:
            first = day + 1
        else:
            runs[first] += 1
    axes.broken_barh([(at - 0.5, length) for at, length in runs.items()], (row - 0.5, 1), color=_OFF, lw=0)
