"""A file, or a directory of files, as rows: parts of each in Base64, which their publisher seals.

A sealed value has at most 1 MiB with its padding, so a part is what gives half of that in Base64.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pyarrow as pa

from adapters.evidence.kind import KINDS, kind_of
from adapters.protocol import Piece, Tally, Unread
from exchange.errors import HechuanError, LimitExceededError, NotFoundError

CONTRACT: Final = "evidence-file"
PART: Final = 393_210
SCHEMA: Final = pa.schema(
    [
        ("digest", pa.string()),
        ("part", pa.int32()),
        ("parts", pa.int32()),
        ("media_type", pa.string()),
        ("bytes", pa.int64()),
        ("content", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class EvidenceAdapter:
    """Reads files as they are; a mapping has nothing to say here, and is not read."""

    @property
    def name(self) -> str:
        """As in the entry point."""
        return "evidence"

    def read(self, source: str, mapping: Path | None = None) -> EvidenceReading:
        """Begin to read a file or the files of a directory; raises NotFoundError."""
        del mapping
        path = Path(source)
        if not path.exists():
            raise NotFoundError(f"没有文件 {source} / no file {source}")
        return EvidenceReading(path)


@dataclass(slots=True)
class EvidenceReading:
    """Files in the order of their names, one in memory at a time; those that are refused are listed in the tally."""

    path: Path
    tally: Tally = field(default_factory=Tally)

    def pieces(self) -> Iterator[Piece]:
        """The parts of each file."""
        files = (
            sorted(each for each in self.path.rglob("*") if each.is_file())
            if self.path.is_dir()
            else [self.path]
        )
        for file in files:
            self.tally.counts["rows"] += 1
            try:
                yield Piece(CONTRACT, rows_of(file))
            except HechuanError as error:
                self.tally.counts["unread"] += 1
                self.tally.unread.append(Unread(file.name, error.message))


def rows_of(path: Path) -> pa.RecordBatch:
    """The rows of one file; raises MalformedError, LimitExceededError."""
    most = max(kind.limit_bytes for kind in KINDS.values())
    if path.stat().st_size > most:
        raise LimitExceededError(f"{path.name}: 超过 {most} 字节 / more than {most} bytes")
    data = path.read_bytes()
    kind = kind_of(data, path.name)
    parts = [data[at : at + PART] for at in range(0, len(data), PART)]
    count = len(parts)
    columns = [
        [digest_of_bytes(data)] * count,
        list(range(count)),
        [count] * count,
        [kind.media_type] * count,
        [len(data)] * count,
        [base64.b64encode(part).decode() for part in parts],
    ]
    arrays = [pa.array(column, each.type) for column, each in zip(columns, SCHEMA, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)


def digest_of_bytes(data: bytes) -> str:
    """`sha256:…`."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


adapter: Final = EvidenceAdapter()
__all__ = ["CONTRACT", "KINDS", "EvidenceAdapter", "EvidenceReading", "adapter", "digest_of_bytes", "rows_of"]
