"""Records of a service (text by field) as a sheet of lines."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import numpy as np
import pyarrow as pa

from adapters.shape.sheet import Lines, Sheet

_BATCH: Final = 8192
Record = Mapping[str, str | None]


def sheet_of(fields: Sequence[str], records: Iterable[Record]) -> Sheet:
    """A sheet whose headings are the fields; a record that lacks one has an empty cell."""
    return Sheet("", tuple(fields), tuple(fields), _lines(fields, iter(records)))


def _lines(fields: Sequence[str], records: Iterator[Record]) -> Iterator[Lines]:
    line = 0
    while batch := list(itertools.islice(records, _BATCH)):
        arrays = [pa.array([record.get(name) for record in batch], pa.string()) for name in fields]
        cells = pa.RecordBatch.from_arrays(arrays, names=[f"c{at}" for at in range(len(fields))])
        yield Lines(cells, pa.array(np.arange(line + 1, line + 1 + len(batch), dtype=np.int64)))
        line += len(batch)
