"""All peers of a hub: a link each, opened and closed as the federation changes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence

import structlog

from exchange.errors import HechuanError, NotFoundError
from exchange.flow.link import Link, LinkState, Neighbour
from exchange.ids import DatasetId
from exchange.ledger import VerifierKey

Neighbours = Callable[[], Mapping[str, Neighbour]]
"""Other hubs of the federation as they are now, by jurisdiction; raises where that is not known."""

_RENEW_SECONDS = 1.0
_log = structlog.get_logger(__name__)


class Links:
    """Links by jurisdiction; a hub that is in no federation has none."""

    def __init__(
        self,
        neighbours: Neighbours,
        make_link: Callable[[str, Callable[[], Neighbour | None]], Link],
    ) -> None:
        self._neighbours = neighbours
        self._make_link = make_link
        self._links: dict[str, Link] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="links", daemon=True)

    def start(self) -> None:
        """Open links, and keep them as the federation says; returns at once."""
        self._renew()
        self._thread.start()

    def close(self) -> None:
        """Close every link."""
        self._stopped.set()
        for link in self._links.values():
            link.close()

    def has(self, hub: str) -> bool:
        """Whether there is a link to a hub, up or not."""
        return hub in self._links

    def link(self, hub: str) -> Link:
        """The link to one peer; raises NotFoundError."""
        try:
            return self._links[hub]
        except KeyError:
            raise NotFoundError(f"hub {hub} is not in this hub's federation") from None

    def neighbour(self, hub: str) -> Neighbour:
        """How to reach one peer; raises NotFoundError."""
        found = self.neighbours().get(hub)
        if found is None:
            raise NotFoundError(f"hub {hub} is not in this hub's federation")
        return found

    def mirrors(self, dataset: DatasetId) -> bool:
        """Whether a peer's dataset can be read here, whole."""
        link = self._links.get(dataset.owner.jurisdiction)
        return link is not None and link.mirror.complete(dataset)

    def hubs(self) -> Collection[str]:
        """Peers that are linked and still belong to the federation."""
        return self.neighbours().keys() & self._links.keys()

    def links(self) -> Sequence[Link]:
        """All of them, by jurisdiction."""
        return [self._links[hub] for hub in sorted(self._links)]

    def states(self) -> Sequence[LinkState]:
        """How each link is doing."""
        return [link.state() for link in self.links()]

    def logs(self) -> Mapping[str, Sequence[VerifierKey]]:
        """The keys of the peers' logs by origin, for the witness."""
        return {neighbour.log[0].name: neighbour.log for neighbour in self.neighbours().values()}

    def neighbours(self) -> Mapping[str, Neighbour]:
        """The hubs that this one deals with now; none while the roster does not count."""
        try:
            return self._neighbours()
        except HechuanError as error:
            _log.warning("the federation's roster does not count", error=error.message)
            return {}

    def _run(self) -> None:
        while not self._stopped.wait(_RENEW_SECONDS):
            self._renew()

    def _renew(self) -> None:
        for hub in self.neighbours().keys() - self._links.keys():
            link = self._make_link(hub, lambda hub=hub: self.neighbours().get(hub))  # type: ignore[misc]
            self._links[hub] = link
            link.start()
