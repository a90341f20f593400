"""Rows of a query, in batches, as text under a mapping."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import sqlalchemy as sa

from adapters.codes.crosswalk import load_crosswalk
from adapters.mapping.document import load_form, shipped
from adapters.mapping.form import Form, Watermark
from adapters.protocol import Tally
from adapters.shape.reading import ShapedReading
from adapters.shape.sheet import Lines, Sheet
from adapters.sql.mark import Mark, digest, keep_mark, load_mark, parse, shown
from exchange.contract.model import Contract
from exchange.errors import InvalidInputError, UnavailableError

_BATCH: Final = 1 << 14


@dataclass(frozen=True, slots=True)
class SqlAdapter:
    """Reads any database that SQLAlchemy knows. With `state`, only what is new since the mark that is kept there."""

    contracts: Mapping[str, Contract] | None = None
    state: Path | None = None

    @property
    def name(self) -> str:
        """As in the entry point."""
        return "sql"

    def since(self, state: Path) -> SqlAdapter:
        """The same, incremental; the mark is kept in `state`."""
        return replace(self, state=state)

    def read(self, source: str, mapping: Path) -> SqlReading:
        """Begin to read; `source` is an SQLAlchemy URL. Raises InvalidInputError (no query, a bad URL)."""
        contracts = shipped() if self.contracts is None else self.contracts
        form = load_form(mapping, contracts)
        if form.source.query is None:
            raise InvalidInputError(f"{mapping.name}: 缺少 source.query / names no source.query")
        if self.state is not None and form.source.watermark is None:
            raise InvalidInputError(f"{mapping.name}: 缺少 source.watermark / names no source.watermark")
        try:
            url = sa.make_url(source)
        except sa.exc.ArgumentError as error:
            raise InvalidInputError(f"数据库地址无效 / no database URL: {error}") from None
        table = form.source.crosswalk
        codes = load_crosswalk(mapping.parent / table) if table else None
        query = _Query(url, form, load_mark(self.state) if self.state else Mark())
        return SqlReading(query, self.state, ShapedReading(form, contracts, query.sheets, codes))


class SqlReading:
    """A query being read. `commit` keeps the mark, once what was read is safe with the hub."""

    def __init__(self, query: _Query, state: Path | None, shaped: ShapedReading) -> None:
        self._query, self._state, self._shaped = query, state, shaped
        self.tally, self.pieces = shaped.tally, shaped.pieces

    def commit(self) -> None:
        """Keep how far was read: the next reading begins there, less the overlap."""
        if self._state is not None:
            keep_mark(self._state, self._query.mark())


class _Query:
    def __init__(self, url: sa.URL, form: Form, mark: Mark) -> None:
        assert form.source.query is not None
        self._url, self._text, self._before = url, form.source.query, mark
        self._watermark: Watermark | None = form.source.watermark
        self._high: Any = parse(mark.high) if mark.high is not None else None
        self._seen: dict[str, str] = {}

    def mark(self) -> Mark:
        """What to keep: rows below the next reading's start are not needed again."""
        if self._high is None or self._watermark is None:
            return self._before
        high = Mark(shown(self._high))
        start = high.start(timedelta(minutes=self._watermark.overlap_minutes))
        kept = {**self._before.seen, **self._seen}
        return Mark(high.high, {row: at for row, at in kept.items() if _comparable(parse(at), start)})

    def sheets(self, tally: Tally) -> Generator[Sheet, None, None]:
        """The one sheet of a query; raises UnavailableError (no connection), InvalidInputError (the query)."""
        engine = sa.create_engine(self._url, poolclass=sa.NullPool)
        try:
            with _connected(engine) as connection:
                if engine.dialect.name != "sqlite":
                    connection.exec_driver_sql("SET TRANSACTION READ ONLY")
                streamed = connection.execution_options(stream_results=True, max_row_buffer=_BATCH)
                with streamed.execute(*self._statement(engine.dialect)) as result:
                    names = tuple(result.keys())
                    yield Sheet("", names, names, self._lines(result, names, tally))
        except sa.exc.SQLAlchemyError as error:
            raise InvalidInputError(f"查询失败 / the query fails: {_first(error)}") from None
        finally:
            engine.dispose()

    def _statement(self, dialect: sa.Dialect) -> tuple[sa.TextClause, dict[str, Any]]:
        text = self._text.strip().rstrip(";")
        if self._watermark is None:
            return sa.text(text), {}
        column, start = (
            self._watermark.column,
            self._before.start(timedelta(minutes=self._watermark.overlap_minutes)),
        )
        if start is None and self._watermark.start is not None:
            start = parse(self._watermark.start)
        if dialect.name == "sqlite" and isinstance(start, datetime):
            start = str(start)  # it has no type for instants: text, as everybody writes it
        quoted = dialect.identifier_preparer.quote(column)
        where = f" WHERE {quoted} >= :hechuan_start" if start is not None else ""
        ordered = f"SELECT * FROM ({text}) AS hechuan_rows{where} ORDER BY {quoted}"
        return sa.text(ordered), ({} if start is None else {"hechuan_start": start})

    def _lines(self, result: sa.CursorResult[Any], names: Sequence[str], tally: Tally) -> Iterator[Lines]:
        line = 0
        place = (
            names.index(self._watermark.column)
            if self._watermark and self._watermark.column in names
            else None
        )
        for rows in result.partitions(_BATCH):
            fresh = [row for row in rows if place is None or self._is_new(row, place, tally)]
            numbers = np.arange(line + 1, line + 1 + len(fresh), dtype=np.int64)
            line += len(fresh)
            columns = zip(*fresh, strict=True) if fresh else ([] for _ in names)
            arrays = [_texts(column) for column in columns]
            yield Lines(
                pa.RecordBatch.from_arrays(arrays, names=[f"c{at}" for at in range(len(names))]),
                pa.array(numbers),
            )

    def _is_new(self, row: Sequence[Any], place: int, tally: Tally) -> bool:
        at = parse(row[place]) if isinstance(row[place], str) else row[place]
        if at is None:
            return True
        if self._high is None or _comparable(at, self._high):
            self._high = at
        key = digest(row)
        self._seen[key] = shown(at)
        if key in self._before.seen:
            tally.counts["again"] += 1
            return False
        return True


