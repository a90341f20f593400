"""数据异议: what a steward asks a publisher to explain or to correct, sent as a referral, once a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from exchange.client.referral import list_referrals, send_referral
from exchange.ids import DatasetId
from exchange.referral.order import MAX_TEXT, Kind

if TYPE_CHECKING:
    from exchange.client import Client

_MATTER: Final = "data-quality"


def object_to(
    client: Client, dataset: str, batch: str, findings: Sequence[Mapping[str, Any]], person: str = ""
) -> str:
    """Send an objection about a batch to its publisher; the id, of the one that was sent before where there is one.

    The text names rules and counts. It stands in ledgers that every member may read, so it holds no cells.
    """
    id = DatasetId.parse(dataset)
    lines = [f"{dataset} {batch}"] + [
        f"{each['rule']} · {each['count'] or each['said']} · {each['zh']} {each['en']}" for each in findings
    ]
    title = f"数据异议：{id.contract} 批次 {batch.removeprefix('sha256:')[:12]}"
    return ask_about(client, str(id.owner), title, batch, lines, person=person, closed=True)


def ask_about(
    client: Client,
    handler: str,
    title: str,
    subject: str,
    lines: Sequence[str],
    *,
    person: str = "",
    closed: bool = False,
) -> str:
    """Send an objection unless this agency has one about the subject that is open, or `closed`, was ever sent."""
    for known in list_referrals(client, kinds=[Kind.OBJECTION], closed=closed):
        if known.subject == subject and known.issuer == str(client.profile.agency):
            return known.id
    text = "\n".join(lines)[:MAX_TEXT]
    sent = send_referral(
        client, Kind.OBJECTION, handler, title, text=text, matter=_MATTER, subject=subject, person=person
    )
    return sent.referral.id
