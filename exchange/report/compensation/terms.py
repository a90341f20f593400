"""The formula of an agreement: the custom property `compensation` of a contract `compensation-…`, versioned with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from exchange.contract.document import read_document
from exchange.contract.model import Contract
from exchange.errors import MalformedError

_PROPERTY: Final = "compensation"
SIDES: Final = ("upstream", "downstream")


@dataclass(frozen=True, slots=True)
class ClassChange:
    """By class against target and last year: `monthly` yuan one way or the other, `unchanged` where nothing changed.

    After 重庆市建立流域横向生态保护补偿机制实施方案（试行） (2018).
    """

    monthly: float
    unchanged: float


@dataclass(frozen=True, slots=True)
class Check:
    """A section that is looked at: of the allotments of `loses` (shares), `weight` is at stake; `gains` who gets it."""

    section: str
    weight: float
    loses: Mapping[str, float]
    gains: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Shares:
    """A fund paid in and given out by shares, after the 2018 agreement on the Chishui river.

    `items` that are to reach class `target` in the yearly mean; who misses some loses that share of what is at stake.
    """

    fund: float
    pays: Mapping[str, float]
    receives: Mapping[str, float]
    items: tuple[str, ...]
    target: str
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """Up to an index (None: any), who pays and how much, in yuan."""

    upto: float | None
    payer: str
    yuan: float


@dataclass(frozen=True, slots=True)
class Index:
    """P = factor · Σ weight · C / base, after the pilot scheme of 2011 for the Xin'an river."""

    factor: float
    weights: Mapping[str, float]
    steps: tuple[Step, ...]


Formula = ClassChange | Shares | Index


@dataclass(frozen=True, slots=True)
class Terms:
    """A contract version, read; `yearly`: what it comes to counts for a whole year; `confirmed` by the parties.

    `limits`: what of it is published and what is not, a line in Chinese and one in English, as the contract says.
    """

    contract: Contract
    formula: Formula
    yearly: bool
    confirmed: bool
    limits: str = ""


def read_terms(contract: Contract) -> Terms:
    """The formula of a contract version; raises MalformedError where it has none or an odd one."""
    document = read_document(contract.text, vouched=True)
    properties = document.customProperties or []
    found = next((each.value for each in properties if each.property == _PROPERTY), None)
    try:
        assert isinstance(found, Mapping)
        formula = _READERS[found["formula"]](found)
        limits = (document.description and document.description.limitations) or ""
        return Terms(contract, formula, found["every"] == "year", bool(found["confirmed"]), limits)
    except (AssertionError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise MalformedError(f"{contract.ref}: {_PROPERTY} cannot be read: {error!r}") from error


def _class_change(given: Mapping[str, Any]) -> ClassChange:
    return ClassChange(float(given["monthly_yuan"]), float(given["unchanged_yuan"]))


def _shares(given: Mapping[str, Any]) -> Shares:
    checks = tuple(
        Check(str(each["section"]), float(each["weight"]), _numbers(each["loses"]), _numbers(each["gains"]))
        for each in given["checks"]
    )
    return Shares(
        float(given["fund_yuan"]),
        _numbers(given["pays"]),
        _numbers(given["receives"]),
        tuple(map(str, given["items"])),
        str(given["target"]),
        checks,
    )


def _index(given: Mapping[str, Any]) -> Index:
    steps = tuple(
        Step(None if each["upto"] is None else float(each["upto"]), str(each["payer"]), float(each["yuan"]))
        for each in given["steps"]
    )
    if not steps or steps[-1].upto is not None or any(step.payer not in SIDES for step in steps):
        raise ValueError("the last step has no end, and every payer is upstream or downstream")
    return Index(float(given["factor"]), _numbers(given["weights"]), steps)


def _numbers(given: Mapping[str, Any]) -> dict[str, float]:
    return {str(name): float(value) for name, value in given.items()}


_READERS: Final[dict[str, Callable[[Mapping[str, Any]], Formula]]] = {
    "class-change": _class_change,
    "shares": _shares,
    "index": _index,
}
