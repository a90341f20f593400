"""Which hub answers for a dataset: this one, from its own ledger or a mirror, or the owner's."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from exchange.client.peer import GrpcPeer
from exchange.errors import NotFoundError
from exchange.flow.grant import Asker
from exchange.flow.links import Links
from exchange.flow.query import Reader
from exchange.flow.replicate import Replica
from exchange.ids import DatasetId
from exchange.ports import LedgerStore
from exchange.serve.through import ask_through
from exchange.trust.keys import Signer
from exchange.v1 import exchange_pb2


class Router:
    """Finds the reader of a dataset, or asks the owner's hub."""

    def __init__(
        self,
        own: Reader,
        ledger: LedgerStore,
        links: Links,
        reader_of: Callable[[Replica], Reader],
        hub: str,
        key: Signer,
    ) -> None:
        self._own = own
        self._ledger = ledger
        self._links = links
        self._reader_of = reader_of
        self._hub = hub
        self._key = key
        self._readers: dict[str, Reader] = {}

    def reader(self, asker: Asker, dataset: DatasetId) -> Reader | None:
        """Who answers here; None where the owner's hub has to be asked. Raises NotFoundError."""
        origin = dataset.owner.jurisdiction
        if origin == self._hub or asker.via or self._is_here(dataset):
            return self._own
        if not self._links.mirrors(dataset):
            self._links.neighbour(origin)
            return None
        if origin not in self._readers:
            self._readers[origin] = self._reader_of(self._links.link(origin).replica)
        return self._readers[origin]

    def copy_of(self, dataset: DatasetId) -> Replica | None:
        """The verified copy of the owner's ledger, for what is published there; None for what is in this hub's own."""
        origin = dataset.owner.jurisdiction
        if origin == self._hub or self._is_here(dataset):
            return None
        return self._links.link(origin).replica

    def through(
        self, asker: Asker, dataset: DatasetId, request: exchange_pb2.QueryRequest
    ) -> Iterator[exchange_pb2.QueryResponse]:
        """The owner's hub's answer, checked and signed anew."""
        origin = dataset.owner.jurisdiction
        neighbour = self._links.neighbour(origin)
        peer = neighbour.connect()
        assert isinstance(peer, GrpcPeer)
        try:
            yield from ask_through(peer, origin, neighbour.statement, request, asker, self._hub, self._key)
        finally:
            peer.close()

    def _is_here(self, dataset: DatasetId) -> bool:
        """An agency of another jurisdiction may publish here directly."""
        try:
            self._ledger.dataset(dataset)
        except NotFoundError:
            return False
        return True
