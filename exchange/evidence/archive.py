"""The archive of a pack: a ZIP in its only form, so that every tool sees the same files in it.

Names ascend, nothing is compressed, no timestamp, comment, extra field or gap: local headers and data, the central
directory, its end. What is read is held to that form byte by byte, so a file cannot be there twice, differ between
two readers, unfold, or hide behind another. APPNOTE.TXT 6.3.10, §§ 4.3.7, 4.3.12, 4.3.16.
"""

from __future__ import annotations

import hashlib
import mmap
import re
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from exchange.errors import DigestMismatchError, LimitExceededError, MalformedError

_LOCAL: Final = struct.Struct("<IHHHHHIIIHH")
_CENTRAL: Final = struct.Struct("<IHHHHHHIIIHHHHHII")
_END: Final = struct.Struct("<IHHHHIIH")
_LOCAL_MAGIC: Final = 0x04034B50
_CENTRAL_MAGIC: Final = 0x02014B50
_END_MAGIC: Final = 0x06054B50
_VERSION: Final = 10
_MADE_BY: Final = 3 << 8 | _VERSION
_1980: Final = 0x21
_READABLE: Final = 0o100644 << 16
_CHUNK: Final = 1 << 20
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]*(/[A-Za-z0-9][A-Za-z0-9._@-]*)*")
_BROKEN = "这不是证据包，或已被截断、改动 / not an evidence pack, or cut off or changed"


@dataclass(frozen=True, slots=True)
class PackLimit:
    """Bounds on a pack; no ZIP64, which not every reader has."""

    archive_bytes: int = (1 << 32) - 1
    files: int = 60_000
    name_characters: int = 200
    # Everything but objects, sources, reports and rows is read into memory.
    small_file_bytes: int = 32 << 20


LIMIT: Final = PackLimit()


class Files(Protocol):
    """The files of a pack, in an archive or about to go into one."""

    def names(self) -> Sequence[str]:
        """All names, ascending."""

    def size(self, name: str) -> int:
        """Bytes of a file."""

    def digest(self, name: str) -> str:
        """SHA-256 of a file, as `sha256:<hex>`."""

    def read(self, name: str) -> bytes:
        """A small file; raises LimitExceededError."""


class Staged:
    """Files on their way into an archive: bytes, or where they are on disk."""

    def __init__(self, parts: Mapping[str, bytes | Path]) -> None:
        self._parts = parts

    def names(self) -> Sequence[str]:
        return sorted(self._parts)

    def size(self, name: str) -> int:
        part = self._parts[name]
        return len(part) if isinstance(part, bytes) else part.stat().st_size

    def digest(self, name: str) -> str:
        hasher = hashlib.sha256()
        for chunk in self.chunks(name):
            hasher.update(chunk)
        return f"sha256:{hasher.hexdigest()}"

    def read(self, name: str) -> bytes:
        _small(name, self.size(name))
        return b"".join(self.chunks(name))

    def chunks(self, name: str) -> Iterator[bytes]:
        """The bytes, a piece at a time."""
        part = self._parts[name]
        if isinstance(part, bytes):
            yield part
            return
        with part.open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk


@dataclass(frozen=True, slots=True)
class _Member:
    """One file as its headers have it."""

    name: str
    crc: int
    size: int
    offset: int

    def local(self) -> bytes:
        name = self.name.encode()
        head = (_LOCAL_MAGIC, _VERSION, 0, 0, 0, _1980, self.crc, self.size, self.size, len(name), 0)
        return _LOCAL.pack(*head) + name

    def central(self) -> bytes:
        name = self.name.encode()
        fixed = (_CENTRAL_MAGIC, _MADE_BY, _VERSION, 0, 0, 0, _1980, self.crc, self.size, self.size)
        return _CENTRAL.pack(*fixed, len(name), 0, 0, 0, 0, _READABLE, self.offset) + name

    @property
    def data(self) -> int:
        """Where its bytes begin."""
        return self.offset + _LOCAL.size + len(self.name)


def _end(members: Sequence[_Member], at: int, size: int) -> bytes:
    return _END.pack(_END_MAGIC, 0, 0, len(members), len(members), size, at, 0)


def write_archive(target: BinaryIO, files: Staged) -> None:
    """Write an archive; the same files give the same bytes. Raises LimitExceededError, MalformedError."""
    members: list[_Member] = []
    offset = 0
    for name in files.names():
        _check_name(name)
        crc = 0
        for chunk in files.chunks(name):
            crc = zlib.crc32(chunk, crc)
        members.append(_Member(name, crc, files.size(name), offset))
        offset = members[-1].data + members[-1].size
    directory = b"".join(member.central() for member in members)
    _check_limits(len(members), offset + len(directory) + _END.size)
    for member in members:
        target.write(member.local())
        for chunk in files.chunks(member.name):
            target.write(chunk)
    target.write(directory + _end(members, offset, len(directory)))


