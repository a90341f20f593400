"""A peer's ledger copied and witnessed, on every ledger driver; what a peer may try is a row with its error."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from exchange.errors import (
    HechuanError,
    InvalidInputError,
    MalformedError,
    NotFoundError,
    ProofInvalidError,
    SignatureInvalidError,
    WitnessConflictError,
)
from exchange.flow.append import Appender, Draft
from exchange.flow.entry import key_body
from exchange.flow.replicate import Replica
from exchange.flow.witness import Notary, Witness
from exchange.ids import AgencyId
from exchange.ledger import (
    Checkpoint,
    LogSigner,
    RightEdge,
    SignatureType,
    VerifierKey,
    consistency_path,
    cosign,
    extend,
    leaf_hash,
    sign_checkpoint,
    verify_checkpoint,
    verify_cosignatures,
)
from exchange.ledger.witness import AddCheckpoint
from exchange.member import key_statement
from exchange.ports import PartHeader, PeerPage, WantedPart
from exchange.settings import Store
from exchange.store import open_replica
from exchange.store.posix import PosixObjectStore
from exchange.store.sql import SqlLedgerStore
from exchange.trust.keys import SigningKey
from tests.ledgers import AGENCY, KEY, LOG, LOG_KEY, NOON, SteppedClock, draft

WITNESS_KEY = SigningKey.generate()
WITNESS = VerifierKey("hechuan/510000/witness", WITNESS_KEY.verify_key.public, SignatureType.COSIGNATURE)
OTHER_LOG_KEY = SigningKey.generate()
OTHER_LOG = VerifierKey("hechuan/420000", OTHER_LOG_KEY.verify_key.public)


@dataclass
class Origin:
    """A peer's hub as far as its ledger goes; `Peer` as far as a copy of it needs one."""

    ledger: SqlLedgerStore
    appender: Appender

    def add(self, *drafts: Draft) -> None:
        for each in drafts:
            self.appender.append(each)

    def page(self, start: int) -> PeerPage:
        head = self.ledger.head()
        entries = tuple((entry.index, entry.data) for entry in self.ledger.entries(start, head.size))
        return PeerPage(entries, head.note)

    def follow(self, start: int) -> Iterator[PeerPage]:
        yield self.page(start)

    def checkpoint(self) -> str:
        return self.ledger.head().note

    def consistency(self, first: int, second: int) -> Sequence[bytes]:
        return consistency_path(first, second, self.ledger.tile)

    def add_checkpoint(self, body: bytes) -> bytes:
        raise NotImplementedError

    def fetch(self, reader: AgencyId, parts: Sequence[WantedPart]) -> Iterator[PartHeader | memoryview]:
        raise NotImplementedError

    def close(self) -> None: ...


def origin_in(directory: Path, stack: ExitStack) -> Origin:
    ledger = stack.enter_context(closing(SqlLedgerStore.open(f"sqlite:///{directory / 'o.sqlite'}", Store())))
    objects = stack.enter_context(closing(PosixObjectStore(directory / "objects", Store())))
    signer = LogSigner(LOG, LOG_KEY.sign)
    appender = Appender(ledger, objects, signer, "500000", SteppedClock(), 16)
    stack.enter_context(closing(appender))
    made = Origin(ledger, appender)
    statement = key_statement(AGENCY, KEY, NOON)
    made.add(Draft(key_body(AGENCY, KEY.keyid, str(KEY.verify_key), statement)), draft("a"), draft("b"))
    return made


@pytest.fixture
def origin(tmp_path: Path) -> Iterator[Origin]:
    (tmp_path / "origin").mkdir()
    with ExitStack() as stack:
        yield origin_in(tmp_path / "origin", stack)


@pytest.fixture
def copy(ledger_url: str, tmp_path: Path) -> Iterator[Replica]:
    """A copy beside the hub's own ledger, which stays empty."""
    settings = Store(ledger=ledger_url)
    with (
        closing(SqlLedgerStore.open(ledger_url, settings)) as own,
        closing(open_replica(settings, tmp_path / "state", "500000")) as ledger,
    ):
        yield Replica("500000", ledger, own.federation(), SteppedClock(), 0.0)
        assert own.head().size == 0


