"""The first page of a search over a catalogue of ten thousand datasets, from a hub in a process of its own."""

from __future__ import annotations

import io
import itertools
import json
import statistics
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pyarrow as pa

from benchmarks.figure import Figure, bench
from demo.hub import HubProcess
from demo.sample import START, monitoring_sections, water_quality
from exchange.app import build
from exchange.batch.encode import encode
from exchange.batch.manifest import PAYLOAD_TYPE, Kind, Manifest, MediaType, Period, format_instant
from exchange.client import Client, connect
from exchange.client.search import search_page, search_request
from exchange.contract.load import load_contract, shipped_contracts
from exchange.contract.model import Contract
from exchange.flow.append import Draft
from exchange.flow.entry import batch_body
from exchange.ids import AgencyId, DatasetId, digest_of
from exchange.trust.envelope import canonical, sign
from exchange.trust.keys import SigningKey
from exchange.v1 import catalog_pb2

_DATASETS: Final = 10_000
_GROUP: Final = 250
_TIMES: Final = 20
_PAGE: Final = 100
_FILL_SECONDS: Final = 900
_RIVER: Final = "铜钵河"


@bench("catalog.first_page")
def measure(scratch: Path) -> Iterable[Figure]:
    """p95 over eleven kinds of questions, 100 hits a page, each a call over mutual TLS; the index is built before."""
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        hub = HubProcess(scratch, "500000", environment={"HECHUAN_SEARCH_SETTLE_SECONDS": "0"})
        covered = fill(hub.directory)
        hub.start()
        home = hub.enroll("ecology")
    try:
        with connect(home) as client:
            _wait(client, covered)
            times = list(_times(client))
    finally:
        hub.stop()
    p95 = statistics.quantiles(times, n=20)[-1]
    yield Figure("catalog.first_page", p95, "s", f"p95 of {len(times)} calls", None, 0.2)


def fill(directory: Path) -> int:
    """Enter ten thousand datasets of a thousand agencies into a hub's ledger; how many of them cover a river."""
    application = build(directory)
    contracts = [load_contract(text) for text in shipped_contracts()]
    objects = {contract.ref.name: _object(contract) for contract in contracts}
    key = SigningKey.generate()
    try:
        drafts = _drafts(contracts, objects, key)
        while group := list(itertools.islice(drafts, _GROUP)):
            for future in [application.appender.submit(lambda draft=draft: draft) for draft in group]:  # type: ignore[misc]
                future.result()
    finally:
        application.close()
    return 2 * (_DATASETS // len(contracts))


def _object(contract: Contract) -> tuple[bytes, int]:
    tables = {"water-quality": lambda: water_quality(54), "monitoring-section": monitoring_sections}
    make = tables.get(contract.ref.name)
    table = make() if make else pa.Table.from_batches([], contract.arrow_schema)
    return encode(table, contract), table.num_rows


def _drafts(
    contracts: list[Contract], objects: Mapping[str, tuple[bytes, int]], key: SigningKey
) -> Iterator[Draft]:
    now = datetime.now(UTC)
    for number in range(_DATASETS // len(contracts)):
        agency = AgencyId.parse(f"500000/{('ecology', 'water', 'agriculture')[number % 3]}-{number:04}")
        for contract in contracts:
            data, rows = objects[contract.ref.name]
            first = START + timedelta(days=number)
            period = Period(first, first + timedelta(days=1))
            manifest = Manifest(
                publisher=agency,
                dataset=DatasetId(agency, contract.ref.name),
                contract=contract.ref,
                kind=Kind.OBSERVATION,
                media_type=MediaType.PARQUET,
                digest=digest_of(data),
                bytes=len(data),
                rows=rows,
                period=period,
                created_at=now,
                expires_at=now + timedelta(days=1),
                idempotency_key=contract.ref.name,
            )
            payload = canonical(manifest.to_json())
            stored = {"bytes": len(data), "digest": digest_of(data), "encoded_by": "publisher"}
            verdict = {
                "accepted": rows,
                "contract_digest": contract.digest,
                "counts": {},
                "period": {"from": format_instant(period.start), "until": format_instant(period.until)},
                "rejected": 0,
                "report": None,
                "rows": rows,
            }
            envelope = sign(json.loads(payload), PAYLOAD_TYPE, key)
            body = batch_body(digest_of(payload), envelope, str(key.verify_key), stored, verdict)
            yield Draft(body, digest_of(payload), (agency, contract.ref.name), ((data, digest_of(data)),))


def _wait(client: Client, covered: int) -> None:
    deadline = time.monotonic() + _FILL_SECONDS
    request = search_request(river=_RIVER)
    while (found := search_page(client, request).total) < covered:
        if time.monotonic() > deadline:
            raise AssertionError(f"{found} of {covered} datasets are covered after {_FILL_SECONDS} s")
        time.sleep(0.5)


def _questions() -> Iterator[catalog_pb2.SearchDatasetsRequest]:
    yield search_request()
    yield search_request("水质")
    yield search_request("重庆 监测断面")
    yield search_request("surface quality")
    yield search_request("ecology-0042")
    yield search_request(_RIVER)
    yield search_request(river="长江", department="ecology-0300")
    yield search_request(section="朱沱")
    yield search_request("执法", sharing=["conditional"])
    yield search_request(since=START + timedelta(days=30), until=START + timedelta(days=60))
    yield search_request("nothing is called so")


def _times(client: Client) -> Iterator[float]:
    for turn in range(_TIMES + 1):
        for request in _questions():
            request.page_size = _PAGE
            started = time.perf_counter()
            page = search_page(client, request)
            took = time.perf_counter() - started
            if len(page.hits) != min(_PAGE, page.total):
                raise AssertionError(f"{len(page.hits)} hits of {page.total}: {request}")
            if turn:  # the first round opens files and connections
                yield took