def _connected(engine: sa.Engine) -> sa.Connection:
    try:
        return engine.connect()
    except sa.exc.OperationalError as error:
        raise UnavailableError(f"数据库不可用 / the database is not available: {_first(error)}") from None


def _comparable(value: Any, other: Any) -> bool:
    """Whether a value is at or after another; instants with and without offset meet in UTC."""
    if (
        isinstance(value, datetime)
        and isinstance(other, datetime)
        and (value.tzinfo is None) != (other.tzinfo is None)
    ):
        value, other = (each if each.tzinfo else each.replace(tzinfo=UTC) for each in (value, other))
    return bool(value >= other)


def _texts(cells: Sequence[Any]) -> pa.Array:
    """A column as text: numbers and instants by Arrow, so that no value is formatted twice."""
    found = list(cells)
    try:
        array = pa.array(found)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([None if cell is None else str(cell) for cell in found], pa.string())
    if pa.types.is_timestamp(array.type):
        return pa.array(
            [None if cell is None else cell.isoformat(sep=" ", timespec="seconds") for cell in found]
        )
    if pa.types.is_null(array.type):
        return array.cast(pa.string())
    if pa.types.is_nested(array.type) or pa.types.is_binary(array.type):
        return pa.array([None if cell is None else str(cell) for cell in found], pa.string())
    return array.cast(pa.string())


def _first(error: Exception) -> str:
    """The database's own words, without the statement and its values."""
    return str(getattr(error, "orig", None) or error).splitlines()[0][:200]


adapter: Final = SqlAdapter()
