"""Joint reports of last month, on the fifth: the same bytes as `hechuan report make` as of the same moment.

Those that are made of quarters or years come with the month that ended one. Parameters `period` (2026-03, 2026-Q1,
2026) and `as_of` (an instant with offset) make an older one, or one again. What is made waits for `hechuan report
submit`: putting it up for signature is a person's act.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, Asset, Param, task

from stewards.settings import load_settings

SETTINGS = load_settings()
REPORTS = Asset("hechuan-reports", "hechuan://reports")

with DAG(
    "report_month",
    schedule="0 2 5 * *",
    catchup=False,
    max_active_runs=1,
    tags=["hechuan", "reports"],
    doc_md=__doc__,
    params={"period": Param(None, type=["null", "string"]), "as_of": Param(None, type=["null", "string"])},
    default_args=dict(SETTINGS.retrying),
) as dag:

    @task
    def due(*, params: dict[str, Any]) -> list[dict[str, str]]:
        """The reports of stewards.toml, with the moment that all of them are made as of."""
        from stewards.work import reports_due

        return reports_due(params["period"], params["as_of"])

    @task(outlets=[REPORTS], max_active_tis_per_dag=1)
    def make(report: dict[str, str]) -> dict[str, str]:
        """One report in all its forms."""
        from stewards.work import make_report

        return make_report(**report)

    make.expand(report=due())  # type: ignore[call-arg]  # Airflow hands in its context by name
