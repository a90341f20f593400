"""Next month's joint patrols, planned out of what both sides' hubs hold and proposed to the other side."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, Param, task

from stewards.settings import load_settings

SETTINGS = load_settings()

with DAG(
    "plan_patrols",
    schedule="0 1 20 * *",
    catchup=False,
    max_active_runs=1,
    tags=["hechuan", "patrols"],
    doc_md=__doc__,
    params={"today": Param(None, type=["null", "string"])},
    default_args=dict(SETTINGS.retrying),
) as dag:

    @task
    def due(*, params: dict[str, Any]) -> list[dict[str, str]]:
        """The patrols of stewards.toml, and the day whose next month is planned."""
        from stewards.work import patrols_due

        return patrols_due(params["today"])

    @task
    def plan(patrols: dict[str, str]) -> dict[str, Any]:
        """The accord on one month; nothing is proposed twice."""
        from stewards.work import plan_patrols

        return plan_patrols(**patrols)

    plan.expand(patrols=due())  # type: ignore[call-arg]  # Airflow hands in its context by name
