"""Parquet files that lie, and those that do not."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.batch.encode import ROW_GROUP, encode
from exchange.batch.page import Chunk, walk_pages
from exchange.batch.parquet import inspect, read_groups
from exchange.errors import (
    HechuanError,
    InvalidInputError,
    LimitExceededError,
    MalformedError,
    SchemaMismatchError,
)
from exchange.settings import Limit
from tests.contracts import gauge

AT = datetime(2026, 3, 1, tzinfo=UTC)


def rows(length: int, **more: Any) -> pa.Table:
    """Rows of the gauge contract."""
    return pa.table(
        {
            "section": pa.array([f"S{at % 50}" for at in range(length)]),
            "at": pa.array([AT] * length, pa.timestamp("us", "UTC")),
            "level": pa.array([at / 7 for at in range(length)], pa.float64()),
            **more,
        }
    )


def written(table: pa.Table, **options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


def read(data: bytes | Path, limit: Limit | None = None) -> pa.Table:
    found = limit or Limit()
    inspect(data, found)
    return pa.Table.from_batches(list(read_groups(data, gauge(), found)))


@pytest.mark.parametrize("count", [0, 1, 5000, ROW_GROUP + 3])
def test_what_is_encoded_reads_back(count: int, tmp_path: Path) -> None:
    data = encode(rows(count), gauge())
    assert data == encode(rows(count), gauge())
    assert inspect(data, Limit()).rows == count
    path = tmp_path / "batch.parquet"
    path.write_bytes(data)
    for source in (data, path):
        batches = list(read_groups(source, gauge(), Limit()))
        found = sum(batch.num_rows for batch in batches)
        assert found == count
        if count:
            table = pa.Table.from_batches(batches)
            assert table["level"].to_pylist() == rows(count)["level"].to_pylist()
            assert table.column_names == ["section", "at", "level"]


def test_a_retraction_holds_keys_alone() -> None:
    data = encode(rows(3), gauge(), keys_only=True)
    assert pq.read_schema(io.BytesIO(data)).names == ["section", "at"]
    with pytest.raises(InvalidInputError, match="section, at"):
        encode(rows(3).drop_columns(["at"]), gauge(), keys_only=True)


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "snappy"},
        {"compression": "gzip", "data_page_version": "2.0"},
        {"compression": "lz4", "use_dictionary": False},
        {"compression": "brotli", "data_page_size": 1000},
        {"compression": "zstd", "row_group_size": 700, "write_page_index": True, "write_page_checksum": True},
        {
            "column_encoding": {"level": "BYTE_STREAM_SPLIT", "section": "DELTA_LENGTH_BYTE_ARRAY"},
            "use_dictionary": False,
        },
    ],
    ids=str,
)
def test_what_other_writers_do(options: dict[str, Any]) -> None:
    table = rows(5000)
    assert read(written(table, **options))["section"].to_pylist() == table["section"].to_pylist()


BOUNDS: dict[str, tuple[Limit, str]] = {
    "rows": (Limit(batch_rows=99), "rows: 100 is more than 99"),
    "columns": (Limit(columns=2), "columns: 3 is more than 2"),
    "row groups": (Limit(row_groups=1), "row groups: 2 is more than 1"),
    "a row group": (Limit(row_group_bytes=50), "uncompressed bytes of row group 0"),
    "all row groups": (Limit(uncompressed_bytes=600), "uncompressed bytes: "),
}


@pytest.mark.parametrize("name", BOUNDS)
def test_limits(name: str) -> None:
    limit, said = BOUNDS[name]
    with pytest.raises(LimitExceededError, match=said):
        inspect(written(rows(100), row_group_size=50), limit)


def test_nesting() -> None:
    deep = pa.table({"section": [[[[["x"]]]]]})
    with pytest.raises(LimitExceededError, match="nesting"):
        inspect(written(deep), Limit())


def test_a_page_that_unfolds_to_more_than_the_footer_says() -> None:
    # 40 MB of one letter, compressed to nothing; the footer is then made to claim less.
    data = written(
        pa.table({"note": ["x" * 40_000_000]}),
        compression="zstd",
        use_dictionary=False,
        write_statistics=False,
    )
    assert len(data) < 50_000
    with pytest.raises(LimitExceededError, match="row group"):
        inspect(data, Limit(row_group_bytes=1 << 20))
    column = pq.read_metadata(io.BytesIO(data)).row_group(0).column(0)
    chunk = Chunk(
        "note", column.data_page_offset, column.total_compressed_size, column.total_uncompressed_size, 1
    )
    walk_pages(lambda offset, size: data[offset : offset + size], chunk)
    with pytest.raises(LimitExceededError, match="larger than the footer declares"):
        walk_pages(lambda offset, size: data[offset : offset + size], replace(chunk, inflated=1 << 20))
    with pytest.raises(MalformedError, match="pages hold 1 values, the footer 2"):
        walk_pages(lambda offset, size: data[offset : offset + size], replace(chunk, values=2))


def test_delta_byte_array_declares_nothing() -> None:
    table = pa.table({"section": ["x" * 1000] * 5000})
    data = written(table, use_dictionary=False, column_encoding={"section": "DELTA_BYTE_ARRAY"})
    with pytest.raises(LimitExceededError, match="DELTA_BYTE_ARRAY"):
        inspect(data, Limit())


def test_a_dictionary_of_one_long_word_stays_one() -> None:
    count = 200_000
    words = pa.DictionaryArray.from_arrays(pa.array([0] * count, pa.int32()), ["x" * 1_000_000])
    data = written(rows(count, note=words), compression="zstd")
    before = pa.total_allocated_bytes()
    for batch in read_groups(data, gauge(), Limit()):
        assert pa.types.is_dictionary(batch.schema.field("note").type)
        assert pa.total_allocated_bytes() - before < 100_000_000


WRONG: dict[str, tuple[bytes, type[HechuanError], str]] = {
    "nothing": (b"", MalformedError, "not a Parquet file"),
    "text": (b"hello, world, hello, world", MalformedError, "not a Parquet file"),
    "cut short": (written(rows(100))[:-20], MalformedError, "not a Parquet file"),
    "magic alone": (b"PAR1" + (100).to_bytes(4, "little") + b"PAR1", MalformedError, "longer than the file"),
    "an encrypted footer": (b"PAR1" + bytes(40) + b"PARE", MalformedError, "encrypted"),
    "a footer of zeros": (
        b"PAR1" + bytes(40) + (30).to_bytes(4, "little") + b"PAR1",
        MalformedError,
        "Parquet footer",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_no_parquet(name: str) -> None:
    data, error, said = WRONG[name]
    with pytest.raises(error, match=said):
        inspect(data, Limit())


SHAPES: dict[str, tuple[pa.Table, str]] = {
    "an unknown column": (rows(3, other=pa.array([1, 2, 3])), "no column other"),
    "a missing column": (rows(3).drop_columns(["at"]), "column at is missing"),
    "a wrong type": (rows(3, count=pa.array(["a", "b", "c"])), "column count is dictionary"),
    "none, in an empty file": (pa.table({"x": pa.array([], pa.int8())}), "no column x"),
}


@pytest.mark.parametrize("name", SHAPES)
def test_other_columns(name: str) -> None:
    table, said = SHAPES[name]
    with pytest.raises(SchemaMismatchError, match=said):
        read(written(table))


SEEDS = [encode(rows(40), gauge()), encode(rows(3000), gauge()), written(rows(300), data_page_size=200)]


@given(
    st.sampled_from(SEEDS), st.lists(st.tuples(st.integers(0), st.integers(0, 255)), min_size=1, max_size=8)
)
@settings(max_examples=150, deadline=None)
def test_any_bytes_raise_only_our_errors(seed: bytes, changes: list[tuple[int, int]]) -> None:
    data = bytearray(seed)
    for at, value in changes:
        data[-1 - at % len(data)] = value
    try:
        for batch in read_groups(bytes(data), gauge(), Limit(batch_rows=10_000, uncompressed_bytes=1 << 24)):
            batch.validate(full=True)
    except HechuanError:
        return
    except pa.ArrowInvalid:
        return  # what `validate` finds is turned into MalformedError by the check
