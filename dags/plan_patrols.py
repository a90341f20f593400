"""Next month's joint patrols, planned out of what both sides' hubs hold and proposed to the other side."""

from __future__ import annotations

from airflow.sdk import DAG, task

from stewards.settings import load_settings

SETTINGS = load_settings()

with DAG(
    "plan_patrols",
    schedule="0 1 20 * *",
    catchup=False,
    max_active_runs=1,
    tags=["hechuan", "patrols"],
    doc_md=__doc__,
    default_args=dict(SETTINGS.retrying),
) as dag:

    @task
    def planned() -> list[str]:
        """Names of those whose patrols are planned."""
        from stewards import work

        return work.patrols()

    @task
    def plan(name: str, ds: str = "") -> dict[str, object]:
        """The accord on one month; nothing is proposed twice."""
        from stewards import work

        return work.plan_patrols(name, ds)

    plan.expand(name=planned())
