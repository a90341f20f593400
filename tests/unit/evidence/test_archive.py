"""The archive of a pack: one form, and everything else is refused with one of our errors."""

from __future__ import annotations

import io
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from exchange.errors import DigestMismatchError, HechuanError, LimitExceededError, MalformedError
from exchange.evidence import archive
from exchange.evidence.archive import LIMIT, PackLimit, Staged, open_archive, write_archive

FILES: dict[str, bytes | Path] = {"a.txt": b"", "b/c.json": b"{}", "b/d@1.0.0.yaml": "合".encode() * 1000}
EMPTY_END = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 0, 0, 0, 0, 0)


def packed(files: dict[str, bytes | Path] | None = None) -> bytes:
    out = io.BytesIO()
    write_archive(out, Staged(FILES if files is None else files))
    return out.getvalue()


def foreign(*members: tuple[str, bytes], method: int = zipfile.ZIP_STORED, comment: bytes = b"") -> bytes:
    """As another tool writes it."""
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w", method) as target:
        warnings.simplefilter("ignore")  # of duplicate names
        target.comment = comment
        for name, data in members:
            target.writestr(name, data)
    return out.getvalue()


def named(name: bytes) -> bytes:
    """A whole archive whose only file has another name of the same length."""
    return packed({"x" * len(name): b"1"}).replace(b"x" * len(name), name)


def patched(data: bytes, at: int, form: str, value: int) -> bytes:
    return data[:at] + struct.pack(form, value) + data[at + struct.calcsize(form) :]


def central(data: bytes) -> int:
    """Where the central directory begins."""
    (at,) = struct.unpack_from("<I", data, len(data) - 6)
    return int(at)


def with_gap(data: bytes) -> bytes:
    """Bytes that belong to no file, before the directory."""
    at = central(data)
    return patched(data[:at] + b"hidden" + data[at:], len(data), "<I", at + 6)


