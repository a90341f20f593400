"""A copy of a running hub that can be checked and put back.

<backup>/ledger.sqlite    all tables of one moment, whatever the driver
<backup>/objects/ab/<hex> every object that those tables need
<backup>/hub/             what the hub knows of others: trust/, federation/; settings and all keys too, on request
<backup>/backup.json      written last: without it, the backup is not finished

Objects are immutable and durable before the entry that needs them, so those of a snapshot can be copied after it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePath, PurePosixPath
from typing import Final

from exchange.errors import ConflictError, MalformedError, NotFoundError, StorageError
from exchange.flow.fsck import Report, check, objects_of
from exchange.flow.recheck import RecordOf
from exchange.ids import digest_of, parse_digest
from exchange.ledger import VerifierKey
from exchange.ports import EntryKind, LedgerArchive, LedgerStore, ObjectStore
from exchange.trust.canonical import canonical
from exchange.trust.secret import make_private_directory, write_private

_LEDGER: Final = "ledger.sqlite"
_OBJECTS: Final = "objects"
_HUB: Final = "hub"
_SEAL: Final = "backup.json"
_STATE: Final = "state"
_VERSION: Final = 1
# directories of a hub that hold nothing secret, but for the keys of its federation's repository
_PUBLIC: Final = frozenset({"trust", "federation"})
_PRIVATE: Final = ("federation", "keys")


@dataclass(frozen=True, slots=True)
class Made:
    """How much a backup holds."""

    entries: int
    objects: int


def back_up(
    ledger: LedgerArchive,
    objects: ObjectStore,
    target: Path,
    root: Path,
    record_of: RecordOf,
    with_keys: bool = False,
) -> Made:
    """Write a backup of the hub in `root` into a new directory; without its keys and settings unless asked for.

    Raises ConflictError (the directory is not empty), StorageError (an object is gone or damaged).
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ConflictError(f"备份目录须为新目录 / a backup goes into a new directory: {target}")
    make_private_directory(target)
    with ledger.snapshot(target / _LEDGER) as moment:
        size = moment.head().size
        count = sum(1 for digest in _needed(moment, size, record_of) if _copy(objects, digest, target))
    hub = _copy_hub(root, target / _HUB, with_keys)
    _sync(target / _LEDGER)
    seal = {
        "entries": size,
        "hub": hub,
        "ledger": _digest(target / _LEDGER),
        "made_at": datetime.now(UTC).isoformat(),
        "objects": count,
        "v": _VERSION,
    }
    write_private(target / _SEAL, canonical(seal))
    return Made(size, count)


def restore_backup(
    directory: Path,
    ledger: LedgerArchive,
    objects: ObjectStore,
    log: Sequence[VerifierKey],
    record_of: RecordOf,
) -> Report:
    """Fill an empty hub from a backup: objects first, then the tables, then a check of everything.

    Raises NotFoundError (no finished backup), MalformedError (damaged), ConflictError (the hub is not empty).
    """
    seal = _read_seal(directory)
    if seal["ledger"] != _digest(directory / _LEDGER):
        raise MalformedError("备份已损坏：账本文件被改动 / the backup is damaged: its ledger was changed")
    if ledger.head().size:
        raise ConflictError(
            "枢纽中已有账本，只能恢复到空枢纽 / the hub has a ledger: restore into an empty one"
        )
    with tempfile.TemporaryDirectory() as scratch:
        for path in sorted((directory / _OBJECTS).glob("*/*")):
            digest = parse_digest(f"sha256:{path.name}")
            copy = Path(shutil.copyfile(path, Path(scratch) / path.name))
            if _digest(copy) != digest:
                raise MalformedError(f"备份已损坏 / the backup is damaged: {path.name} has another digest")
            objects.put_file(copy, digest)
    ledger.load(directory / _LEDGER)
    return check(ledger, objects, log, record_of)


def _needed(moment: LedgerStore, size: int, record_of: RecordOf) -> Iterable[str]:
    for entry in moment.entries(0, size):
        if entry.kind is EntryKind.BATCH:
            yield from objects_of(record_of(entry))


def _copy(objects: ObjectStore, digest: str, target: Path) -> bool:
    """Copy one object; False where an earlier entry needed the same."""
    name = digest.removeprefix("sha256:")
    path = target / _OBJECTS / name[:2] / name
    if path.exists():
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    found = hashlib.sha256()
    with path.open("xb") as file:
        for chunk in objects.chunks(digest):
            found.update(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    if found.hexdigest() != name:
        raise StorageError(f"object {digest} is damaged; run hechuan fsck")
    return True


def restore_hub(directory: Path, root: Path) -> int:
    """Put back what a backup has of the hub's directory, the state excepted; how many files.

    A part (trust/, federation/, keys/, …) comes back whole or not at all: one that is there stays as it is, for it may
    have been changed since on purpose. Raises NotFoundError, MalformedError as `restore_backup`.
    """
    known = _read_seal(directory).get("hub", {})
    if not isinstance(known, dict):
        raise MalformedError("backup.json is of another version")
    names = [_inner(name) for name in sorted(known)]
    missing = [name for name in names if not (root / name.parts[0]).exists()]
    for name in missing:
        data = (directory / _HUB / name).read_bytes()
        if digest_of(data) != known[str(name)]:
            raise MalformedError(f"备份已损坏 / the backup is damaged: {name} has another digest")
        _write_below(root, name, data)
    return len(missing)


def _inner(name: str) -> PurePosixPath:
    inner = PurePosixPath(name)
    if inner.is_absolute() or ".." in inner.parts or not inner.parts or inner.parts[0] == _STATE:
        raise MalformedError(f"backup.json names a file that is none of a hub's: {name[:80]!r}")
    return inner


def _write_below(top: Path, inner: PurePath, data: bytes) -> None:
    for parent in reversed(inner.parents):
        make_private_directory(top / parent)
    write_private(top / inner, data)


def _copy_hub(root: Path, target: Path, with_keys: bool) -> dict[str, str]:
    """Digests of the files copied, by name."""
    copied: dict[str, str] = {}
    for path in sorted(root.rglob("*")):
        inner = path.relative_to(root)
        secret = inner.parts[0] not in _PUBLIC or inner.parts[:2] == _PRIVATE
        passing = path.name.startswith(".") or not path.is_file()
        if inner.parts[0] == _STATE or passing or (secret and not with_keys):
            continue
        data = path.read_bytes()
        _write_below(target, inner, data)
        copied[inner.as_posix()] = digest_of(data)
    return copied


def _read_seal(directory: Path) -> dict[str, object]:
    try:
        seal = json.loads((directory / _SEAL).read_bytes())
    except FileNotFoundError:
        raise NotFoundError(f"{directory} 中没有完成的备份 / holds no finished backup") from None
    except ValueError:
        raise MalformedError("backup.json does not parse") from None
    if not isinstance(seal, dict) or seal.get("v") != _VERSION or not isinstance(seal.get("ledger"), str):
        raise MalformedError("backup.json is of another version")
    return seal


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
