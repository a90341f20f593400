"""What every ObjectStore does."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from exchange.errors import MalformedError, NotFoundError
from exchange.ids import digest_of
from tests.behaviour.conftest import ObjectDriver

SMALL = b"pH 7.8"
# over every driver's limit for what it writes in one go
LARGE = bytes(range(256)) * (24 << 10)
ABSENT = digest_of(b"never stored")
SIZES = pytest.mark.parametrize("data", [b"", SMALL, LARGE], ids=["empty", "small", "large"])


@SIZES
def test_bytes_come_back(objects: ObjectDriver, data: bytes) -> None:
    digest = digest_of(data)
    objects.put_bytes(data, digest)
    assert objects.read(digest) == data
    assert objects.size(digest) == len(data)
    assert b"".join(objects.chunks(digest)) == data
    with objects.local(digest) as path:
        assert path.read_bytes() == data


@SIZES
def test_a_file_is_taken_over(objects: ObjectDriver, data: bytes, tmp_path: Path) -> None:
    digest = digest_of(data)
    for _ in range(2):  # the second time the object is there already
        path = tmp_path / "spooled"
        path.write_bytes(data)
        objects.put_file(path, digest)
        assert not path.exists()
        assert objects.read(digest) == data


@SIZES
def test_putting_again_is_harmless_and_counts_as_put_now(objects: ObjectDriver, data: bytes) -> None:
    digest = digest_of(data)
    objects.put_bytes(data, digest)
    # S3 keeps whole seconds
    before = datetime.now(UTC).replace(microsecond=0)
    objects.put_bytes(data, digest)
    assert [(name, size) for name, size, _ in objects.digests()] == [(digest, len(data))]
    assert not objects.delete(digest, before)
    assert objects.read(digest) == data


def test_a_group_is_stored_together(objects: ObjectDriver) -> None:
    group = [(data, digest_of(data)) for data in (SMALL, LARGE, b"", b"DO 9.1", SMALL)]
    objects.put_many(group)
    objects.put_many([])
    assert sorted(digest for digest, _, _ in objects.digests()) == sorted({digest for _, digest in group})
    assert all(objects.read(digest) == data for data, digest in group)


def test_chunks_start_anywhere(objects: ObjectDriver) -> None:
    digest = digest_of(LARGE)
    objects.put_bytes(LARGE, digest)
    pieces = list(objects.chunks(digest, offset=1000, size=1 << 20))
    assert b"".join(pieces) == LARGE[1000:]
    assert {len(piece) for piece in pieces[:-1]} == {1 << 20}
    assert list(objects.chunks(digest, offset=len(LARGE))) == []
    assert list(objects.chunks(digest, offset=len(LARGE) + 1)) == []


def test_what_is_not_there_is_not_found(objects: ObjectDriver) -> None:
    def enter() -> None:
        with objects.local(ABSENT):
            pass

    for act in (
        lambda: objects.read(ABSENT),
        lambda: objects.size(ABSENT),
        lambda: list(objects.chunks(ABSENT)),
        enter,
    ):
        with pytest.raises(NotFoundError):
            act()
    assert not objects.delete(ABSENT)
    assert list(objects.digests()) == []


@pytest.mark.parametrize(
    "name",
    ["", "sha256:", "../../etc/passwd", "sha256:" + "A" * 64, "sha256:../" + "a" * 61, "md5:" + "a" * 64],
)
def test_a_name_that_is_no_digest_is_refused(objects: ObjectDriver, name: str) -> None:
    acts: list[Callable[[], object]] = [
        lambda: objects.read(name),
        lambda: objects.put_bytes(SMALL, name),
        lambda: objects.size(name),
        lambda: objects.delete(name),
        lambda: list(objects.chunks(name)),
        lambda: objects.local(name).__enter__(),
    ]
    for act in acts:
        with pytest.raises(MalformedError):
            act()


def test_delete_removes(objects: ObjectDriver) -> None:
    digest = digest_of(SMALL)
    objects.put_bytes(SMALL, digest)
    assert not objects.delete(digest, before=datetime.now(UTC) - timedelta(hours=1))
    assert objects.delete(digest, before=datetime.now(UTC) + timedelta(hours=1))
    assert not objects.delete(digest)
    objects.put_bytes(SMALL, digest)
    assert objects.delete(digest)
    with pytest.raises(NotFoundError):
        objects.read(digest)


def test_another_process_sees_what_was_put(open_object_store: Callable[[], ObjectDriver]) -> None:
    first, second = open_object_store(), open_object_store()
    first.put_many([(SMALL, digest_of(SMALL)), (LARGE, digest_of(LARGE))])
    assert second.read(digest_of(SMALL)) == SMALL
    with second.local(digest_of(LARGE)) as path:
        assert path.read_bytes() == LARGE
    now = datetime.now(UTC)
    assert all(abs(now - at) < timedelta(minutes=1) for _, _, at in second.digests())


def test_threads_put_at_the_same_time(objects: ObjectDriver) -> None:
    shared, failures = digest_of(SMALL), []

    def put(number: int) -> None:
        try:
            for at in range(10):
                data = os.urandom(100) if at % 2 else SMALL
                objects.put_bytes(data, digest_of(data))
                assert objects.read(digest_of(data)) == data
        except Exception as error:
            failures.append((number, error))

    threads = [threading.Thread(target=put, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    digests = [digest for digest, _, _ in objects.digests()]
    assert len(digests) == len(set(digests)) == 1 + 8 * 5
    assert shared in digests


def test_what_an_interrupted_put_left_is_discarded(objects: ObjectDriver) -> None:
    objects.put_bytes(SMALL, digest_of(SMALL))
    assert objects.discard_incoming(datetime.now(UTC) + timedelta(hours=1)) == 0
    leave_remains(objects)
    assert objects.discard_incoming(datetime.now(UTC) - timedelta(hours=1)) == 0
    assert objects.discard_incoming(datetime.now(UTC) + timedelta(hours=1)) == 1
    assert objects.read(digest_of(SMALL)) == SMALL


def leave_remains(objects: ObjectDriver) -> None:
    """What a process leaves that dies while it writes a large object."""
    if hasattr(objects, "_incoming"):
        (objects._incoming / "0123abcd").write_bytes(LARGE[:1000])
    else:
        objects._put(f"{objects._root}/incoming/0123abcd", LARGE[:1000])
