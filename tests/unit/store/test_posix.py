"""Where PosixObjectStore keeps what, and what it takes over from version 0.1."""

from __future__ import annotations

import fcntl
import os
from contextlib import closing
from pathlib import Path

from exchange.ids import digest_of
from exchange.settings import Store
from exchange.store.posix import PosixObjectStore

SMALL, OTHER = b"pH 7.8", b"DO 9.1"
LARGE = bytes(range(256)) * (2 << 10)


def record(data: bytes) -> bytes:
    """As a journal of 0.1 holds it."""
    return bytes.fromhex(digest_of(data)[7:]) + len(data).to_bytes(4, "big") + data


def files(root: Path, below: str) -> list[bytes]:
    return [
        path.read_bytes() for path in (root / below).rglob("*") if path.is_file() and path.suffix != ".lock"
    ]


def test_small_objects_have_no_files_until_one_is_asked_for(tmp_path: Path) -> None:
    with closing(PosixObjectStore(tmp_path, Store())) as objects:
        objects.put_many([(SMALL, digest_of(SMALL)), (LARGE, digest_of(LARGE))])
        assert files(tmp_path, "objects") == [LARGE]
        assert files(tmp_path, "unpacked") == []
        with objects.local(digest_of(SMALL)) as path:
            assert path.read_bytes() == SMALL
        assert files(tmp_path, "unpacked") == [SMALL]
    # what a power cut may have left half written there is not believed
    next((tmp_path / "unpacked").glob("*/*")).write_bytes(b"")
    with closing(PosixObjectStore(tmp_path, Store())) as objects, objects.local(digest_of(SMALL)) as path:
        assert path.read_bytes() == SMALL


def test_an_object_has_one_home(tmp_path: Path) -> None:
    with closing(PosixObjectStore(tmp_path / "state", Store())) as objects:
        for data in (SMALL, OTHER):
            path = tmp_path / "spooled"
            path.write_bytes(data)
            if data is SMALL:
                objects.put_bytes(data, digest_of(data))
            objects.put_file(path, digest_of(data))
            objects.put_bytes(data, digest_of(data))
        assert sorted(digest for digest, _, _ in objects.digests()) == sorted(map(digest_of, (SMALL, OTHER)))
        assert files(tmp_path / "state", "objects") == [OTHER]


def test_journals_of_version_0_1_are_taken_over(tmp_path: Path) -> None:
    incoming = tmp_path / "incoming"
    incoming.mkdir()
    (incoming / "dead.journal").write_bytes(record(SMALL) + record(OTHER)[:-1])
    (incoming / "alive.journal").write_bytes(record(OTHER))
    owner = os.open(incoming / "alive.journal", os.O_RDONLY)
    fcntl.flock(owner, fcntl.LOCK_EX)
    for held, left in (([SMALL], ["alive.journal"]), ([OTHER, SMALL], [])):
        with closing(PosixObjectStore(tmp_path, Store())) as objects:
            found = sorted(objects.read(digest) for digest, _, _ in objects.digests())
            assert found == sorted(held)
        assert os.listdir(incoming) == left
        if left:
            os.close(owner)
