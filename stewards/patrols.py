"""Next month's patrols: an office out of evidence, a plan, its picture among the pages, and a proposal.

Harmless to repeat: where there is an accord on the month already, it is named and nothing is proposed.
"""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from exchange.client.accord import list_accords, matter_of
from exchange.errors import InvalidInputError
from exchange.ids import AgencyId
from exchange.patrol.agreed import propose
from exchange.patrol.chart import plan_chart
from exchange.patrol.collect import collected
from exchange.patrol.document import office_from_json, plan_to_json
from exchange.patrol.evidence import office_document
from exchange.patrol.page import plan_page
from exchange.patrol.planner import plan
from exchange.patrol.terms import CONTRACT, read_terms
from stewards.options import Patrols

if TYPE_CHECKING:
    from exchange.client import Client

PAGES: Final = "patrols"


def plan_next(client: Client, watched: Patrols, pages: Path, today: date) -> dict[str, Any]:
    """The accord's id, and whether it is new; raises InvalidInputError for a frame that cannot be read."""
    start = (today.replace(day=1) + timedelta(days=32)).replace(day=1)
    end = (start + timedelta(days=32)).replace(day=1) - timedelta(days=1)
    other = AgencyId.parse(watched.other)
    sides = tuple(sorted((client.profile.agency, other)))
    for each in list_accords(client):
        matter = matter_of(each)
        if (matter.sides, matter.start, matter.end) == (sides, start, end):
            return {"accord": each.id, "new": False}
    try:
        frame = json.loads(Path(watched.frame).read_bytes())
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"cannot read {watched.frame}: {error}") from error
    given = {**frame, "start": start.isoformat(), "end": end.isoformat()}
    terms = read_terms(client.contract(CONTRACT))
    document = json.dumps(
        office_document(given, collected(client, watched.datasets, terms, start), terms), ensure_ascii=False
    ).encode()
    office = office_from_json(document)
    made = plan(office, watched.seconds)
    text = plan_to_json(office, made.plan)
    title = f"联合巡河计划 {start:%Y-%m}"
    place = pages / PAGES
    place.mkdir(parents=True, exist_ok=True)
    name = f"{watched.name}-{start:%Y-%m}"
    (place / f"{name}.html").write_text(
        plan_page(office, made.plan, title, plan_chart(office, made.plan, "", "svg")), encoding="utf-8"
    )
    (place / f"{name}.office.json").write_bytes(document)
    (place / f"{name}.plan.json").write_bytes(text)
    return {"accord": propose(client, document, text, other).accord.id, "new": True}
