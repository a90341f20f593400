"""What a predicate can come to where columns are missing."""

from __future__ import annotations

import pytest

from exchange.contract.absent import can_hold
from exchange.contract.expression import Type
from exchange.contract.predicate import parse_violation_query

COLUMNS = {"a": Type.NUMBER, "b": Type.NUMBER, "word": Type.STRING, "flag": Type.BOOLEAN}
# condition → can it be true without a?
CASES = {
    "a > 1": False,
    "NOT a > 1": False,
    "a <> b": False,
    "a + b > 1": False,
    "ABS(a) > 1": False,
    "a IN (1, 2)": False,
    "a NOT IN (1, 2)": False,
    "a IS NULL": True,
    "a IS NOT NULL": False,
    "a IS NULL AND b > 1": True,
    "a IS NOT NULL AND b > 1": False,
    "a > 1 AND b > 1": False,
    "a > 1 OR b > 1": True,
    "NOT (a > 1 OR b > 1)": False,
    "NOT (a > 1 AND b > 1)": True,
    "a > 1 AND b IS NULL OR flag AND a = 2": False,
    "COALESCE(a, b) > 1": True,
    "COALESCE(a, b) IS NULL": True,
    "CASE WHEN a IS NULL THEN b ELSE 1 END IS NULL": True,
    "CASE WHEN a IS NOT NULL THEN b ELSE 1 END IS NULL": False,
    "CASE WHEN a > 1 THEN 1 END > 0": False,
    "CASE WHEN flag THEN a WHEN NOT flag THEN a END > 0": False,
    "word LIKE 'x%' AND a = 1": False,
    "flag": True,
}


@pytest.mark.parametrize("where", CASES)
def test_what_can_be_true(where: str) -> None:
    found = parse_violation_query(f"SELECT COUNT(*) FROM ${{object}} WHERE {where}", COLUMNS)
    assert can_hold(found, {"a"}) is CASES[where]
    assert can_hold(found, frozenset())
