"""What a jurisdiction's stewards may set: which datasets they watch, and what is out of the ordinary.

Read from the TOML file that HECHUAN_STEWARDS names, else `stewards.toml` in AIRFLOW_HOME. Unknown names and wrong
types are refused. Every tolerance here goes into the digest of the suite, so a verdict tells what it was judged by.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, get_type_hints

from exchange.errors import InvalidInputError
from exchange.ids import DatasetId

VARIABLE: Final = "HECHUAN_STEWARDS"
DEFAULT_CONNECTION: Final = "hechuan_default"


@dataclass(frozen=True, slots=True)
class Feed:
    """One dataset that is watched, through which Airflow connection (the steward's agency at its hub)."""

    dataset: str = ""
    connection: str = DEFAULT_CONNECTION

    @property
    def id(self) -> DatasetId:
        """The dataset, parsed; raises MalformedError."""
        return DatasetId.parse(self.dataset)


@dataclass(frozen=True, slots=True)
class Tolerance:
    """From where on a measure over time is out of the ordinary. Shares are of 1."""

    # What stood before is looked at so many days and batches back, and so many rows at most.
    window_days: int = 14
    window_batches: int = 20
    window_rows: int = 2_000_000
    # Rows of a batch over the median of the batches before it.
    volume_low: float = 0.5
    volume_high: float = 2.0
    # Of the sections that reported in the window, how many the batch has.
    sections_low: float = 0.8
    # How much less often a column may be filled in than in the window.
    completeness_drop: float = 0.2
    # Rows of an observation that stood already, unchanged, and rows that quietly change one that stood.
    repeated_high: float = 0.1
    changed_high: float = 0.05
    # Population stability index of a measured column against the window; 0.25 is the customary limit of a shift.
    drift_high: float = 0.25
    # Fewer rows say nothing about a distribution or a usual volume.
    drift_rows: int = 50
    volume_batches: int = 3
    # Times over the contract's own latency and frequency.
    late_high: float = 1.0
    gap_high: float = 2.0
    # Values of a reference that nothing stands behind.
    unknown_high: float = 0.0


@dataclass(frozen=True, slots=True)
class Refer:
    """When a publisher is asked (数据异议)."""

    # Share of rejected rows from which on a batch is referred and not only quarantined.
    rejected_high: float = 0.05
    # Measures that are referred when they do not hold; the others are told in the verdict.
    measures: str = "changed,drift"


@dataclass(frozen=True, slots=True)
class Place:
    """Where results are kept. Empty: below AIRFLOW_HOME. Several machines need one that they share."""

    pages: str = ""
    # Verdicts and batches that one run looks back for what has none yet.
    pending_batches: int = 1000


@dataclass(frozen=True, slots=True)
class Watch:
    """How the feed is followed."""

    # A cursor is kept only once what it passed has had so long to be stored.
    settle_seconds: float = 30.0
    # Between tries while a hub is away: doubled up to the limit.
    retry_seconds: float = 1.0
    retry_limit_seconds: float = 60.0
    # Of a task that fails, as when its hub is away.
    task_retries: int = 5
    task_retry_seconds: float = 30.0
    # A batch that has no verdict so long after it landed calls for a person.
    deadline_minutes: float = 60.0


@dataclass(frozen=True, slots=True)
class Report:
    """Joint reports that are made each month."""

    # Paths of the office's files, comma-separated.
    scopes: str = ""
    connection: str = DEFAULT_CONNECTION
    # Where reports go, a directory each; reports/ in Airflow's home otherwise.
    output: str = ""
    language: str = "zh"

    @property
    def files(self) -> tuple[Path, ...]:
        """The office's files."""
        return tuple(Path(text.strip()) for text in self.scopes.split(",") if text.strip())


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole of it."""

    feeds: tuple[Feed, ...] = ()
    tolerance: Tolerance = field(default_factory=Tolerance)
    refer: Refer = field(default_factory=Refer)
    place: Place = field(default_factory=Place)
    watch: Watch = field(default_factory=Watch)
    report: Report = field(default_factory=Report)

    @property
    def reports(self) -> Path:
        """The directory of joint reports."""
        return Path(self.report.output) if self.report.output else _airflow_home() / "reports"

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

    def connection_of(self, dataset: str) -> str:
        """The connection through which a dataset is watched; raises InvalidInputError for one that is not."""
        for feed in self.feeds:
            if feed.dataset == dataset:
                return feed.connection
        raise InvalidInputError(f"{dataset} is not among the feeds of stewards.toml")

    def judged_by(self) -> Mapping[str, Any]:
        """What a verdict depends on."""
        return {"tolerance": asdict(self.tolerance), "refer": asdict(self.refer)}


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
    listed = document.get("feeds", [])
    if not isinstance(listed, list):
        raise InvalidInputError(f"{path}: feeds are a list, [[feeds]]")
    feeds = tuple(_section(Feed, f"feeds {at}", given) for at, given in enumerate(listed))
    for feed in feeds:
        _ = feed.id
    hints = get_type_hints(Settings)
    rest = {name: _section(hints[name], name, document.get(name, {})) for name in sections - {"feeds"}}
    return Settings(feeds=feeds, **rest)


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
