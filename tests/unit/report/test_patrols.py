"""Patrols planned by the office's files: visits by side, in the period and in the next."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import cast

from exchange.client import Client
from exchange.report.facts.patrols import planned
from exchange.report.gather import Gatherer
from exchange.report.period import Period
from exchange.report.scope import Scope
from exchange.trust.canonical import canonical
from tests.months import PATROLS, SCOPE


def test_visits_by_side() -> None:
    gatherer = Gatherer(cast(Client, None), datetime(2026, 4, 5, tzinfo=UTC))
    files = (canonical(PATROLS["office"]), canonical(PATROLS["plan"]))
    found = planned(gatherer, Scope.of(SCOPE), files, Period.parse("2026-03"))
    assert found is not None
    assert (found.now, found.following) == ({"500000": 4, "510000": 2}, {"500000": 1})
    assert gatherer.sources.held[found.source].kind == "file"
    assert planned(gatherer, Scope.of(SCOPE), None, Period.parse("2026-03")) is None
