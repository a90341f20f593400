"""Objects as files: `<root>/objects/ab/cd/<hex>`, written under `<root>/incoming` and moved into place.

Large objects are fsynced one by one. Small ones become durable in groups through a journal (one fsync a group) and
visible right after; once a journal is long enough, the file system is synced behind it and it goes. A name under
`objects` therefore always stands for bytes that survive a power cut, in their own file or in a journal.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import hashlib
import os
import re
import shutil
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from exchange.errors import NotFoundError, StorageError, UnavailableError
from exchange.ids import parse_digest
from exchange.store.journal import Journal, abandoned, is_journal, replay, sync_directory

_SMALL_BYTES: Final = 256 << 10
_JOURNAL_BYTES: Final = 16 << 20
_JOURNAL_OBJECTS: Final = 4096
_HEX = re.compile(r"[0-9a-f]{64}")
_SHARD = re.compile(r"[0-9a-f]{2}")


class PosixObjectStore:
    """ObjectStore on a local or network file system with rename, fsync and flock."""

    def __init__(self, root: Path) -> None:
        self._objects = root / "objects"
        self._incoming = root / "incoming"
        self._lock_file = root / "objects.lock"
        self._mutex = threading.Lock()
        self._journal: Journal | None = None
        self._settling: threading.Thread | None = None
        # shards whose own names are known to be durable
        self._durable: set[Path] = set()
        with _explained("open the object store"):
            for directory in (self._objects, self._incoming):
                directory.mkdir(parents=True, exist_ok=True)
            self._lock_file.touch()
            sync_directory(root)
            self._recover()

    def put_file(self, path: Path, digest: str) -> None:
        target = self._path(digest)
        with _explained(f"store {digest}"):
            if self._touch(target, path.stat().st_size):
                self._sync_object(target)
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
                    self._move(self._written(data, sync=True), target)
                    self._sync_shard(target.parent)
        if small:
            with _explained(f"store {len(small)} objects"):
                self._put_small([(data, digest) for digest, data in small.items()])

    def read(self, digest: str) -> bytes:
        with _explained(f"read {digest}"):
            data = self._path(digest).read_bytes()
        if "sha256:" + hashlib.sha256(data).hexdigest() != digest:
            raise StorageError(f"object {digest} does not have its digest any more")
        return data

    def chunks(self, digest: str, offset: int = 0, size: int = 1 << 20) -> Iterator[bytes]:
        with _explained(f"read {digest}"), self._path(digest).open("rb", buffering=0) as file:
            file.seek(offset)
            while chunk := file.read(size):
                yield chunk

    def local(self, digest: str) -> AbstractContextManager[Path]:
        path = self._path(digest)
        with _explained(f"read {digest}"):
            path.stat()
        return nullcontext(path)

    def size(self, digest: str) -> int:
        with _explained(f"read {digest}"):
            return self._path(digest).stat().st_size

    def digests(self) -> Iterator[tuple[str, int, datetime]]:
        with _explained("list the objects"):
            for shard in _names(self._objects, _SHARD):
                for inner in _names(shard, _SHARD):
                    for path in _names(inner, _HEX):
                        with suppress(FileNotFoundError):
                            status = path.stat()
                            stored_at = datetime.fromtimestamp(status.st_mtime, UTC)
                            yield f"sha256:{path.name}", status.st_size, stored_at

    def delete(self, digest: str, before: datetime | None = None) -> bool:
        path = self._path(digest)
        with _explained(f"delete {digest}"), self._guarded(fcntl.LOCK_EX), suppress(FileNotFoundError):
            if before is None or path.stat().st_mtime < before.timestamp():
                path.unlink()
                return True
        return False

    def discard_incoming(self, before: datetime) -> int:
        discarded = 0
        with _explained("clear the incoming files"):
            self._recover()
            for path in sorted(self._incoming.iterdir()):
                with suppress(FileNotFoundError):
                    if not is_journal(path) and path.stat().st_mtime < before.timestamp():
                        path.unlink()
                        discarded += 1
        return discarded

    def close(self) -> None:
        """Settle what the journal holds. Without it, the next to open the store does that."""
        with _explained("settle the journal"), self._mutex:
            journal, self._journal = self._journal, None
            if self._settling:
                self._settling.join()
            if journal:
                self._settle(journal)

    def _path(self, digest: str) -> Path:
        name = parse_digest(digest).removeprefix("sha256:")
        return self._objects / name[:2] / name[2:4] / name

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

    def _written(self, data: bytes, sync: bool) -> Path:
        scratch = self._scratch()
        fd = os.open(scratch, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(fd, view) :]
            if sync:
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
        sync_directory(shard)
        if shard not in self._durable:
            sync_directory(shard.parent)
            sync_directory(self._objects)
            self._durable.add(shard)

    def _put_small(self, items: Sequence[tuple[bytes, str]]) -> None:
        with self._mutex:
            journal = self._journal = self._journal or Journal(self._incoming)
            try:
                journal.append(items)
            except OSError:
                # its tail is in doubt, what it answered for is not: leave it to be replayed
                self._journal = None
                journal.release()
                raise
            for data, digest in items:
                self._move(self._written(data, sync=False), self._path(digest))
            if journal.bytes > _JOURNAL_BYTES or len(journal.digests) > _JOURNAL_OBJECTS:
                self._journal = None
                if self._settling:
                    self._settling.join()
                self._settling = threading.Thread(
                    target=self._settle, args=(journal,), name="settle-objects", daemon=True
                )
                self._settling.start()

    def _settle(self, journal: Journal) -> None:
        try:
            _sync_file_system(self._objects)
            journal.remove()
        except OSError:
            journal.release()

    def _recover(self) -> None:
        """Put back what a power cut took from journals whose owners are gone."""
        with abandoned(self._incoming) as journals:
            for journal in journals:
                for data, digest in replay(journal):
                    target = self._path(digest)
                    if not target.exists() or target.read_bytes() != data:
                        self._move(self._written(data, sync=False), target)
            if journals:
                _sync_file_system(self._objects)
            for journal in journals:
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


def _sync_file_system(path: Path) -> None:
    """Make everything on the file system of `path` durable: one call, however many files wait."""
    syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if syncfs is None:
        os.sync()
        return
    fd = os.open(path, os.O_RDONLY)
    try:
        if syncfs(fd):
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
    finally:
        os.close(fd)
