"""What was published and what arrived, nightly and agreement by agreement: batches that the reader's hub lacks."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, task

from stewards.settings import load_settings

SETTINGS = load_settings()

with DAG(
    "reconcile_deliveries",
    schedule="0 19 * * *",  # 03:00 in Shanghai
    catchup=False,
    max_active_runs=1,
    tags=["hechuan", "reconcile"],
    doc_md=__doc__,
    default_args=dict(SETTINGS.retrying),
) as dag:

    @task
    def deliveries() -> list[dict[str, str]]:
        """Agreements in force of the readers in stewards.toml."""
        from stewards import work

        return work.deliveries()

    @task(max_active_tis_per_dag=2)
    def reconcile(name: str, agreement: str, dataset: str) -> dict[str, Any]:
        """One agreement."""
        from stewards import work

        return work.reconcile_delivery(name, agreement, dataset)

    reconcile.expand_kwargs(deliveries())
