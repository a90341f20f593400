"""What DAGs call, a function a task: settings and connections in, JSON out."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from exchange.errors import InvalidInputError
from exchange.trust.workday import SHANGHAI
from stewards.alert import keep_daily
from stewards.hook import HubHook
from stewards.settings import load_settings, named
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
    found: dict[str, str] = {}
    for connection in settings.connections:
        with HubHook(connection).get_conn() as client:
            found |= {
                each.id: f"{each.title} · {each.handler}" for each in list_referrals(client) if each.overdue
            }
    keep_daily(settings.pages, "referral_late", found)
    return sorted(found)


def sweep_storage() -> dict[str, Any]:
    """Check everything that the hub on this host stores, remove what nothing needs; harmless to repeat."""
    from stewards.upkeep import sweep

    settings = load_settings()
    return sweep(settings.host, settings.pages)


def mirror_peers() -> list[dict[str, Any]]:
    """What the hub on this host may mirror, and what of it is missing; harmless to repeat."""
    from stewards.upkeep import mirrors

    settings = load_settings()
    return mirrors(settings.host, settings.pages)


def downstream() -> list[str]:
    """Names of those whose neighbours downstream are warned."""
    return [each.name for each in load_settings().downstream]


def alert_downstream(name: str) -> list[str]:
    """Ids of the warnings that new batches led to; what is warned of already is not repeated."""
    from stewards.downstream import warn

    settings = load_settings()
    watched = named(settings.downstream, name)
    with HubHook(watched.connection).get_conn() as client:
        return warn(client, watched, settings.pages)


def patrols_due(today: str | None = None) -> list[dict[str, str]]:
    """Arguments of `plan_patrols` for everybody whose patrols are planned; `today` as 2026-05-20."""
    day = today or datetime.now(SHANGHAI).date().isoformat()
    return [{"name": each.name, "today": day} for each in load_settings().patrols]


def plan_patrols(name: str, today: str) -> dict[str, Any]:
    """The accord on the patrols of the month after `today`, proposed unless it was."""
    from stewards.patrols import plan_next

    settings = load_settings()
    watched = named(settings.patrols, name)
    with HubHook(watched.connection).get_conn() as client:
        return plan_next(client, watched, settings.pages, date.fromisoformat(today))


def boundaries() -> list[str]:
    """Names of the boundaries that are compared."""
    return [each.name for each in load_settings().boundaries]


def reconcile_boundary(name: str) -> dict[str, Any]:
    """Compare both banks of one boundary; harmless to repeat."""
    from stewards.compare.boundary import reconcile_boundary as reconcile

    settings = load_settings()
    boundary = named(settings.boundaries, name)
    with HubHook(boundary.connection).get_conn() as client:
        return reconcile(client, boundary, settings.comparing, settings.pages)


def deliveries() -> list[dict[str, str]]:
    """Arguments of `reconcile_delivery` for each agreement in force."""
    from stewards.compare.register import agreements_of

    found: list[dict[str, str]] = []
    for each in load_settings().deliveries:
        with HubHook(each.reader).get_conn() as reader:
            found += agreements_of(reader, each.name)
    return found


def reconcile_delivery(name: str, agreement: str, dataset: str) -> dict[str, Any]:
    """Compare what was published and what arrived under one agreement; harmless to repeat."""
    from stewards.compare.register import reconcile_delivery as reconcile

    settings = load_settings()
    delivery = named(settings.deliveries, name)
    with HubHook(delivery.owner).get_conn() as owner, HubHook(delivery.reader).get_conn() as reader:
        return reconcile(owner, reader, delivery, agreement, dataset, settings.comparing, settings.pages)


def cases() -> list[str]:
    """Names of the lists of cases that are compared."""
    return [each.name for each in load_settings().cases]


def reconcile_cases(name: str) -> dict[str, Any]:
    """Compare the cases of one dataset with what its receiver has; harmless to repeat."""
    from stewards.compare.register import reconcile_transfers

    settings = load_settings()
    case = named(settings.cases, name)
    with HubHook(case.connection).get_conn() as steward, HubHook(case.received).get_conn() as receiver:
        return reconcile_transfers(steward, receiver, case, settings.comparing, settings.pages)


def reports_due(period: str | None = None, as_of: str | None = None) -> list[dict[str, str]]:
    """Arguments of `make_report` for each report, as of now and of last month unless told otherwise.

    A quarter or a year comes with the month that ended it, where a report is made of those.

    Raises MalformedError, InvalidInputError.
    """
    from exchange.report.period import Period

    now = datetime.now(UTC)
    over = Period.over_on(now.astimezone(SHANGHAI).date())
    moment = datetime.fromisoformat(as_of) if as_of else now
    found: list[dict[str, str]] = []
    for each in load_settings().reports:
        words = {word.strip() for word in each.every.split(",")}
        if not words <= {"month", "quarter", "year"}:
            raise InvalidInputError(f"reports: every is of month, quarter, year, not {each.every!r}")
        periods = [Period.parse(period)] if period else [over[word] for word in over if word in words]
        found += [
            {"name": each.name, "period": str(chosen), "as_of": moment.isoformat()} for chosen in periods
        ]
    return found


def make_report(name: str, period: str, as_of: str) -> dict[str, str]:
    """Make one report into a directory named after it and its period; the same moment gives the same bytes."""
    from exchange.report.make import make
    from exchange.report.period import Period
    from exchange.report.scope import Scope
    from exchange.report.write import write_forms

    settings = load_settings()
    report = named(settings.reports, name)
    path = Path(report.scope)
    with HubHook(report.connection).get_conn() as client:
        given = Scope.parse(path.read_bytes())
        made = make(client, given, Period.parse(period), datetime.fromisoformat(as_of), path.parent)
    directory = settings.made_reports / f"{name}-{period}"
    write_forms(made, directory, report.language)
    return {"directory": str(directory), "digest": made.report.digest, "as_of": as_of}
