"""What both sides have agreed to compare by: tolerances, pairing, and what counts as a cause.

It is the custom property `comparison` of the contract `boundary-comparison`; a change is a new version of it, and both
hubs have each version in their ledgers. Relative deviation of a pair is |a − b| / (a + b), as HJ/T 91-2002 has it for
parallel samples; between methods it is |automatic − laboratory| / laboratory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from exchange.contract.document import read_document
from exchange.contract.load import load_contract, shipped_contracts
from exchange.contract.model import Contract
from exchange.errors import MalformedError
from exchange.reconcile.key import MAX_UNITS

CONTRACT: Final = "boundary-comparison"
_PROPERTY: Final = "comparison"


@dataclass(frozen=True, slots=True)
class Band:
    """Up to a mean of both values (in the item's unit; None: any), a share that they may deviate by."""

    upto: float | None
    share: float


@dataclass(frozen=True, slots=True)
class Item:
    """One item: `units` maps every unit it may come in to the factor that leads to `unit`.

    `absolute`, `detection_limit`, `class_ii` and `class_iv` are in `unit`; the last two are None where GB 3838-2002,
    table 1, has no upper limit for the item.
    """

    code: str
    unit: str
    units: Mapping[str, float]
    bands: tuple[Band, ...]
    absolute: float
    detection_limit: float
    class_ii: float | None
    class_iv: float | None
    datum: bool


@dataclass(frozen=True, slots=True)
class Mixed:
    """Automatic against laboratory: shares above class IV, between II and IV, and from four detection limits to II."""

    above_iv: float
    above_ii: float
    up_to_ii: float


@dataclass(frozen=True, slots=True)
class Pairing:
    """How far apart two instants may lie, in seconds, and how long a window of a series is."""

    automatic: int
    manual: int
    mixed: int
    window_automatic: int
    window_manual: int
    valid_flags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Causes:
    """When a window is looked at, and when a hypothesis is held.

    `share` of a window's pairs must disagree, or be missing; `close` is |ln(a/b)| of values taken for one another;
    a hypothesis holds where it brings `explained` of the pairs that close and the mean distance below `gain` of
    what it was. `lags` in hours; `stuck` and `repeats` are counts of values; `factors` are right over left.
    """

    least: int
    share: float
    close: float
    explained: float
    gain: float
    bias: float
    stuck: int
    stuck_share: float
    spread: float
    fill: float
    duplicate: int
    lags: tuple[int, ...]
    factors: tuple[float, ...]
    ammonia: str


@dataclass(frozen=True, slots=True)
class Terms:
    """A version of the contract, read."""

    contract: Contract
    items: tuple[Item, ...]
    mixed: Mixed
    pairing: Pairing
    causes: Causes

    def item(self, number: int) -> Item:
        """The item that a series' number stands for."""
        return self.items[number]


def read_terms(contract: Contract) -> Terms:
    """The comparison of a contract version; raises MalformedError where it has none or an odd one."""
    properties = read_document(contract.text).customProperties or []
    found = next((each.value for each in properties if each.property == _PROPERTY), None)
    try:
        assert isinstance(found, Mapping)
        return Terms(
            contract=contract,
            items=tuple(map(_item, found["items"])),
            mixed=Mixed(**found["mixed"]),
            pairing=Pairing(**_tuples(found["pairing"])),
            causes=Causes(**_tuples(found["causes"])),
        )
    except (AssertionError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise MalformedError(f"{contract.ref}: {_PROPERTY} cannot be read: {error!r}") from error


def shipped_terms() -> Terms:
    """The version that comes with the software."""
    mark = f"\nid: {CONTRACT}\n".encode()
    found = [load_contract(text, vouched=True) for text in shipped_contracts() if mark in text]
    return read_terms(max(found, key=lambda contract: contract.ref))


def _item(given: Mapping[str, Any]) -> Item:
    bands = tuple(Band(upto, float(share)) for upto, share in given["relative"])
    if not bands or bands[-1].upto is not None:
        raise ValueError(f"{given['item']}: the last band has no end")
    if len(given.get("units", {})) >= MAX_UNITS:
        raise ValueError(f"{given['item']}: more than {MAX_UNITS} units")
    limits = [None if given.get(name) is None else float(given[name]) for name in ("class_ii", "class_iv")]
    return Item(
        code=given["item"],
        unit=given["unit"],
        units={given["unit"]: 1.0, **given.get("units", {})},
        bands=bands,
        absolute=float(given.get("absolute", 0)),
        detection_limit=float(given.get("detection_limit", 0)),
        class_ii=limits[0],
        class_iv=limits[1],
        datum=bool(given.get("datum", False)),
    )


def _tuples(given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else value
        for name, value in given.items()
    }
