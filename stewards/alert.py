"""Alerts that the stewards' page shows: small files, of which only the last few hundred stay."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

ALERTS: Final = "alerts"
_KEPT: Final = 200


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
