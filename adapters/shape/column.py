"""One column of a contract out of a batch of lines."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from adapters.codes.crosswalk import Crosswalk
from adapters.codes.division import code_of
from adapters.codes.factor import factor_of
from adapters.codes.unit import factor_between, unit_of
from adapters.mapping.form import ColumnRule, Form, Made
from adapters.shape.cell import Kind, Numbers, read_numbers
from adapters.shape.instant import read_instants
from adapters.shape.sheet import Heading, Sheet
from exchange.contract.model import Column, Contract
from exchange.contract.text import from_text


@dataclass(frozen=True, slots=True)
class Context:
    """What columns need to know beyond their own cells."""

    form: Form
    sheet: Sheet
    places: Mapping[str, int]
    crosswalk: Crosswalk


@dataclass(frozen=True, slots=True)
class Read:
    """A column, and which of its cells could not be read (None: all could)."""

    array: pa.Array
    unread: np.ndarray[Any, np.dtype[np.bool_]] | None = None


Reader = Callable[[pa.RecordBatch], Read]


def reader_of(rule: ColumnRule, column: Column, contract: Contract, context: Context) -> Reader:
    """How to read a column; raises InvalidInputError where its unit does not convert."""
    if rule.value is not None:
        return _constant(rule.value, column, contract)
    if rule.made is not None:
        return _made(rule.made, context)
    assert rule.source is not None
    place = context.places[rule.source]
    if rule.part is not None:
        return _part(place, rule, column, contract, context)
    text = _worded(rule, context)
    if types.is_timestamp(column.arrow_type):
        return _instant(place, rule, context)
    if types.is_floating(column.arrow_type) or types.is_integer(column.arrow_type):
        return _number(place, rule, column, contract, context, text)
    if types.is_string(column.arrow_type):
        return lambda lines: Read(text(lines.column(place)))
    return _typed(lambda lines: text(lines.column(place)), column, contract)


Texts = Callable[[pa.StringArray], pa.StringArray]


def _worded(rule: ColumnRule, context: Context) -> Texts:
    """Words and codes, once for each different text; empty cells are NULL."""
    marks = context.form.source.cells
    words = rule.words

    def one(text: str) -> str | None:
        text = text.strip()
        if words is not None and text in words:
            return words[text]
        if not text or text in marks:
            return None
        if words is not None and "*" in words:
            return words["*"]
        return _coded(text, rule, context)

    def whole(cells: pa.StringArray) -> pa.StringArray:
        found = cells.fill_null("").dictionary_encode()
        read = pa.array([one(text) for text in found.dictionary.to_pylist()], pa.string())
        return read.take(found.indices)

    return whole


def _coded(text: str, rule: ColumnRule, context: Context) -> str | None:
    match rule.codes:
        case "division":
            return text if text.isdigit() and len(text) == 6 else code_of(text, rule.within)
        case "factor":
            found = factor_of(text)
            return found.code if found else None
        case "unit":
            return unit_of(text)
        case "reach" | "section":
            return context.crosswalk.code_of(rule.codes, text)
    return text


def _constant(value: str, column: Column, contract: Contract) -> Reader:
    typed = _typed(lambda lines: pa.repeat(pa.scalar(value), lines.num_rows), column, contract)
    if types.is_string(column.arrow_type):
        return lambda lines: Read(pa.repeat(pa.scalar(value, pa.string()), lines.num_rows))
    return typed


def _typed(texts: Callable[[pa.RecordBatch], pa.Array], column: Column, contract: Contract) -> Reader:
    """Through the hub's own reading of text: one meaning of `是` and of 2026/1/31."""
    alone = replace(contract, columns=(column,))

    def read(lines: pa.RecordBatch) -> Read:
        text = texts(lines)
        typed, bad = from_text(pa.RecordBatch.from_arrays([text], names=[column.name]), alone)
        if not bad.num_rows:
            return Read(typed.column(0))
        unread = np.zeros(lines.num_rows, np.bool_)
        unread[bad["row"].to_numpy()] = True
        return Read(typed.column(0), unread)

    return read


def _number(
    place: int, rule: ColumnRule, column: Column, contract: Contract, context: Context, text: Texts
) -> Reader:
    factor = _factor(place, rule, column, context)
    if types.is_integer(column.arrow_type):
        return _typed(lambda lines: text(lines.column(place)), column, contract)
    marks = context.form.source.cells

    def read(lines: pa.RecordBatch) -> Read:
        cells = lines.column(place)
        found: Numbers = read_numbers(text(cells) if rule.words else cells, marks)
        unread = found.are(Kind.UNREAD)
        values = found.values * factor if factor != 1.0 else found.values
        return Read(pa.array(values, mask=np.isnan(values)), unread if unread.any() else None)

    return read


def _factor(place: int, rule: ColumnRule, column: Column, context: Context) -> float:
    """From the unit that mapping or heading names; a column in `1` has its unit beside it, or none."""
    given = rule.unit or Heading.parse(context.sheet.headings[place]).unit
    if not given or (column.unit in ("", "1") and given != "%"):
        return 1.0
    return factor_between(given, column.unit, rule.stated_as)


def _part(place: int, rule: ColumnRule, column: Column, contract: Contract, context: Context) -> Reader:
    factor = _factor(place, replace(rule, part=None), column, context)
    marks = context.form.source.cells
    signs = pa.array(["<", ">"])

    def read(lines: pa.RecordBatch) -> Read:
        found = read_numbers(lines.column(place), marks)
        below = found.are(Kind.BELOW)
        if rule.part == "limit":
            return Read(pa.array(found.values * factor, mask=~below | np.isnan(found.values)))
        which = pa.array(np.where(below, 0, 1).astype(np.int8), mask=~(below | found.are(Kind.ABOVE)))
        return Read(pa.DictionaryArray.from_arrays(which, signs))

    return read


def _instant(place: int, rule: ColumnRule, context: Context) -> Reader:
    source, sheet = context.form.source, context.sheet
    year = source.year
    about: date | int | None = sheet.about or sheet.year
    dated = context.places[year.column] if year and year.column else None
    if year and year.fixed:
        about = year.fixed
    empty = pa.array(list(source.cells))

    def read(lines: pa.RecordBatch) -> Read:
        cells = lines.column(place)
        beside = lines.column(dated) if dated is not None else about
        array = read_instants(cells, rule.time, source.zone, beside)
        lost = array.is_null().to_numpy(zero_copy_only=False)
        if not lost.any():
            return Read(array)
        blank = pc.is_in(pc.utf8_trim_whitespace(cells.fill_null("")), empty).to_numpy(zero_copy_only=False)
        return Read(array, lost & ~blank)

    return read


def _made(made: Made, context: Context) -> Reader:
    of = [context.places[name] for name in made.of]
    province = context.places[made.province] if made.province else None

    def one(text: str) -> str:
        first, _, rest = text.partition("\x1f")
        mark = hashlib.sha256(rest.replace("\x1f", "|").encode()).hexdigest()[:8].upper()
        number = (code_of(first) or "000000")[:2] + "-" if province is not None else ""
        return f"{made.prefix}-{number}{mark}"

    def read(lines: pa.RecordBatch) -> Read:
        lead = lines.column(province).fill_null("") if province is not None else pa.scalar("")
        parts = [pc.utf8_trim_whitespace(lines.column(at).fill_null("")) for at in of]
        found = pc.binary_join_element_wise(lead, *parts, "\x1f").dictionary_encode()
        return Read(pa.array([one(text) for text in found.dictionary.to_pylist()]).take(found.indices))

    return read
