"""Where `hechuan river` reads from and writes to: datasets at a hub, under the agreements that hold, or files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv
from rich.console import Console

from exchange.batch.csv import read_csv
from exchange.batch.stream import Encoding, encode_stream
from exchange.cli.partner import read_filter, read_moment
from exchange.client import connect
from exchange.contract.load import load_contract, shipped_contracts
from exchange.contract.model import Contract
from exchange.contract.text import from_text, nullable_schema
from exchange.errors import InvalidInputError, MalformedError, NotFoundError
from exchange.river.reach import Place
from exchange.settings import Limit

SUFFIXES: Final = {
    ".csv": Encoding.CSV,
    ".ndjson": Encoding.NDJSON,
    ".arrow": Encoding.ARROW_STREAM,
    ".parquet": Encoding.PARQUET,
}
err = Console(stderr=True, highlight=False)


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads sources: a file that exists (.parquet, .csv), else a dataset as 500000/ecology/water-quality."""

    home: Path | None
    hub: str | None
    as_of: str | None

    def read(self, source: str, contract: str, where: Sequence[str] = ()) -> pa.Table:
        """All rows of a source under a contract; raises NotFoundError, MalformedError, and what a query raises."""
        path = Path(source)
        if path.suffix in (".parquet", ".csv"):
            return read_file(path, _contract(contract))
        if self.home is None:
            raise InvalidInputError(
                f"{source[:80]} 不是文件；读取数据集须有 --home / {source[:80]} is no file; a dataset needs --home"
            )
        with connect(self.home, self.hub) as client:
            rows = client.query(
                source, filters=[read_filter(text) for text in where], as_of=read_moment(self.as_of)
            )
            table = rows.table()
        err.print(
            f"{table.num_rows:,} rows of {source} at ledger size {rows.tree_size} · signed 已签名 ✓",
            style="dim",
        )
        return table

    def each(self, sources: Sequence[str], contract: str) -> list[pa.Table]:
        """A table per source."""
        return [self.read(source, contract) for source in sources]


def _contract(name: str) -> Contract:
    found = [each for each in map(load_contract, shipped_contracts()) if each.ref.name == name]
    return max(found, key=lambda each: each.ref)


def read_file(path: Path, contract: Contract) -> pa.Table:
    """A local file under a contract; in CSV, cells that cannot be read are empty, and counted on stderr."""
    if not path.is_file():
        raise NotFoundError(f"没有文件 {path} / there is no file {path}")
    if path.suffix == ".parquet":
        try:
            return pq.read_table(path)
        except (pa.ArrowInvalid, OSError) as error:
            raise MalformedError(
                f"{path} 不是可读的 Parquet / {path} is no Parquet that can be read: {error}"
            ) from None
    batches, unread = [], 0
    with path.open("rb") as file:
        for text in read_csv(file, contract, Limit()):
            typed, missed = from_text(text, contract)
            batches.append(typed)
            unread += missed.num_rows
    if unread:
        err.print(
            f"{path.name}: {unread:,} 个单元格无法读取，按空处理 cells cannot be read and count as empty",
            style="yellow",
        )
    return pa.Table.from_batches(batches, schema=batches[0].schema if batches else nullable_schema(contract))


_DEPTHS: Final = pa.schema(
    [("section_code", pa.string()), ("sampled_at", pa.timestamp("s", "UTC")), ("value", pa.float64())]
)


def read_depths(path: Path) -> pa.Table:
    """Secchi depths, .csv or .parquet: section_code, sampled_at with offset, value in metres; as `read_file` raises."""
    if not path.is_file():
        raise NotFoundError(f"没有文件 {path} / there is no file {path}")
    try:
        if path.suffix == ".parquet":
            return pq.read_table(path, columns=_DEPTHS.names).cast(_DEPTHS)
        typed = csv.ConvertOptions(
            column_types={field.name: field.type for field in _DEPTHS}, include_columns=_DEPTHS.names
        )
        return csv.read_csv(path, convert_options=typed)
    except (pa.ArrowInvalid, KeyError, OSError) as error:
        raise MalformedError(
            f"{path} 须有三列 / {path} has the columns {', '.join(_DEPTHS.names)}: {error}"
        ) from None


def write_table(table: pa.Table, path: Path) -> None:
    """Write by suffix: .csv, .ndjson, .arrow or .parquet; raises InvalidInputError."""
    if path.suffix not in SUFFIXES:
        raise InvalidInputError(f"{path.name}：后缀须为 / the suffix must be one of {' '.join(SUFFIXES)}")
    with path.open("wb") as file:
        for chunk in encode_stream(table.to_batches(), table.schema, SUFFIXES[path.suffix]):
            file.write(chunk)
    err.print(f"{table.num_rows:,} rows 行 → {path}", style="dim", soft_wrap=True)


def read_place(text: str) -> Place:
    """`SC-TB-01` (the end of the reach) or `SC-TB-01:3.2` (so many kilometres above it); raises InvalidInputError."""
    reach, _, above = text.partition(":")
    try:
        return Place(reach, float(above or 0))
    except ValueError:
        raise InvalidInputError(
            f"位置 {text[:60]!r} 应如 SC-TB-01:3.2 / place {text[:60]!r} is not like SC-TB-01:3.2"
        ) from None


def read_instant(text: str) -> datetime:
    """An instant with offset; raises InvalidInputError."""
    found = read_moment(text)
    if not isinstance(found, datetime):
        raise InvalidInputError(f"{text!r} 须为带时区的时刻 / {text!r} is not an instant with offset")
    return found


def read_date(text: str | None) -> date:
    """A day, today if None; raises InvalidInputError."""
    try:
        return date.fromisoformat(text) if text else date.today()
    except ValueError:
        raise InvalidInputError(f"{text!r} 不是日期 / {text!r} is not a day like 2026-03-19") from None


def read_pairs(texts: Sequence[str], what: str) -> list[tuple[str, str]]:
    """`name=value` each; raises InvalidInputError."""
    pairs = [text.partition("=") for text in texts]
    if not all(name and sign and value for name, sign, value in pairs):
        raise InvalidInputError(f"{what} 应如 名称=值 / {what} is like name=value")
    return [(name, value) for name, _, value in pairs]
