"""Where datasets have rows: worked out from real batches, and told to peers who check what they are told."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from demo.sample import monitoring_sections, water_quality
from exchange.batch.encode import encode
from exchange.batch.manifest import Kind
from exchange.contract.load import load_contract, shipped_contracts
from exchange.contract.model import Contract
from exchange.errors import HechuanError, LimitExceededError, ProofInvalidError, SignatureInvalidError
from exchange.flow.coverage import (
    COVERAGE_TYPE,
    coverable,
    coverage_page,
    extended,
    take_coverage,
)
from exchange.flow.projection import promised_pause
from exchange.ids import DatasetId, digest_of
from exchange.ports import BatchRecord, DatasetRecord, PartHeader, PeerPage, WantedPart
from exchange.ports.search import Coverage, Listing, Place, Wanted
from exchange.settings import Search, Store
from exchange.store import open_objects, open_search
from exchange.store.duck import DuckTableEngine
from exchange.store.posix import PosixObjectStore
from exchange.store.search import SqliteSearchIndex
from exchange.trust.envelope import sign
from exchange.trust.keys import SigningKey
from tests.contracts import column, contract_text, key
from tests.ledgers import AGENCY, NOON

SHIPPED = {contract.ref.name: contract for contract in map(load_contract, shipped_contracts())}
QUALITY = SHIPPED["water-quality"]
HUB = "500000"


class Room:
    """Objects and an engine over them; batches are entered as the ledger would index them."""

    def __init__(self, root: Path) -> None:
        objects = open_objects(Store(), root)
        assert isinstance(objects, PosixObjectStore)
        self.objects = objects
        self.engine = DuckTableEngine(Path(tempfile.mkdtemp(dir=root)))
        self.batches: list[BatchRecord] = []

    def add(self, table: pa.Table, contract: Contract, kind: Kind = Kind.OBSERVATION) -> None:
        data = encode(table, contract, keys_only=kind is Kind.RETRACTION)
        self.objects.put_bytes(data, digest_of(data))
        number = len(self.batches)
        self.batches.append(
            BatchRecord(
                index=number, id=digest_of(b"%d" % number), publisher=AGENCY, idempotency_key=str(number),
                dataset=DatasetId(AGENCY, contract.ref.name), contract=contract.ref, kind=kind,
                object=digest_of(data), object_bytes=len(data), source=digest_of(data), encoded_by_hub=False,
                report=None, rows=table.num_rows, accepted=table.num_rows, rejected=0, counts={}, corrects=(),
                period_from=None, period_until=None, recorded_at=NOON,
            )
        )  # fmt: skip

    def extended(
        self, known: Coverage | None, contract: Contract, most: int = 500, at_once: int = 2000
    ) -> Coverage:
        settings = Search(places=most, batches_at_once=at_once)

        def read(skip: int, most: int) -> Sequence[BatchRecord]:
            return self.batches[skip:][:most]

        return extended(known, contract, read, self.objects, self.engine, settings)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    made = Room(tmp_path)
    yield made
    made.engine.close()
    made.objects.close()


def at(*sections: str) -> pa.Table:
    table = water_quality(540)
    return table.filter(pa.array([code in sections for code in table["section_code"].to_pylist()]))


def test_new_batches_add_and_retractions_take_away(room: Room) -> None:
    room.add(at("CQ-ZHUTUO"), QUALITY)
    first = room.extended(None, QUALITY)
    assert first == Coverage((Place("CQ-ZHUTUO"),), 1, 0, 1)
    room.add(at("CQ-WANMU", "CQ-ZHUTUO"), QUALITY)
    seen = room.objects.read(room.batches[0].object)
    room.objects.delete(room.batches[0].object)  # a batch that has been seen is not read again
    second = room.extended(first, QUALITY)
    assert second == Coverage((Place("CQ-WANMU"), Place("CQ-ZHUTUO")), 2, 0, 2)
    room.objects.put_bytes(seen, room.batches[0].object)
    room.add(at("CQ-WANMU").select(QUALITY.primary_key), QUALITY, Kind.RETRACTION)
    assert room.extended(second, QUALITY) == Coverage((Place("CQ-ZHUTUO"),), 1, 0, 3)


def test_many_batches_are_looked_at_in_several_rounds(room: Room) -> None:
    sections = ("CQ-ZHUTUO", "CQ-WANMU", "CQ-ZHUTUO")
    for section in sections:
        room.add(at(section), QUALITY)
    found, seen = None, []
    for _ in range(3):
        found = room.extended(found, QUALITY, at_once=1)
        seen.append((found.batches, found.sections))
    assert seen == [(1, 1), (2, 2), (3, 2)]
    # what takes rows away is only seen whole
    room.add(at("CQ-WANMU").select(QUALITY.primary_key), QUALITY, Kind.RETRACTION)
    assert room.extended(found, QUALITY, at_once=1) == Coverage((Place("CQ-ZHUTUO"),), 1, 0, 4)


def test_batches_of_which_nothing_counts_are_not_opened(room: Room) -> None:
    room.add(at("CQ-ZHUTUO"), QUALITY)
    room.batches[0] = replace(room.batches[0], accepted=0, rejected=room.batches[0].rows)
    room.objects.delete(room.batches[0].object)
    assert room.extended(None, QUALITY) == Coverage((), 0, 0, 1)


def test_names_and_rivers_come_from_the_rows(room: Room) -> None:
    room.add(monitoring_sections(), SHIPPED["monitoring-section"])
    found = room.extended(None, SHIPPED["monitoring-section"], most=2)
    assert (found.sections, found.rivers, len(found.places)) == (6, 5, 2)
    assert found.places[0] == Place("CQ-BEIWENQUAN", "北温泉", "嘉陵江")
    assert room.extended(found, SHIPPED["monitoring-section"], most=2) == found


def test_only_what_anybody_may_read_is_worked_out() -> None:
    names = [name for name, contract in SHIPPED.items() if coverable(contract)]
    assert set(names) == {
        "boundary-comparison", "compensation-chishui", "compensation-chongqing", "compensation-xinan",
        "directive-point", "duty-matrix", "hydrology", "monitoring-section", "patrol-plan",
        "reach-crosswalk", "river-plan", "river-reach", "section-crosswalk", "spill-report", "water-quality",
    }  # fmt: skip
    columns = [key("section_code", "string", 1, classification="sensitive"), column("level", "number")]
    assert not coverable(load_contract(contract_text(columns, sectionColumn="section_code")))


def test_a_pause_is_promised_by_a_frequency_alone() -> None:
    assert promised_pause(QUALITY.sla) == timedelta(hours=10)
    assert promised_pause(SHIPPED["monitoring-section"].sla) is None


class Teller:
    """A driver of the port Peer that answers for an index here, as a hub would; `change` spoils its answers."""

    def __init__(self, index: SqliteSearchIndex, key: SigningKey, page_bytes: int = 400) -> None:
        self._index = index
        self._key = key
        self._page_bytes = page_bytes
        self.pages = 0

    def coverage(self, after: str, tag: str) -> bytes:
        self.pages += 1
        return coverage_page(self._index, HUB, after, tag, self._key, NOON, self._page_bytes)

    def follow(self, start: int) -> Iterator[PeerPage]:
        raise NotImplementedError

    def checkpoint(self) -> str:
        raise NotImplementedError

    def consistency(self, first: int, second: int) -> Sequence[bytes]:
        raise NotImplementedError

    def add_checkpoint(self, body: bytes) -> bytes:
        raise NotImplementedError

    def fetch(self, reader: object, parts: Sequence[WantedPart]) -> Iterator[PartHeader | memoryview]:
        raise NotImplementedError

    def close(self) -> None: ...


class Liar(Teller):
    """Says what it is given."""

    def __init__(self, index: SqliteSearchIndex, key: SigningKey, statement: object) -> None:
        super().__init__(index, key)
        self._statement = statement

    def coverage(self, after: str, tag: str) -> bytes:
        return sign(self._statement, COVERAGE_TYPE, self._key).to_json_bytes()  # type: ignore[arg-type]


IDS = [DatasetId.parse(f"500000/office-{number}/water-quality") for number in range(9)]
KEY = SigningKey.generate()


@pytest.fixture
def indexes(tmp_path: Path) -> Iterator[tuple[SqliteSearchIndex, SqliteSearchIndex]]:
    """What the hub knows of itself, and what a peer knows of it."""
    made = open_search(Store(), tmp_path / "own"), open_search(Store(), tmp_path / "peer")
    for index in made:
        records = [DatasetRecord(id, QUALITY.ref, 1, 1, 0, None, None, NOON) for id in IDS]
        index.put(
            HUB, [Listing(HUB, record, "unconditional", "", "", None, True) for record in records], 1, ""
        )
    yield made
    for index in made:
        index.close()


def take(index: SqliteSearchIndex, peer: Teller, settings: Search | None = None) -> bool:
    return take_coverage(index, peer, HUB, KEY.verify_key, settings or Search(), lambda: False)


def test_a_peer_takes_over_page_by_page(indexes: tuple[SqliteSearchIndex, SqliteSearchIndex]) -> None:
    own, peer = indexes
    told = {id: Coverage((Place(f"S{at}", "某断面", "某河"),), 1, 1, 1) for at, id in enumerate(IDS)}
    own.cover(HUB, told)
    teller = Teller(own, KEY)
    assert take(peer, teller)
    assert teller.pages > 2
    assert dict(peer.covered(HUB, "", 99)) == told
    before = teller.pages
    assert take(peer, teller)
    assert teller.pages == before + 1
    own.cover(HUB, {IDS[0]: Coverage((), 0, 0, 1)})
    assert take(peer, teller)
    assert peer.count(Wanted(section="S0"), [HUB]) == 0


GOOD = {"after": "", "created_at": "", "datasets": [], "hub": HUB, "next": "", "tag": "t", "v": 1}
ITEM = {"batches": 1, "dataset": str(IDS[0]), "places": [], "rivers": 0, "sections": 0}


@pytest.mark.parametrize(
    "statement",
    [
        GOOD | {"hub": "510000"},
        GOOD | {"after": "500000/a/b"},
        GOOD | {"next": 7},
        GOOD | {"tag": None},
        GOOD | {"datasets": [ITEM | {"sections": -1}]},
        GOOD | {"datasets": [ITEM | {"batches": True}]},
        GOOD | {"datasets": [ITEM | {"dataset": "../x"}]},
        GOOD | {"datasets": [ITEM | {"places": [["S", "n"]], "rivers": "x"}]},
        GOOD | {"datasets": [ITEM | {"places": [["S", "n", "x" * 65]]}]},
        GOOD | {"datasets": [ITEM | {"places": [["S", "n", "r", "more"]]}]},
        GOOD | {"datasets": 5},
        [],
    ],
)
def test_what_is_no_coverage_is_refused_whole(
    indexes: tuple[SqliteSearchIndex, SqliteSearchIndex], statement: object
) -> None:
    with pytest.raises(HechuanError):
        take(indexes[1], Liar(indexes[0], KEY, statement))
    assert indexes[1].known(HUB).tag == ""


def test_whose_word_it_is_and_how_much(indexes: tuple[SqliteSearchIndex, SqliteSearchIndex]) -> None:
    own, peer = indexes
    own.cover(HUB, {IDS[0]: Coverage((Place("S"),), 1, 0, 1)})
    with pytest.raises(SignatureInvalidError):
        take(peer, Teller(own, SigningKey.generate()))
    with pytest.raises(LimitExceededError):
        take(peer, Teller(own, KEY), Search(coverage_bytes=10))
    with pytest.raises(ProofInvalidError):
        take_coverage(peer, Teller(own, KEY), "510000", KEY.verify_key, Search(), lambda: False)
