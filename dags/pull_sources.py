"""Pulls every configured source, one mapped task each, and tells how late each is.

HECHUAN_SOURCES names the configuration (see docs/adapters.md), HECHUAN_SOURCES_STATE the directory of what was read;
HECHUAN_SOURCES_MINUTES and HECHUAN_SOURCES_RETRIES say how often.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import TriggerRule, dag, get_current_context, task

MINUTES = int(os.environ.get("HECHUAN_SOURCES_MINUTES", "10"))
RETRIES = int(os.environ.get("HECHUAN_SOURCES_RETRIES", "2"))


@dag(
    schedule=timedelta(minutes=MINUTES) if "HECHUAN_SOURCES" in os.environ else None,
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    tags=["hechuan", "adapters"],
    doc_md=__doc__,
)
def pull_sources() -> None:
    @task
    def sources() -> list[str]:
        """Names of what is configured now."""
        from adapters.take.source import load_sources

        return list(load_sources(Path(os.environ["HECHUAN_SOURCES"])))

    @task(map_index_template="{{ source_name }}", retries=RETRIES, retry_delay=timedelta(seconds=30))
    def pull(name: str) -> dict[str, Any]:
        """One source; a source that fails fails alone."""
        from adapters.take.source import load_sources
        from adapters.take.source import pull as pull_one

        get_current_context()["source_name"] = name  # type: ignore[typeddict-unknown-key]
        found = load_sources(Path(os.environ["HECHUAN_SOURCES"]))[name]
        return pull_one(found, Path(os.environ["HECHUAN_SOURCES_STATE"])).to_json()

    @task(trigger_rule=TriggerRule.ALL_DONE)
    def tell(names: list[str], pulled: list[dict[str, Any]]) -> dict[str, Any]:
        """Lateness by source; None of those that could not be pulled."""
        told: dict[str, Any] = dict.fromkeys(names)
        told |= {
            each["name"]: {"late": each["late"], "minutes": each["late_minutes"]} for each in pulled if each
        }
        for name, each in told.items():
            print(f"{name}: {'not pulled' if each is None else each}")
        return told

    names = sources()
    tell(names, pull.expand(name=names))  # type: ignore[arg-type]


pull_sources()
