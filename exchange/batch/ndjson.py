"""Newline-delimited JSON read as text: one flat object per line (ndjson.org; RFC 8259), line by line.

Parsed by line with the standard library: it alone tells repeated names, keeps digits as written and says which
line is wrong.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

import pyarrow as pa
from pyarrow import types

from exchange.batch.limit import Limits, foreign
from exchange.batch.utf8 import BOM, check_utf8
from exchange.contract.model import Contract
from exchange.contract.text import conform_names
from exchange.errors import LimitExceededError, MalformedError

MAX_LINE: Final = 1 << 20
_ROWS: Final = 1 << 14
_BYTES: Final = 4 << 20


class _Digits(str):
    """A JSON number as it was written."""

    __slots__ = ()


def read_ndjson(file: BinaryIO, contract: Contract, limit: Limits) -> Iterator[pa.RecordBatch]:
    """Batches of text columns in the contract's order; a name that is absent or null is NULL, blank lines are skipped.

    Raises MalformedError and SchemaMismatchError (unknown names) with the line, LimitExceededError (line too long).
    """
    check_utf8(file)
    file.seek(0)
    shape = _Shape(contract)
    rows: list[list[str | None]] = []
    size = 0
    for number, line in _lines(file):
        rows.append(shape.row(line, number))
        size += len(line)
        if len(rows) >= _ROWS or size >= _BYTES:
            yield shape.batch(rows)
            rows, size = [], 0
    if rows:
        yield shape.batch(rows)


def _lines(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    number = 0
    while line := file.readline(MAX_LINE + 1):
        number += 1
        if len(line) > MAX_LINE:
            raise LimitExceededError(
                f"line {number} is longer than {MAX_LINE} bytes; NDJSON has one object per line",
                detail={"limit": str(MAX_LINE)},
            )
        if number == 1:
            line = line.removeprefix(BOM)
        line = line.strip()
        if line:
            yield number, line


class _Shape:
    """What a line must be under a contract."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._names = [column.name for column in contract.columns]
        self._known = frozenset(self._names)
        self._strings = frozenset(
            column.name for column in contract.columns if types.is_string(column.arrow_type)
        )
        self._decoder = json.JSONDecoder(
            object_pairs_hook=_once, parse_int=_Digits, parse_float=_Digits, parse_constant=_no_number
        )

    def row(self, line: bytes, number: int) -> list[str | None]:
        """One line's values as text, in the contract's order."""
        try:
            found = self._decoder.decode(line.decode("utf-8"))
        except RecursionError:
            raise MalformedError(f"line {number} is nested too deeply; a row is one flat object") from None
        except json.JSONDecodeError as error:
            raise MalformedError(f"line {number}, column {error.colno}: {error.msg}") from None
        except ValueError as error:
            raise MalformedError(f"line {number}: {str(error)[:200]}") from None
        if not isinstance(found, dict):
            raise MalformedError(f"line {number} is not a JSON object")
        if not found.keys() <= self._known:
            self._refuse_names(found, number)
        return [self._cell(name, found.get(name), number) for name in self._names]

    def batch(self, rows: list[list[str | None]]) -> pa.RecordBatch:
        """Rows as text columns."""
        with foreign("the NDJSON file"):
            arrays = [pa.array(cells, pa.string()) for cells in zip(*rows, strict=True)]
        return pa.RecordBatch.from_arrays(arrays, names=self._names)

    def _cell(self, name: str, value: Any, number: int) -> str | None:
        if value is None or (type(value) is str):
            return value
        if isinstance(value, list | dict):
            raise MalformedError(
                f"line {number}: {name} is {'an object' if isinstance(value, dict) else 'a list'}; "
                "a row has plain values only"
            )
        if name in self._strings:
            raise MalformedError(
                f"line {number}: {name} is text; write its value in quotation marks, not as {str(value)[:40].lower()}"
            )
        return str(value) if isinstance(value, _Digits) else "true" if value else "false"

    def _refuse_names(self, found: dict[str, Any], number: int) -> None:
        odd = sorted(found.keys() - self._known)
        try:
            conform_names([*self._names, *odd[:20]], self._contract)
        except MalformedError:
            raise
        except Exception as error:
            error.add_note(f"line {number}")
            raise


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice[:80]!r} occurs twice")
    return found


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no JSON number; write null")
