"""Both banks of a boundary, nightly: where their numbers differ, why, and who is asked.

(1) both datasets as they stand, through the steward's own hub and under the agreements that hold
(2) compared by the terms of `boundary-comparison`; every difference has a cause
(3) what has been settled between both sides is no difference any more
(4) kept for the page; where more than tolerated is at fault, an objection to the other side
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from exchange.client.query import Filter
from exchange.ids import DatasetId
from exchange.reconcile.boundary import Compared, compare, crosswalk
from exchange.reconcile.cause import Cause, said
from exchange.reconcile.engine.duck import DuckEngine
from exchange.reconcile.settled import settled_values
from exchange.reconcile.side import OBSERVED
from exchange.reconcile.source import fetched
from exchange.reconcile.terms import CONTRACT, Terms, read_terms
from stewards.compare.difference import CAUSE, Found, Subject, ask, fresh, keep, marked, put_before
from stewards.options import Boundary, Comparing

if TYPE_CHECKING:
    from ibis.expr.types import Table

    from exchange.client import Client

KIND: Final = "boundary"
_COLUMNS: Final = (
    "left_section",
    "right_section",
    "item_code",
    "left_at",
    "left_value",
    "left_unit",
    "right_at",
    "right_value",
    "right_unit",
    CAUSE,
)
_SETTLED: Final = ("left_section", "right_section", "item_code", "compared_at")
_FAULTS: Final = [each.value for each in Cause if each.fault]


def reconcile_boundary(
    client: Client, boundary: Boundary, comparing: Comparing, pages: Path
) -> dict[str, Any]:
    """Steps (1) to (4); name, pairs, differences, causes, referral. Raises as the client and `compare` do."""
    handler = str(DatasetId.parse(boundary.right).owner)
    subject = Subject(KIND, boundary.name, boundary.left, boundary.right, handler, boundary.connection)
    terms = read_terms(client.contract(CONTRACT))
    with tempfile.TemporaryDirectory(prefix="hechuan-") as text:
        scratch = Path(text)
        files = [[path] for path in _rows(client, boundary, scratch)]  # (1)
        with DuckEngine(scratch, comparing.memory_mib << 20) as engine:
            compared = compare(engine, terms, crosswalk(boundary.crosswalk), *files)  # (2)
            found = _found(client, engine, compared, terms, subject, comparing)  # (3)
    referral = ask(client, subject, found.fresh, boundary.tolerated)  # (4)
    keep(pages, subject, found, referral)
    return {
        "name": boundary.name,
        "pairs": found.pairs,
        "differences": found.differences,
        "causes": found.causes,
        "referral": referral,
    }


def _rows(client: Client, boundary: Boundary, scratch: Path) -> Iterator[Path]:
    since = datetime.now(UTC) - timedelta(days=boundary.days)
    filters = [Filter("sampled_at", "ge", (since,))] if boundary.days else []
    for name, dataset in (("left", boundary.left), ("right", boundary.right)):
        yield fetched(client, dataset, list(OBSERVED), scratch / f"{name}.parquet", filters=filters).path


def _found(
    client: Client,
    engine: DuckEngine,
    compared: Compared,
    terms: Terms,
    subject: Subject,
    comparing: Comparing,
) -> Found:
    settled = engine.give("settled", settled_values(client))
    listed = engine.name("unsettled", compared.all_differences().anti_join(settled, list(_SETTLED)))
    counted = engine.table(listed.group_by(CAUSE).agg(rows=listed.count()))
    faults = marked(listed.filter(listed[CAUSE].isin(_FAULTS)), _COLUMNS)
    put = fresh(engine, faults, put_before(client, subject), comparing.put_rows)
    return Found(
        pairs=engine.table(compared.pairs.aggregate(rows=compared.pairs.count())).to_pylist()[0]["rows"],
        causes={row[CAUSE]: row["rows"] for row in counted.to_pylist()},
        rows=_shown(engine, listed, _namer(engine, compared, terms), comparing.shown_rows),
        fresh=put,
    )


def _namer(engine: DuckEngine, compared: Compared, terms: Terms) -> Callable[[Cause, float | None], str]:
    """What the evidence of a swap or of a wrong code numbers."""
    codes = engine.table(compared.sections)["left_section"].to_pylist()

    def name_of(cause: Cause, number: float | None) -> str:
        if number is None or cause not in (Cause.SWAP, Cause.SECTION):
            return ""
        return terms.item(int(number)).code if cause is Cause.SWAP else str(codes[int(number)])

    return name_of


def _shown(
    engine: DuckEngine, listed: Table, name_of: Callable[[Cause, float | None], str], limit: int
) -> list[dict[str, Any]]:
    """The first differences as the page shows them, what is at fault before what is not."""
    first = listed.order_by(~listed[CAUSE].isin(_FAULTS), "compared_at", "left_section", "item_code")
    shown = []
    for row in engine.table(first.limit(limit)).to_pylist():
        cause = Cause(row[CAUSE])
        zh, en = said(cause, row["evidence"], name_of(cause, row["evidence"]))
        shown.append(
            {
                "what": f"{row['left_section']} / {row['right_section']}",
                "item": row["item_code"],
                "at": row["compared_at"].isoformat(),
                "left": _value(row["left_value"], row["left_unit"]),
                "right": _value(row["right_value"], row["right_unit"]),
                "cause": cause.value,
                "zh": zh,
                "en": en,
                "confidence": row["confidence"],
            }
        )
    return shown


def _value(value: float | None, unit: str | None) -> str:
    return "" if value is None else f"{value:g} {'' if unit in (None, '1') else unit}".strip()
