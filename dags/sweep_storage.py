"""Everything that the hub stores, checked again every night; objects that neither ledger nor agreement needs go."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, task

from stewards.settings import load_settings

SETTINGS = load_settings()

with DAG(
    "sweep_storage",
    schedule="0 20 * * *" if SETTINGS.host.directory else None,  # 04:00 in Shanghai
    catchup=False,
    max_active_runs=1,
    tags=["hechuan", "upkeep"],
    doc_md=__doc__,
    default_args=dict(SETTINGS.retrying),
) as dag:

    @task(queue=SETTINGS.host.queue)
    def sweep() -> dict[str, Any]:
        """On the hub's host, beside the running hub."""
        from stewards import work

        return work.sweep_storage()

    sweep()
