"""The hub in its federation: gives its copy of the metadata to others, and keeps that copy fresh.

Each round, every `refresh_seconds`:
(0) nothing to do until the hub has joined; joining needs no restart
(1) a hub that keeps the repository takes over what another keeper published, and signs the timestamp when due
(2) each source is asked: the hub's own repository, then every hub of the last roster; none can take anything back
(3) the newest verified roster counts at once, for new calls and open streams
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from typing import Any

import grpc
import structlog

from exchange.client.federation import metadata_of
from exchange.errors import HechuanError
from exchange.flow.federation import Standing
from exchange.home import HubDirectory
from exchange.ports import Clock
from exchange.serve.caller import Gate
from exchange.serve.status import answers
from exchange.settings import Federation
from exchange.store.tuf import (
    FederationDirectory,
    Fetch,
    HolderKeys,
    LastRoster,
    Repository,
    RosterClient,
    check_path,
    fetch_from,
)
from exchange.store.tuf.layout import read_published
from exchange.trust.roster import Denied, Roster
from exchange.trust.secret import read_private, read_public
from exchange.v1 import federation_pb2, federation_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]
_log = structlog.get_logger(__name__)


class FederationServicer(federation_pb2_grpc.FederationServiceServicer):
    """Every certificate holder may read the metadata, also one whose own view of it is the newer one."""

    def __init__(self, gate: Gate, place: FederationDirectory) -> None:
        self._gate = gate
        self._place = place

    @answers
    async def GetMetadata(
        self, request: federation_pb2.GetMetadataRequest, context: Context
    ) -> federation_pb2.GetMetadataResponse:
        # without this, two hubs whose metadata has expired could never help each other
        self._gate.peer(context, expired_too=True)
        path = check_path(request.path)
        data = await asyncio.to_thread(read_published, self._place.mirror, path)
        return federation_pb2.GetMetadataResponse(data=data)


class Follower:
    """Keeps what stands in step with the federation."""

    def __init__(self, home: HubDirectory, settings: Federation, clock: Clock, standing: Standing) -> None:
        self._home = home
        self._place = FederationDirectory(home.federation)
        self._settings = settings
        self._clock = clock
        self._standing = standing

    async def run(self) -> None:
        """Rounds (0) to (3), for ever; cancel to stop."""
        while True:
            started = time.monotonic()
            try:
                await asyncio.to_thread(self.round)
            except Exception as error:  # whatever it is, the next round must come
                _log.error("federation round failed", exc_info=error)
            await asyncio.sleep(max(0.0, started + self._settings.refresh_seconds - time.monotonic()))

    def round(self) -> None:
        """One round. A source that fails is logged and passed over."""
        self._standing.reread()
        last = LastRoster(self._place.last).read()  # (0)
        if last is None:
            return
        standing = self._standing.roster
        if standing is None or standing.version < last.version:
            self._take_over(last)
        if (self._place.publish / "metadata" / "timestamp.json").exists():
            self._keep()  # (1)
            self._ask("publish", nullcontext(fetch_from(self._place.publish)))  # (2)
        own = self._home.authority().jurisdiction
        roster = self._standing.roster or last
        for name, hub in sorted(roster.hubs.items()):
            if name != own and name not in roster.denied.hubs:
                seconds = self._settings.fetch_seconds
                self._ask(name, peer_fetch(self._home, hub.address, hub.authorities, seconds))

    def _take_over(self, roster: Roster) -> None:
        before = self._standing.roster
        self._standing.accept(roster)
        if before is None or before.version != roster.version:
            _log.info("roster", version=roster.version, hubs=len(roster.hubs), until=str(roster.expires_at))

    def _keep(self) -> None:
        repository = Repository(self._place.publish, self._settings)
        try:
            repository.adopt(self._place.mirror)
            if repository.resign(HolderKeys(self._place.keys), self._clock.now()):
                _log.info("timestamp signed")
        except HechuanError as error:
            _log.warning("repository not kept", error=str(error), code=error.code)

    def _ask(self, source: str, peer: AbstractContextManager[Fetch]) -> None:
        try:
            with peer as fetch:
                self._take_over(RosterClient(self._place.root, fetch, self._clock).refresh())  # (3)
        except HechuanError as error:
            _log.warning("federation source failed", source=source, code=error.code, error=str(error))


@contextmanager
def peer_fetch(home: HubDirectory, address: str, authorities: str, seconds: float) -> Iterator[Fetch]:
    """What another hub gives, asked with this hub's certificate."""
    key, chain = read_private(home.hub_key), read_public(home.hub_certificate)
    with metadata_of(address, authorities.encode(), key, chain, seconds) as fetch:
        yield fetch


def standing_of(home: HubDirectory) -> Standing:
    """What stands when a hub starts: trust/, and the roster that it verified last, until that expires.

    A hub that has joined and has lost its last roster trusts its own jurisdiction alone.
    """
    place = FederationDirectory(home.federation)
    last = LastRoster(place.last).read()
    if last is None and place.pinned.exists():
        last = Roster({}, Denied(), 0, datetime.min.replace(tzinfo=UTC))
    return Standing(home.authority().jurisdiction, home.trusted, last)
