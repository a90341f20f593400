"""The catalogue's search over two hubs, each a process of its own: what is found, where, and by whom it may be read."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from pyarrow import csv

from demo.files import write_files
from demo.hub import HubProcess, fixed_ports, introduce
from demo.sample import START, monitoring_sections, water_quality
from exchange.client import Client, connect
from exchange.client.search import search_page, search_request
from exchange.errors import InvalidInputError, MalformedError
from exchange.v1 import catalog_pb2
from tests.contracts import column as made_column
from tests.contracts import contract_text
from tests.contracts import key as made_key
from tests.e2e.test_agreement import cases
from tests.e2e.test_exchange import register
from tests.e2e.test_two_hubs import Pair, agree, eventually

pytestmark = pytest.mark.e2e
QUALITY = "500000/ecology/water-quality"
CASES = "500000/ecology/enforcement-case"
HYDROLOGY = "500000/water/hydrology"
SECRET = "500000/ecology/gauge"
QUICK = {
    "HECHUAN_SEARCH_REFRESH_SECONDS": "0.05",
    "HECHUAN_SEARCH_SETTLE_SECONDS": "0",
    "HECHUAN_SEARCH_COVERAGE_SECONDS": "0.2",
}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    root = tmp_path_factory.mktemp("search")
    hubs = [HubProcess(root, name, fixed_ports(), QUICK) for name in ("500000", "510000")]
    introduce(root, *hubs)
    with ExitStack() as stack:
        chongqing, sichuan = (stack.enter_context(hub) for hub in hubs)
        yield Pair(chongqing, sichuan, chongqing.enroll("ecology"), sichuan.enroll("ecology"))


@pytest.fixture(scope="module")
def owner(pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Everything there is to find: four datasets of ecology's, one of them withheld, and one of water's."""
    files = tmp_path_factory.mktemp("files")
    write_files(files)
    csv.write_csv(pa.Table.from_pylist(list(cases(4))), files / "cases.csv")
    with connect(pair.chongqing.enroll("water")) as water:
        water.publish("hydrology", files / "hydrology-0319.csv")
    with connect(pair.owner) as client:
        client.publish("monitoring-section", monitoring_sections())
        client.publish("water-quality", water_quality(108))
        client.publish("enforcement-case", files / "cases.csv")
        columns = [made_key("section", "string", 1), made_column("level", "number")]
        register(client, contract_text(columns, sharing="withheld", sectionColumn="section"))
        client.publish("gauge", pa.table({"section": ["CQ-ZHUTUO"], "level": [1.0]}))
        yield client


@pytest.fixture(scope="module")
def reader(pair: Pair, owner: Client) -> Iterator[Client]:
    """An agency of the other hub, once that hub knows where everything is."""
    with connect(pair.reader) as client:
        for side in (owner, client):
            eventually(lambda side=side: ids(side, "CQ-ZHUTUO") == [f"500000/ecology/{n}" for n in NAMED])  # type: ignore[misc]
            eventually(lambda side=side: HYDROLOGY in ids(side, river="长江"))  # type: ignore[misc]
            eventually(lambda side=side: len(ids(side, "重庆")) == 5)  # type: ignore[misc]
        yield client


NAMED = ("monitoring-section", "water-quality")


def ids(client: Client, text: str = "", **conditions: object) -> list[str]:
    return [hit.dataset.id for hit in client.search(text, **conditions)]  # type: ignore[arg-type]


def hit(client: Client, dataset: str) -> catalog_pb2.DatasetHit:
    [found] = [found for found in client.search(dataset) if found.dataset.id == dataset]
    return found


def test_every_word_and_condition_narrows(owner: Client, reader: Client) -> None:
    for side in (owner, reader):
        assert ids(side, "水质") == [f"500000/ecology/{name}" for name in NAMED]
        assert ids(side, "水质 地表") == [QUALITY]
        assert ids(side, "water-quality") == [QUALITY]
        assert ids(side, "SURFACE quality") == [QUALITY]
        assert set(ids(side, "重庆 生态环境")) == {
            QUALITY,
            CASES,
            SECRET,
            "500000/ecology/monitoring-section",
        }
        assert ids(side, "铜钵") == [f"500000/ecology/{name}" for name in NAMED]
        assert ids(side, river="乌江") == [f"500000/ecology/{name}" for name in NAMED]
        assert ids(side, section="上河坝", contract="water-quality") == [QUALITY]
        assert ids(side, "朱沱", department="water") == [HYDROLOGY]
        assert ids(side, sharing=["不予"]) == [SECRET]
        assert ids(side, sharing=["conditional"]) == [CASES]
        assert ids(side, "四川") == []
        assert ids(side, hub="510000") == []
        assert len(ids(side, hub="500000", fresher_than_hours=1)) == 5
        assert ids(side, '"水质" OR *') == []
        assert QUALITY in ids(side, since=START, until=START + timedelta(hours=1))
        assert QUALITY not in ids(side, until=START - timedelta(seconds=1))
        assert QUALITY not in ids(side, since=datetime(2030, 1, 1, tzinfo=UTC))


