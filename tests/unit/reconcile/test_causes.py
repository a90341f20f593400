"""Each cause, put into clean series with 5 % noise on both sides, is named; clean series are left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.faults import Banks, Score, banks, score
from exchange.reconcile.boundary import compare, crosswalk
from exchange.reconcile.cause import Cause
from exchange.reconcile.engine.duck import DuckEngine
from exchange.reconcile.terms import shipped_terms

FAULTS = 4
SERIOUS = (Cause.UNIT, Cause.TIME_ZONE, Cause.SWAP, Cause.STUCK)


def scored(made: Banks, spill: Path) -> Score:
    with DuckEngine(spill) as engine:
        found = compare(engine, shipped_terms(), crosswalk(made.crosswalk), made.left, made.right)
        pairs = engine.table(found.pairs.agg(rows=found.pairs.count()))["rows"][0].as_py()
        return score(made, engine.table(found.all_differences()), pairs)


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> Score:
    made = banks({cause: FAULTS for cause in Cause if cause is not Cause.MISSING}, clean=12)
    return scored(made, tmp_path_factory.mktemp("spill"))


def test_serious_faults_are_named(every: Score) -> None:
    assert every.hits(SERIOUS) >= 0.95, every.matrix


@pytest.mark.parametrize("cause", [each for each in Cause if each not in (Cause.MISSING, *SERIOUS)])
def test_every_other_cause_is_named_more_often_than_not(every: Score, cause: Cause) -> None:
    assert every.hits((cause,)) >= 0.5, every.matrix


def test_clean_pairs_raise_no_alarm(every: Score) -> None:
    assert every.clean_pairs > 80_000
    assert every.false_alarms <= 0.02


def test_without_noise_nothing_differs(tmp_path: Path) -> None:
    made = banks({}, clean=3, noise=0.0)
    with DuckEngine(tmp_path) as engine:
        found = compare(engine, shipped_terms(), crosswalk(made.crosswalk), made.left, made.right)
        assert engine.table(found.all_differences()).num_rows == 0