class Archive:
    """An archive that is open, its form already checked; see `open_archive`."""

    def __init__(self, data: mmap.mmap, members: Mapping[str, _Member]) -> None:
        self._data = data
        self._members = members

    def names(self) -> Sequence[str]:
        return list(self._members)

    def size(self, name: str) -> int:
        return self._members[name].size

    def digest(self, name: str) -> str:
        hasher = hashlib.sha256()
        for chunk in self._chunks(name):
            hasher.update(chunk)
        return f"sha256:{hasher.hexdigest()}"

    def read(self, name: str) -> bytes:
        _small(name, self.size(name))
        return b"".join(self._chunks(name))

    def check_sums(self) -> None:
        """Hold every file to its CRC-32, as any tool does; raises DigestMismatchError naming it."""
        for name, member in self._members.items():
            crc = 0
            for chunk in self._chunks(name):
                crc = zlib.crc32(chunk, crc)
            if crc != member.crc:
                raise DigestMismatchError(
                    f"{name}: 内容已被改动或损坏 / its bytes were changed or damaged", detail={"file": name}
                )

    def _chunks(self, name: str) -> Iterator[bytes]:
        member = self._members[name]
        for at in range(member.data, member.data + member.size, _CHUNK):
            yield self._data[at : min(at + _CHUNK, member.data + member.size)]


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Open an archive and hold it to its form.

    Raises MalformedError, LimitExceededError, and DigestMismatchError for bytes that are not those of their CRC-32.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        if size < _END.size:
            raise MalformedError(_BROKEN)
        _check_limits(0, size)
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            archive = Archive(data, _members(data))
            archive.check_sums()
            yield archive


def _members(data: mmap.mmap) -> Mapping[str, _Member]:
    magic, _, _, count, _, length, at, _ = _END.unpack(data[-_END.size :])
    if magic != _END_MAGIC or at + length + _END.size != len(data):
        raise MalformedError(_BROKEN)
    _check_limits(count, len(data))
    directory = data[at : at + length]
    members: list[_Member] = []
    offset = place = 0
    for _ in range(count):
        member = _central(directory, place, offset)
        if members and member.name <= members[-1].name:
            raise MalformedError(f"{member.name}: 文件名重复或无序 / a name is there twice or out of order")
        if data[offset : member.data] != member.local() or member.data + member.size > at:
            raise MalformedError(f"{member.name}: {_BROKEN}", detail={"file": member.name})
        members.append(member)
        place, offset = place + len(member.central()), member.data + member.size
    if offset != at or data[at:] != b"".join(m.central() for m in members) + _end(members, at, length):
        raise MalformedError(_BROKEN)
    return {member.name: member for member in members}


def _central(directory: bytes, place: int, offset: int) -> _Member:
    """The next member; the caller compares what it is to be written as with what is there."""
    if len(directory) < place + _CENTRAL.size:
        raise MalformedError(_BROKEN)
    fields = _CENTRAL.unpack_from(directory, place)
    method, crc, packed, size, length = fields[4], fields[7], fields[8], fields[9], fields[10]
    raw = directory[place + _CENTRAL.size : place + _CENTRAL.size + length]
    try:
        name = raw.decode("ascii")
    except UnicodeDecodeError:
        name = "?"
    _check_name(name)
    if method or packed != size:
        raise MalformedError(
            f"{name}: 包内文件不得压缩 / a pack's files are not compressed", detail={"file": name}
        )
    member = _Member(name, crc, size, offset)
    if directory[place : place + len(member.central())] != member.central():
        raise MalformedError(f"{name}: {_BROKEN}", detail={"file": name})
    return member


def _check_name(name: str) -> None:
    if len(name) > LIMIT.name_characters or not _NAME.fullmatch(name):
        raise MalformedError(f"文件名不合规 / a name that no pack has: {name[:80]!r}")


def _check_limits(files: int, size: int) -> None:
    if files > LIMIT.files or size > LIMIT.archive_bytes:
        raise LimitExceededError(
            f"证据包过大 / a pack has at most {LIMIT.files} files and {LIMIT.archive_bytes} bytes"
        )


def _small(name: str, size: int) -> None:
    if size > LIMIT.small_file_bytes:
        raise LimitExceededError(
            f"{name}: 文件过大 / has at most {LIMIT.small_file_bytes} bytes", detail={"file": name}
        )
