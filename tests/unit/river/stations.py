"""The national stations' four-hour file as tables by contract, for tests that need real water."""

from __future__ import annotations

from functools import cache

import pyarrow as pa

from adapters.mapping.document import find_form
from adapters.tabular import adapter
from tests.conftest import SHARED

FOUR_HOURS = SHARED / "data" / "cnemc_autostation_4h_2021-04-01_03.csv"
ABSENT = "../shared is not here: its real, dirty data is no part of the project"


@cache
def stations(contract: str) -> pa.Table:
    """The rows of one contract."""
    reading = adapter.read(str(FOUR_HOURS), find_form("ecology/cnemc-4h"))
    pieces = [piece.rows for piece in reading.pieces() if piece.contract == contract]
    return pa.concat_tables(
        [pa.table(piece) if isinstance(piece, pa.RecordBatch) else piece for piece in pieces]
    )
