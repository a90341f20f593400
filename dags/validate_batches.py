"""A landed batch is validated: suites out of its contract, a verdict in the ledger, pages for the steward.

What wants work is asked of the ledger, so a batch that is announced twice is validated once, and one whose
announcement was lost is validated with the next. Parameter `as_of` (a tree size) validates again what stood below it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Asset, Param, task
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference

from stewards.asset import landed
from stewards.deadline import told
from stewards.settings import load_settings

SETTINGS = load_settings()
VERDICTS = Asset("hechuan-verdicts", "hechuan://verdicts")

with DAG(
    "validate_batches",
    schedule=landed(SETTINGS.feeds),
    catchup=False,
    max_active_runs=1,
    tags=["hechuan", "quality"],
    doc_md=__doc__,
    params={"as_of": Param(None, type=["null", "integer"], minimum=1)},
    default_args=dict(SETTINGS.retrying),
    deadline=DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(minutes=SETTINGS.watch.deadline_minutes),
        callback=told("validate_batches"),
    ),
) as dag:

    @task
    def pending(*, params: dict[str, Any]) -> list[dict[str, Any]]:
        """Batches of the watched datasets that have no verdict of this steward yet."""
        from stewards.work import pending_batches

        return pending_batches(params["as_of"])

    @task(outlets=[VERDICTS], max_active_tis_per_dag=2)
    def validate(batch: dict[str, Any], *, outlet_events: Any) -> dict[str, Any]:
        """One batch, one verdict."""
        from stewards.work import validate_batch

        found = validate_batch(**batch)
        outlet_events[VERDICTS].extra = {name: found[name] for name in ("batch", "dataset", "decision")}
        return found

    validate.expand(batch=pending())  # type: ignore[call-arg]  # Airflow hands in its context by name
