"""What DAGs call, a function a task: settings and connections in, JSON out."""

from __future__ import annotations

from typing import Any

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
