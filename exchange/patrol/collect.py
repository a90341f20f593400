"""What an agency may read that an office comes from: of each dataset the columns and the time that count."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from exchange.client.duty import day_begins
from exchange.client.query import Filter
from exchange.client.referral import list_referrals
from exchange.errors import InvalidInputError
from exchange.ids import DatasetId
from exchange.patrol.closed import COLUMNS as GAUGE
from exchange.patrol.evidence import REGISTER, Evidence
from exchange.patrol.terms import Terms

if TYPE_CHECKING:
    from exchange.client.connection import Client

_SAMPLE: Final = (
    "section_code", "sampled_at", "item_code", "value", "unit", "qualifier", "detection_limit", "data_flag",
)  # fmt: skip
COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "river-reach": REGISTER,
    "monitoring-section": ("section_code", "reach_code"),
    "water-quality": _SAMPLE,
    "hydrology": GAUGE,
    "fishing-ban-case": ("reach_code", "discovered_at"),
    "directive-point": ("reach_code", "status"),
    "patrol-record": ("reach_code", "started_at"),
}
"""What is read of which contract; others say nothing to an office."""
_LATELY: Final = {
    "water-quality": "sampled_at",
    "hydrology": "observed_at",
    "fishing-ban-case": "discovered_at",
}


def collected(client: Client, datasets: Iterable[str], terms: Terms, start: date) -> Evidence:
    """Rows of both sides' datasets for a period from `start`, and what the agency's open referrals are about.

    Raises InvalidInputError for a dataset that says nothing to an office, and what reading raises.
    """
    since = day_begins(start - timedelta(days=max(terms.risk.lately, terms.closing.flood)))
    tables: dict[str, list[pa.Table]] = defaultdict(list)
    for dataset in datasets:
        contract = DatasetId.parse(dataset).contract
        if contract not in COLUMNS:
            raise InvalidInputError(
                f"{dataset} 与任务书无关 / says nothing to an office; these do: {', '.join(COLUMNS)}"
            )
        lately = [Filter(_LATELY[contract], "ge", (since,))] if contract in _LATELY else []
        rows = client.query(dataset, columns=COLUMNS[contract], filters=lately)
        tables[contract].append(rows.table())
    return Evidence(tables, [each.subject for each in list_referrals(client) if each.subject])
