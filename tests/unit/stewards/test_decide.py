"""Severity decides, and two engines that count other rows give no verdict."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from exchange.batch.manifest import Kind
from exchange.batch.verdict import Decision, Finding
from exchange.contract.load import load_contract, shipped_contracts
from exchange.contract.model import Severity
from exchange.errors import ConflictError
from stewards.look import Landed
from stewards.options import Watch
from stewards.settings import Settings
from stewards.trigger import Cursor
from stewards.validate import agree, decide

CONTRACT = next(c for c in map(load_contract, shipped_contracts()) if c.ref.name == "water-quality")
NOW = datetime(2026, 3, 19, tzinfo=UTC)


def landed(rejected: int) -> Landed:
    table = pa.table({"value": [1.0] * 100})
    gone = pa.array(range(rejected), pa.int64())
    return Landed("d", 1, CONTRACT, Kind.OBSERVATION, table, {}, gone, (), NOW, None, None)


@pytest.mark.parametrize(
    ("rejected", "findings", "decision"),
    [
        (0, [], Decision.RELEASE),
        (0, [Finding("window.volume", Severity.WARNING, 0, "")], Decision.RELEASE),
        (1, [Finding("ph_range", Severity.ERROR, 1, "")], Decision.QUARANTINE),
        (6, [Finding("ph_range", Severity.ERROR, 6, "")], Decision.REFER),
        (0, [Finding("window.drift.value", Severity.WARNING, 0, "")], Decision.REFER),
        (0, [Finding("window.changed", Severity.WARNING, 0, "")], Decision.REFER),
    ],
)
def test_what_follows_from_findings(rejected: int, findings: list[Finding], decision: Decision) -> None:
    assert decide(landed(rejected), findings, Settings()) is decision


def test_hub_and_suite_have_to_agree() -> None:
    agree(CONTRACT, {"data_flag.enum": 3}, {"data_flag.enum": 3, "ph_range": 0})
    with pytest.raises(ConflictError, match=r"data_flag\.enum: 3 / 2"):
        agree(CONTRACT, {"data_flag.enum": 3}, {"data_flag.enum": 2})
    # what another batch may have changed in the same moment, and what `type` speaks of
    agree(CONTRACT, {"section_code.reference": 1}, {"section_code.reference": 0})
    agree(CONTRACT, {"value.type": 1, "valid_without_value": 1}, {"valid_without_value": 0})


def test_a_cursor_is_kept_once_it_is_safe() -> None:
    cursor = Cursor(5, Watch(settle_seconds=30.0))
    assert cursor.settled(0.0) is None  # nothing new
    cursor.at = 9
    cursor.passed(100.0)
    assert cursor.settled(110.0) is None  # what was fired may not be stored yet
    assert cursor.settled(131.0) == 9
    assert cursor.settled(132.0) is None
    cursor.at = 12
    assert cursor.settled(133.0) == 12  # a heartbeat that passed no batch
