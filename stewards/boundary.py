"""Both banks of a boundary, nightly: where their numbers differ, why, and who is asked.

(1) both datasets as they stand, through the steward's own hub and under the agreements that hold
(2) compared by the terms of `boundary-comparison`; every difference has a cause
(3) the first differences, side by side, kept for the page; counts per cause
(4) where more values than tolerated are at fault, one objection to the other side, while none is open

A run reads only what stands, so it may be repeated; (4) sends nothing while its last word is unanswered.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from exchange.client.query import Filter
from exchange.ids import DatasetId
from exchange.reconcile.boundary import Compared, compare, crosswalk
from exchange.reconcile.cause import TITLES, Cause
from exchange.reconcile.engine.duck import DuckEngine
from exchange.reconcile.side import OBSERVED
from exchange.reconcile.source import fetched
from exchange.reconcile.terms import read_terms
from stewards.objection import ask_about
from stewards.settings import Boundary

if TYPE_CHECKING:
    from exchange.client import Client

DIFFERENCES: Final = "differences"
_SHOWN: Final = 300
_TERMS: Final = "boundary-comparison"
_COLUMNS: Final = (
    "left_section",
    "right_section",
    "item_code",
    "compared_at",
    "left_value",
    "left_unit",
    "right_value",
    "right_unit",
    "cause",
    "confidence",
)


def reconcile_boundary(client: Client, boundary: Boundary, pages: Path) -> dict[str, Any]:
    """Steps (1) to (4); {"name", "pairs", "differences", "causes", "referral"}. Raises as client and `compare` do."""
    terms = read_terms(client.contract(_TERMS))
    with tempfile.TemporaryDirectory(prefix="hechuan-") as text:
        scratch = Path(text)
        files = [_rows(client, each, boundary, scratch / name) for each, name in _sides(boundary)]  # (1)
        with DuckEngine(scratch, boundary.memory_mib << 20) as engine:
            found = compare(engine, terms, crosswalk(boundary.crosswalk), [files[0]], [files[1]])  # (2)
            told = _told(engine, found)
    told |= {"boundary": asdict(boundary), "at": datetime.now(UTC).isoformat()}
    _keep(pages / DIFFERENCES, boundary.name, told)  # (3)
    causes = {name: rows for name, rows in told["causes"].items() if Cause(name).fault}
    referral = _ask(client, boundary, causes) if sum(causes.values()) > boundary.tolerated else ""  # (4)
    return {
        "name": boundary.name,
        "pairs": told["pairs"],
        "differences": told["differences"],
        "causes": told["causes"],
        "referral": referral,
    }


def kept(pages: Path) -> list[dict[str, Any]]:
    """What the last run of each boundary found, by name."""
    place = pages / DIFFERENCES
    files = sorted(place.glob("*.json")) if place.exists() else []
    return [json.loads(path.read_text(encoding="utf-8")) for path in files]


def _sides(boundary: Boundary) -> Sequence[tuple[str, str]]:
    return (boundary.left, "left.parquet"), (boundary.right, "right.parquet")


def _rows(client: Client, dataset: str, boundary: Boundary, target: Path) -> Path:
    since = datetime.now(UTC) - timedelta(days=boundary.days)
    filters = [Filter("sampled_at", "ge", (since,))] if boundary.days else []
    return fetched(client, dataset, list(OBSERVED), target, filters=filters).path


def _told(engine: DuckEngine, found: Compared) -> dict[str, Any]:
    """Counts per cause, and the first differences as JSON."""
    listed = found.all_differences()
    causes = engine.table(listed.group_by("cause").agg(rows=listed.count())).to_pylist()
    first = engine.table(
        listed.order_by("compared_at", "left_section", "item_code").limit(_SHOWN)
    ).to_pylist()
    return {
        "pairs": engine.table(found.pairs.aggregate(rows=found.pairs.count())).to_pylist()[0]["rows"],
        "differences": sum(row["rows"] for row in causes),
        "causes": {row["cause"]: row["rows"] for row in causes},
        "rows": [{name: row[name] for name in _COLUMNS} for row in first],
    }


def _keep(place: Path, name: str, told: dict[str, Any]) -> None:
    place.mkdir(parents=True, exist_ok=True)
    scratch = place / f".{name}.{os.getpid()}"
    scratch.write_text(json.dumps(told, ensure_ascii=False, default=str), encoding="utf-8")
    os.replace(scratch, place / f"{name}.json")


def _ask(client: Client, boundary: Boundary, causes: dict[str, int]) -> str:
    lines = [f"{boundary.left} / {boundary.right}"]
    lines += [f"{rows} · {' '.join(TITLES[Cause(name)])}" for name, rows in sorted(causes.items())]
    title = f"数据异议：界断面 {boundary.name} 两岸数据不一致"
    subject = f"boundary:{boundary.name}"
    return ask_about(client, str(DatasetId.parse(boundary.right).owner), title, subject, lines)
