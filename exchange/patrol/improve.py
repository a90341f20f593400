"""Taking a few outings apart and placing them anew, over and over, keeping what is cheaper.

Two neighbourhoods are searched at a time. Neither frees what the other has freed; what both bring together
stays only if it can stand together.
"""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Final

import numpy as np

from exchange.patrol.nearby import Nearby
from exchange.patrol.outing import Outing
from exchange.patrol.place import place
from exchange.patrol.rules import Placed, Rules

_WORKERS: Final = 2
_REACHES: Final = 3
_FEW_SLOTS: Final = 8
_IDLE: Final = 40
_TURN_SECONDS: Final = 1.5


@dataclass(frozen=True)
class Turn:
    """What is taken apart: outings, the reaches among which new ones are looked for, and what stays."""

    freed: list[Placed]
    fixed: list[Placed]
    reaches: set[int]


class Improver:
    """Large neighbourhood search from a given start. `cap`: see `place`. `freed`, `more`: outings taken apart at a
    time, and how many more once nothing helps.
    """

    freed, more = 9, 9

    def __init__(self, rules: Rules, nearby: Nearby, cap: dict[int, float], seed: int = 1) -> None:
        self._rules = rules
        self._cap = cap
        self._nearby = nearby
        self._random = np.random.default_rng(seed)
        travel = rules.office.travel[: len(rules.office.reaches), : len(rules.office.reaches)]
        self._near = np.argsort(travel, axis=1, kind="stable")
        self._visits = rules.office.visits()
        self._tried: set[int] = set()
        self._idle = 0

    def run(self, start: Sequence[Placed], until: float, floor: float = -math.inf) -> list[Placed]:
        """The best found when the clock (`time.monotonic`) says `until`, `floor` is reached or nothing has
        helped for long.
        """
        best, value, self._idle = list(start), self.value(start), 0
        running: dict[Future[list[Placed]], Turn] = {}
        with ThreadPoolExecutor(_WORKERS) as workers:
            while True:
                left = until - time.monotonic()
                going = left > 0.1 and value > floor + 1e-6 and self._idle <= _IDLE + len(best)
                while going and len(running) < _WORKERS:
                    turn = self._turn(best, [one for other in running.values() for one in other.freed])
                    running[workers.submit(self._placed, turn, min(left, _TURN_SECONDS))] = turn
                if not running:
                    return best
                for done in wait(running, return_when=FIRST_COMPLETED).done:
                    gone = {id(each) for each in running.pop(done).freed}
                    changed = [*(each for each in best if id(each) not in gone), *done.result()]
                    worth = self.value(changed)
                    self._idle += 1
                    if worth < value - 1e-6 and self._rules.together(changed):
                        best, value, self._idle = changed, worth, 0

    def value(self, placed: Sequence[Placed]) -> float:
        """Cost of a state, with what is uneven by crew."""
        rules = self._rules
        work = dict.fromkeys(self._cap, 0)
        for each in placed:
            for leg in each.outing.legs:
                work[leg.crew] = work.get(leg.crew, 0) + leg.work
        uneven = sum(max(0.0, work[crew] - most) for crew, most in self._cap.items())
        missed = sum(self.missed(at) for at, _ in self.missing(placed))
        return sum(rules.cost(each) for each in placed) + rules.office.weights.uneven * uneven + missed

    def missed(self, at: int) -> float:
        """What a visit that nobody makes costs."""
        reach = self._rules.office.reaches[at]
        return self._rules.office.weights.unmet * (1 + reach.risk) * len(reach.sides)

    def missing(self, placed: Sequence[Placed]) -> dict[tuple[int, int], bool]:
        """(reach, part) without a visit."""
        met = {(at, self._rules.part(at, each.day)) for each in placed for at in each.outing.reaches}
        return {key: True for key in self._rules.office.wanted() if key not in met}

    def _turn(self, placed: Sequence[Placed], held: Sequence[Placed]) -> Turn:
        """Outings around a seed, but for those that are `held`."""
        kept = {id(each) for each in held}
        free = [each for each in placed if id(each) not in kept]
        rank = {int(at): number for number, at in enumerate(self._near[self._seed(placed, free)])}
        free.sort(key=lambda each: min(rank[at] for at in each.outing.reaches))
        few = int(self._random.integers(3, self.freed + min(self._idle // 4, self.more) + 1))
        freed: list[Placed] = []
        reaches = {min(rank, key=lambda at: rank[at])}
        for each in free[: few * 2]:
            if len(freed) < few and len(reaches | each.outing.reaches) <= min(
                _REACHES * few, self._nearby.most
            ):
                freed.append(each)
                reaches |= each.outing.reaches
        gone = {id(each) for each in freed}
        return Turn(freed, [each for each in placed if id(each) not in gone], reaches)

    def _seed(self, placed: Sequence[Placed], free: Sequence[Placed]) -> int:
        """A reach to begin at: one that is missing, else by how much its outing costs beyond its worth."""
        missing = [at for at, _ in self.missing(placed) if at not in self._tried]
        if missing:
            self._tried.add(missing[0])
            return missing[0]
        if self._random.random() < 0.05:
            self._tried.clear()
        if not free:
            return int(self._random.integers(len(self._rules.office.reaches)))
        excess = np.array([max(0.0, self._nearby.excess(each.outing)) + 10 for each in free])
        outing = free[int(self._random.choice(len(free), p=excess / excess.sum()))].outing
        return int(self._random.choice(sorted(outing.reaches)))

    def _choices(self, turn: Turn) -> tuple[list[Outing], dict[tuple[int, int], bool]]:
        """Outings to choose among, the freed ones first; and what of the turn's reaches was missing before."""
        known = [each.outing for each in turn.freed]
        missing = self.missing([*turn.fixed, *turn.freed])
        lost = {key: True for key in missing if key[0] in turn.reaches}
        most = sum(map(self._nearby.excess, known)) + sum(self.missed(at) for at, _ in lost)
        return list(dict.fromkeys([*known, *self._nearby.outings(turn.reaches, max(most, 1.0))])), lost

    def _placed(self, turn: Turn, seconds: float) -> list[Placed]:
        wanted = {key: True for key in self.missing(turn.fixed) if key[0] in turn.reaches}
        outings, lost = self._choices(turn)
        where = dict.fromkeys(outings, self._slots(turn, lost))
        return place(self._rules, outings, turn.fixed, wanted, self._cap, seconds, turn.freed, where, 1)

    def _slots(self, turn: Turn, lost: Collection[tuple[int, int]]) -> frozenset[int]:
        """Where the new outings may go: everywhere if there are few slots, else where the old ones were and a few
        more.
        """
        count = len(self._rules.spans)
        if count <= _FEW_SLOTS:
            return frozenset(range(count))
        slots = {each.day for each in turn.freed}
        for at, part in lost:
            slots.update(slot for slot in range(count) if self._rules.part(at, slot) == part)
        return frozenset(slots | {int(slot) for slot in self._random.integers(count, size=_FEW_SLOTS)})
