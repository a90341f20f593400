"""One measured figure, and the table of all."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Figure:
    """`ours` and `peer_value` in `unit`; `ratio` = ours / peer_value (or ours, where there is no peer).

    `better` says which way; `bar` is the ratio to reach, None where a figure is only told.
    """

    id: str
    ours: float
    unit: str
    peer: str
    peer_value: float | None
    bar: float | None
    better: str = "lower"

    @property
    def ratio(self) -> float:
        """Ours against the peer."""
        return self.ours / self.peer_value if self.peer_value else self.ours

    @property
    def met(self) -> bool:
        """Whether the bar is reached."""
        if self.bar is None:
            return True
        reached = operator.le if self.better == "lower" else operator.ge
        return bool(reached(self.ratio, self.bar))

    def to_json(self) -> dict[str, object]:
        """The object in build/bench.json."""
        return {**asdict(self), "ratio": round(self.ratio, 4), "met": self.met}


Bench = Callable[[Path], Iterable[Figure]]
_BENCHES: Final[dict[str, Bench]] = {}


def bench(*ids: str) -> Callable[[Bench], Bench]:
    """Register a function that measures these figures in one run; it gets an empty directory."""

    def add(function: Bench) -> Bench:
        for name in ids:
            _BENCHES[name] = function
        return function

    return add


def chosen(prefixes: Iterable[str]) -> Iterator[Bench]:
    """The registered functions with a figure that begins with one of the prefixes; all where there is none."""
    wanted = tuple(prefixes)
    seen: set[Bench] = set()
    for name, function in _BENCHES.items():
        if (not wanted or name.startswith(wanted)) and function not in seen:
            seen.add(function)
            yield function


def show(figures: Iterable[Figure]) -> None:
    """Print the table."""
    table = Table("figure", "ours", "peer", "peer value", "ratio", "bar", "met")
    for figure in figures:
        sign = "≤" if figure.better == "lower" else "≥"
        table.add_row(
            figure.id,
            f"{figure.ours:,.4g} {figure.unit}",
            figure.peer,
            "" if figure.peer_value is None else f"{figure.peer_value:,.4g}",
            f"{figure.ratio:.3g}",
            "" if figure.bar is None else f"{sign} {figure.bar:g}",
            "[green]yes[/]" if figure.met else "[red]NO[/]",
        )
    Console(width=150).print(table)


def save(figures: Iterable[Figure], path: Path) -> None:
    """Write the figures, keeping those of earlier runs that were not measured again."""
    kept = {item["id"]: item for item in json.loads(path.read_text())} if path.exists() else {}
    kept |= {figure.id: figure.to_json() for figure in figures}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(list(kept.values()), indent=1) + "\n", encoding="utf-8")
