"""What the hub tells Prometheus: calls by method and outcome, how long they took, how much was appended."""

from __future__ import annotations

from collections import Counter as Counts
from collections.abc import Sequence

from prometheus_client import Counter, Gauge, Histogram, start_http_server

from exchange.agreement.negotiation import State
from exchange.errors import InvalidInputError
from exchange.ports import BatchRecord, Record

CALLS = Counter("hechuan_calls_total", "Calls that have ended", ["method", "code"])
SECONDS = Histogram(
    "hechuan_call_seconds",
    "How long calls took, streams to their end",
    ["method"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
)
ENTRIES = Counter("hechuan_entries_total", "Ledger entries appended by this process", ["kind"])
ROWS = Counter("hechuan_rows_total", "Rows of batches appended by this process", ["outcome"])
TREE_SIZE = Gauge("hechuan_tree_size", "Entries in the ledger after this process's last append")
AGREEMENTS = Gauge(
    "hechuan_agreements", "Agreements in the hub's ledger by the state they are in now", ["state"]
)
ANSWERS_DUE_SOON = Gauge(
    "hechuan_answers_due_soon", "Agreements whose awaited answer is due within remind_days"
)
_GROUP = Histogram(
    "hechuan_group_entries", "Entries appended in one transaction", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256)
)


def ended(method: str, code: str, seconds: float) -> None:
    """A call has ended."""
    CALLS.labels(method, code).inc()
    SECONDS.labels(method).observe(seconds)


def appended(records: Sequence[Record]) -> None:
    """A group has been committed."""
    _GROUP.observe(len(records))
    TREE_SIZE.set(records[-1].index + 1)
    for record in records:
        ENTRIES.labels(type(record).__name__.removesuffix("Record").lower()).inc()
        if isinstance(record, BatchRecord):
            ROWS.labels("accepted").inc(record.accepted)
            ROWS.labels("rejected").inc(record.rejected)


def agreements(states: Sequence[State]) -> None:
    """The states of all agreements, as they are now."""
    counts = Counts(states)
    for state in State:
        AGREEMENTS.labels(state.value).set(counts[state])


def listen(address: str) -> None:
    """Serve the text format on `host:port`; raises InvalidInputError for another form."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal():
        raise InvalidInputError(f"listen_metrics {address!r} is not <host>:<port>")
    start_http_server(int(port), host)