def test_a_hit_tells_where_what_and_whether(owner: Client, reader: Client) -> None:
    here, there = hit(owner, QUALITY), hit(reader, QUALITY)
    assert (here.place, here.access) == (
        catalog_pb2.DATASET_PLACE_LOCAL,
        catalog_pb2.DATASET_ACCESS_OWNER,
    )
    assert (there.place, there.access) == (
        catalog_pb2.DATASET_PLACE_THROUGH,
        catalog_pb2.DATASET_ACCESS_UNCONDITIONAL,
    )
    for found in (here, there):
        assert (found.hub, found.owner, found.title_zh) == ("500000", "500000/ecology", "地表水水质监测")
        assert (found.section_count, found.river_count) == (6, 5)
        assert len(found.sections) == len(found.rivers) == 5
        assert {(s.code, s.name, s.river) for s in found.sections} >= {("CQ-ZHUTUO", "朱沱", "长江")}
        assert found.freshness == catalog_pb2.DATASET_FRESHNESS_FRESH
        assert found.due_at.ToDatetime() - found.dataset.updated_at.ToDatetime() == timedelta(hours=10)
        assert found.dataset.rows_accepted == 108
    register = hit(reader, "500000/ecology/monitoring-section")
    assert register.freshness == catalog_pb2.DATASET_FRESHNESS_NOT_PROMISED


def test_what_is_withheld_is_found_but_not_where_it_has_rows(owner: Client, reader: Client) -> None:
    for side, access in (
        (owner, catalog_pb2.DATASET_ACCESS_OWNER),
        (reader, catalog_pb2.DATASET_ACCESS_WITHHELD),
    ):
        found = hit(side, SECRET)
        assert found.access == access
        assert (found.dataset.sharing, found.section_count) == (catalog_pb2.SHARING_WITHHELD, 0)
    assert hit(reader, CASES).section_count == 0


def test_an_agreement_changes_the_answer(owner: Client, reader: Client) -> None:
    assert hit(reader, CASES).access == catalog_pb2.DATASET_ACCESS_NEEDS_AGREEMENT
    id = agree(owner, reader, CASES, mirror=True)
    found = hit(reader, CASES)
    assert (found.access, found.agreement) == (catalog_pb2.DATASET_ACCESS_AGREEMENT, id)
    eventually(lambda: hit(reader, CASES).place == catalog_pb2.DATASET_PLACE_MIRRORED)


def test_pages_join_up(reader: Client) -> None:
    request = search_request("重庆")
    request.page_size = 2
    pages = []
    while True:
        page = search_page(reader, request)
        pages.append([found.dataset.id for found in page.hits])
        assert page.total == 5
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert [len(page) for page in pages] == [2, 2, 1]
    assert list(itertools.chain(*pages)) == ids(reader, "重庆")
    request.text = "四川"
    with pytest.raises(InvalidInputError):
        search_page(reader, request)
    request.page_token = "e30="
    with pytest.raises(MalformedError):
        search_page(reader, request)
    with pytest.raises(InvalidInputError):
        ids(reader, "x" * 201)


def test_a_new_batch_and_a_restart(pair: Pair, owner: Client, reader: Client) -> None:
    table = water_quality(9, start=2000)
    owner.publish("water-quality", table)
    for side in (owner, reader):
        eventually(lambda side=side: hit(side, QUALITY).dataset.batches == 2)  # type: ignore[misc]
    pair.chongqing.stop()
    assert hit(reader, QUALITY).section_count == 6
    for path in (pair.chongqing.directory / "state").glob("search.sqlite*"):
        path.unlink()
    pair.chongqing.start()
    eventually(lambda: len(ids(owner, river="铜钵河")) == 2)
    eventually(lambda: hit(reader, QUALITY).section_count == 6)
