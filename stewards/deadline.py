"""Deadlines of DAG runs: what is missed is put where the stewards' page shows it."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import structlog
from airflow.sdk.definitions.callback import AsyncCallback

from stewards.settings import load_settings

ALERTS: Final = "alerts"
_KEPT: Final = 200
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


def keep(pages: Path, kind: str, subject: str, detail: str) -> None:
    """One alert more; of old ones only the last few hundred stay."""
    place = pages / ALERTS
    place.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC)
    alert = {"at": now.isoformat(), "kind": kind, "subject": subject, "detail": detail}
    name = f"{now:%Y%m%dT%H%M%S%f}-{secrets.token_hex(4)}.json"
    (place / name).write_text(json.dumps(alert, ensure_ascii=False), encoding="utf-8")
    for old in sorted(place.glob("*.json"))[:-_KEPT]:
        old.unlink(missing_ok=True)


def keep_daily(pages: Path, kind: str, found: Mapping[str, str]) -> None:
    """An alert for each subject that has had none of its kind today; `found` maps subjects to what is said."""
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    known = {(each["kind"], each["subject"]) for each in alerts(pages) if each["at"].startswith(today)}
    for subject, detail in found.items():
        if (kind, subject) not in known:
            keep(pages, kind, subject, detail)


def alerts(pages: Path) -> list[dict[str, Any]]:
    """Alerts kept, newest first."""
    found = sorted((pages / ALERTS).glob("*.json"), reverse=True) if (pages / ALERTS).exists() else []
    return [json.loads(path.read_text(encoding="utf-8")) for path in found]
