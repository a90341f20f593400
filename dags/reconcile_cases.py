"""Cases that were transferred and cases that were received, nightly: an objection where a list lacks one."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, task

from stewards.settings import load_settings

SETTINGS = load_settings()

with DAG(
    "reconcile_cases",
    schedule="30 19 * * *",  # 03:30 in Shanghai
    catchup=False,
    max_active_runs=1,
    tags=["hechuan", "reconcile"],
    doc_md=__doc__,
    default_args=dict(SETTINGS.retrying),
) as dag:

    @task
    def cases() -> list[str]:
        """Names of the lists of cases in stewards.toml."""
        from stewards import work

        return work.cases()

    @task(max_active_tis_per_dag=2)
    def reconcile(name: str) -> dict[str, Any]:
        """One dataset and its receiver."""
        from stewards import work

        return work.reconcile_cases(name)

    reconcile.expand(name=cases())
