"""Rows of a dataset, as a reader gets them, in a Parquet file that an engine can take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from exchange.client import Filter
from exchange.client.query import read_rows
from exchange.client.session import Session

if TYPE_CHECKING:
    from exchange.client import Client

BATCHES: Final = pa.schema(
    [
        ("batch", pa.string()),
        ("object", pa.string()),
        ("rows", pa.int64()),
        ("accepted", pa.int64()),
        ("contract", pa.string()),
        ("recorded_at", pa.timestamp("us", tz="UTC")),
    ]
)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file with the rows, the ledger size they stood at, and the hub's signed statement about them."""

    path: Path
    tree_size: int
    statement: Mapping[str, Any]


def fetched(
    client: Session,
    dataset: str,
    columns: Sequence[str],
    target: Path,
    *,
    filters: Sequence[Filter] = (),
    as_of: int | datetime | None = None,
    agreement: str = "",
) -> Fetched:
    """Ask for rows that stand and write them to `target`; memory is that of a batch. Raises as `Client.query`."""
    rows = read_rows(client, dataset, columns, filters, as_of, False, None, agreement)
    arriving = target.with_suffix(".arriving")
    with arriving.open("wb") as file:
        # the last chunk is out only once the trailer has checked
        for chunk in rows.chunks():
            file.write(chunk)
    with (
        pa.OSFile(str(arriving)) as file,
        pa.ipc.open_stream(file) as reader,
        pq.ParquetWriter(target, reader.schema, compression="zstd") as writer,
    ):
        for batch in reader:
            writer.write_batch(batch)
    arriving.unlink()
    assert rows.statement is not None
    assert rows.tree_size is not None
    return Fetched(target, rows.tree_size, rows.statement)


def batches_of(client: Client, dataset: str) -> pa.Table:
    """What a hub has of a dataset, a row a batch (schema BATCHES); another hub's from the copy of its ledger."""
    rows: list[dict[str, Any]] = [
        {
            "batch": each.id,
            "object": each.object,
            "rows": each.verdict.rows,
            "accepted": each.verdict.accepted,
            "contract": each.contract,
            "recorded_at": each.recorded_at.ToDatetime(tzinfo=UTC),
        }
        for each in client.batches(dataset)
    ]
    return pa.Table.from_pylist(rows, BATCHES)
