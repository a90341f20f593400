"""Files that only their owner may read: made at once with mode 0600, and refused when the mode is wider."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from exchange.errors import ConflictError, LimitExceededError, NotFoundError, StorageError, UntrustedError

_MAX_BYTES: Final = 64 << 10
_OTHERS: Final = 0o077


def make_private_directory(path: Path) -> None:
    """A directory of mode 0700; an existing one must not be open to others (UntrustedError)."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = path.stat().st_mode
    except OSError as error:
        raise StorageError(f"无法建立目录 / cannot make directory {path}: {error.strerror}") from error
    if mode & _OTHERS:
        raise UntrustedError(
            f"目录对他人开放，请先执行 / directory is open to others, first run: chmod 700 {path}"
        )


def write_private(path: Path, data: bytes) -> None:
    """Create a file of mode 0600, durable on return; raises ConflictError where it exists already."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        _sync_directory(path.parent)
    except FileExistsError:
        raise ConflictError(f"文件已存在，不覆盖 / file exists and is not overwritten: {path}") from None
    except OSError as error:
        raise StorageError(f"无法写入 / cannot write {path}: {error.strerror}") from error


def replace_private(path: Path, data: bytes) -> None:
    """Put a file of mode 0600 in the place of another, all or nothing; durable on return."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.unlink(missing_ok=True)
    write_private(beside, data)
    try:
        beside.replace(path)
        _sync_directory(path.parent)
    except OSError as error:
        raise StorageError(f"无法写入 / cannot write {path}: {error.strerror}") from error


def read_private(path: Path) -> bytes:
    """Read a key file; raises NotFoundError, or UntrustedError where others may read it."""
    data, mode = _read(path)
    if mode & _OTHERS:
        raise UntrustedError(
            f"密钥文件对他人可读，请先执行 / key file is open to others, first run: chmod 600 {path}"
        )
    return data


def read_public(path: Path) -> bytes:
    """Read a small file of any mode; raises NotFoundError."""
    return _read(path)[0]


def _read(path: Path) -> tuple[bytes, int]:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        raise NotFoundError(f"缺少文件 / file is missing: {path}") from None
    except OSError as error:
        raise StorageError(f"无法读取 / cannot read {path}: {error.strerror}") from error
    if len(data) > _MAX_BYTES:
        raise LimitExceededError(f"文件过大 / file is larger than {_MAX_BYTES} bytes: {path}")
    return data, stat.S_IMODE(mode)


def _sync_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
