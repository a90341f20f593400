"""Public instances of periodic routing (PVRP) in the text form that Cordeau, Gendreau and Laporte (1997) gave them.

First line: type (1 is periodic), vehicles a day, customers, days. Then for each day the longest duration and the load
of a vehicle, 0 for no limit. Then the depot and each customer: number, x, y, service duration, demand, frequency, how
many combinations of days, and these as numbers whose bits are days, the first day being the highest.

As an office, a customer is a reach that is visited once in each part of the period; combinations decide which days are
closed. A combination binds all of a customer's days together, which an office does not, so an office may do better.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

from exchange.errors import MalformedError
from exchange.patrol.model import Office, Reach, Team

_PERIODIC: Final = 1
_SIDE: Final = "500000"
_NO_LIMIT: Final = 24 * 60
_MOST: Final = 2000


@dataclass(frozen=True, slots=True)
class Customer:
    """One stop: `combinations` are sets of days, from 0, on which it may be visited."""

    number: int
    x: float
    y: float
    minutes: float
    demand: float
    frequency: int
    combinations: tuple[frozenset[int], ...]


@dataclass(frozen=True, slots=True)
class Instance:
    """`duration`, `load`: by day, 0 for no limit. The depot is not among the customers."""

    vehicles: int
    days: int
    duration: tuple[float, ...]
    load: tuple[float, ...]
    depot: tuple[float, float]
    customers: tuple[Customer, ...]


def read_instance(text: str) -> Instance:
    """Read one; raises MalformedError naming the line, and for another type of problem."""
    lines = [line.split() for line in text.splitlines() if line.strip()]
    try:
        kind, vehicles, count, days = (int(word) for word in lines[0])
        if kind != _PERIODIC:
            raise MalformedError(f"type {kind} is not a periodic problem of one depot")
        if not (0 < days < 32 and 0 < count <= _MOST and 0 < vehicles <= _MOST):
            raise MalformedError("numbers of vehicles, customers or days are out of range")
        limits = [(float(line[0]), float(line[1])) for line in lines[1 : days + 1]]
        if not all(0 <= each < math.inf for limit in limits for each in limit):
            raise MalformedError("a duration or load is no number that can be")
        depot, *rest = lines[days + 1 : days + 2 + count]
        if len(limits) < days or len(rest) < count:
            raise MalformedError(f"the file ends before its {count} customers")
        customers = tuple(_customer(line, days) for line in rest)
        place = float(depot[1]), float(depot[2])
    except (ValueError, IndexError) as error:
        raise MalformedError(f"not an instance of periodic routing: {error}") from None
    if len({each.number for each in customers}) < count:
        raise MalformedError("a customer stands there twice")
    duration, load = zip(*limits, strict=True)
    return Instance(vehicles, days, duration, load, place, customers)


def _customer(line: list[str], days: int) -> Customer:
    number, frequency, count = int(line[0]), int(line[5]), int(line[6])
    codes = [int(word) for word in line[7 : 7 + count]]
    combinations = tuple(
        frozenset(day for day in range(days) if code >> (days - 1 - day) & 1) for code in codes
    )
    strange = any(code >> days for code in codes) or any(len(each) != frequency for each in combinations)
    if len(codes) != count or strange:
        raise MalformedError(f"customer {number}: its combinations are not {count} of {frequency} days")
    x, y, minutes, demand = map(float, line[1:5])
    if not all(map(math.isfinite, (x, y))) or not (0 <= minutes < math.inf and 0 <= demand < math.inf):
        raise MalformedError(f"customer {number}: its place, service or demand is no number that can be")
    return Customer(number, x, y, minutes, demand, frequency, combinations)


def office_of(instance: Instance, stops: int, far: int, scale: float = 1.0) -> Office:
    """The instance as an office of one side, `scale` minutes to a unit of length. `stops`, `far`: as of a team; they
    stand in for the load, which an office does not know.
    """
    sites = np.array([*((each.x, each.y) for each in instance.customers), instance.depot])
    away = np.hypot(*(sites[:, None, :] - sites[None, :, :]).transpose(2, 0, 1)) * scale
    minutes = min((limit for limit in instance.duration if limit), default=_NO_LIMIT / scale) * scale
    teams = tuple(
        Team(
            f"V{at:02d}", f"V{at}", _SIDE, "depot", instance.depot, frozenset(range(instance.days)),
            math.floor(minutes), stops, far,
        )
        for at in range(instance.vehicles)
    )  # fmt: skip
    reaches = tuple(_reach(each, instance.days, scale) for each in instance.customers)
    return Office(date(2026, 6, 1), instance.days, reaches, teams, np.ceil(away).astype(np.int32))


def _reach(customer: Customer, days: int, scale: float) -> Reach:
    """Days of no combination are closed; visits are as far apart as the closest two of any combination."""
    able = frozenset().union(*customer.combinations)
    gaps = [
        later - earlier
        for each in customer.combinations
        for earlier, later in zip(sorted(each), sorted(each)[1:], strict=False)
    ]
    return Reach(
        code=f"C{customer.number:03d}",
        name=f"C{customer.number}",
        river="",
        sides=(_SIDE,),
        place=(customer.x, customer.y),
        minutes=math.ceil(customer.minutes * scale),
        visits=customer.frequency,
        apart=min(gaps, default=1),
        closed=frozenset(range(days)) - able,
    )
