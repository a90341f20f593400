"""What a mirror takes from its peer, where it goes on, and what it throws away."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from exchange.errors import DigestMismatchError, HechuanError, LimitExceededError, UnavailableError
from exchange.flow.append import Appender
from exchange.flow.mirror import Mirror, Wanted
from exchange.flow.replicate import Replica
from exchange.ids import AgencyId, DatasetId, digest_of
from exchange.ledger import LogSigner
from exchange.ports import PartHeader, PeerPage, WantedPart
from exchange.settings import Limit, Store
from exchange.store import open_ledger
from exchange.store.posix import PosixObjectStore
from tests.ledgers import AGENCY, LOG, LOG_KEY, SteppedClock, draft

DATASET = DatasetId(AGENCY, "water-quality")
WANTED = Wanted(DATASET, AgencyId.parse("510000/ecology"))
LIMIT = Limit(small_batch_bytes=1000, batch_bytes=100_000)
CHUNK = 300
SMALL, LARGE = 900, 5000

Answer = Iterator[PartHeader | memoryview]


@dataclass
class Giver:
    """A peer that gives what it has, through `alter`; `asked` is what each call wanted."""

    objects: dict[str, bytes]
    alter: Callable[[Answer], Answer] = lambda answer: answer
    asked: list[Sequence[WantedPart]] = field(default_factory=list)

    def fetch(self, reader: AgencyId, parts: Sequence[WantedPart]) -> Answer:
        assert reader == WANTED.reader
        self.asked.append(parts)
        return self.alter(self._given(parts))

    def _given(self, parts: Sequence[WantedPart]) -> Answer:
        for each in parts:
            data = self.objects[each.batch]
            yield PartHeader(digest_of(data), len(data))
            for at in range(each.offset, len(data), CHUNK):
                yield memoryview(data)[at : at + CHUNK]

    def follow(self, start: int) -> Iterator[PeerPage]:
        raise NotImplementedError

    def checkpoint(self) -> str:
        raise NotImplementedError

    def consistency(self, first: int, second: int) -> Sequence[bytes]:
        raise NotImplementedError

    def add_checkpoint(self, body: bytes) -> bytes:
        raise NotImplementedError

    def coverage(self, after: str, tag: str) -> bytes:
        raise NotImplementedError

    def close(self) -> None: ...


@dataclass
class Side:
    """A mirror, the store that it fills, and the peer."""

    mirror: Mirror
    store: PosixObjectStore
    spool: Path
    peer: Giver

    def stored(self) -> list[str]:
        return sorted(digest for digest, _, _ in self.store.digests())

    def left(self) -> list[int]:
        return [path.stat().st_size for path in self.spool.iterdir()]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Side]]:
    """A mirror of batches with these many bytes each."""
    with ExitStack() as stack:

        def made(*sizes: int) -> Side:
            ledger = stack.enter_context(closing(open_ledger(Store(), tmp_path / "origin")))
            source = stack.enter_context(closing(PosixObjectStore(tmp_path / "origin")))
            store = stack.enter_context(closing(PosixObjectStore(tmp_path / "own")))
            appender = Appender(ledger, source, LogSigner(LOG, LOG_KEY.sign), "500000", SteppedClock(), 64)
            stack.enter_context(closing(appender))
            bodies = [os.urandom(size) for size in sizes]
            done = [
                appender.submit(lambda at=at, data=data: draft(str(at), data))
                for at, data in enumerate(bodies)
            ]  # type: ignore[misc]
            peer = Giver({each.result().record.id: data for each, data in zip(done, bodies, strict=True)})
            replica = Replica("500000", ledger, ledger.federation(), SteppedClock(), 1.0)
            (tmp_path / "spool").mkdir()
            mirror = Mirror(replica, store, tmp_path / "spool", LIMIT)
            return Side(mirror, store, tmp_path / "spool", peer)

        (tmp_path / "origin").mkdir()
        (tmp_path / "own").mkdir()
        yield made


def test_small_and_large_parts_come_in_one_call(make: Callable[..., Side]) -> None:
    side = make(SMALL, LARGE, 1, LARGE)
    assert not side.mirror.complete(DATASET)
    assert side.mirror.fill(side.peer, WANTED) == 2 * LARGE + SMALL + 1
    assert len(side.peer.asked) == 1
    assert side.stored() == sorted(map(digest_of, side.peer.objects.values()))
    assert side.left() == []
    assert side.mirror.complete(DATASET)
    assert side.mirror.fill(side.peer, WANTED) == 0


def test_what_is_not_mirrored_any_more_is_looked_at_again(make: Callable[..., Side]) -> None:
    """Once the agreement has ended it may have been swept."""
    side = make(SMALL, LARGE)
    side.mirror.fill(side.peer, WANTED)
    side.store.delete(digest_of(side.peer.objects.popitem()[1]))
    assert side.mirror.complete(DATASET)
    side.mirror.keep_to([])
    assert not side.mirror.complete(DATASET)


def test_many_parts_take_several_calls(make: Callable[..., Side]) -> None:
    side = make(*[20] * 300)
    assert side.mirror.fill(side.peer, WANTED) == 300 * 20
    assert [len(call) for call in side.peer.asked] == [256, 44]
    assert side.mirror.complete(DATASET)


def broken_after(count: int) -> Callable[[Answer], Answer]:
    def alter(answer: Answer) -> Answer:
        for _ in range(count):
            yield next(answer)
        raise UnavailableError("the line is cut")

    return alter


def test_a_break_costs_only_what_was_under_way(make: Callable[..., Side]) -> None:
    side = make(SMALL, LARGE, LARGE)
    # a small part in 3 chunks, a large one in 17, then a header and 4 chunks, each part after its header
    side.peer.alter = broken_after(1 + 3 + 1 + 17 + 1 + 4)
    with pytest.raises(UnavailableError):
        side.mirror.fill(side.peer, WANTED)
    assert len(side.stored()) == 2
    assert side.left() == [4 * CHUNK]
    side.peer.alter = lambda answer: answer
    assert side.mirror.fill(side.peer, WANTED) == LARGE - 4 * CHUNK
    assert [each.offset for each in side.peer.asked[1]] == [4 * CHUNK]
    assert side.mirror.complete(DATASET)


def first_header(change: Callable[[PartHeader], PartHeader | memoryview]) -> Callable[[Answer], Answer]:
    def alter(answer: Answer) -> Answer:
        header = next(answer)
        assert isinstance(header, PartHeader)
        yield change(header)
        yield from answer

    return alter


def last_chunk(change: Callable[[memoryview], list[memoryview]]) -> Callable[[Answer], Answer]:
    def alter(answer: Answer) -> Answer:
        *others, chunk = answer
        assert isinstance(chunk, memoryview)
        yield from others
        yield from change(chunk)

    return alter


ATTACKS: dict[str, tuple[Callable[[Answer], Answer], type[HechuanError]]] = {
    "other bytes": (last_chunk(lambda chunk: [memoryview(bytes(len(chunk)))]), DigestMismatchError),
    "a byte less": (last_chunk(lambda chunk: [chunk[1:]]), DigestMismatchError),
    "a byte more": (last_chunk(lambda chunk: [memoryview(bytes(chunk) + b"x")]), DigestMismatchError),
    "no end": (first_header(lambda header: PartHeader(header.digest, header.bytes + CHUNK)), DigestMismatchError),
    "another size": (first_header(lambda header: PartHeader(header.digest, 7)), DigestMismatchError),
    "another part": (first_header(lambda header: PartHeader(digest_of(b""), header.bytes)), DigestMismatchError),
    "more than fits": (first_header(lambda header: PartHeader(header.digest, 1 << 60)), LimitExceededError),
    "no header": (first_header(lambda header: memoryview(b"data")), DigestMismatchError),
    "nothing": (lambda answer: iter(()), DigestMismatchError),
}  # fmt: skip


@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize("attack", ATTACKS)
def test_what_was_not_signed_is_not_kept(make: Callable[..., Side], attack: str, size: int) -> None:
    side = make(size)
    side.peer.alter, error = ATTACKS[attack]
    with pytest.raises(error):
        side.mirror.fill(side.peer, WANTED)
    assert side.stored() == []
    assert not side.mirror.complete(DATASET)
    side.peer.alter = lambda answer: answer
    for _ in range(2):  # a partial file of other bytes is found out once it is whole, then thrown away
        try:
            side.mirror.fill(side.peer, WANTED)
        except DigestMismatchError:
            continue
    assert side.mirror.complete(DATASET)
    assert side.left() == []


def test_a_partial_file_that_is_too_long_is_thrown_away(make: Callable[..., Side]) -> None:
    side = make(LARGE)
    [data] = side.peer.objects.values()
    name = "mirror-500000-" + digest_of(data).removeprefix("sha256:")
    (side.spool / name).write_bytes(data + b"more")
    with pytest.raises(DigestMismatchError):
        side.mirror.fill(side.peer, WANTED)
    assert side.mirror.fill(side.peer, WANTED) == LARGE
