"""Both banks of every boundary, nightly: differences with causes on the page, an objection where data are at fault."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, task

from stewards.settings import load_settings

SETTINGS = load_settings()

with DAG(
    "reconcile_boundaries",
    schedule="30 18 * * *",  # 02:30 in Shanghai
    catchup=False,
    max_active_runs=1,
    tags=["hechuan", "reconcile"],
    doc_md=__doc__,
    default_args=dict(SETTINGS.retrying),
) as dag:

    @task
    def boundaries() -> list[str]:
        """Names of the boundaries in stewards.toml."""
        from stewards import work

        return work.boundaries()

    @task(max_active_tis_per_dag=2)
    def reconcile(name: str) -> dict[str, Any]:
        """One boundary."""
        from stewards import work

        return work.reconcile_boundary(name)

    reconcile.expand(name=boundaries())