GOOD = packed()
ATTACKS: dict[str, tuple[bytes, type[HechuanError], str]] = {
    "nothing": (b"", MalformedError, "not an evidence pack"),
    "a text": (b"c2sp.org/tlog-proof@v1\n", MalformedError, "not an evidence pack"),
    "cut short": (GOOD[:-1], MalformedError, "not an evidence pack"),
    "cut in the middle": (GOOD[: len(GOOD) // 2], MalformedError, "not an evidence pack"),
    "something before": (b"x" + GOOD, MalformedError, "not an evidence pack"),
    "something after": (GOOD + b"x", MalformedError, "not an evidence pack"),
    "a second end": (GOOD + EMPTY_END, MalformedError, "not an evidence pack"),
    "a comment": (foreign(("a", b"1"), comment=b"read me"), MalformedError, "not an evidence pack"),
    "hidden between": (with_gap(GOOD), MalformedError, "not an evidence pack"),
    "another tool's times": (foreign(("a", b"1")), MalformedError, "a: "),
    "compressed": (foreign(("a", b"1" * 99), method=zipfile.ZIP_DEFLATED), MalformedError, "not compressed"),
    "a bomb": (foreign(("a", bytes(50 << 20)), method=zipfile.ZIP_DEFLATED), MalformedError, "not compressed"),
    "out of the folder": (named(b"../a"), MalformedError, "name that no pack has"),
    "out of the folder later": (named(b"b/../../a"), MalformedError, "name that no pack has"),
    "from the root": (named(b"/etc/passwd"), MalformedError, "name that no pack has"),
    "backslashes": (named(b"..\\a"), MalformedError, "name that no pack has"),
    "a drive": (named(b"c:a"), MalformedError, "name that no pack has"),
    "hidden": (named(b".a"), MalformedError, "name that no pack has"),
    "a folder": (named(b"abc/"), MalformedError, "name that no pack has"),
    "a line break": (named(b"a\nb"), MalformedError, "name that no pack has"),
    "not ASCII": (named("合".encode()), MalformedError, "name that no pack has"),
    "a zero byte": (named(b"a\x00b"), MalformedError, "name that no pack has"),
    "a long name": (foreign(("a" * 300, b"")), MalformedError, "name that no pack has"),
    "one name twice": (
        packed({"aaa": b"1", "aab": b"2"}).replace(b"aab", b"aaa"), MalformedError, "there twice",
    ),
    "out of order": (packed({"aaa": b"1", "aab": b"2"}).replace(b"aaa", b"zzz"), MalformedError, "out of order"),
    "two names for one file": (GOOD.replace(b"a.txt", b"a.txU", 1), MalformedError, "a.txt"),
    "encrypted": (patched(GOOD, central(GOOD) + 8, "<H", 1), MalformedError, "a.txt"),
    "overlapping": (patched(GOOD, central(GOOD) + 42, "<I", 9), MalformedError, "a.txt"),
    "larger than it is": (patched(GOOD, central(GOOD) + 24, "<I", 9), MalformedError, "not compressed"),
    "a directory elsewhere": (patched(GOOD, len(GOOD) - 6, "<I", 3), MalformedError, "not an evidence pack"),
    "a directory of nothing": (patched(GOOD, len(GOOD) - 14, "<H", 0), MalformedError, "not an evidence pack"),
    "more files than there are": (patched(GOOD, len(GOOD) - 14, "<H", 9), MalformedError, "not an evidence pack"),
    "too many files": (patched(GOOD, len(GOOD) - 14, "<H", 65535), LimitExceededError, "60000 files"),
    "a changed byte": (GOOD.replace("合".encode(), "河".encode(), 1), DigestMismatchError, "b/d@1.0.0.yaml"),
    "a changed sum": (
        patched(patched(GOOD, 14, "<I", 7), central(GOOD) + 16, "<I", 7), DigestMismatchError, "a.txt",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ATTACKS)
def test_what_is_not_in_the_form_is_refused(name: str, tmp_path: Path) -> None:
    data, error, said = ATTACKS[name]
    path = tmp_path / "pack.zip"
    path.write_bytes(data)
    with pytest.raises(error) as refused, open_archive(path):
        pass
    assert said in refused.value.message


def test_every_byte_counts(tmp_path: Path) -> None:
    path = tmp_path / "pack.zip"
    small = packed({"a": b"12", "b": b"3"})
    for at in range(len(small)):
        for bit in range(8):
            path.write_bytes(small[:at] + bytes([small[at] ^ 1 << bit]) + small[at + 1 :])
            with pytest.raises(HechuanError), open_archive(path):
                pass
    for length in range(len(small)):
        path.write_bytes(small[:length])
        with pytest.raises(HechuanError), open_archive(path):
            pass


def test_what_went_in_comes_out(tmp_path: Path) -> None:
    path, big = tmp_path / "pack.zip", tmp_path / "big"
    big.write_bytes(bytes(range(256)) * 10_000)
    files = FILES | {"c": big}
    with path.open("wb") as file:
        write_archive(file, Staged(files))
    assert path.read_bytes() == packed(dict(reversed(files.items())))
    with open_archive(path) as opened:
        assert opened.names() == Staged(files).names() == ["a.txt", "b/c.json", "b/d@1.0.0.yaml", "c"]
        for name in opened.names():
            assert opened.read(name) == Staged(files).read(name)
            assert opened.digest(name) == Staged(files).digest(name)
            assert opened.size(name) == Staged(files).size(name)
    with zipfile.ZipFile(path) as other:
        assert other.testzip() is None
        assert other.read("b/c.json") == b"{}"


@pytest.mark.parametrize(
    ("limit", "attempt"),
    [
        (PackLimit(files=2), lambda: packed()),
        (PackLimit(archive_bytes=100), lambda: packed()),
        (PackLimit(small_file_bytes=10), lambda: Staged(FILES).read("b/d@1.0.0.yaml")),
    ],
)
def test_limits(monkeypatch: pytest.MonkeyPatch, limit: PackLimit, attempt: Callable[[], object]) -> None:
    monkeypatch.setattr(archive, "LIMIT", limit)
    with pytest.raises(LimitExceededError):
        attempt()
    assert LIMIT.archive_bytes < 1 << 32


def test_names_are_checked_when_written() -> None:
    with pytest.raises(MalformedError):
        packed({"../a": b""})
