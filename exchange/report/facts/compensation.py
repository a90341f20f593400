"""Compensation for a period, by the contracts that the scope names, out of the very means that the classes rest on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from exchange.errors import InvalidInputError
from exchange.report.compensation.count import Account, Basis, by_class, by_index, by_shares
from exchange.report.compensation.terms import ClassChange, Index, Shares, Terms, read_terms
from exchange.report.facts.quality import Earlier, Place, State, averages, earlier, levels, observed
from exchange.report.gather import Gatherer
from exchange.report.period import Period
from exchange.report.scope import Counted, Scope, Section
from exchange.report.words import Words, said
from exchange.river.standard import Standard


@dataclass(frozen=True, slots=True)
class Line:
    """What upstream gets for a section in a month, or, by an index, in the period; negative: what it pays."""

    section: Section
    period: Period
    yuan: float
    basis: Basis | None
    level: int
    last_year: int
    index: float | None
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Compensation:
    """By one contract; `why` says why nothing could be counted. `trial`: a part of the year that it is meant for."""

    terms: Terms
    lines: tuple[Line, ...]
    accounts: Mapping[str, Account]
    why: Words | None
    trial: bool
    sources: tuple[str, ...]


def compensated(
    gatherer: Gatherer,
    scope: Scope,
    period: Period,
    found: Sequence[State],
    held: Mapping[str, Place],
    rows: pa.Table | None,
    standard: Standard,
) -> list[Compensation]:
    """One for each contract of the scope; `rows` are the values of the period, as `observed` gives them."""
    months, held_means = levels(rows, standard, months=True), averages(rows)
    states = {state.section.code: state for state in found}
    hub = gatherer.client.profile.card.jurisdiction
    out = []
    for counted in scope.compensation:
        terms = read_terms(gatherer.client.contract(counted.contract))
        key = gatherer.sources.contract(str(terms.contract.ref), terms.contract.digest, hub)
        lines: Sequence[Line] = ()
        accounts: Mapping[str, Account] = {}
        why = None
        try:
            if isinstance(terms.formula, ClassChange):
                sections = [states[code].section for code in counted.sections if code in states]
                last = earlier(observed(gatherer, scope, sections, period.last_year, (), held), standard)
                lines = _by_class(terms.formula, period, sections, states, months, last, key)
            elif isinstance(terms.formula, Index):
                lines = [
                    _by_index(terms.formula, period, states, held_means, counted, code, key)
                    for code in counted.sections
                ]
            else:
                accounts = by_shares(terms.formula, _missed(terms.formula, states, counted, standard))
        except InvalidInputError as error:
            why = said(error)
        trial = terms.yearly and period.months < 12
        out.append(Compensation(terms, tuple(lines), accounts, why, trial, (key, *_used(states, counted))))
    return out


def _used(states: Mapping[str, State], counted: Counted) -> list[str]:
    """What the sections that a contract names rest on."""
    found = [states[code] for code in counted.named.values() if code in states]
    return list(dict.fromkeys(source for state in found for source in state.every_source))


def _by_class(
    formula: ClassChange,
    period: Period,
    sections: Sequence[Section],
    states: Mapping[str, State],
    months: Mapping[tuple[str, str], int],
    last: Mapping[str, Earlier],
    key: str,
) -> list[Line]:
    lines = []
    for section in sections:
        state = states[section.code]
        for month in period.each_month():
            level, before = months.get((section.code, str(month)), 0), last.get(section.code, Earlier())
            owed = by_class(formula, level, state.target, before.level)
            used = (*state.every_source, *before.sources, key)
            lines.append(Line(section, month, owed.yuan, owed.basis, level, before.level, None, used))
    return lines


def _by_index(
    formula: Index,
    period: Period,
    states: Mapping[str, State],
    means: Mapping[str, Mapping[str, float]],
    counted: Counted,
    code: str,
    key: str,
) -> Line:
    if code not in states:
        raise InvalidInputError(f"任务书没有断面 {code} / the scope has no section {code}")
    state = states[code]
    # total nitrogen counts here, though no class of a river rests on it
    owed = by_index(formula, means.get(code, {}), counted.base)
    return Line(
        state.section, period, owed.yuan, None, state.level, 0, owed.index, (*state.every_source, key)
    )


def _missed(
    formula: Shares, states: Mapping[str, State], counted: Counted, standard: Standard
) -> dict[str, float]:
    """Per section of the terms, the share of its items above the target's limit."""
    target = standard.classes.index(formula.target) + 1
    found: dict[str, float] = {}
    for check in formula.checks:
        state = states.get(counted.named.get(check.section, ""))
        means = {} if state is None else {mean.item: mean for mean in state.means}
        if all(item in means for item in formula.items):
            found[check.section] = sum(means[item].level > target for item in formula.items) / len(
                formula.items
            )
    return found
