"""What a jurisdiction's stewards may set: which datasets they watch, and what is out of the ordinary.

Read from the TOML file that HECHUAN_STEWARDS names, else `stewards.toml` in AIRFLOW_HOME. Unknown names and wrong
types are refused. Every tolerance here goes into the digest of the suite, so a verdict tells what it was judged by.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, TypeVar, get_type_hints

from exchange.errors import InvalidInputError
from exchange.ids import DatasetId
from stewards.options import (
    Boundary,
    Cases,
    Comparing,
    Deliveries,
    Downstream,
    Feed,
    Host,
    Patrols,
    Place,
    Refer,
    Report,
    Tolerance,
    Watch,
)

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_LISTS: Final[Mapping[str, type[Any]]] = {
    "feeds": Feed,
    "boundaries": Boundary,
    "deliveries": Deliveries,
    "cases": Cases,
    "downstream": Downstream,
    "patrols": Patrols,
    "reports": Report,
}
_Named = TypeVar("_Named", Boundary, Deliveries, Cases, Downstream, Patrols, Report)
VARIABLE: Final = "HECHUAN_STEWARDS"


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole of it."""

    feeds: tuple[Feed, ...] = ()
    boundaries: tuple[Boundary, ...] = ()
    deliveries: tuple[Deliveries, ...] = ()
    cases: tuple[Cases, ...] = ()
    downstream: tuple[Downstream, ...] = ()
    patrols: tuple[Patrols, ...] = ()
    reports: tuple[Report, ...] = ()
    host: Host = field(default_factory=Host)
    comparing: Comparing = field(default_factory=Comparing)
    tolerance: Tolerance = field(default_factory=Tolerance)
    refer: Refer = field(default_factory=Refer)
    place: Place = field(default_factory=Place)
    watch: Watch = field(default_factory=Watch)

    @property
    def made_reports(self) -> Path:
        """The directory of joint reports."""
        return Path(self.place.reports) if self.place.reports else _airflow_home() / "hechuan-reports"

    @property
    def retrying(self) -> Mapping[str, Any]:
        """What a DAG's tasks have in common: every one of them may be run again."""
        wait = timedelta(seconds=self.watch.task_retry_seconds)
        return {
            "retries": self.watch.task_retries,
            "retry_delay": wait,
            "retry_exponential_backoff": True,
            "max_retry_delay": timedelta(minutes=10),
        }

    @property
    def pages(self) -> Path:
        """The directory of Data Docs."""
        return Path(self.place.pages) if self.place.pages else _airflow_home() / "hechuan-pages"

    @property
    def connections(self) -> Sequence[str]:
        """Those of the stewards' own agencies, each once."""
        found = [each.connection for each in self.feeds]
        found += [each.connection for each in self.boundaries]
        found += [each.connection for each in self.cases]
        return list(dict.fromkeys([*found, *(each.reader for each in self.deliveries)]))

    def connection_of(self, dataset: str) -> str:
        """The connection through which a dataset is watched; raises InvalidInputError for one that is not."""
        for feed in self.feeds:
            if feed.dataset == dataset:
                return feed.connection
        raise InvalidInputError(f"{dataset} is not among the feeds of stewards.toml")

    def judged_by(self) -> Mapping[str, Any]:
        """What a verdict depends on."""
        return {"tolerance": asdict(self.tolerance), "refer": asdict(self.refer)}


def named(listed: Sequence[_Named], name: str) -> _Named:
    """The one of that name; raises InvalidInputError where stewards.toml has lost it meanwhile."""
    for each in listed:
        if each.name == name:
            return each
    raise InvalidInputError(f"{name} is not in stewards.toml any more")


def load_settings() -> Settings:
    """Read the file; defaults, and no feeds, where there is none. Raises InvalidInputError naming the place."""
    path = Path(os.environ.get(VARIABLE) or _airflow_home() / "stewards.toml")
    if not path.exists():
        return Settings()
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidInputError(f"cannot read {path}: {error}") from error
    sections = {each.name for each in fields(Settings)}
    for name in document:
        if name not in sections:
            raise InvalidInputError(f"{path}: unknown section [{name}]")
    listed: dict[str, Any] = {name: _list(kind, name, document) for name, kind in _LISTS.items()}
    hints = get_type_hints(Settings)
    rest = {name: _section(hints[name], name, document.get(name, {})) for name in sections - _LISTS.keys()}
    return Settings(**listed, **rest)


def _list(kind: type[Any], name: str, document: Mapping[str, Any]) -> tuple[Any, ...]:
    listed = document.get(name, [])
    if not isinstance(listed, list):
        raise InvalidInputError(f"{name} are a list, [[{name}]]")
    found = tuple(_section(kind, f"{name} {at}", given) for at, given in enumerate(listed))
    for each in found:
        for dataset in getattr(each, "datasets", ()):
            DatasetId.parse(dataset)
        if not _NAME.fullmatch(getattr(each, "name", "feed")):
            raise InvalidInputError(
                f"[[{name}]] {each.name[:80]!r} is not a name of lower-case letters and hyphens"
            )
    return found


def _section(kind: type[Any], where: str, given: object) -> Any:
    if not isinstance(given, dict):
        raise InvalidInputError(f"[{where}] is not a section")
    hints = get_type_hints(kind)
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name not in hints:
            raise InvalidInputError(f"[{where}] has no setting {name}")
        if hints[name] is float and type(value) is int:
            value = float(value)
        if type(value) is not hints[name]:
            raise InvalidInputError(f"[{where}] {name} is not of type {hints[name].__name__}")
        values[name] = value
    return kind(**values)


def _airflow_home() -> Path:
    return Path(os.environ.get("AIRFLOW_HOME") or Path.home() / "airflow")
