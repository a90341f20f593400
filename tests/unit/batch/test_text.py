"""CSV, NDJSON and Arrow as the hub takes them: everything that can be read is, the rest is named."""

from __future__ import annotations

import io
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from exchange.batch.manifest import MediaType
from exchange.batch.text import encode_text
from exchange.errors import HechuanError, LimitExceededError, MalformedError, SchemaMismatchError
from exchange.settings import Limit
from tests.contracts import gauge

HEADER = "section,at,level,count,day,automatic,note\n"
GOOD = "A,2026-03-01T08:00:00+08:00,1.5,3,2026-03-01,true,岸\n"
ROW = {
    "section": "A",
    "at": datetime(2026, 3, 1, tzinfo=UTC),
    "level": 1.5,
    "count": 3,
    "day": date(2026, 3, 1),
    "automatic": True,
    "note": "岸",
}


def taken(
    data: bytes, media_type: MediaType, tmp_path: Path, limit: Limit | None = None
) -> tuple[pa.Table, Any]:
    found = encode_text(data, media_type, gauge(), limit or Limit(), tmp_path / "out.parquet")
    table = pq.read_table(tmp_path / "out.parquet")
    assert table.num_rows == found.rows
    listed = [(row["row"], row["rule"], row["value"]) for row in found.violations.to_pylist()]
    return table, listed


def arrow(table: pa.Table, compression: str | None = None) -> bytes:
    sink = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    return sink.getvalue()


def test_csv(tmp_path: Path) -> None:
    table, listed = taken((HEADER + GOOD).encode(), MediaType.CSV, tmp_path)
    assert table.to_pylist() == [ROW]
    assert listed == []


def test_ndjson(tmp_path: Path) -> None:
    line = {**ROW, "at": "2026-03-01T00:00:00Z", "day": "2026-03-01"}
    table, listed = taken(json.dumps(line).encode(), MediaType.NDJSON, tmp_path)
    assert table.to_pylist() == [ROW]
    assert listed == []


@pytest.mark.parametrize(
    "text", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())]
)
def test_arrow(tmp_path: Path, text: pa.DataType) -> None:
    rows = pa.Table.from_pylist([ROW] * 70_000, gauge().arrow_schema)
    rows = rows.set_column(6, "note", rows["note"].cast(pa.string()).cast(text) if not pa.types.is_dictionary(text)
                           else rows["note"].dictionary_encode().cast(text))  # fmt: skip
    table, _ = taken(arrow(rows), MediaType.ARROW_STREAM, tmp_path)
    assert table.num_rows == 70_000
    assert table.slice(69_999).to_pylist() == [ROW]


def test_what_cannot_be_read_is_null_and_named(tmp_path: Path) -> None:
    text = HEADER + GOOD + "B,2026-03-01 08:00,abc,1.5,2026-02-30,perhaps,\n"
    table, listed = taken(text.encode(), MediaType.CSV, tmp_path)
    assert table.slice(1).to_pylist() == [{**dict.fromkeys(ROW), "section": "B"}]
    assert listed == [
        (1, "at.type", "2026-03-01 08:00"),
        (1, "level.type", "abc"),
        (1, "count.type", "1.5"),
        (1, "day.type", "2026-02-30"),
        (1, "automatic.type", "perhaps"),
    ]


def test_rows_are_counted_on_over_blocks(tmp_path: Path) -> None:
    rows = 60_000
    text = HEADER + (GOOD.replace("岸", "x" * 60)) * rows + GOOD.replace("1.5", "one")
    table, listed = taken(text.encode(), MediaType.CSV, tmp_path)
    assert table.num_rows == rows + 1
    assert listed == [(rows, "level.type", "one")]


