"""Any office, possible or not: plans keep every rule, cost no less than the bound, and what they lack has a remedy."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings

from exchange.patrol.check import breaches
from exchange.patrol.cost import unmet_of
from exchange.patrol.explain import explain
from exchange.patrol.model import Office
from exchange.patrol.planner import plan
from tests.offices import offices


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(offices())
def test_plans_keep_the_rules_and_explain_what_they_lack(office: Office) -> None:
    made = plan(office, 0.5)
    assert not breaches(office, made.plan)
    assert made.cost.whole >= made.bound - 1e-6
    unmet = unmet_of(office, made.plan)
    told = explain(office, made.plan)
    assert [(each.reach, each.part) for each in told] == [
        (office.reaches[at].code, part) for at, part in unmet
    ]
    for each in told:
        assert each.remedies[-1].kind == "waive"
        for remedy in each.remedies:
            lacking = {
                (remedy.office.reaches[at].code, part) for at, part in unmet_of(remedy.office, made.plan)
            }
            if remedy.kind == "waive":
                assert (each.reach, each.part) not in lacking
