"""Deadlines of DAG runs: what is missed is put where the stewards' page shows it."""

from __future__ import annotations

import asyncio
from typing import Any

import structlog
from airflow.sdk.definitions.callback import AsyncCallback

from stewards.alert import keep
from stewards.settings import load_settings

_log = structlog.get_logger(__name__)


def told(dag_id: str) -> AsyncCallback:
    """What Airflow's triggerer calls when a run of the DAG is late."""
    return AsyncCallback(missed, kwargs={"dag_id": dag_id})


async def missed(dag_id: str, context: dict[str, Any] | None = None, **_: Any) -> None:
    """Keep an alert: a run of a DAG has missed its deadline."""
    run = (context or {}).get("dag_run") or {}
    run_id = run.get("dag_run_id") or run.get("run_id") or "" if isinstance(run, dict) else str(run)
    _log.error("a run has missed its deadline", dag=dag_id, run=run_id)
    await asyncio.to_thread(keep, load_settings().pages, "deadline", dag_id, run_id)
