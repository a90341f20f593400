"""An office without what is promised: the rest of it can be planned as if nobody had promised anything."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from exchange.patrol.model import Office
from exchange.patrol.rules import Placed, Rules


def promised(rules: Rules, placed: Sequence[Placed]) -> list[Placed]:
    """The outings that keep a promise."""
    return [
        each
        for each in placed
        if any((each.day, stop, leg.crew) in rules.locked for leg in each.outing.legs for stop in leg.stops)
    ]


def without_promised(rules: Rules, held: Sequence[Placed]) -> Office:
    """The office beside outings that are held: their visits are made, their teams away, and the days around them
    closed for their reaches.
    """
    office = rules.office
    away: dict[int, set[int]] = defaultdict(set)
    closed: dict[int, set[int]] = defaultdict(set)
    made: set[tuple[str, int]] = set()
    for each in held:
        for leg in each.outing.legs:
            teams = [at for at in rules.crews[leg.crew].teams if each.day in office.teams[at].days - away[at]]
            away[teams[0]].add(each.day)
        for at in each.outing.reaches:
            reach = office.reaches[at]
            closed[at].update(range(each.day - reach.apart + 1, each.day + reach.apart))
            made.add((reach.code, office.part(each.day, reach.visits)))
    return replace(
        office,
        reaches=tuple(
            replace(reach, closed=reach.closed | closed[at]) for at, reach in enumerate(office.reaches)
        ),
        teams=tuple(replace(team, days=team.days - away[at]) for at, team in enumerate(office.teams)),
        locked=frozenset(),
        waived=office.waived | made,
    )
