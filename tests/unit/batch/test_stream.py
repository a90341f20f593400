"""Streams that come apart anywhere and still give the same bytes."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from datetime import UTC, date, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import csv

from exchange.batch.stream import Encoding, encode_stream

SCHEMA = pa.schema(
    [
        ("s", pa.string()),
        ("f", pa.float64()),
        ("i", pa.int32()),
        ("b", pa.bool_()),
        ("t", pa.timestamp("us", "UTC")),
        ("d", pa.date32()),
    ]
)
INSTANT = datetime(2026, 3, 1, 4, 5, 6, 789, UTC)
ROWS = [
    {"s": "嘉陵江", "f": 1.5, "i": -3, "b": True, "t": INSTANT, "d": date(2026, 3, 1)},
    {"s": 'q"uo\\te,\n\t\x01', "f": 1e-7, "i": 0, "b": False, "t": INSTANT, "d": date(1, 1, 1)},
    {"s": "", "f": float("nan"), "i": None, "b": None, "t": None, "d": None},
]


def table(repeat: int = 1) -> pa.Table:
    return pa.Table.from_pylist(ROWS * repeat, SCHEMA)


def encoded(batches: Iterable[pa.RecordBatch], encoding: Encoding) -> bytes:
    return b"".join(encode_stream(batches, SCHEMA, encoding))


@pytest.mark.parametrize("encoding", list(Encoding))
def test_bytes_do_not_depend_on_how_the_rows_came(encoding: Encoding) -> None:
    whole = table(50_000)
    pieces = [whole.to_batches(max_chunksize=size) for size in (150_000, 777, 65_536)]
    first, *others = [encoded(batches, encoding) for batches in pieces]
    assert all(other == first for other in others)


def test_ndjson_is_what_json_says() -> None:
    lines = encoded(table().to_batches(), Encoding.NDJSON).decode().splitlines()
    first, second, third = map(json.loads, lines)
    assert first == {
        "s": "嘉陵江", "f": 1.5, "i": -3, "b": True, "t": "2026-03-01T04:05:06.000789Z", "d": "2026-03-01"
    }  # fmt: skip
    assert second["s"] == ROWS[1]["s"]
    assert second["d"] == "0001-01-01"
    assert third == {"s": "", "f": None, "i": None, "b": None, "t": None, "d": None}


def test_csv_reads_back() -> None:
    data = encoded(table().to_batches(), Encoding.CSV)
    back = csv.read_csv(io.BytesIO(data), parse_options=csv.ParseOptions(newlines_in_values=True))
    assert back.column_names == SCHEMA.names
    assert back["s"].to_pylist()[:2] == [row["s"] for row in ROWS[:2]]
    assert back["i"].to_pylist() == [-3, 0, None]


def test_arrow_and_parquet_keep_the_types() -> None:
    rows = table(3)
    arrow = pa.ipc.open_stream(encoded(rows.to_batches(), Encoding.ARROW_STREAM)).read_all()
    assert arrow.schema == SCHEMA
    parquet = pq.read_table(io.BytesIO(encoded(rows.to_batches(), Encoding.PARQUET)))
    assert str(parquet.to_pylist()) == str(arrow.to_pylist()) == str(rows.to_pylist())


@pytest.mark.parametrize("encoding", list(Encoding))
def test_no_rows_is_an_answer_too(encoding: Encoding) -> None:
    data = encoded([], encoding)
    if encoding is Encoding.CSV:
        assert data == b'"s","f","i","b","t","d"\n'
    elif encoding is Encoding.PARQUET:
        assert pq.read_table(io.BytesIO(data)).schema == SCHEMA
    elif encoding is Encoding.ARROW_STREAM:
        assert pa.ipc.open_stream(data).read_all().schema == SCHEMA
    else:
        assert data == b""


def test_sealed_cells_are_hex_in_text() -> None:
    cells = [b"before", b'\xff\x00,"\n', None, b""]
    table = pa.table({"sealed": pa.array(cells, pa.binary())}).slice(1)
    text = {
        encoding: b"".join(encode_stream(table.to_batches(), table.schema, encoding)).decode()
        for encoding in (Encoding.CSV, Encoding.NDJSON)
    }
    assert text[Encoding.CSV] == '"sealed"\n"ff002c220a"\n\n""\n'
    assert [json.loads(line)["sealed"] for line in text[Encoding.NDJSON].splitlines()] == [
        "ff002c220a",
        None,
        "",
    ]


@pytest.mark.parametrize("encoding", list(Encoding))
def test_what_lies_under_a_null_does_not_tell(encoding: Encoding) -> None:
    """Readers leave what they like there."""

    def column(kind: pa.DataType, width: int, left: bytes) -> pa.Array:
        buffers = [pa.py_buffer(b"\x05"), pa.py_buffer(bytes(width) + left * width + bytes(width))]
        return pa.Array.from_buffers(kind, 3, buffers)

    kinds = {"f": pa.float64(), "d": pa.date32(), "t": pa.timestamp("us", tz="UTC"), "i": pa.int16()}
    schema = pa.schema(list(kinds.items()))
    said = set()
    for left in (b"\0", b"\1"):
        columns = [column(kind, kind.bit_width // 8, left) for kind in kinds.values()]
        batch = pa.RecordBatch.from_arrays(columns, schema=schema)
        said.add(b"".join(encode_stream([batch], schema, encoding)))
    assert len(said) == 1
