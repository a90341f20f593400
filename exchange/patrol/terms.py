"""What both sides plan by: the objective's weights, and what makes a reach a risk.

It is the custom property `planning` of the contract `patrol-plan`; a change is a new version of it, and whoever
accepts a plan accepts the version that it was made by.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from exchange.contract.document import read_document
from exchange.contract.load import load_contract, shipped_contracts
from exchange.contract.model import Contract
from exchange.errors import MalformedError
from exchange.patrol.closed import Ban, Closing
from exchange.patrol.model import Weights

CONTRACT: Final = "patrol-plan"
_PROPERTY: Final = "planning"


@dataclass(frozen=True, slots=True)
class Risk:
    """What adds to a risk, which is at most 1.

    `classes`: by the worst class that a reach's sections had, 1 to 6 (worse than V); `unknown`: without one.
    `exceedance`: each day with an item worse than III, `case`: each case of the fishing ban, `problem`, `campaign`:
    each open one, up to `exceedances`, `cases`, `problems`, `campaigns`; `idle`: each day since the last patrol, up to
    `idles`. `season`: by month. `lately`: days that count.
    """

    classes: Mapping[int, float]
    unknown: float
    exceedance: float
    exceedances: float
    case: float
    cases: float
    problem: float
    problems: float
    campaign: float
    campaigns: float
    idle: float
    idles: float
    season: Mapping[int, float]
    lately: int


@dataclass(frozen=True, slots=True)
class Terms:
    """A version of the contract, read. `visits`: from a risk on, so many in 30 days; descending."""

    contract: Contract
    weights: Weights
    risk: Risk
    closing: Closing
    visits: tuple[tuple[float, int], ...]


def read_terms(contract: Contract) -> Terms:
    """The planning of a contract version; raises MalformedError where it has none or an odd one."""
    properties = read_document(contract.text).customProperties or []
    found = next((each.value for each in properties if each.property == _PROPERTY), None)
    try:
        assert isinstance(found, Mapping)
        risk = dict(found["risk"])
        lately, classes, season = (risk.pop(name) for name in ("lately", "classes", "season"))
        numbers = {name: float(value) for name, value in risk.items()}
        return Terms(
            contract,
            Weights(**{name: float(value) for name, value in found["objective"].items()}),
            Risk(_by_number(classes), season=_by_number(season), lately=int(lately), **numbers),
            _closing(found["closed"]),
            _steps(found["visits"]),
        )
    except (AssertionError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise MalformedError(f"{contract.ref}: {_PROPERTY} cannot be read: {error!r}") from error


def shipped_terms() -> Terms:
    """The version that comes with the software."""
    mark = f"\nid: {CONTRACT}\n".encode()
    found = [load_contract(text, vouched=True) for text in shipped_contracts() if mark in text]
    return read_terms(max(found, key=lambda contract: contract.ref))


def _closing(given: Mapping[str, Any]) -> Closing:
    bans = tuple(
        Ban(each["river"], *(_of_year(each[name]) for name in ("first", "last"))) for each in given["bans"]
    )
    if int(given["flood"]) < 0:
        raise ValueError("days after a flood are not negative")
    return Closing(int(given["flood"]), bans)


def _of_year(text: str) -> str:
    """A day of any year, as 03-01."""
    return f"{date.fromisoformat(f'2024-{text}'):%m-%d}"


def _by_number(given: Sequence[Sequence[float]]) -> dict[int, float]:
    return {int(number): float(adds) for number, adds in given}


def _steps(given: Sequence[Sequence[float]]) -> tuple[tuple[float, int], ...]:
    steps = tuple((float(least), int(visits)) for least, visits in given)
    if not steps or steps[-1][0] != 0 or list(steps) != sorted(steps, reverse=True):
        raise ValueError("visits go from the highest risk down to 0")
    return steps
