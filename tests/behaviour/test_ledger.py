"""What every LedgerStore does, in one process."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from exchange.errors import ConflictError, NotFoundError, StorageError
from exchange.ids import AgencyId, ContractRef, DatasetId, digest_of
from exchange.ledger import TILE_WIDTH, leaf_hash, load_edge
from exchange.ports import BatchRecord, CertificateRecord, Entry, EntryKind, Head, RevocationRecord
from exchange.store.sql import SqlLedgerStore
from tests.behaviour.conftest import OpenLedger
from tests.behaviour.sample import (
    ECOLOGY,
    HYDROLOGY,
    QUALITY,
    START,
    WATER,
    append,
    batch,
    contract,
    key,
    note_of,
    revocation,
    statement,
    write_group,
)

SECOND = timedelta(seconds=1)
FAR = 1 << 62


def test_an_empty_ledger(ledger: SqlLedgerStore) -> None:
    assert ledger.head() == Head(0, "")
    assert ledger.size_at(START) == 0
    assert ledger.tile(0, 0) == b""
    assert list(ledger.entries(0, FAR)) == []
    assert ledger.batches_by_key([(ECOLOGY, "k")]) == {}
    assert ledger.newest_batches(None, None, FAR, 10) == []
    assert ledger.datasets(None, None, "", 10) == []
    assert not any((ledger.contracts(), ledger.keys(), ledger.revocations(), ledger.certificates()))
    with ledger.sequence() as turn:
        assert turn.size == 0
        assert turn.last_recorded_at is None
        assert turn.batches_by_key([(ECOLOGY, "k")]) == {}
    assert ledger.damage() == []


def test_what_is_not_there_is_not_found(ledger: SqlLedgerStore) -> None:
    append(ledger, batch("a"))
    for act in (
        lambda: ledger.checkpoint(2),
        lambda: ledger.entry(1),
        lambda: ledger.entry(-1),
        lambda: ledger.batch(digest_of(b"nothing")),
        lambda: ledger.dataset(HYDROLOGY),
        lambda: ledger.key("nobody's"),
    ):
        with pytest.raises(NotFoundError):
            act()


def test_every_kind_of_record_comes_back_as_it_was(open_store: OpenLedger) -> None:
    ledger = open_store()
    written = append(
        ledger,
        batch("observed"),
        batch("corrected", rejected=3),
        batch("timeless", HYDROLOGY, day=None),
        contract("water-quality@1.0.0"),
        key("key-1"),
        key("key-2", WATER),
        revocation(serial="0a1b"),
        revocation(key_id="key-1"),
    )
    for store in (ledger, open_store()):
        for record in written[:3]:
            assert isinstance(record, BatchRecord)
            assert store.batch(record.id) == record
            held_by = (record.publisher, record.idempotency_key)
            assert store.batches_by_key([held_by]) == {held_by: record}
        assert [*store.contracts("water-quality")] == [*store.contracts()] == [written[3]]
        assert store.contracts("hydrology") == []
        assert store.key("key-2") == written[5]
        assert [*store.revocations()] == written[6:]
        assert store.head() == Head(8, note_of(8))
        assert store.checkpoint(8) == note_of(8)


def test_entries_come_back_in_order_and_in_pages(ledger: SqlLedgerStore) -> None:
    for at in range(3):
        append(ledger, *(batch(f"{at}/{number}") for number in range(400)), at=START + at * SECOND)
    entries = list(ledger.entries(0, FAR))
    assert [entry.index for entry in entries] == list(range(1200))
    assert [entry.checkpoint_size for entry in entries] == [400] * 400 + [800] * 400 + [1200] * 400
    assert [entry.recorded_at for entry in entries[::400]] == [START, START + SECOND, START + 2 * SECOND]
    assert all(entry.leaf == leaf_hash(entry.data) for entry in entries)
    assert list(ledger.entries(390, 1010)) == entries[390:1010]
    assert list(ledger.entries(5, 5)) == []
    assert ledger.entry(777) == entries[777]
    # each tile holds what was stored last, full or partial
    assert ledger.tile(0, 4) == b"".join(entry.leaf for entry in entries[4 * TILE_WIDTH :])
    assert len(ledger.tile(1, 0)) == 4 * 32
    assert load_edge(1200, ledger.tile).size == 1200


def test_as_of_counts_up_to_and_with_the_instant(ledger: SqlLedgerStore) -> None:
    instants = [START, START, START + SECOND, START + SECOND, START + 3 * SECOND]
    for number, at in enumerate(instants):
        append(ledger, batch(str(number)), at=at)
    microsecond = timedelta(microseconds=1)
    assert ledger.size_at(START - microsecond) == 0
    assert ledger.size_at(START) == 2
    assert ledger.size_at(START + SECOND - microsecond) == 2
    assert ledger.size_at(START + SECOND) == 4
    assert ledger.size_at(START + 2 * SECOND) == 4
    assert ledger.size_at(START + 3 * SECOND) == 5
    assert ledger.size_at(datetime(9999, 1, 1, tzinfo=UTC)) == 5
    with ledger.sequence() as turn:
        assert turn.last_recorded_at == START + 3 * SECOND


def test_idempotency_keys_belong_to_their_agency(ledger: SqlLedgerStore) -> None:
    written = append(ledger, *(batch(f"k{number}") for number in range(40)), batch("w", HYDROLOGY))
    with ledger.sequence() as turn:
        wanted = [(ECOLOGY, f"k{number}") for number in range(40)]
        strangers = [(WATER, "k1"), (ECOLOGY, "w"), (ECOLOGY, "K1"), (WATER, "w")]
        found = turn.batches_by_key([*wanted, *strangers, *wanted[:3]])
        assert found == dict(zip(wanted, written, strict=False)) | {(WATER, "w"): written[-1]}
        assert turn.batches_by_key(wanted[:1]) == {wanted[0]: written[0]}
        assert turn.batches_by_key([]) == {}
    assert ledger.batches_by_key([(WATER, "k1")]) == {}


def test_batches_by_dataset_contract_and_publisher(ledger: SqlLedgerStore) -> None:
    other = DatasetId(WATER, "water-quality")
    written = append(ledger, batch("a"), batch("b", other), batch("c"), batch("d", HYDROLOGY), batch("e"))
    assert ledger.batches(QUALITY, FAR) == [written[0], written[2], written[4]]
    assert ledger.batches(QUALITY, 4) == [written[0], written[2]]
    assert ledger.batches(QUALITY, 0) == []
    assert ledger.batches_under("water-quality", 4) == written[:3]
    assert ledger.newest_batches(None, None, FAR, 2) == [written[4], written[3]]
    assert ledger.newest_batches(None, None, 3, 10) == [written[2], written[1], written[0]]
    assert ledger.newest_batches(QUALITY, None, 4, 1) == [written[2]]
    assert ledger.newest_batches(None, WATER, FAR, 10) == [written[3], written[1]]
    assert ledger.newest_batches(other, WATER, FAR, 10) == [written[1]]
    assert ledger.newest_batches(other, ECOLOGY, FAR, 10) == []


def test_sums_of_a_dataset(ledger: SqlLedgerStore) -> None:
    append(ledger, batch("a", day=None), batch("b", rejected=2, day=7))
    append(ledger, batch("c", day=5), batch("d", HYDROLOGY, day=None), at=START + SECOND)
    append(ledger, batch("e", day=None, version="1.1.0"), at=START + 2 * SECOND)
    sums = ledger.dataset(QUALITY)
    assert (sums.batches, sums.accepted, sums.rejected) == (4, 38, 2)
    assert sums.contract == ContractRef.parse("water-quality@1.1.0")
    assert sums.period_from == datetime(2026, 3, 5, tzinfo=UTC)
    assert sums.period_until == datetime(2026, 3, 7, 20, tzinfo=UTC)
    assert sums.updated_at == START + 2 * SECOND
    timeless = ledger.dataset(HYDROLOGY)
    assert (timeless.period_from, timeless.period_until, timeless.accepted) == (None, None, 10)


def test_datasets_are_paged_in_order_of_their_name(ledger: SqlLedgerStore) -> None:
    # names that sort otherwise where a locale decides, and an owner whose name begins like another's
    owners = ["500000/ecology", "500000/ecology-south", "500000/eco", "510000/water"]
    ids = [DatasetId(AgencyId.parse(owner), name) for owner in owners for name in ("outfall", "hydrology")]
    append(ledger, *(batch(str(id), id) for id in ids))
    expected = sorted(ids, key=str)
    assert [found.id for found in ledger.datasets(None, None, "", 100)] == expected
    paged, after = [], ""
    while page := ledger.datasets(None, None, after, 3):
        paged += [found.id for found in page]
        after = str(paged[-1])
    assert paged == expected
    ours = [id for id in expected if id.owner == ECOLOGY]
    assert [found.id for found in ledger.datasets(ECOLOGY, None, "", 100)] == ours
    assert [found.id for found in ledger.datasets(ECOLOGY, None, str(ours[0]), 100)] == ours[1:]
    assert [found.id for found in ledger.datasets(ECOLOGY, "outfall", "", 100)] == ours[1:]
    outfalls = [id for id in expected if id.contract == "outfall"]
    assert [found.id for found in ledger.datasets(None, "outfall", "", 100)] == outfalls
    assert ledger.datasets(WATER, None, "", 100) == []


def test_contracts_are_in_order_of_name_and_version(ledger: SqlLedgerStore) -> None:
    refs = ["water-quality@1.10.0", "hydrology@2.0.0", "water-quality@1.9.0"]
    append(ledger, *map(contract, refs))
    assert [str(found.ref) for found in ledger.contracts()] == [refs[1], refs[2], refs[0]]
    assert [str(found.ref) for found in ledger.contracts("water-quality")] == [refs[2], refs[0]]


def test_only_its_agency_revokes_a_key_and_only_once(ledger: SqlLedgerStore) -> None:
    append(ledger, key("k"), key("w", WATER), revocation(key_id="k", agency=WATER))
    assert [found.revoked_index for found in ledger.keys(None)] == [None, None]
    append(ledger, revocation(key_id="k"), revocation(key_id="k"))
    assert ledger.key("k").revoked_index == 3
    assert [found.id for found in ledger.keys(WATER)] == ["w"]
    assert ledger.key("w").revoked_index is None


def test_nothing_of_a_group_stays_when_the_turn_ends_in_an_error(ledger: SqlLedgerStore) -> None:
    append(ledger, batch("a"))

    def write_and_fail() -> None:
        with ledger.sequence() as turn:
            write_group(turn, batch("b"), contract("hydrology@1.0.0"))
            raise KeyError

    with pytest.raises(KeyError):
        write_and_fail()
    assert ledger.head() == Head(1, note_of(1))
    assert len(list(ledger.entries(0, FAR))) == 1
    assert ledger.dataset(QUALITY).batches == 1
    assert ledger.contracts() == []
    append(ledger, batch("b"))
    assert ledger.head().size == 2


def test_several_groups_in_one_turn(ledger: SqlLedgerStore) -> None:
    with ledger.sequence() as turn:
        write_group(turn, batch("a"))
        write_group(turn, batch("b"), at=START + SECOND)
        assert (turn.size, turn.last_recorded_at) == (2, START + SECOND)
        assert ledger.head().size == 0
    assert ledger.head().size == 2
    assert ledger.checkpoint(1) == note_of(1)


def test_a_group_that_forks_the_ledger_is_refused(ledger: SqlLedgerStore) -> None:
    [first] = append(ledger, batch("a"))
    assert isinstance(first, BatchRecord)
    data = b"another past"
    stale = Entry(0, EntryKind.BATCH, data, leaf_hash(data), START, 1)
    other = replace(first, id=digest_of(data), idempotency_key="other")
    for index, size, at in ((0, 1, START), (2, 3, START), (1, 3, START), (1, 2, START - SECOND)):
        entry = replace(stale, index=index, recorded_at=at, checkpoint_size=size)
        with pytest.raises(StorageError), ledger.sequence() as turn:
            turn.write([entry], [replace(other, index=index)], [], Head(size, note_of(size)))
    assert ledger.head().size == 1
    assert ledger.entry(0).data != data


def test_a_writer_who_lost_its_turn_cannot_write(ledger: SqlLedgerStore) -> None:
    with ledger.sequence() as turn:
        # what a sequencer that hung would still believe
        turn._size = 5
        entry = Entry(5, EntryKind.BATCH, b"x", leaf_hash(b"x"), START, 6)
        with pytest.raises(StorageError):
            turn.write([entry], [], [], Head(6, note_of(6)))


def test_the_same_batch_or_key_cannot_be_indexed_twice(ledger: SqlLedgerStore) -> None:
    append(ledger, batch("a"), contract("hydrology@1.0.0"), key("k"))
    with pytest.raises(StorageError):
        append(ledger, batch("a"))
    for twice in (contract("hydrology@1.0.0"), key("k", WATER)):
        with pytest.raises(ConflictError):
            append(ledger, twice)
    assert ledger.head().size == 3


def test_an_empty_group_changes_nothing(ledger: SqlLedgerStore) -> None:
    with ledger.sequence() as turn:
        turn.write([], [], [], Head(0, ""))
    assert ledger.head() == Head(0, "")


def test_an_invitation_is_used_once(ledger: SqlLedgerStore) -> None:
    secret, other = digest_of(b"secret"), digest_of(b"other")
    ledger.add_invitation(secret, ECOLOGY, START)
    assert not ledger.use_invitation(other, ECOLOGY, START - SECOND)
    assert not ledger.use_invitation(secret, WATER, START - SECOND)
    assert not ledger.use_invitation(secret, ECOLOGY, START)
    assert ledger.use_invitation(secret, ECOLOGY, START - SECOND)
    assert not ledger.use_invitation(secret, ECOLOGY, START - SECOND)
    with pytest.raises(ConflictError):
        ledger.add_invitation(secret, WATER, START)


def test_certificates_issued_are_remembered(ledger: SqlLedgerStore) -> None:
    issued = [
        CertificateRecord("0b", ECOLOGY, START, START + 365 * 86400 * SECOND),
        CertificateRecord("0a", WATER, START + SECOND, START + 2 * SECOND),
    ]
    for certificate in issued:
        ledger.add_certificate(certificate)
    with pytest.raises(ConflictError):
        ledger.add_certificate(replace(issued[0], agency=WATER))
    assert ledger.certificates() == issued
    assert ledger.certificates(WATER) == issued[1:]


def test_revocations_name_serial_or_key(ledger: SqlLedgerStore) -> None:
    append(ledger, revocation(serial="ff00"), revocation(key_id="k"))
    assert ledger.revocations() == [
        RevocationRecord(0, ECOLOGY, "ff00", None, START),
        RevocationRecord(1, ECOLOGY, None, "k", START),
    ]


def test_statements_come_by_kind_and_from_an_index_on(ledger: SqlLedgerStore) -> None:
    repeated = statement("b", origin=("510000", 7))
    records = append(ledger, statement("a"), revocation(serial="ff00"), repeated)
    assert ledger.statements(EntryKind.REFERRAL) == [records[0], records[2]]
    assert ledger.statements(EntryKind.REFERRAL, 1) == [records[2]]
    assert ledger.statements(EntryKind.KEY) == []
    with pytest.raises(ConflictError):
        append(ledger, repeated)


def test_an_attachment_is_its_agencys(ledger: SqlLedgerStore) -> None:
    side, digest = ledger.federation(), digest_of(b"evidence")
    for _ in range(2):
        side.keep_attachment(digest, WATER, START)
    assert side.has_attachment(digest, WATER)
    assert not side.has_attachment(digest, ECOLOGY)
