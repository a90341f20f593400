"""Referrals that run late: the page's alerts name each once a day, until somebody has acted."""

from __future__ import annotations

from airflow.sdk import DAG, task

from stewards.settings import load_settings

SETTINGS = load_settings()

with DAG(
    "watch_deadlines",
    schedule="7 * * * *",
    catchup=False,
    max_active_runs=1,
    tags=["hechuan", "referrals"],
    doc_md=__doc__,
    default_args=dict(SETTINGS.retrying),
) as dag:

    @task
    def watch() -> list[str]:
        """Ids of the referrals that are late now."""
        from stewards.work import late_referrals

        return late_referrals()

    watch()
