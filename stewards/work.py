"""What DAGs call, a function a task: settings and connections in, JSON out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from stewards.deadline import alerts, keep
from stewards.hook import HubHook
from stewards.settings import load_settings
from stewards.validate import pending, validate


def pending_batches(as_of: int | None = None) -> list[dict[str, Any]]:
    """Arguments of `validate_batch` for each batch of the watched datasets that wants a verdict, oldest first."""
    settings = load_settings()
    found: list[dict[str, Any]] = []
    for feed in settings.feeds:
        with HubHook(feed.connection).get_conn() as client:
            batches = pending(client, feed.dataset, settings, as_of)
        found += [{"dataset": feed.dataset, "batch": each, "as_of": as_of} for each in batches]
    return found


def validate_batch(dataset: str, batch: str, as_of: int | None = None) -> dict[str, Any]:
    """Validate one batch and give the verdict; harmless to repeat."""
    settings = load_settings()
    with HubHook(settings.connection_of(dataset)).get_conn() as client:
        return validate(client, dataset, batch, settings, as_of).to_json()


def late_referrals() -> list[str]:
    """Ids of open referrals past their deadline, each put among the page's alerts once a day."""
    from exchange.client.referral import list_referrals

    settings = load_settings()
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    told = {(each["subject"], each["at"][: len(today)]) for each in alerts(settings.pages)}
    found: dict[str, str] = {}
    for connection in dict.fromkeys(feed.connection for feed in settings.feeds):
        with HubHook(connection).get_conn() as client:
            found |= {
                each.id: f"{each.title} · {each.handler}" for each in list_referrals(client) if each.overdue
            }
    for id, text in found.items():
        if (id, today) not in told:
            keep(settings.pages, "referral_late", id, text)
    return sorted(found)
