"""Lists of two sides, nightly: batches under an agreement, cases that were transferred; what one lacks, what differs.

(1) both lists; what may still be on its way is left out
(2) compared by their key
(3) kept for the page; where more than tolerated differs, an objection to the owner of the dataset
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from exchange import wire
from exchange.client.agreement import in_force, list_agreements
from exchange.client.referral import list_referrals
from exchange.ids import DatasetId
from exchange.reconcile.engine.duck import DuckEngine
from exchange.reconcile.lists import Lists, cases, deliveries
from exchange.reconcile.records import RESULT, compare_records
from exchange.reconcile.source import batches_of
from exchange.referral.case import State
from exchange.referral.order import Kind
from exchange.trust.workday import SHANGHAI
from stewards.compare.difference import (
    CAUSE,
    LISTS,
    Found,
    Subject,
    ask,
    fresh,
    keep,
    marked,
    put_before,
)
from stewards.options import Cases, Comparing, Deliveries

if TYPE_CHECKING:
    from exchange.client import Client

DELIVERY: Final = "delivery"
CASES: Final = "cases"
_TRANSFER: Final = ("case_number", "category", "transferred_to", "transferred_on")
_RECEIVED: Final = pa.schema(
    [("case_number", pa.string()), ("category", pa.string()), ("received_on", pa.date32())]
)


def agreements_of(reader: Client, name: str) -> list[dict[str, str]]:
    """Agreements in force under which the reader's agency gets datasets of other hubs: arguments of a task each."""
    here, own = reader.profile.card.jurisdiction, str(reader.profile.agency)
    return [
        {"name": name, "agreement": each.id, "dataset": each.dataset}
        for each in list_agreements(reader)
        if in_force(each)
        and each.consumer == own
        and DatasetId.parse(each.dataset).owner.jurisdiction != here
    ]


def reconcile_delivery(
    owner: Client,
    reader: Client,
    delivery: Deliveries,
    agreement: str,
    dataset: str,
    comparing: Comparing,
    pages: Path,
) -> dict[str, Any]:
    """What the owner's ledger says it published ↔ what the reader's hub has of it. Raises as the clients do."""
    until = pa.scalar(datetime.now(UTC) - timedelta(minutes=delivery.minutes), pa.timestamp("us", tz="UTC"))
    sent, there = batches_of(owner, dataset), batches_of(reader, dataset)
    young = sent.filter(pc.greater(sent["recorded_at"], until))["batch"]
    left, right = (
        rows.filter(pc.invert(pc.is_in(rows["batch"], value_set=young))) for rows in (sent, there)
    )  # (1)
    subject = Subject(
        DELIVERY,
        f"{delivery.name}-{agreement[:8]}",
        dataset,
        f"{reader.profile.card.jurisdiction} ← {dataset}",
        str(DatasetId.parse(dataset).owner),
        delivery.reader,
    )
    return _reconciled(reader, subject, deliveries(left, right), delivery.tolerated, comparing, pages)


def reconcile_transfers(
    steward: Client, receiver: Client, case: Cases, comparing: Comparing, pages: Path
) -> dict[str, Any]:
    """Cases that a dataset says went to an authority ↔ 案件移送 as that authority has them, by the case's number."""
    sent = steward.query(case.dataset, columns=list(_TRANSFER)).table()
    received = _received(receiver, str(DatasetId.parse(case.dataset).owner))  # (1)
    lists = cases(sent, received, case.receiver)
    subject = Subject(
        CASES,
        case.name,
        case.dataset,
        str(receiver.profile.agency),
        str(DatasetId.parse(case.dataset).owner),
        case.connection,
    )
    return _reconciled(steward, subject, lists, case.tolerated, comparing, pages)


def _received(receiver: Client, issuer: str) -> pa.Table:
    """Referrals that came from the dataset's owner; `subject` has the case's number, `matter` its category.

    One that was sent and is not confirmed yet counts until the confirmation is late.
    """
    me = str(receiver.profile.agency)
    rows = [
        {
            "case_number": each.subject,
            "category": each.matter,
            "received_on": wire.instant(each.sent_at).astimezone(SHANGHAI).date(),
        }
        for each in list_referrals(receiver, kinds=[Kind.CASE_TRANSFER], closed=True)
        if each.issuer == issuer
        and each.handler == me
        and not _fell_through(wire.referral_state(each), each.overdue)
    ]
    return pa.Table.from_pylist(rows, _RECEIVED)


def _fell_through(state: State, overdue: bool) -> bool:
    return state is State.WITHDRAWN or (state is State.SENT and overdue)


def _reconciled(
    client: Client, subject: Subject, lists: Lists, tolerated: int, comparing: Comparing, pages: Path
) -> dict[str, Any]:
    with (
        tempfile.TemporaryDirectory(prefix="hechuan-") as spill,
        DuckEngine(Path(spill), comparing.memory_mib << 20) as engine,
    ):
        differing = compare_records(engine, lists.left, lists.right, lists.key, lists.columns)  # (2)
        differing = differing.rename_columns(
            [CAUSE if name == "verdict" else name for name in differing.column_names]
        )
        rows = marked(engine.give("found", differing), differing.column_names)
        put = fresh(engine, rows, put_before(client, subject), comparing.put_rows)
    counted = pc.value_counts(differing[CAUSE]).to_pylist()
    found = Found(
        pairs=max(lists.left.num_rows, lists.right.num_rows),
        causes={each["values"]: each["counts"] for each in counted},
        rows=_shown(differing.slice(0, comparing.shown_rows), lists.key),
        fresh=put,
    )
    referral = ask(client, subject, put, tolerated)  # (3)
    keep(pages, subject, found, referral)
    return {
        "name": subject.name,
        "compared": found.pairs,
        "differences": found.differences,
        "causes": found.causes,
        "referral": referral,
    }


def _shown(differing: pa.Table, key: Sequence[str]) -> list[dict[str, Any]]:
    column, left, right, _ = RESULT
    return [
        {
            "what": " · ".join(str(row[name]) for name in key),
            "item": row[column],
            "at": "",
            "left": row[left] or "",
            "right": row[right] or "",
            "cause": row[CAUSE],
            "zh": LISTS[row[CAUSE]][0],
            "en": LISTS[row[CAUSE]][1],
            "confidence": None,
        }
        for row in differing.to_pylist()
    ]
