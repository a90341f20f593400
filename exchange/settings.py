"""Everything an operator may change, and every limit on untrusted input.

Read from `hub.toml` in the hub's directory; an environment variable `HECHUAN_<SECTION>_<NAME>` wins over the file.
Units are in the names. Unknown sections, names and wrong types are refused, so a typo cannot pass for a default.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_type_hints

from exchange.errors import InvalidInputError
from exchange.ids import parse_jurisdiction


@dataclass(frozen=True, slots=True)
class Hub:
    """Who this hub is and where it listens. Port 0 lets the system choose."""

    jurisdiction: str = ""
    # Names and addresses under which partners reach the hub; they go into its certificate.
    names: str = "localhost,127.0.0.1"
    listen: str = "127.0.0.1:0"
    listen_enrolment: str = "127.0.0.1:0"
    # Names of the jurisdiction's agencies that watch over the quality of all its datasets, as joint-office,water.
    # They read datasets whose contracts have the role `steward`, rejected rows too; each read is recorded.
    stewards: str = ""
    # Prometheus text on http://<address>/metrics; empty: none.
    listen_metrics: str = ""


@dataclass(frozen=True, slots=True)
class Store:
    """Where state lives. Empty: inside the hub's directory (SQLite and POSIX files)."""

    # SQLAlchemy URL such as postgresql+psycopg://user@host/db
    ledger: str = ""
    # s3://bucket/prefix?endpoint=http://127.0.0.1:9000&region=cn
    objects: str = ""
    # Local copies of remote objects that queries keep.
    cache_bytes: int = 8 << 30
    # A hub that waits longer than this for its turn to append answers BUSY.
    sequence_wait_seconds: float = 30.0
    # A process that holds the turn longer is taken for dead; PostgreSQL only.
    sequence_hold_seconds: float = 15.0


@dataclass(frozen=True, slots=True)
class Limit:
    """Bounds on what a caller may send or ask for."""

    envelope_bytes: int = 16 << 10
    batch_bytes: int = 4 << 30
    # Text and Arrow batches are encoded by the hub.
    encoded_batch_bytes: int = 1 << 30
    batch_rows: int = 100_000_000
    columns: int = 512
    nesting: int = 4
    uncompressed_bytes: int = 32 << 30
    # One row group is decoded at a time; this bounds memory.
    row_group_bytes: int = 256 << 20
    row_groups: int = 100_000
    message_bytes: int = 4 << 20
    # Batches up to this size are kept in memory while they are checked.
    small_batch_bytes: int = 256 << 10
    # How many small batches one call of PublishMany takes.
    many_batches: int = 256
    concurrent_publishes: int = 64
    large_publishes: int = 2
    concurrent_queries: int = 16
    concurrent_watches: int = 1000
    filters: int = 64
    filter_values: int = 10_000
    # A contract travels inside its ledger entry, which C2SP bounds at 64 KiB.
    contract_bytes: int = 48 << 10
    page: int = 1000
    tile_entries: int = 100_000
    clock_skew_seconds: int = 300
    manifest_validity_days: int = 31
    stall_seconds: int = 60
    query_seconds: int = 3600
    # How long a publisher that asks for cosignatures is kept waiting for them.
    witness_seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class Identity:
    """Certificates and invitations."""

    agency_certificate_days: int = 365
    hub_certificate_days: int = 365
    ca_certificate_days: int = 3650
    invitation_hours: int = 72
    # How soon a revocation written by another process is seen.
    revocation_refresh_seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class Agreement:
    """Limits for answers, in working days of the mainland's calendar (政务数据共享条例; authorities may set others)."""

    # To a request or an offer.
    answer_days: int = 10
    # For the signatures after both sides have said yes.
    sign_days: int = 5
    # Calendar days before a deadline from which a side is reminded.
    remind_days: int = 3
    # How often the hub looks for deadlines to tell its operator of.
    remind_seconds: float = 60.0
    # YAML of holidays and make-up working days that goes before the built-in calendar; empty: none.
    calendar: str = ""
    # How soon a move written by another process is seen.
    refresh_seconds: float = 0.25


@dataclass(frozen=True, slots=True)
class Referral:
    """Deadlines of referrals and the ladder of 督办, in working days unless the name says otherwise.

    Authorities set them by their own rules (重庆市河长制条例; 政务数据共享条例 for objections); these are for a start.
    """

    # Until when a handler says that it has it.
    acknowledge_days: int = 1
    # The same for a pollution warning, on the clock.
    acknowledge_warning_minutes: int = 60
    # For the work, where the issuer says nothing else.
    assignment_days: int = 15
    supervision_days: int = 10
    case_transfer_days: int = 30
    objection_days: int = 10
    warning_days: int = 3
    # All extensions of one referral together.
    extension_days: int = 30
    # Beyond a missed deadline: 提醒, 约谈, 通报, 追责 are proposed.
    remind_after_days: int = 0
    interview_after_days: int = 3
    circulate_after_days: int = 5
    account_after_days: int = 10
    # Working days before a deadline from which the inbox marks it.
    soon_days: int = 2
    attachment_bytes: int = 64 << 20
    # How soon a move written by another process is seen.
    refresh_seconds: float = 0.25


