"""What the page shows, asked of the hub when it is opened: nothing is kept beside the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from exchange import wire
from exchange.client.referral import list_referrals
from exchange.client.steward import list_verdicts
from exchange.contract.model import Contract
from exchange.errors import HechuanError
from exchange.ids import DatasetId
from stewards.hook import HubHook
from stewards.options import Feed
from stewards.quality.measure import hours_of
from stewards.settings import Settings

if TYPE_CHECKING:
    from exchange.client import Client

SHOWN_ROWS: Final = 200
# a row may break several rules
_SHOWN_LINES: Final = SHOWN_ROWS * 4
_SHOWN_BATCHES: Final = 20
_DECISIONS: Final = {0: "waiting", 1: "release", 2: "quarantined", 3: "refer"}


@dataclass(frozen=True, slots=True)
class Landed:
    """One batch in a list; `decision` is a word of the page."""

    id: str
    dataset: str
    landed_at: datetime
    rows: int
    rejected: int
    decision: str


@dataclass(frozen=True, slots=True)
class FeedState:
    """One dataset; `error` where its hub could not be asked. `due_at` is None where no frequency is promised."""

    dataset: str
    batches: tuple[Landed, ...] = ()
    due_at: datetime | None = None
    late: bool = False
    error: str = ""

    @property
    def freshness(self) -> str:
        """A word of the page."""
        return "late" if self.late else "fresh" if self.due_at else "not_promised"


@dataclass(frozen=True, slots=True)
class Rejection:
    """One rejected row: its position from 1, and each rule it breaks with reason and cell."""

    row: int
    broken: tuple[Mapping[str, str], ...]
    cells: Mapping[str, Any]
    columns: frozenset[str]


@dataclass(frozen=True, slots=True)
class BatchState:
    """One batch whole: what the hub and the steward found, and the rows that do not count."""

    landed: Landed
    contract: Contract
    rejections: tuple[Rejection, ...]
    findings: tuple[Mapping[str, Any], ...]

    def broken_rules(self) -> list[Mapping[str, Any]]:
        """What the hub found, for a batch that no steward has judged yet."""
        counts = Counter(item["rule"] for each in self.rejections for item in each.broken)
        words = {item["rule"]: item for each in self.rejections for item in each.broken}
        return [
            {"rule": rule, "count": count, "said": "", "zh": words[rule]["zh"], "en": words[rule]["en"]}
            for rule, count in counts.items()
        ]


def feeds_now(settings: Settings, now: datetime) -> list[FeedState]:
    """Every watched dataset; hubs that are away cost a line, not the page."""
    return [_feed(feed, now) for feed in settings.feeds]


def _feed(feed: Feed, now: datetime) -> FeedState:
    try:
        with HubHook(feed.connection).get_conn() as client:
            batches = tuple(_landed(client, feed.dataset))
            due_at = _due(client.contract(feed.id.contract), batches)
    except (HechuanError, OSError) as error:
        return FeedState(feed.dataset, error=str(error))
    return FeedState(feed.dataset, batches, due_at, due_at is not None and now > due_at)


def _due(contract: Contract, batches: Sequence[Landed]) -> datetime | None:
    """Until when the contract promises the next batch: frequency and latency after the last."""
    frequency = hours_of(contract.sla, "frequency")
    if frequency is None or not batches:
        return None
    return batches[0].landed_at + timedelta(hours=frequency + (hours_of(contract.sla, "latency") or 0))


def _landed(client: Client, dataset: str) -> Iterator[Landed]:
    given = {
        each.batch: each.decision for each in reversed(list(islice(list_verdicts(client, dataset), 1000)))
    }
    for each in islice(client.batches(dataset), _SHOWN_BATCHES):
        yield _one(each, given.get(each.id, 0))


def _one(batch: Any, decision: int) -> Landed:
    verdict = batch.verdict
    landed_at = wire.instant(batch.recorded_at)
    return Landed(batch.id, batch.dataset, landed_at, verdict.rows, verdict.rejected, _DECISIONS[decision])


def referrals_now(settings: Settings) -> list[Mapping[str, Any]]:
    """Open referrals of every steward's agency, the nearest deadline first, with the working days that are left."""
    found: dict[str, Mapping[str, Any]] = {}
    for connection in settings.connections:
        try:
            with HubHook(connection).get_conn() as client:
                listed = list(list_referrals(client))
        except (HechuanError, OSError):
            continue  # its feeds say that the hub is away
        for each in listed:
            found[each.id] = {
                "id": each.id,
                "subject": each.subject,
                "title": each.title,
                "handler": each.handler,
                "issuer": each.issuer,
                "state": wire.referral_state(each).value,
                "due_at": wire.instant(each.deadline) if each.HasField("deadline") else None,
                "days_left": each.days_left,
                "overdue": each.overdue,
            }
    return sorted(found.values(), key=lambda each: (each["due_at"] is None, each["due_at"]))


def batch_now(settings: Settings, dataset: str, batch: str) -> BatchState | None:
    """One batch with its rejected rows, the first few hundred; None where there is none of that id."""
    DatasetId.parse(dataset)
    with HubHook(settings.connection_of(dataset)).get_conn() as client:
        found = next((each for each in client.batches(dataset) if each.id == batch), None)
        if found is None:
            return None
        verdicts = list(list_verdicts(client, batch=batch))
        newest = verdicts[0] if verdicts else None
        contract = client.contract(found.contract)
        rejections = tuple(_rejections(client, contract, dataset, batch)) if found.verdict.rejected else ()
        findings = tuple(_findings(newest, contract)) if newest else ()
        return BatchState(_one(found, newest.decision if newest else 0), contract, rejections, findings)


def _rejections(client: Client, contract: Contract, dataset: str, batch: str) -> Iterator[Rejection]:
    """The first rows of quarantine, each with everything that is said about it."""
    rows: dict[int, list[dict[str, Any]]] = {}
    for item in (
        client.quarantine(dataset, batch=batch, corrected=True, limit=_SHOWN_LINES).table().to_pylist()
    ):
        rows.setdefault(item["_row"], []).append(item)
    for row in sorted(rows)[:SHOWN_ROWS]:
        items = rows[row]
        broken = tuple(_broken(contract, item) for item in items)
        columns = frozenset(name for item in items for name in str(item["_column"] or "").split(","))
        cells = {name: value for name, value in items[0].items() if not name.startswith("_")}
        yield Rejection(row + 1, broken, cells, columns)


def _broken(contract: Contract, item: Mapping[str, Any]) -> Mapping[str, str]:
    known = next((rule for rule in contract.rules if rule.id == item["_rule"]), None)
    return {
        "rule": item["_rule"],
        "column": item["_column"] or "",
        "value": "" if item["_value"] is None else str(item["_value"]),
        "zh": known.zh if known else "",
        "en": known.en if known else "",
    }


def _findings(verdict: Any, contract: Contract) -> Iterator[Mapping[str, Any]]:
    from stewards.quality.window import wording_of

    rules = {rule.id: rule for rule in contract.rules}
    for each in verdict.findings:
        rule = rules.get(each.rule)
        zh, en = (rule.zh, rule.en) if rule else wording_of(each.rule.removeprefix("window."))
        yield {
            "rule": each.rule,
            "severity": ("info", "warning", "error", "blocker")[max(0, each.severity - 1)],
            "count": each.count,
            "said": each.said,
            "zh": zh,
            "en": en,
        }
