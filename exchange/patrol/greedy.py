"""A first plan, quickly: visits by weight, each put where it costs least at that moment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from exchange.patrol.outing import Meetings, Outing, Way
from exchange.patrol.rules import Placed, Rules

Slot = tuple[int, int]


def insert_all(rules: Rules, meetings: Meetings) -> list[Placed]:
    """Every visit that fits; what is promised first, then joint reaches, then by risk."""
    return Insertion(rules, meetings).run()


class Insertion:
    """Puts visits into a growing plan. `placed`: what there is already."""

    def __init__(self, rules: Rules, meetings: Meetings, placed: Sequence[Placed] = ()) -> None:
        self._rules = rules
        self._meetings = meetings
        self._placed = list(placed)
        self._used: dict[Slot, int] = {}
        self._days: dict[int, set[int]] = {}
        self._able = [
            [
                [at for at, crew in enumerate(rules.crews) if crew.side == side and number in crew.reach]
                for side in sorted(reach.sides)
            ]
            for number, reach in enumerate(rules.office.reaches)
        ]

        for each in placed:
            for leg in each.outing.legs:
                self._used[leg.crew, each.day] = self._used.get((leg.crew, each.day), 0) + 1
            for at in each.outing.reaches:
                self._days.setdefault(at, set()).add(each.day)

    def run(self) -> list[Placed]:
        office = self._rules.office
        for day, reach, crew in sorted(self._rules.locked):
            self._best(reach, [day], crew)
        order = sorted(
            range(len(office.reaches)),
            key=lambda at: (
                not office.reaches[at].joint,
                -office.reaches[at].visits,
                -office.reaches[at].risk,
            ),
        )
        rank = {at: number for number, at in enumerate(order)}
        for at, part in sorted(office.wanted(), key=lambda key: (rank[key[0]], key[1])):
            self.insert(at, part)
        return self._placed

    def insert(self, reach: int, part: int) -> bool:
        """Whether a part of the period has its visit, now if not before."""
        days = self._rules.office.days_of(part, self._rules.office.reaches[reach].visits)
        if not self._days.get(reach, set()) & set(days):
            closed = self._rules.office.reaches[reach].closed
            self._best(reach, [day for day in days if day not in closed])
        return bool(self._days.get(reach, set()) & set(days))

    def _best(self, reach: int, days: list[int], crew: int | None = None) -> None:
        apart = self._rules.office.reaches[reach].apart
        done = self._days.get(reach, set())
        open_days = [day for day in days if all(abs(day - when) >= apart for when in done)]
        choices = self._choices(reach, open_days, crew)
        best = min(choices, key=lambda choice: choice[0], default=None)
        if best is None:
            return
        _, placed, old = best
        if old is not None:
            self._placed.remove(old)
        self._placed.append(placed)
        for leg in placed.outing.legs if old is None else ():
            slot = leg.crew, placed.day
            self._used[slot] = self._used.get(slot, 0) + 1
        self._days.setdefault(reach, set()).add(placed.day)

    def _choices(
        self, reach: int, days: list[int], crew: int | None
    ) -> Iterator[tuple[float, Placed, Placed | None]]:
        office = self._rules.office
        joint = office.reaches[reach].joint
        for old in self._placed:
            if (
                old.day in days
                and (not joint or len(old.outing.legs) > 1)
                and (made := self._grown(old, reach, crew))
            ):
                placed = Placed(old.day, made)
                yield self._rules.cost(placed) - self._rules.cost(old), placed, old
        for made in self._fresh(reach, crew):
            for day in days:
                if all(
                    self._rules.free[leg.crew][day] > self._used.get((leg.crew, day), 0) for leg in made.legs
                ):
                    placed = Placed(day, made)
                    yield self._rules.cost(placed), placed, None
                    break

    def _grown(self, old: Placed, reach: int, crew: int | None) -> Outing | None:
        """The outing with one more stop, in the leg that may take it, or in both where it is joint."""
        joint = self._rules.office.reaches[reach].joint
        able = {at for side in self._able[reach] for at in side}
        legs = [leg for leg in old.outing.legs if leg.crew in able]
        if (joint and len(legs) < len(old.outing.legs)) or not legs:
            return None
        if crew is not None and all(leg.crew != crew for leg in legs):
            return None
        grows = {leg.crew for leg in legs}
        if any(len(leg.stops) >= self._rules.crews[leg.crew].stops for leg in legs):
            return None
        return self._meetings.outing(
            *(
                Way(leg.crew, frozenset(leg.stops) | ({reach} if leg.crew in grows else set()))
                for leg in old.outing.legs
            )
        )

    def _fresh(self, reach: int, crew: int | None) -> Iterator[Outing]:
        sides = self._able[reach]
        only = frozenset({reach})
        ways: list[tuple[Way, ...]]
        if len(sides) == 1:
            ways = [(Way(at, only),) for at in sides[0]]
        else:
            ways = [(Way(one, only), Way(other, only)) for one in sides[0] for other in sides[1]]
        for way in ways:
            if (crew is None or any(each.crew == crew for each in way)) and (
                made := self._meetings.outing(*way)
            ):
                yield made
