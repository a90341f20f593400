"""Instances of periodic routing, made in the public form, as offices."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.cordeau import Instance, office_of, read_instance
from exchange.errors import MalformedError
from exchange.patrol.check import breaches
from exchange.patrol.cost import unmet_of
from exchange.patrol.planner import plan

TEXT = """1 2 3 4
240 80
240 80
240 80
240 80
0 0.0 0.0 0 0 0 0
1 30.0 40.0 10 5 1 4 1 2 4 8
2 -6.0 8.0 20 5 2 2 10 5
3 0.0 -20.0 15 5 4 1 15
"""


def made(customers: int, seed: int) -> str:
    """A text of six days with customers of one, two, three and six visits."""
    random = np.random.default_rng(seed)
    days = {1: [1, 2, 4, 8, 16, 32], 2: [36, 18, 9], 3: [42, 21], 6: [63]}
    lines = [f"1 3 {customers} 6", *["400 0"] * 6, "0 0 0 0 0 0 0"]
    for number in range(1, customers + 1):
        x, y = random.normal(0, 25, 2)
        times = int(random.choice([1, 2, 3, 6], p=[0.4, 0.3, 0.2, 0.1]))
        codes = " ".join(map(str, days[times]))
        lines.append(
            f"{number} {x:.3f} {y:.3f} 10 {random.integers(1, 9)} {times} {len(days[times])} {codes}"
        )
    return "\n".join(lines) + "\n"


def test_every_number_is_read() -> None:
    found = read_instance(TEXT)
    assert (found.vehicles, found.days, found.depot) == (2, 4, (0.0, 0.0))
    assert (found.duration, found.load) == ((240.0,) * 4, (80.0,) * 4)
    one, two, three = found.customers
    assert one.combinations == (frozenset({3}), frozenset({2}), frozenset({1}), frozenset({0}))
    assert two.combinations == (frozenset({0, 2}), frozenset({1, 3}))
    assert (three.x, three.y, three.minutes, three.demand, three.frequency) == (0.0, -20.0, 15.0, 5.0, 4)


def test_as_an_office() -> None:
    office = office_of(read_instance(TEXT), stops=4, far=60)
    assert office.travel[3].tolist() == [50, 10, 20, 0]
    assert [reach.visits for reach in office.reaches] == [1, 2, 4]
    assert [reach.apart for reach in office.reaches] == [1, 2, 1]
    assert [team.minutes for team in office.teams] == [240, 240]


@pytest.mark.parametrize("seed", [1, 2])
def test_made_instances_have_whole_plans_near_their_bound(seed: int) -> None:
    office = office_of(read_instance(made(18, seed)), stops=6, far=90)
    found = plan(office, 3)
    assert not breaches(office, found.plan)
    assert not unmet_of(office, found.plan)
    assert found.gap < 0.2


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("1 2 3 4\n", "2 2 3 4\n"),
        ("1 2 3 4\n", "1 2 9 4\n"),
        ("1 2 3 4\n", "1 2 3 40\n"),
        ("1 2 3 4\n", ""),
        ("2 2 10 5", "2 2 10 7"),
        ("2 2 10 5", "2 3 10 5"),
        ("2 10 5\n", "2 10 21\n"),
        ("-6.0", "west"),
        ("-6.0", "nan"),
        ("8.0 20 5", "8.0 -20 5"),
        ("3 0.0 -20.0", "2 0.0 -20.0"),
        ("240 80", "-240 80"),
        ("4 1 15\n", "4 1\n"),
        ("3 0.0 -20.0 15 5 4 1 15\n", ""),
    ],
)
def test_what_is_no_instance_is_refused(old: str, new: str) -> None:
    assert isinstance(read_instance(TEXT), Instance)
    with pytest.raises(MalformedError):
        read_instance(TEXT.replace(old, new, 1))