@dataclass(frozen=True, slots=True)
class Serve:
    """How the server behaves."""

    drain_seconds: float = 20.0
    keepalive_seconds: int = 30
    heartbeat_seconds: float = 10.0
    group_commit_max: int = 256
    # How long a group waits for as many batches as the last one had; one publisher alone never waits.
    group_commit_wait_seconds: float = 0.005
    workers: int = 8
    reflection: bool = True
    log_level: str = "INFO"


@dataclass(frozen=True, slots=True)
class Federation:
    """How often a hub asks for the federation's metadata, and how long what the founders sign is good for."""

    refresh_seconds: float = 60.0
    # How long one peer may take for all files of a round.
    fetch_seconds: float = 10.0
    root_days: int = 365
    targets_days: int = 90
    snapshot_days: int = 7
    timestamp_hours: int = 24


@dataclass(frozen=True, slots=True)
class Keys:
    """Where signing keys are: `file` (in keys/), or a pkcs11: URI (RFC 7512) of a key in a token.

    The log's ML-DSA key is always a file.
    """

    log: str = "file"
    statement: str = "file"


@dataclass(frozen=True, slots=True)
class Search:
    """The catalogue's search: how fresh it is, and how much it keeps of each dataset."""

    # How soon a new batch, here or at a peer, is found by.
    refresh_seconds: float = 0.5
    # A dataset is looked at for sections once it has been quiet for so long, or has waited for `settle_limit_seconds`.
    settle_seconds: float = 2.0
    settle_limit_seconds: float = 60.0
    # How often each peer is asked where its datasets have rows.
    coverage_seconds: float = 30.0
    # New batches of one dataset that are looked at in one round.
    batches_at_once: int = 2000
    # Places kept of one dataset; how many there are is counted beyond that.
    places: int = 500
    # Bytes of one page of coverage, and of all that a peer may send.
    coverage_page_bytes: int = 512 << 10
    coverage_bytes: int = 64 << 20
    # What a caller may ask.
    text: int = 200
    words: int = 8
    # Places and rivers named in a hit.
    few: int = 5


@dataclass(frozen=True, slots=True)
class Patrol:
    """Planning for members, each call in a process of its own."""

    # How long a caller may have a plan looked for, and how much longer its process may live.
    seconds: float = 60.0
    grace_seconds: float = 30.0
    concurrent_plans: int = 2
    # Address space of a process.
    memory_bytes: int = 8 << 30
    # Tours that all teams of an office can make in a day, counted out one by one.
    tours: int = 10_000_000
    office_bytes: int = 1 << 20
    plan_bytes: int = 1 << 20
    records: int = 20_000


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole of it, one section per attribute."""

    hub: Hub = field(default_factory=Hub)
    store: Store = field(default_factory=Store)
    limit: Limit = field(default_factory=Limit)
    identity: Identity = field(default_factory=Identity)
    agreement: Agreement = field(default_factory=Agreement)
    referral: Referral = field(default_factory=Referral)
    serve: Serve = field(default_factory=Serve)
    federation: Federation = field(default_factory=Federation)
    search: Search = field(default_factory=Search)
    patrol: Patrol = field(default_factory=Patrol)
    keys: Keys = field(default_factory=Keys)


def load_settings(path: Path, environment: Mapping[str, str] = os.environ) -> Settings:
    """Read `hub.toml` and the environment; raises InvalidInputError naming section and name."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidInputError(f"cannot read {path}: {error}") from error
    sections = {section.name: section for section in fields(Settings)}
    for name in document:
        if name not in sections:
            raise InvalidInputError(f"{path}: unknown section [{name}]")
    hints = get_type_hints(Settings)
    settings = Settings(
        **{name: _section(hints[name], name, document.get(name, {}), environment) for name in sections}
    )
    parse_jurisdiction(settings.hub.jurisdiction)
    return settings


def _section(kind: type[Any], name: str, given: object, environment: Mapping[str, str]) -> Any:
    if not isinstance(given, dict):
        raise InvalidInputError(f"[{name}] is not a section")
    hints = get_type_hints(kind)
    values: dict[str, Any] = {}
    for key, value in given.items():
        if key not in hints:
            raise InvalidInputError(f"[{name}] has no setting {key}")
        values[key] = _checked(hints[key], value, f"[{name}] {key}")
    for key, hint in hints.items():
        text = environment.get(f"HECHUAN_{name}_{key}".upper())
        if text is not None:
            values[key] = _read(hint, text, f"HECHUAN_{name}_{key}".upper())
    return kind(**values)


def _checked(hint: type[Any], value: object, where: str) -> object:
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is not hint:
        raise InvalidInputError(f"{where} is not of type {hint.__name__}")
    return value


def _read(hint: type[Any], text: str, where: str) -> object:
    if hint is bool:
        if text not in ("true", "false"):
            raise InvalidInputError(f"{where} is neither true nor false")
        return text == "true"
    try:
        return hint(text)
    except ValueError:
        raise InvalidInputError(f"{where} is not of type {hint.__name__}") from None
