"""Following a hub's ledger."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import grpc

from exchange.client.call import error_of
from exchange.v1 import common_pb2, exchange_pb2

if TYPE_CHECKING:
    from exchange.client.session import Session

Event = tuple[int, common_pb2.Batch | exchange_pb2.LedgerEntry | None]
"""(cursor to resume from, what happened); None: a heartbeat, nothing below the cursor was left out."""

_WAIT_SECONDS = 1.0


def watch(client: Session, start: int, datasets: Sequence[str]) -> Iterator[Event]:
    """Entries from `start` on, live; reconnects while the error says that this can help."""
    cursor = start
    while True:
        call = client.exchange.Watch(exchange_pb2.WatchRequest(start=cursor, datasets=datasets))
        try:
            for response in call:
                which = response.WhichOneof("event")
                if which == "heartbeat":
                    cursor = response.heartbeat
                    yield cursor, None
                else:
                    found = response.batch if which == "batch" else response.entry
                    cursor = found.index + 1
                    yield cursor, found
        except grpc.RpcError as error:
            ours = error_of(error)
            if not ours.retryable:
                raise ours from error
        finally:
            call.cancel()
        time.sleep(_WAIT_SECONDS)
