"""Repeated rows over batches, against a set of all that went by."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.shape.repeat import HashSet, Repeats

row = st.tuples(st.sampled_from(["", "a", "b", "c", "d", "e"]), st.sampled_from(["0.1", "0.2", "0.3"]))


@settings(max_examples=40)
@given(st.lists(st.lists(row, min_size=1, max_size=12), max_size=12))
def test_repeats_are_those_of_a_set(batches: list[list[tuple[str, str]]]) -> None:
    repeats, rows, keys = Repeats(), set[tuple[str, str]](), set[str]()
    for batch in batches:
        cells = pa.RecordBatch.from_arrays([pa.array(each) for each in zip(*batch, strict=True)], ["k", "v"])
        found = repeats.feed(cells, [0], np.array([bool(key) for key, _ in batch]))
        for at, each in enumerate(batch):
            assert found.identical[at] == (each in rows)
            assert found.conflicting[at] == (each not in rows and each[0] in keys)
            rows.add(each)
            keys |= {each[0]} - {""}
    assert repeats.keys == len(keys)


@given(st.lists(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2)), max_size=8), max_size=12))
def test_halves_that_collide_are_told_apart(batches: list[list[tuple[int, int]]]) -> None:
    found, seen = HashSet(), set[tuple[int, int]]()
    for batch in batches:
        first, second = (np.array([pair[at] for pair in batch], np.uint64) for at in (0, 1))
        fresh = [pair for at, pair in enumerate(batch) if pair not in seen and pair not in batch[:at]]
        if len(fresh) == len(batch):
            found.put(first, second)
        else:
            known = found.add(first, second)
            assert known.tolist() == [pair in seen or pair in batch[:at] for at, pair in enumerate(batch)]
        seen |= set(batch)
    assert len(found) == len(seen)
