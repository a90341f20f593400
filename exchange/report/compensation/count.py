"""What the formulas come to. Pure: levels, means and shares in, yuan out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from exchange.errors import InvalidInputError
from exchange.report.compensation.terms import ClassChange, Index, Shares


class Basis(StrEnum):
    """On what ground a month is paid for."""

    BETTER = "better"
    SAME = "same"
    WORSE = "worse"
    MISSED = "missed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Month:
    """Yuan that downstream owes upstream for a month; negative: the other way."""

    yuan: float
    basis: Basis


def by_class(terms: ClassChange, level: int, target: int | None, last_year: int) -> Month:
    """A section's month; `level` and `last_year` are classes 1 to 6, 0 where there are no data.

    Reaches its target and is better than last year: downstream pays; is worse, or misses its target: upstream pays.
    """
    if not level or target is None:
        return Month(0.0, Basis.UNKNOWN)
    if level > target:
        return Month(-terms.monthly, Basis.MISSED)
    if not last_year:
        return Month(0.0, Basis.UNKNOWN)
    if level < last_year:
        return Month(terms.monthly, Basis.BETTER)
    if level > last_year:
        return Month(-terms.monthly, Basis.WORSE)
    return Month(terms.unchanged, Basis.SAME)


@dataclass(frozen=True, slots=True)
class Owed:
    """The index, and yuan that downstream owes upstream; negative: the other way."""

    index: float
    yuan: float


def by_index(terms: Index, means: Mapping[str, float], base: Mapping[str, float]) -> Owed:
    """P over the items of the terms, in the units of `base`; raises InvalidInputError where one is missing."""
    missing = [item for item in terms.weights if item not in means or not base.get(item)]
    if missing:
        raise InvalidInputError(
            f"缺少均值或基准值：{'、'.join(missing)} / means or base values are missing: {', '.join(missing)}"
        )
    index = terms.factor * sum(weight * means[item] / base[item] for item, weight in terms.weights.items())
    step = next(step for step in terms.steps if step.upto is None or index <= step.upto)
    return Owed(index, step.yuan if step.payer == "downstream" else -step.yuan)


@dataclass(frozen=True, slots=True)
class Account:
    """One party's: paid into the fund, allotted, taken away, gained from others; all in yuan."""

    paid: float
    allotted: float
    lost: float
    gained: float

    @property
    def net(self) -> float:
        """What it ends with."""
        return self.allotted - self.lost + self.gained - self.paid


def by_shares(terms: Shares, missed: Mapping[str, float]) -> dict[str, Account]:
    """Every party's account; `missed`: per section of the terms the share of its items that missed the target.

    What is taken away and goes to nobody stays in the fund. Raises InvalidInputError for a section without data.
    """
    unknown = [check.section for check in terms.checks if check.section not in missed]
    if unknown:
        raise InvalidInputError(
            f"缺少考核断面：{'、'.join(unknown)} / sections without data: {', '.join(unknown)}"
        )
    parties = sorted({*terms.pays, *terms.receives})
    paid, given = sum(terms.pays.values()), sum(terms.receives.values())
    allotted = {party: terms.fund * terms.receives.get(party, 0.0) / given for party in parties}
    lost, gained = dict.fromkeys(parties, 0.0), dict.fromkeys(parties, 0.0)
    for check in terms.checks:
        taken = 0.0
        for party, share in check.loses.items():
            amount = allotted[party] * check.weight * share * missed[check.section]
            lost[party] += amount
            taken += amount
        for party, share in check.gains.items():
            gained[party] += taken * share
    return {
        party: Account(
            terms.fund * terms.pays.get(party, 0.0) / paid, allotted[party], lost[party], gained[party]
        )
        for party in parties
    }
