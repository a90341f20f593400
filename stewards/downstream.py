"""Warnings to the neighbour downstream, out of what has landed: the sentinel, woken by an asset.

A batch is looked at once; where its warning went out and the run ended before that was noted, the warning is still open
and is not sent again.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from exchange import wire
from exchange.client.alert import Registries, Sentinel
from stewards.options import Downstream, listed

if TYPE_CHECKING:
    from exchange.client import Client

CURSORS: Final = "cursors"


def warn(client: Client, watched: Downstream, pages: Path) -> list[str]:
    """Ids of the warnings sent; raises as `Sentinel` does."""
    path = pages / CURSORS / watched.name
    cursor = int(path.read_text(encoding="ascii")) if path.exists() else 0
    oldest = datetime.now(UTC) - timedelta(hours=watched.hours)
    found = [
        batch
        for dataset in watched.datasets
        for batch in takewhile(
            lambda each: each.index >= cursor and wire.instant(each.recorded_at) >= oldest,
            client.batches(dataset),
        )
    ]
    sentinel = Sentinel(client, registries_of(watched)) if found else None
    warned: list[str] = []
    for batch in sorted(found, key=lambda each: each.index):
        assert sentinel is not None
        warned += [each.referral.id for each in sentinel.look(batch)]
        _note(path, batch.index + 1)
    return warned


def registries_of(watched: Downstream) -> Registries:
    """What the sentinel reads beside the watched datasets."""
    return Registries(
        sections=listed(watched.sections),
        duties=listed(watched.duties),
        reaches=listed(watched.reaches),
        hydraulics=listed(watched.hydraulics),
        reach_crosswalk=watched.reach_crosswalk,
        section_crosswalk=watched.section_crosswalk,
        interval_hours=watched.interval_hours,
    )


def _note(path: Path, cursor: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    scratch.write_text(str(cursor), encoding="ascii")
    os.replace(scratch, path)
