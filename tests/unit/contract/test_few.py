"""What is remembered of small batches must not change what is found in them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from demo.sample import SECTIONS, water_quality
from exchange.contract.check import CompiledCheck
from exchange.contract.load import load_contract, shipped_contracts

QUALITY = next(
    contract for contract in map(load_contract, shipped_contracts()) if contract.ref.name == "water-quality"
)
KNOWN = {reference: pa.array(SECTIONS) for reference in QUALITY.references}
GROUPS, ROWS = 40, 16


def spoiled(number: int) -> pa.RecordBatch:
    """Rows some of which have a wrong or missing word; every few groups bring words that nobody has seen."""
    chance = np.random.default_rng(number)
    batch = water_quality(ROWS, number * ROWS).combine_chunks().to_batches()[0]
    for name in ("item_code", "unit", "data_flag", "station_status"):
        words = batch.column(name).to_pylist()
        for at in np.flatnonzero(chance.random(ROWS) < 0.1):
            words[at] = (None, f"w{number // 4}", words[at - 1])[chance.integers(3)]
        batch = batch.set_column(batch.schema.get_field_index(name), name, pa.array(words, pa.string()))
    return batch


def test_a_check_that_remembers_finds_what_a_new_one_finds() -> None:
    check = CompiledCheck(QUALITY, KNOWN)
    clean = 0
    for number in range(GROUPS):
        rows = spoiled(number)
        found = [result is not None for result in check.spotless(rows)]
        alone = [
            CompiledCheck(QUALITY, KNOWN).spotless(rows.slice(at, 1))[0] is not None for at in range(ROWS)
        ]
        assert found == alone
        clean += sum(found)
    assert 0 < clean < GROUPS * ROWS


def test_a_column_of_many_words_is_not_remembered() -> None:
    check = CompiledCheck(QUALITY, KNOWN)
    for number in range(GROUPS):
        rows = water_quality(ROWS, number * ROWS).combine_chunks().to_batches()[0]
        names = pa.array([f"{number}-{at}" for at in range(ROWS)])
        rows = rows.set_column(rows.schema.get_field_index("remark"), "remark", names)
        assert all(check.spotless(rows))
    words = check.memory.coded("remark", pa.array(["one more"]))
    assert words is None
    assert check.memory.coded("unit", pa.array(["mg/L"])) is not None