def test_a_copy_holds_what_the_origin_holds(origin: Origin, copy: Replica) -> None:
    copy.take(origin, [LOG], origin.page(0))
    origin.add(draft("c"))
    copy.take(origin, [LOG], origin.page(3))
    assert copy.size == 4
    head = origin.ledger.head().size
    batches = [store.newest_batches(None, None, 99, 99) for store in (origin.ledger, copy.ledger)]
    assert batches[0] == batches[1]
    assert [each.data for each in copy.ledger.entries(0, 9)] == [
        each.data for each in origin.ledger.entries(0, 9)
    ]
    assert copy.ledger.tile(0, 0) == origin.ledger.tile(0, 0)
    assert copy.ledger.head().note == origin.ledger.checkpoint(head)


def resigned(page: PeerPage, origin: Origin) -> PeerPage:
    """The page under a checkpoint that the log has truly signed for these very entries."""
    leaves = [each.leaf for each in origin.ledger.entries(0, page.entries[0][0])]
    leaves += [leaf_hash(data) for _, data in page.entries]
    grown, _ = extend(RightEdge(), leaves)
    note = sign_checkpoint(Checkpoint(LOG.name, grown.size, grown.root()), LOG, LOG_KEY.sign)
    return PeerPage(page.entries, note)


def changed(page: PeerPage, old: bytes, new: bytes) -> PeerPage:
    index, data = page.entries[-1]
    assert old in data
    return replace(page, entries=(*page.entries[:-1], (index, data.replace(old, new))))


def of_another_log() -> str:
    return sign_checkpoint(Checkpoint(OTHER_LOG.name, 3, b"\0" * 32), OTHER_LOG, OTHER_LOG_KEY.sign)


PAGES: dict[str, tuple[Callable[[Origin, PeerPage], PeerPage], type[HechuanError], str]] = {
    "a gap": (lambda o, p: replace(p, entries=p.entries[1:]), ProofInvalidError, "does not continue"),
    "nothing": (lambda o, p: replace(p, entries=()), ProofInvalidError, "does not continue"),
    "an entry left out at the end": (
        lambda o, p: replace(p, entries=p.entries[:-1]), ProofInvalidError, "not those of the checkpoint"),
    "a changed entry": (lambda o, p: changed(p, b'"rows":1', b'"rows":2'), ProofInvalidError, "not those of"),
    "entries in another order": (
        lambda o, p: replace(p, entries=tuple(zip(range(3), [e[1] for e in p.entries[::-1]], strict=True))),
        ProofInvalidError, "not those of"),
    "a note of nobody": (lambda o, p: replace(p, note="x\n1\ny\n\n"), MalformedError, ""),
    "another log's note": (
        lambda o, p: replace(p, note=of_another_log()),
        SignatureInvalidError, "no known key"),
    "a batch that its publisher has not signed, in a tree that the log has": (
        lambda o, p: resigned(changed(p, b'"sig":"', b'"sig":"AAAA'), o), ProofInvalidError, "entry 2"),
    "another hub's entry": (
        lambda o, p: resigned(changed(p, b'"hub":"500000"', b'"hub":"420000"'), o), ProofInvalidError, "another hub"),
    "an entry of no known kind": (
        lambda o, p: resigned(changed(p, b'"kind":"batch"', b'"kind":"other"'), o), ProofInvalidError, "entry 2"),
}  # fmt: skip


@pytest.mark.parametrize("name", PAGES)
def test_what_a_copy_does_not_take(origin: Origin, copy: Replica, name: str) -> None:
    change, error, said = PAGES[name]
    with pytest.raises(error, match=said or None):
        copy.take(origin, [LOG], change(origin, origin.page(0)))
    assert copy.size == 0
    copy.take(origin, [LOG], origin.page(0))
    assert copy.size == 3


SECOND_KEY = SigningKey.generate("ml-dsa-44")
BOTH = (LOG, VerifierKey(LOG.name, SECOND_KEY.verify_key.public, SignatureType.ML_DSA_44))


def signed_twice(page: PeerPage, key: SigningKey = SECOND_KEY) -> PeerPage:
    """The page with the log's second signature on its checkpoint."""
    return replace(page, note=cosign(page.note, BOTH[1], int(NOON.timestamp()), key.sign))


