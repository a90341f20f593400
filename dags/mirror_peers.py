"""What agreements let the hub mirror, counted every hour: missing parts and peers' alarms are put on the page."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, task

from stewards.settings import load_settings

SETTINGS = load_settings()

with DAG(
    "mirror_peers",
    schedule="37 * * * *" if SETTINGS.host.directory else None,
    catchup=False,
    max_active_runs=1,
    tags=["hechuan", "upkeep"],
    doc_md=__doc__,
    default_args=dict(SETTINGS.retrying),
) as dag:

    @task(queue=SETTINGS.host.queue)
    def count() -> list[dict[str, Any]]:
        """On the hub's host; the hub itself fetches what is missing."""
        from stewards import work

        return work.mirror_peers()

    count()
