"""What a gateway tells Prometheus."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram, start_http_server

from exchange.errors import InvalidInputError

CONNECTIONS = Gauge("hechuan_gateway_connections", "Open connections")
REFUSED = Counter("hechuan_gateway_connections_ended_total", "Connections that the gateway ended", ["reason"])
ENTRIES = Counter("hechuan_gateway_entries_total", "Entries taken from stations", ["outcome"])
FAULTS = Counter("hechuan_gateway_faults_total", "Bytes and frames that were not taken", ["fault"])
COMMIT = Histogram(
    "hechuan_gateway_commit_seconds",
    "From an entry's arrival until it is durable",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
BATCHES = Counter("hechuan_gateway_batches_total", "Batches published", ["contract"])
ROWS = Counter("hechuan_gateway_rows_total", "Rows of batches published", ["contract", "outcome"])
FAILURES = Counter("hechuan_gateway_publish_failures_total", "Attempts at the hub that failed", ["code"])
LEFT = Counter("hechuan_gateway_left_out_total", "What was kept and became no row", ["reason"])
SPOOL = Gauge("hechuan_gateway_spool_bytes", "Bytes that the hub has not taken")


def listen(address: str) -> None:
    """Serve the text format on `host:port`; raises InvalidInputError for another form."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal():
        raise InvalidInputError(f"listen_metrics {address!r} is not <host>:<port>")
    start_http_server(int(port), host)
