"""A landed batch with an exceedance or a spill at the border is a signed warning to the neighbour downstream."""

from __future__ import annotations

from airflow.sdk import DAG, task

from stewards.asset import landed
from stewards.options import Feed
from stewards.settings import load_settings

SETTINGS = load_settings()

with DAG(
    "alert_downstream",
    schedule=landed(
        [Feed(dataset, each.connection) for each in SETTINGS.downstream for dataset in each.datasets]
    ),
    catchup=False,
    max_active_runs=1,
    tags=["hechuan", "alert"],
    doc_md=__doc__,
    default_args=dict(SETTINGS.retrying),
) as dag:

    @task
    def watched() -> list[str]:
        """Names of those whose neighbours are warned."""
        from stewards import work

        return work.downstream()

    @task
    def warn(name: str) -> list[str]:
        """Warnings of one, by its agency's key."""
        from stewards import work

        return work.alert_downstream(name)

    warn.expand(name=watched())
