"""CSV read in blocks, by threads, against Python's reader, which goes through it from the first byte to the last."""

from __future__ import annotations

import csv
import io
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.mapping.form import form_of
from adapters.protocol import Tally
from adapters.tabular import encoding
from adapters.tabular.text import read_text

NAMES = ["a", "b", "c", "d"]
FORM = form_of(
    {
        "mapping": 1,
        "title": "a / a",
        "source": {"delimiter": ","},
        "tables": [{"contract": "reach", "columns": {name: {"from": name} for name in NAMES}}],
    }
)
plain = st.text("xyz1 断", max_size=6)
cells = st.one_of(plain, plain, plain, st.text('xy",\n断', max_size=6))
rows = st.one_of(*[st.lists(cells, min_size=4, max_size=4)] * 5, st.lists(cells, max_size=6))


def told(path: Path) -> tuple[list[tuple[int, tuple[str, ...]]], Tally]:
    tally = Tally()
    (sheet,) = read_text(path, FORM, tally)
    found: list[tuple[int, tuple[str, ...]]] = []
    for lines in sheet.lines:
        columns: list[Any] = [array.to_pylist() for array in lines.cells.columns]
        found += zip(lines.numbers.to_pylist(), zip(*columns, strict=True), strict=True)
    return found, tally


@given(
    st.lists(rows, max_size=40),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([NAMES, ["a\n", *NAMES[1:]]]),
    st.sampled_from(["utf-8", "utf-8-sig", "gb18030", "utf-16"]),
    st.integers(24, 400),
    st.booleans(),
)
def test_blocks_are_the_whole(
    lines: list[list[str]], end: str, header: list[str], code: str, chunk: int, closed: bool
) -> None:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator=end).writerows([header, *lines])
    text = buffer.getvalue() if closed or (lines and not lines[-1]) else buffer.getvalue().removesuffix(end)
    read = list(csv.reader(io.StringIO(text, newline="")))[1:]
    rows = [(at, tuple(row or [""] * 4)) for at, row in enumerate(read, 2) if len(row) in (0, 4)]
    odd = [(at, row) for at, row in enumerate(read, 2) if len(row) not in (0, 4)]
    with tempfile.TemporaryDirectory() as scratch, pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoding, "_CHUNK", chunk)
        path = Path(scratch) / "a.csv"
        path.write_bytes(text.encode(code))
        found, tally = told(path)
    assert found == rows
    assert tally.counts["malformed"] + tally.counts["blank"] == len(odd)
    places = [cell.place for cell in tally.unread]
    assert [place for place in places if place not in {f"row {at}" for at, _ in odd}] == []
    assert len(places) == tally.counts["malformed"]