def test_the_second_signature_of_a_log_is_checked_too(origin: Origin, copy: Replica) -> None:
    with pytest.raises(SignatureInvalidError):
        copy.take(origin, BOTH, signed_twice(origin.page(0), SigningKey.generate("ml-dsa-44")))
    copy.take(origin, BOTH, signed_twice(origin.page(0)))
    origin.add(draft("c"))
    with pytest.raises(SignatureInvalidError) as less:
        copy.take(origin, BOTH, origin.page(3))
    assert less.value.detail["reason"] == "HALF_SIGNED"
    with pytest.raises(SignatureInvalidError):
        copy.compare(origin, BOTH)
    copy.take(origin, BOTH, signed_twice(origin.page(3)))
    assert copy.size == 4


def test_heads_from_before_the_second_key_have_one_signature(origin: Origin, copy: Replica) -> None:
    copy.take(origin, BOTH, origin.page(0))
    origin.add(draft("c"))
    copy.take(origin, BOTH, signed_twice(origin.page(3)))
    origin.add(draft("d"))
    with pytest.raises(SignatureInvalidError):
        copy.take(origin, BOTH, origin.page(4))


def test_a_fork_raises_an_alarm_that_proves_it(origin: Origin, copy: Replica, tmp_path: Path) -> None:
    """The twin has the same keys and the same first three entries, and goes on otherwise."""
    origin.add(draft("c"))
    copy.take(origin, [LOG], origin.page(0))
    (tmp_path / "twin").mkdir()
    with ExitStack() as stack:
        twin = origin_in(tmp_path / "twin", stack)
        twin.add(draft("other"), draft("more"))
        with pytest.raises(ProofInvalidError) as forked:
            copy.take(twin, [LOG], twin.page(4))
    assert forked.value.detail["reason"] == "FORK"
    [alarm] = copy._store.alarms()
    heads = [verify_checkpoint(alarm.evidence[which], LOG) for which in ("known", "shown")]
    assert [head.size for head in heads] == [4, 5]
    assert copy.size == 4


def test_a_shorter_head_is_a_rollback_or_a_fork(origin: Origin, copy: Replica, tmp_path: Path) -> None:
    (tmp_path / "twin").mkdir()
    with ExitStack() as stack:
        twin = origin_in(tmp_path / "twin", stack)
        origin.add(draft("c"), draft("d"))
        copy.take(origin, [LOG], origin.page(0))
        copy.compare(origin, [LOG])
        for kind in ("ROLLED_BACK", "FORK"):
            with pytest.raises(ProofInvalidError) as refused:
                copy.compare(twin, [LOG])
            assert refused.value.detail["reason"] == kind
            twin.add(draft("other"))
    assert {alarm.kind for alarm in copy._store.alarms()} == {"rolled back", "fork"}


@dataclass
class Asked:
    """A witness, and the log it is asked to cosign."""

    witness: Witness
    origin: Origin
    own: SqlLedgerStore

    def ask(self, old: int, size: int | None = None, path: Sequence[bytes] | None = None) -> bytes:
        new = self.origin.ledger.head().size if size is None else size
        proof = (
            path if path is not None else consistency_path(old, new, self.origin.ledger.tile) if old else ()
        )
        note = self.origin.ledger.checkpoint(new)
        return self.witness.add_checkpoint(AddCheckpoint(old, tuple(proof), note).to_bytes())


@pytest.fixture
def asked(ledger_url: str, origin: Origin) -> Iterator[Asked]:
    with closing(SqlLedgerStore.open(ledger_url, Store())) as own:
        clock = SteppedClock()
        witness = Witness(own.federation(), WITNESS, WITNESS_KEY.sign, lambda: {LOG.name: [LOG]}, clock)
        yield Asked(witness, origin, own)


def test_a_witness_cosigns_what_follows(asked: Asked) -> None:
    for old in (0, 3):
        line = asked.ask(old).decode()
        note = asked.origin.ledger.head().note
        assert verify_cosignatures(note + line, [WITNESS]) == {WITNESS: int(NOON.timestamp())}
        asked.origin.add(draft(f"after {old}"))
    assert asked.own.federation().witnessed(LOG.name)[0] == 4