WRONG: dict[str, tuple[MediaType, bytes, type[HechuanError], str]] = {
    "an empty file": (MediaType.CSV, b"", MalformedError, "empty"),
    "GBK": (MediaType.CSV, (HEADER + GOOD * 40).encode("gbk"), MalformedError, "GBK"),
    "bad UTF-8": (MediaType.CSV, HEADER.encode() + b"A,\xff\xfe\n", MalformedError, "not UTF-8"),
    "a zero byte": (MediaType.CSV, HEADER.encode() + b"A,\0\n", MalformedError, "zero"),
    "an Excel workbook": (MediaType.CSV, b"PK\x03\x04....", MalformedError, "Excel"),
    "an unknown column": (
        MediaType.CSV,
        (HEADER.strip() + ",extra\n").encode(),
        SchemaMismatchError,
        "extra",
    ),
    "a missing column": (MediaType.CSV, b"at\n2026-03-01T00:00:00Z\n", SchemaMismatchError, "section"),
    "too few fields": (MediaType.CSV, (HEADER + "A,B\n").encode(), MalformedError, "row 2 has 2 fields"),
    "semicolons": (MediaType.CSV, HEADER.replace(",", ";").encode(), MalformedError, "comma"),
    "an open quotation": (MediaType.CSV, (HEADER + '"A,B\n').encode(), MalformedError, "never closed"),
    "JSON cut short": (MediaType.NDJSON, b'{"section": "A"', MalformedError, "line 1"),
    "a JSON array": (MediaType.NDJSON, b"[1]", MalformedError, "not a JSON object"),
    "NaN in JSON": (MediaType.NDJSON, b'{"section":"A","level":NaN}', MalformedError, "NaN"),
    "an object in a cell": (MediaType.NDJSON, b'{"section":{"a":1}}', MalformedError, "plain values"),
    "a name twice": (MediaType.NDJSON, b'{"section":"A","section":"B"}', MalformedError, "twice"),
    "an unknown name": (MediaType.NDJSON, b'{"sektion":"A"}', SchemaMismatchError, "sektion"),
    "Arrow cut short": (
        MediaType.ARROW_STREAM,
        arrow(pa.Table.from_pylist([ROW] * 1000, gauge().arrow_schema))[:-5000],
        MalformedError,
        "Arrow",
    ),
    "no Arrow at all": (MediaType.ARROW_STREAM, b"hello, world, hello", MalformedError, "Arrow"),
    "compressed Arrow": (
        MediaType.ARROW_STREAM,
        arrow(pa.Table.from_pylist([ROW] * 100, gauge().arrow_schema), "zstd"),
        LimitExceededError,
        "uncompressed",
    ),
    "another type": (
        MediaType.ARROW_STREAM,
        arrow(pa.table({"section": [1], "at": pa.array([ROW["at"]], pa.timestamp("us", "UTC"))})),
        SchemaMismatchError,
        "section is int64",
    ),
    "an instant without a zone": (
        MediaType.ARROW_STREAM,
        arrow(pa.table({"section": ["A"], "at": pa.array([datetime(2026, 3, 1)], pa.timestamp("us"))})),
        SchemaMismatchError,
        "at is timestamp",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_files_are_named(name: str, tmp_path: Path) -> None:
    media_type, data, error, said = WRONG[name]
    with pytest.raises(error, match=said):
        taken(data, media_type, tmp_path)


def test_a_dictionary_that_would_unfold_to_gigabytes(tmp_path: Path) -> None:
    words = pa.DictionaryArray.from_arrays(pa.array([0] * 60_000, pa.int32()), ["x" * 100_000])
    rows = pa.table({"section": words, "at": pa.array([ROW["at"]] * 60_000, pa.timestamp("us", "UTC"))})
    with pytest.raises(LimitExceededError, match="bytes of text"):
        taken(arrow(rows), MediaType.ARROW_STREAM, tmp_path)


def test_more_rows_than_the_limit(tmp_path: Path) -> None:
    for media_type, data in (
        (MediaType.CSV, (HEADER + GOOD * 11).encode()),
        (MediaType.ARROW_STREAM, arrow(pa.Table.from_pylist([ROW] * 11, gauge().arrow_schema))),
    ):
        with pytest.raises(LimitExceededError, match="rows: 11 is more than 10"):
            taken(data, media_type, tmp_path, Limit(batch_rows=10))
