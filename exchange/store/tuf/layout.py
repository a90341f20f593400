"""Where the federation's files are, what they may be called and how large they may be."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from exchange.batch.manifest import format_instant, parse_instant
from exchange.errors import LimitExceededError, MalformedError, NotFoundError, StorageError
from exchange.trust.canonical import canonical, parse_canonical
from exchange.trust.roster import MAX_ROSTER_BYTES, Roster
from exchange.trust.secret import replace_private

TARGET: Final = "federation.json"
TIMESTAMP: Final = "metadata/timestamp.json"
MAX_METADATA_BYTES: Final = 256 << 10
MAX_TIMESTAMP_BYTES: Final = 16 << 10
_MAX_PATH = 100
_VERSIONED = re.compile(r"metadata/([1-9][0-9]{0,8})\.(root|snapshot|targets)\.json")
_TARGET = re.compile(r"targets/[0-9a-f]{64}\.federation\.json")
_KEPT_VERSIONS = 3


def check_path(path: str) -> str:
    """Check the path of a published file; raises MalformedError for any other text. TUF § 6.2."""
    known = path == TIMESTAMP or _VERSIONED.fullmatch(path) or _TARGET.fullmatch(path)
    if len(path) > _MAX_PATH or not known:
        raise MalformedError(f"{path[:80]!r} is not the path of a federation file")
    return path


def limit_of(path: str) -> int:
    """The most bytes that a published file may have."""
    if path == TIMESTAMP:
        return MAX_TIMESTAMP_BYTES
    return MAX_ROSTER_BYTES if path.startswith("targets/") else MAX_METADATA_BYTES


def read_published(directory: Path, path: str) -> bytes:
    """A published file; raises MalformedError, NotFoundError, LimitExceededError, StorageError."""
    limit = limit_of(check_path(path))
    try:
        with (directory / path).open("rb") as file:
            data = file.read(limit + 1)
    except FileNotFoundError:
        raise NotFoundError(f"no {path} is published here") from None
    except OSError as error:
        raise StorageError(f"无法读取 / cannot read {directory / path}: {error.strerror}") from error
    if len(data) > limit:
        raise LimitExceededError(f"{path} is larger than {limit} bytes")
    return data


def write_published(directory: Path, path: str, data: bytes) -> None:
    """Put a file into its place in one step; what is there already under that name is replaced."""
    target = directory / check_path(path)
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace_private(target, data)


def published(directory: Path) -> Iterator[str]:
    """Paths of the files that are there, the timestamp last, roots by version first."""
    names = [f"{path.parent.name}/{path.name}" for path in directory.glob("*/*.json")]
    found = [
        name for name in names if name == TIMESTAMP or _VERSIONED.fullmatch(name) or _TARGET.fullmatch(name)
    ]
    yield from sorted(found, key=_order)


def versions(directory: Path, role: str) -> list[int]:
    """Versions of a role that are published, ascending."""
    matches = (_VERSIONED.fullmatch(name) for name in published(directory))
    return sorted(int(match[1]) for match in matches if match and match[2] == role)


def prune(directory: Path, target: str) -> None:
    """Remove snapshots, targets and documents that nobody asks for any more; roots stay for ever."""
    for role in ("snapshot", "targets"):
        for version in versions(directory, role)[:-_KEPT_VERSIONS]:
            (directory / f"metadata/{version}.{role}.json").unlink(missing_ok=True)
    documents = [directory / name for name in published(directory) if _TARGET.fullmatch(name)]
    for old in sorted(documents, key=lambda path: path.stat().st_mtime_ns)[:-_KEPT_VERSIONS]:
        if old != directory / target:
            old.unlink(missing_ok=True)


def _order(name: str) -> tuple[int, int, str]:
    match = _VERSIONED.fullmatch(name)
    if match:
        return {"root": 0, "targets": 2, "snapshot": 3}[match[2]], int(match[1]), name
    return 4 if name == TIMESTAMP else 1, 0, name


@dataclass(frozen=True, slots=True)
class FederationDirectory:
    """Paths below a hub's `federation/`."""

    root: Path

    @property
    def pinned(self) -> Path:
        return self.root / "root.json"

    @property
    def mirror(self) -> Path:
        return self.root / "mirror"

    @property
    def publish(self) -> Path:
        return self.root / "publish"

    @property
    def keys(self) -> Path:
        return self.root / "keys"

    @property
    def last(self) -> Path:
        return self.root / "roster.json"


@dataclass(frozen=True, slots=True)
class LastRoster:
    """The last verified roster as a file, so that a hub that starts knows its peers."""

    path: Path

    def write(self, roster: Roster) -> None:
        """Durable on return."""
        value = {
            "document": parse_canonical(roster.to_bytes()),
            "expires_at": format_instant(roster.expires_at),
            "version": roster.version,
        }
        replace_private(self.path, canonical(value))

    def read(self) -> Roster | None:
        """None where no roster was verified yet; raises StorageError for a file that is not one."""
        try:
            value = parse_canonical(self.path.read_bytes())
            until = parse_instant(value["expires_at"])
            return Roster.parse(canonical(value["document"]), value["version"], until)
        except FileNotFoundError:
            return None
        except (OSError, KeyError, TypeError, MalformedError) as error:
            raise StorageError(f"{self.path} is not a verified roster: {error}") from error


def whole_seconds(instant: datetime) -> datetime:
    """TUF knows no fractions of a second; an expiry is rounded down."""
    return instant.replace(microsecond=0)
