"""A connection to one hub on behalf of one agency."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import grpc
import pyarrow as pa

from exchange.agreement.move import Act
from exchange.batch.manifest import Kind
from exchange.client.agreement import Moved, move_agreement, propose_terms
from exchange.client.call import retried
from exchange.client.many import Outgoing, publish_all
from exchange.client.profile import Profile
from exchange.client.publish import Published, publish_file, publish_table
from exchange.client.query import Filter, Rows, fetch, read_quarantine, read_rows
from exchange.client.seal import give_keys, register_recipient
from exchange.client.search import Conditions, search_hits, search_request
from exchange.client.session import Session
from exchange.client.watch import Event, watch
from exchange.errors import HechuanError
from exchange.v1 import agreement_pb2, catalog_pb2, common_pb2, exchange_pb2, ledger_pb2

if TYPE_CHECKING:
    import pandas as pd

Progress = Callable[[int, int], None]
"""(bytes so far, bytes in all)"""


class Client(Session):
    """Typed calls; every error is one of exchange.errors. Safe to share between threads."""

    def publish(
        self,
        contract: str,
        data: pa.Table | pd.DataFrame | Path | str,
        *,
        kind: Kind = Kind.OBSERVATION,
        key: str | None = None,
        corrects: Sequence[str] = (),
        valid_for: timedelta = timedelta(days=1),
        progress: Progress | None = None,
        witnesses: int = 0,
    ) -> Published:
        """Publish rows into this agency's dataset under a contract.

        A table is encoded as Parquet; a file (.parquet, .arrow, .csv, .ndjson) is sent as it is. `key` makes the
        call idempotent across processes; without one it is so only within this call. The receipt is verified;
        with `witnesses`, it waits for so many other hubs to cosign, as long as the hub allows.
        """
        if isinstance(data, (str, Path)):
            return publish_file(
                self, contract, Path(data), kind, key, corrects, valid_for, progress, witnesses
            )
        if not isinstance(data, pa.Table):
            data = pa.Table.from_pandas(data, preserve_index=False)
        return publish_table(self, contract, data, kind, key, corrects, valid_for, progress, witnesses)

    def publish_many(self, batches: Iterable[Outgoing]) -> Iterator[Published | HechuanError]:
        """Publish many small batches, many in a call; for each, in order, what `publish` would give or raise.

        What one is refused for does not touch the others. The source is read no further than one call ahead.
        """
        return publish_all(self, batches)

    def query(
        self,
        dataset: str,
        *,
        columns: Sequence[str] = (),
        filters: Sequence[Filter] = (),
        as_of: int | datetime | None = None,
        history: bool = False,
        limit: int | None = None,
        agreement: str = "",
    ) -> Rows:
        """Rows that stand in a dataset, as a checked Arrow stream; `.table()` gives them all, sealed columns opened.

        `agreement` names the one to read under, where there are several.
        """
        return read_rows(self, dataset, columns, filters, as_of, history, limit, agreement)

    def quarantine(self, dataset: str, *, batch: str | None = None, corrected: bool = False) -> Rows:
        """Rejected rows with rule and reason; only for the dataset's owner."""
        return read_quarantine(self, dataset, batch, corrected)

    def propose(self, dataset: str, consumer: str | None = None, **terms: Any) -> Moved:
        """Request a dataset, or offer one's own to `consumer`; `terms` are those of `propose_terms`.

        A consumer's recipient key is registered with it, so that sealed columns can be opened later.
        """
        moved = propose_terms(self, dataset, consumer or str(self.profile.agency), **terms)
        if moved.agreement.consumer == str(self.profile.agency):
            register_recipient(self)
        return moved

    def sign(self, agreement: str, act: Act | None = None, reason: str = "") -> Moved:
        """Say yes to what stands in an agreement, or make another move on it.

        Once it is in force, its provider's batch keys are wrapped for the consumer.
        """
        moved = move_agreement(self, agreement, act, reason)
        if moved.agreement.consumer == str(self.profile.agency):
            register_recipient(self)
        elif moved.agreement.state == agreement_pb2.AGREEMENT_STATE_IN_FORCE:
            give_keys(self)
        return moved

    def watch(self, start: int = 0, datasets: Sequence[str] = ()) -> Iterator[Event]:
        """Ledger entries from a cursor on, for ever; picks up where it was after a break."""
        return watch(self, start, datasets)

    def fetch(
        self, batch: str, target: Path, part: str = "object", progress: Progress | None = None
    ) -> Mapping[str, str]:
        """The exact bytes of a batch into a file, with envelope and receipt beside it; digest checked."""
        return fetch(self, batch, target, part, progress)

    def receipt(self, batch: str) -> str:
        """The receipt of a batch, again."""
        request = ledger_pb2.GetReceiptRequest(batch=batch)
        return retried(lambda: self.ledger.GetReceipt(request, timeout=30)).receipt

    def search(self, text: str = "", **conditions: Unpack[Conditions]) -> Iterator[catalog_pb2.DatasetHit]:
        """Datasets of this hub and of those it is linked with, the most relevant first.

        Every word of `text` must be found; see `Conditions` for the rest, and SearchDatasetsRequest for what they mean.
        """
        return search_hits(self, search_request(text, **conditions))

    def batches(self, dataset: str = "") -> Iterator[common_pb2.Batch]:
        """Batches of a dataset, or of this agency, newest first; as many pages as are asked for."""
        token = ""
        while True:
            request = exchange_pb2.ListBatchesRequest(dataset=dataset, page_size=1000, page_token=token)
            page = retried(lambda request=request: self.exchange.ListBatches(request, timeout=30))  # type: ignore[misc]
            yield from page.batches
            token = page.next_page_token
            if not token:
                return


def connect(home: Path | str, hub: str | None = None) -> Client:
    """Open a connection with what `hechuan agency enroll` left in `home`.

    `hub` is the jurisdiction of another hub that was joined; the agency's own otherwise.
    """
    profile = Profile.load(Path(home), hub)
    credentials = grpc.ssl_channel_credentials(profile.authorities(), profile.tls_key(), profile.tls_chain())
    options = (
        ("grpc.max_receive_message_length", 8 << 20),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
    )
    return Client(profile, grpc.secure_channel(profile.hub, credentials, options))
