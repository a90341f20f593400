"""The hub's storage, looked after on its host: what is wrong or missing is put among the page's alerts."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from exchange.app.upkeep import opened
from exchange.errors import InvalidInputError
from exchange.home import HubDirectory
from stewards.alert import keep_daily
from stewards.options import Host

_TOLD: Final = 20


def sweep(host: Host, pages: Path) -> dict[str, Any]:
    """fsck beside the running hub, then small batches into segments: counts, problems, and what was removed.

    Raises InvalidInputError, StorageError.
    """
    with opened(_directory(host)) as hub:
        report = hub.check(host.sweep, timedelta(seconds=host.grace_seconds))
        compacted = hub.compact()
    problems = [str(each) for each in report.problems[:_TOLD]]
    keep_daily(pages, "storage", dict.fromkeys(problems, host.directory))
    return {
        "entries": report.entries,
        "objects": report.objects,
        "removed": len(report.orphans) if host.sweep else 0,
        "orphans": len(report.orphans),
        "recent": report.recent,
        "segments": sum(each.made for each in compacted),
        "compacted": sum(each.batches for each in compacted),
        "problems": problems,
    }


def mirrors(host: Host, pages: Path) -> list[dict[str, Any]]:
    """Each dataset that may be mirrored, its parts and those missing; peers' alarms beside them. Raises as `sweep`."""
    with opened(_directory(host)) as hub:
        found, alarms = hub.mirrors(), hub.alarms()
    missing = {str(each.dataset): f"{each.missing} / {each.parts}" for each in found if each.missing}
    keep_daily(pages, "mirror", missing)
    keep_daily(
        pages, "peer_alarm", {f"{each.origin} {each.kind}": f"{each.raised_at:%Y-%m-%d}" for each in alarms}
    )
    return [
        {"dataset": str(each.dataset), "size": each.size, "parts": each.parts, "missing": each.missing}
        for each in found
    ]


def _directory(host: Host) -> HubDirectory:
    place = Path(host.directory)
    if not host.directory or not (place / "hub.toml").is_file():
        raise InvalidInputError(
            "[host] directory 不是枢纽目录 / [host] directory names no hub's directory here"
        )
    return HubDirectory(place)
