"""Objects as files: `<root>/objects/ab/cd/<hex>`, written under `<root>/incoming` and moved into place.

A name under `objects` always stands for bytes that survive a power cut. What comes in groups and is small goes into
`<root>/objects.sqlite` instead, and is written out, under `<root>/unpacked`, for those who need a file.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from exchange.errors import NotFoundError, StorageError, UnavailableError
from exchange.ids import parse_digest
from exchange.settings import Store
from exchange.store.cache import ObjectCache
from exchange.store.journal import abandoned, replay
from exchange.store.small import SmallObjects

_SMALL_BYTES: Final = 256 << 10
_DEFAULTS: Final = Store()
_HEX = re.compile(r"[0-9a-f]{64}")
_SHARD = re.compile(r"[0-9a-f]{2}")


class PosixObjectStore:
    """ObjectStore on a local file system with rename, fsync and flock; processes of one machine may share it."""

    def __init__(self, root: Path, settings: Store = _DEFAULTS) -> None:
        self._objects = root / "objects"
        self._incoming = root / "incoming"
        self._lock_file = root / "objects.lock"
        # shards whose own names are known to be durable
        self._durable: set[Path] = set()
        with _explained("open the object store"):
            for directory in (self._objects, self._incoming):
                directory.mkdir(parents=True, exist_ok=True)
            self._lock_file.touch()
            self._small = SmallObjects(root / "objects.sqlite", settings)
            self._unpacked = ObjectCache(root / "unpacked", settings.cache_bytes, kept=False)
            _sync_directory(root)
            self._recover()

    def put_file(self, path: Path, digest: str) -> None:
        target = self._path(digest)
        with _explained(f"store {digest}"):
            size = path.stat().st_size
            if self._touch(target, size):
                self._sync_object(target)
                path.unlink()
                return
            if size <= _SMALL_BYTES and self._small.touch(digest, size):
                path.unlink()
                return
            _sync_file(path)
            try:
                self._move(path, target)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                scratch = self._scratch()
                shutil.copyfile(path, scratch)
                _sync_file(scratch)
                self._move(scratch, target)
                path.unlink()
            os.utime(target)
            self._sync_shard(target.parent)

    def put_bytes(self, data: bytes, digest: str) -> None:
        self.put_many([(data, digest)])

    def put_many(self, items: Sequence[tuple[bytes, str]]) -> None:
        small: dict[str, bytes] = {}
        for data, digest in items:
            target = self._path(digest)
            with _explained(f"store {digest}"):
                if self._touch(target, len(data)):
                    self._sync_object(target)
                elif len(data) <= _SMALL_BYTES:
                    small[digest] = data
                else:
                    self._move(self._written(data), target)
                    self._sync_shard(target.parent)
        if small:
            self._small.put([(data, digest) for digest, data in small.items()])

    def read(self, digest: str) -> bytes:
        path = self._path(digest)
        try:
            with _explained(f"read {digest}"):
                data = path.read_bytes()
        except NotFoundError:
            data = self._small.read(digest)
        if "sha256:" + hashlib.sha256(data).hexdigest() != digest:
            raise StorageError(f"object {digest} does not have its digest any more")
        return data

    def chunks(self, digest: str, offset: int = 0, size: int = 1 << 20) -> Iterator[bytes]:
        path = self._path(digest)
        if not path.exists():
            data = self._small.read(digest)
            yield from (data[start : start + size] for start in range(offset, len(data), size))
            return
        with _explained(f"read {digest}"), path.open("rb", buffering=0) as file:
            file.seek(offset)
            while chunk := file.read(size):
                yield chunk

    def local(self, digest: str) -> AbstractContextManager[Path]:
        path = self._path(digest)
        if path.exists():
            return nullcontext(path)
        return self._unpacked.file(digest, partial(self._unpack, digest))

    def size(self, digest: str) -> int:
        path = self._path(digest)
        try:
            with _explained(f"read {digest}"):
                return path.stat().st_size
        except NotFoundError:
            return self._small.size(digest)

    def digests(self) -> Iterator[tuple[str, int, datetime]]:
        with _explained("list the objects"):
            for shard in _names(self._objects, _SHARD):
                for inner in _names(shard, _SHARD):
                    for path in _names(inner, _HEX):
                        with suppress(FileNotFoundError):
                            status = path.stat()
                            stored_at = datetime.fromtimestamp(status.st_mtime, UTC)
                            yield f"sha256:{path.name}", status.st_size, stored_at
        # one that was put both ways at the same moment is named once
        yield from (found for found in self._small.digests() if not self._path(found[0]).exists())

    def delete(self, digest: str, before: datetime | None = None) -> bool:
        path = self._path(digest)
        with _explained(f"delete {digest}"), self._guarded(fcntl.LOCK_EX), suppress(FileNotFoundError):
            if before is None or path.stat().st_mtime < before.timestamp():
                path.unlink()
                self._small.delete(digest, before)
                return True
        return self._small.delete(digest, before)

    def discard_incoming(self, before: datetime) -> int:
        discarded = 0
        with _explained("clear the incoming files"):
            for path in sorted(self._incoming.iterdir()):
                with suppress(FileNotFoundError):
                    if path.stat().st_mtime < before.timestamp():
                        path.unlink()
                        discarded += 1
        return discarded

    def close(self) -> None:
        """Let go of files and connections."""
        self._small.close()
        self._unpacked.close()

    def _path(self, digest: str) -> Path:
        name = parse_digest(digest).removeprefix("sha256:")
        # in one piece: this is on the way of every small batch
        return Path(f"{self._objects}/{name[:2]}/{name[2:4]}/{name}")

    def _unpack(self, digest: str, target: Path) -> None:
        data = self.read(digest)
        with _explained(f"unpack {digest}"):
            target.write_bytes(data)

    def _scratch(self) -> Path:
        return self._incoming / uuid.uuid4().hex

    def _touch(self, target: Path, size: int) -> bool:
        """Whether the object is there; then it counts as put now, so that no sweep in progress takes it."""
        try:
            if target.stat().st_size != size:
                return False
            with self._guarded(fcntl.LOCK_SH):
                os.utime(target)
        except FileNotFoundError:
            return False
        return True

    @contextmanager
    def _guarded(self, mode: int) -> Iterator[None]:
        # a file descriptor of its own: flock tells open files apart, not threads
        fd = os.open(self._lock_file, os.O_RDONLY)
        try:
            fcntl.flock(fd, mode)
            yield
        finally:
            os.close(fd)

    def _written(self, data: bytes) -> Path:
        scratch = self._scratch()
        fd = os.open(scratch, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(fd, view) :]
            os.fsync(fd)
        except OSError:
            scratch.unlink()
            raise
        finally:
            os.close(fd)
        return scratch

    def _move(self, scratch: Path, target: Path) -> None:
        try:
            scratch.rename(target)
        except FileNotFoundError:
            target.parent.mkdir(parents=True, exist_ok=True)
            scratch.rename(target)

    def _sync_object(self, target: Path) -> None:
        """Another thread or process may have moved it into place and not have synced it yet."""
        _sync_file(target)
        self._sync_shard(target.parent)

    def _sync_shard(self, shard: Path) -> None:
        _sync_directory(shard)
        if shard not in self._durable:
            _sync_directory(shard.parent)
            _sync_directory(self._objects)
            self._durable.add(shard)

    def _recover(self) -> None:
        """Take over what journals of version 0.1 answered for and a power cut may have taken."""
        with abandoned(self._incoming) as journals:
            for journal in journals:
                self.put_many(list(replay(journal)))
                journal.unlink()


@contextmanager
def _explained(act: str) -> Iterator[None]:
    """Turn the system's errors into ours."""
    try:
        yield
    except FileNotFoundError as error:
        raise NotFoundError(f"cannot {act}: there is no such object") from error
    except OSError as error:
        kind = StorageError if error.errno == errno.EIO else UnavailableError
        raise kind(f"cannot {act}: {error.strerror}") from error


def _names(directory: Path, pattern: re.Pattern[str]) -> Iterator[Path]:
    """Entries that are named like ours, sorted; none where there is no such directory any more."""
    with suppress(FileNotFoundError):
        yield from (directory / name for name in sorted(os.listdir(directory)) if pattern.fullmatch(name))


def _sync_file(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
