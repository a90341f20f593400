"""The search index by itself: what is found and in which order, and what changes what."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from exchange.ids import ContractRef, DatasetId
from exchange.ports import DatasetRecord
from exchange.ports.search import Coverage, Cursor, Listing, Place, Wanted
from exchange.settings import Store
from exchange.store import open_search
from exchange.store.search import SqliteSearchIndex
from tests.ledgers import NOON

HUBS = ("500000", "510000")


@pytest.fixture
def index(tmp_path: Path) -> Iterator[SqliteSearchIndex]:
    made = open_search(Store(), tmp_path)
    yield made
    made.close()


def listing(
    id: str, hub: str = "500000", sharing: str = "unconditional", batches: int = 1, title: str = "水质"
) -> Listing:
    name = id.rpartition("/")[2]
    record = DatasetRecord(
        DatasetId.parse(id),
        ContractRef.parse(f"{name}@1.0.0"),
        batches,
        10,
        1,
        NOON,
        NOON + timedelta(days=1),
        NOON,
    )
    return Listing(
        hub, record, sharing, title, "Title", timedelta(hours=1), sharing == "unconditional", "重庆 Chongqing"
    )


def found(index: SqliteSearchIndex, **wanted: object) -> list[str]:
    hits = index.ask(Wanted(**wanted), HUBS, None, 100, 5)  # type: ignore[arg-type]
    assert index.count(Wanted(**wanted), HUBS) == len(hits)  # type: ignore[arg-type]
    return [str(hit.listing.dataset.id) for hit in hits]


def places(*codes: str) -> Coverage:
    return Coverage(tuple(Place(code) for code in codes), len(codes), 0, 1)


def test_the_exact_name_comes_first_then_titles_then_owners(index: SqliteSearchIndex) -> None:
    exact, titled, owned = (
        "500000/water/level",
        "500000/ecology/flow",
        "500000/level-office/gauge",
    )
    index.put(
        "500000", [listing(owned), listing(titled, title="level 水位"), listing(exact)], 3, "", whole=True
    )
    assert found(index, words=("LEVEL",)) == [exact, titled, owned]
    assert found(index, words=("水",)) == sorted([exact, titled, owned])
    assert found(index, words=("ｌｅｖｅｌ", "水位")) == [titled]
    assert found(index, words=("级",)) == []


@pytest.mark.parametrize("word", ['"', "a OR b", "lev*", "level'", "NEAR(", "%", "_____"])
def test_words_are_words_and_no_syntax(index: SqliteSearchIndex, word: str) -> None:
    index.put("500000", [listing("500000/water/level")], 1, "")
    assert found(index, words=(word,)) == []


def test_pages_go_on_behind_the_last_hit(index: SqliteSearchIndex) -> None:
    ids = [f"500000/a{number:02}/level" for number in range(7)]
    index.put("500000", [listing(id) for id in ids], 1, "")
    index.put("510000", [listing(ids[3], "510000")], 1, "")
    seen: list[tuple[str, str]] = []
    after: Cursor | None = None
    while page := index.ask(Wanted(words=("水质",)), HUBS, after, 3, 5):
        seen += [(str(hit.listing.dataset.id), hit.listing.hub) for hit in page]
        after = page[-1].cursor
    assert seen == sorted([*((id, "500000") for id in ids), (ids[3], "510000")])


def test_a_hub_that_is_not_asked_for_is_not_found(index: SqliteSearchIndex) -> None:
    index.put("510000", [listing("510000/water/level", "510000")], 1, "")
    assert index.count(Wanted(), ["500000"]) == 0
    assert index.count(Wanted(hub="510000"), ["500000"]) == 0
    assert index.count(Wanted(hub="510000"), HUBS) == 1


def test_the_register_names_sections_of_every_dataset_whenever_it_comes(index: SqliteSearchIndex) -> None:
    quality, register = "500000/ecology/quality", "510000/ecology/monitoring-section"
    index.put("500000", [listing(quality)], 1, "")
    index.put("510000", [listing(register, "510000")], 1, "")
    index.cover("500000", {DatasetId.parse(quality): places("S1", "S2")})
    assert found(index, words=("朱沱",)) == found(index, river="长江") == []
    assert found(index, section="s1") == [quality]
    named = Coverage((Place("S1", "朱沱", "长江"), Place("S9", "别处", "乌江")), 2, 2, 1)
    index.cover("510000", {DatasetId.parse(register): named})
    assert found(index, words=("朱沱",)) == found(index, river="长江") == [quality, register]
    [hit] = index.ask(Wanted(section="朱沱", hub="500000"), HUBS, None, 9, 5)
    assert (hit.places[0], hit.rivers, hit.section_count, hit.river_count) == (
        Place("S1", "朱沱", "长江"),
        ("长江",),
        2,
        1,
    )
    renamed = Coverage((Place("S1", "朱沱口", "长江"),), 1, 1, 2)
    index.cover("510000", {DatasetId.parse(register): renamed})
    assert found(index, words=("朱沱口",)) == [quality, register]
    assert index.coverage("500000", DatasetId.parse(quality)) == Coverage((Place("S1"), Place("S2")), 2, 1, 1)


def test_what_is_no_longer_open_forgets_its_places(index: SqliteSearchIndex) -> None:
    id = DatasetId.parse("500000/ecology/quality")
    index.put("500000", [listing(str(id))], 1, "a")
    index.cover("500000", {id: places("S1")})
    tag = index.known("500000").tag
    index.put("500000", [listing(str(id), sharing="withheld")], 2, "b")
    assert found(index, section="S1") == found(index, words=("S1",)) == []
    assert found(index, words=("quality",)) == [str(id)]
    assert list(index.covered("500000", "", 9)) == []
    assert index.known("500000").tag != tag
    index.cover("500000", {id: places("S1")})
    assert found(index, section="S1") == []


def test_what_is_to_be_covered(index: SqliteSearchIndex) -> None:
    id = DatasetId.parse("500000/ecology/quality")
    index.put("500000", [listing(str(id)), listing("500000/ecology/secret", sharing="withheld")], 1, "")
    assert [each.id for each in index.uncovered("500000", 9)] == [id]
    index.cover("500000", {id: places("S1")})
    assert list(index.uncovered("500000", 9)) == []
    index.put("500000", [listing(str(id), batches=2)], 3, "")
    assert [each.id for each in index.uncovered("500000", 9)] == [id]


def test_an_older_state_changes_nothing_and_a_whole_one_removes(index: SqliteSearchIndex) -> None:
    index.put("500000", [listing("500000/a/level"), listing("500000/b/level")], 5, "")
    index.put("500000", [listing("500000/c/level")], 4, "")
    assert found(index) == ["500000/a/level", "500000/b/level"]
    index.put("500000", [listing("500000/b/level")], 6, "", whole=True)
    assert found(index, words=("level",)) == ["500000/b/level"]
    known = index.known("500000")
    assert (known.size, known.listed) == (6, 1)


def test_all_coverage_of_a_peer_replaces_what_was_there(index: SqliteSearchIndex) -> None:
    one, two = (DatasetId.parse(f"510000/{name}/level") for name in ("a", "b"))
    index.put("510000", [listing(str(one), "510000")], 1, "")
    assert not index.cover_all("510000", {one: places("S1"), two: places("S2")}, "t1")
    assert index.known("510000").tag == ""
    index.put("510000", [listing(str(two), "510000")], 2, "")
    assert index.cover_all("510000", {two: places("S2")}, "t2")
    assert index.known("510000").tag == "t2"
    assert found(index, section="S1") == []
    assert found(index, section="S2") == [str(two)]


def test_a_damaged_file_and_one_of_another_form_are_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "search.sqlite"
    path.write_bytes(b"no database" * 1000)
    index = open_search(Store(), tmp_path)
    index.put("500000", [listing("500000/a/level")], 1, "")
    assert found(index) == ["500000/a/level"]
    with index._engine.begin() as connection:
        connection.exec_driver_sql("PRAGMA user_version = 99")
    index.close()
    index = open_search(Store(), tmp_path)
    assert found(index) == []
    index.close()
