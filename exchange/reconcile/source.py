"""Rows of a dataset, as a reader gets them, in a Parquet file that an engine can take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from exchange.client import Filter
from exchange.client.query import read_rows
from exchange.client.session import Session


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
