"""Sources that are pulled again and again: what is configured, one pull, and how late a source is.

A configuration is YAML: a list `sources`, each with `name`, `adapter`, `source`, `mapping`, `home`,
`late_after_minutes` and perhaps `hub`. `source` may hold `*`: every file that fits is read, in the order of names.
`${NAME}` stands for a variable of the environment, so that a database's password need not be in the file.
"""

from __future__ import annotations

import glob
import json
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml

from adapters.mapping.document import find_form, shipped
from adapters.protocol import Reading
from adapters.take.find import find_adapter
from adapters.take.publish import publish_spooled
from adapters.take.spool import Spooled, spool
from exchange.client import connect
from exchange.errors import InvalidInputError, NotFoundError

_NAME: Final = re.compile(r"^[a-z0-9][a-z0-9-]{0,62}$")


@dataclass(frozen=True, slots=True)
class Source:
    """One source as configured."""

    name: str
    adapter: str
    source: str
    mapping: str
    home: str
    late_after_minutes: float
    hub: str | None = None


@dataclass(frozen=True, slots=True)
class Pulled:
    """What one pull came to. `newest` is the latest instant ever read; `late` whether it is older than it may be."""

    name: str
    rows: int
    accepted: int
    rejected: int
    newest: datetime | None
    late_minutes: float | None
    late: bool

    def to_json(self) -> dict[str, Any]:
        """As a task hands it on."""
        newest = self.newest.isoformat() if self.newest else None
        return {field.name: getattr(self, field.name) for field in fields(self)} | {"newest": newest}


def load_sources(path: Path) -> dict[str, Source]:
    """Sources by name; raises InvalidInputError naming what is wrong."""
    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8"))["sources"]
        found = [Source(**each) for each in given]
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise InvalidInputError(f"{path.name}: 数据源配置无效 / the sources do not read: {error}") from None
    names = [each.name for each in found]
    for each in found:
        if not _NAME.match(str(each.name)) or names.count(each.name) > 1:
            raise InvalidInputError(
                f"{path.name}: 名称无效或重复 / name {each.name!r} is odd, or there twice"
            )
    return {each.name: each for each in found}


def pull(source: Source, state: Path, now: datetime | None = None) -> Pulled:
    """Read a source and publish what is new; what a database was read up to is kept once the hub has it.

    Raises what reading and publishing raise; then nothing is kept, and the next pull begins where this one did.
    """
    state.mkdir(parents=True, exist_ok=True)
    rows = accepted = rejected = 0
    newest = _kept(state / f"{source.name}.json")
    with connect(Path(source.home), source.hub) as client:
        for reading in _readings(source, state):
            with tempfile.TemporaryDirectory() as scratch:
                spooled = spool(reading, shipped(), Path(scratch))
                for sent in publish_spooled(client, spooled):
                    if sent.published is not None:
                        verdict = sent.published.batch.verdict
                        rows += verdict.rows
                        accepted += verdict.accepted
                        rejected += verdict.rejected
                newest = max(filter(None, (newest, _newest(spooled))), default=None)
            commit = getattr(reading, "commit", None)
            if commit is not None:
                commit()
    _keep(state / f"{source.name}.json", newest)
    late = None if newest is None else ((now or datetime.now(UTC)) - newest) / timedelta(minutes=1)
    behind = late is None or late > source.late_after_minutes
    return Pulled(
        source.name, rows, accepted, rejected, newest, None if late is None else round(late, 1), behind
    )


def _readings(source: Source, state: Path) -> Iterator[Reading]:
    adapter = find_adapter(source.adapter)
    mapping = find_form(source.mapping)
    since = getattr(adapter, "since", None)
    if since is not None:
        adapter = since(state / f"{source.name}.mark.json")
    given = re.sub(r"\$\{([A-Z0-9_]+)\}", lambda found: _variable(found[1]), source.source)
    if "*" not in given:
        yield adapter.read(given, mapping)
        return
    for path in sorted(glob.glob(given)):
        yield adapter.read(path, mapping)


def _variable(name: str) -> str:
    if name not in os.environ:
        raise NotFoundError(f"没有环境变量 {name} / the environment has no {name}")
    return os.environ[name]


def _newest(spooled: Spooled) -> datetime | None:
    found: list[datetime] = []
    for taken in spooled.taken.values():
        name = taken.contract.time_column
        if name is not None and taken.contract.column(name).logical_type == "timestamp":
            latest = pc.max(pq.read_table(taken.path, columns=[name])[name]).as_py()
            found += [latest] if latest is not None else []
    return max(found, default=None)


def _kept(path: Path) -> datetime | None:
    return datetime.fromisoformat(json.loads(path.read_text())["newest"]) if path.exists() else None


def _keep(path: Path, newest: datetime | None) -> None:
    if newest is not None:
        partial = path.with_suffix(".part")
        partial.write_text(json.dumps({"newest": newest.isoformat()}))
        os.replace(partial, path)