def test_a_witness_cosigns_only_what_every_key_of_the_log_signed(ledger_url: str, origin: Origin) -> None:
    note = origin.ledger.head().note
    with closing(SqlLedgerStore.open(ledger_url, Store())) as own:
        witness = Witness(
            own.federation(), WITNESS, WITNESS_KEY.sign, lambda: {LOG.name: BOTH}, SteppedClock()
        )
        with pytest.raises(SignatureInvalidError):
            witness.add_checkpoint(AddCheckpoint(0, (), note).to_bytes())
        twice = cosign(note, BOTH[1], int(NOON.timestamp()), SECOND_KEY.sign)
        line = witness.add_checkpoint(AddCheckpoint(0, (), twice).to_bytes()).decode()
    assert WITNESS in verify_cosignatures(note + line, [WITNESS])


def test_a_witness_conflicts_over_sizes(asked: Asked) -> None:
    asked.ask(0)
    asked.origin.add(draft("c"))
    for old in (0, 2):
        with pytest.raises(WitnessConflictError) as conflict:
            asked.ask(old, path=())
        assert conflict.value.detail["size"] == "3"
    with pytest.raises(InvalidInputError):
        asked.ask(9, path=())
    asked.ask(3)


def test_a_witness_refuses_an_unknown_log_and_another_key(asked: Asked) -> None:
    note = of_another_log()
    with pytest.raises(NotFoundError):
        asked.witness.add_checkpoint(AddCheckpoint(0, (), note).to_bytes())
    forged = VerifierKey(LOG.name, OTHER_LOG_KEY.verify_key.public)
    note = sign_checkpoint(Checkpoint(LOG.name, 3, b"\0" * 32), forged, OTHER_LOG_KEY.sign)
    with pytest.raises(SignatureInvalidError):
        asked.witness.add_checkpoint(AddCheckpoint(0, (), note).to_bytes())


def test_a_witness_keeps_both_heads_of_a_fork(asked: Asked) -> None:
    asked.ask(0)
    shown = sign_checkpoint(Checkpoint(LOG.name, 3, b"\1" * 32), LOG, LOG_KEY.sign)
    with pytest.raises(WitnessConflictError) as conflict:
        asked.witness.add_checkpoint(AddCheckpoint(3, (), shown).to_bytes())
    assert conflict.value.detail["fork"] == "true"
    [alarm] = asked.own.federation().alarms()
    assert (alarm.kind, alarm.origin) == ("fork", LOG.name)
    assert alarm.evidence["shown"] == shown
    assert verify_checkpoint(alarm.evidence["known"], LOG).size == 3


def test_a_witness_does_not_sign_without_a_proof(asked: Asked) -> None:
    asked.ask(0)
    asked.origin.add(draft("c"), draft("d"))
    with pytest.raises(ProofInvalidError):
        asked.ask(3, path=[b"\0" * 32])
    assert asked.own.federation().witnessed(LOG.name)[0] == 3


@pytest.mark.parametrize(
    "body", [b"", b"old 0\n\n", b"old x\n\nnote", b"new 0\n\nnote", b"old 0\nAAAA\n\nnote", b"\xff"]
)
def test_a_witness_reads_only_what_is_a_request(asked: Asked, body: bytes) -> None:
    with pytest.raises(MalformedError):
        asked.witness.add_checkpoint(body)


def test_a_notary_catches_up_with_what_a_witness_knows(asked: Asked) -> None:
    asked.ask(0)
    asked.origin.add(draft("c"))

    class Reached(Origin):
        def add_checkpoint(self, body: bytes) -> bytes:
            return asked.witness.add_checkpoint(body)

    peer = Reached(asked.origin.ledger, asked.origin.appender)
    side = asked.origin.ledger.federation()
    notary = Notary(asked.origin.ledger, side)
    assert notary.notarise(peer, WITNESS) == 4
    assert notary.wait(4, 1, 0.0)
    assert not notary.wait(5, 1, 0.0)
    size, [line] = side.cosigned(2)
    assert size == 4
    assert WITNESS in verify_cosignatures(asked.origin.ledger.checkpoint(4) + line, [WITNESS])
