"""What DAGs call, a function a task: settings and connections in, JSON out."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from exchange.trust.workday import SHANGHAI
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


def reports_due(period: str | None = None, as_of: str | None = None) -> list[dict[str, str]]:
    """Arguments of `make_report` for each of the office's files; last month as of now unless told otherwise.

    Raises MalformedError, InvalidInputError.
    """
    from exchange.report.period import Period

    now = datetime.now(UTC)
    chosen = (
        Period.parse(period) if period else Period(now.astimezone(SHANGHAI).date().replace(day=1), 1).previous
    )
    moment = datetime.fromisoformat(as_of) if as_of else now
    given = {"period": str(chosen), "as_of": moment.isoformat()}
    return [{"scope": str(path), **given} for path in load_settings().report.files]


def make_report(scope: str, period: str, as_of: str) -> dict[str, str]:
    """Make one report into a directory named after its file and period; the same moment gives the same bytes."""
    from exchange.report.make import make
    from exchange.report.period import Period
    from exchange.report.scope import Scope
    from exchange.report.write import write_forms

    settings, path = load_settings(), Path(scope)
    with HubHook(settings.report.connection).get_conn() as client:
        given = Scope.parse(path.read_bytes())
        made = make(client, given, Period.parse(period), datetime.fromisoformat(as_of), path.parent)
    directory = settings.reports / f"{path.stem}-{period}"
    write_forms(made, directory, settings.report.language)
    return {"directory": str(directory), "digest": made.report.digest, "as_of": as_of}
