"""What may be set in stewards.toml, a class a section, with defaults and what each means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from exchange.ids import DatasetId

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

    @property
    def datasets(self) -> Sequence[str]:
        """The one."""
        return (self.dataset,)


@dataclass(frozen=True, slots=True)
class Boundary:
    """Two datasets about one boundary, compared nightly. `sections` pairs their codes: "left=right, left=right"."""

    name: str = ""
    left: str = ""
    right: str = ""
    sections: str = ""
    connection: str = DEFAULT_CONNECTION
    # How far back; 0: everything.
    days: int = 30
    # Values at fault that are not worth an objection.
    tolerated: int = 0

    @property
    def crosswalk(self) -> Mapping[str, str]:
        """Left code → right code."""
        pairs = (each.partition("=") for each in self.sections.split(",") if each.strip())
        return {left.strip(): right.strip() for left, _, right in pairs}

    @property
    def datasets(self) -> Sequence[str]:
        """Both."""
        return (self.left, self.right)


@dataclass(frozen=True, slots=True)
class Deliveries:
    """What an owner's hub says it published, against what a reader's hub has: each agreement of the reader's agency.

    `owner` and `reader` are connections: of any agency at the owner's hub, of the agreements' consumer at its own.
    """

    name: str = ""
    owner: str = ""
    reader: str = DEFAULT_CONNECTION
    # A younger batch may still be on its way.
    minutes: int = 60
    tolerated: int = 0


@dataclass(frozen=True, slots=True)
class Cases:
    """Cases that a dataset says were transferred to `receiver`, against the 案件移送 that its agency has.

    `receiver` is a value of transferred_to, `received` the connection of the agency that stands for it.
    """

    name: str = ""
    dataset: str = ""
    receiver: str = ""
    received: str = ""
    connection: str = DEFAULT_CONNECTION
    tolerated: int = 0

    @property
    def datasets(self) -> Sequence[str]:
        """The one."""
        return (self.dataset,)


@dataclass(frozen=True, slots=True)
class Downstream:
    """An agency's datasets whose findings the neighbour downstream is warned of, in the agency's name.

    Lists are comma-separated; what each dataset is for: `hechuan alert --help`.
    """

    name: str = ""
    watched: str = ""
    sections: str = ""
    duties: str = ""
    reaches: str = ""
    hydraulics: str = ""
    reach_crosswalk: str = ""
    section_crosswalk: str = ""
    interval_hours: float = 4.0
    connection: str = DEFAULT_CONNECTION
    # What landed earlier is nobody's news any more.
    hours: float = 48.0

    @property
    def datasets(self) -> Sequence[str]:
        """Those that are watched."""
        return listed(self.watched)


@dataclass(frozen=True, slots=True)
class Patrols:
    """A month of joint patrols that is planned out of evidence and proposed to the other side.

    `frame`: file with teams, roads and access points, see docs/patrols.md. `evidence`: datasets, comma-separated.
    """

    name: str = ""
    frame: str = ""
    evidence: str = ""
    other: str = ""
    connection: str = DEFAULT_CONNECTION
    seconds: float = 60.0

    @property
    def datasets(self) -> Sequence[str]:
        """Those that the office comes from."""
        return listed(self.evidence)


def listed(text: str) -> list[str]:
    """The parts of a comma-separated list."""
    return [each.strip() for each in text.split(",") if each.strip()]


@dataclass(frozen=True, slots=True)
class Host:
    """The hub whose storage this Airflow looks after: its directory on the worker; empty where there is none."""

    directory: str = ""
    # Airflow's queue of the worker on the hub's host.
    queue: str = "default"
    # Objects that nothing needs are removed after so long.
    sweep: bool = True
    grace_seconds: int = 3600


@dataclass(frozen=True, slots=True)
class Comparing:
    """How comparisons are run and told."""

    # Differences that the page shows of each, and that one objection carries.
    shown_rows: int = 300
    put_rows: int = 10_000
    memory_mib: int = 1024


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
    # Joint reports, a directory each; hechuan-reports in AIRFLOW_HOME otherwise.
    reports: str = ""
    # Verdicts and batches that one run looks back for what has none yet.
    pending_batches: int = 1000
    # Of a batch with more rejected rows, Data Docs do not name the rows of their examples.
    numbered_rows: int = 10_000


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
    """A joint report that is made when a month is over, or a quarter, or a year."""

    name: str = ""
    # The office's file: sides, sections, what is compared and compensated.
    scope: str = ""
    # Of the agency whose view of the data the report is.
    connection: str = DEFAULT_CONNECTION
    # zh or en
    language: str = "zh"
    # Of month, quarter and year, those that it is made of; commas between.
    every: str = "month"
