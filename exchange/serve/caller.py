"""Who is calling: from the TLS session's certificate to an agency."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, Final, TypeVar

import grpc

from exchange.errors import FederationExpiredError, PermissionDeniedError, UnauthenticatedError
from exchange.flow.federation import Standing
from exchange.flow.grant import Asker
from exchange.flow.registry import KeyRing
from exchange.ids import AgencyId
from exchange.ports import Clock
from exchange.trust.identity import Peer, identify

_T = TypeVar("_T")
Context = grpc.aio.ServicerContext[Any, Any]
AGAIN_SECONDS: Final = 1.0
"""How often a stream looks again who reads it."""


class Gate:
    """Identifies callers against what stands now: authorities, revocations in the ledger, the federation's roster."""

    def __init__(self, standing: Standing, keys: KeyRing, clock: Clock) -> None:
        self._standing = standing
        self._keys = keys
        self._clock = clock

    def peer(self, context: Context, *, expired_too: bool = False) -> Peer:
        """The caller's certificate, checked; raises UnauthenticatedError, FederationExpiredError.

        `expired_too` lets other jurisdictions in while the federation's metadata has expired.
        """
        chain = list(context.auth_context().get("x509_pem_cert", ()))
        if not chain:
            raise UnauthenticatedError("no client certificate was presented")
        now = self._clock.now()
        peer = identify(chain[0], self._standing.bundle, now)
        self._keys.check_certificate(peer.serial)
        try:
            self._standing.check(peer, now)
        except FederationExpiredError:
            if not expired_too:
                raise
        return peer

    def agency(self, context: Context) -> AgencyId:
        """Who calls."""
        return self.peer(context).agency

    def asker(self, context: Context, on_behalf_of: str) -> Asker:
        """Who reads: the caller, or an agency of the hub that calls; raises PermissionDeniedError."""
        peer = self.peer(context)
        if not on_behalf_of:
            return Asker(peer.agency)
        reader = AgencyId.parse(on_behalf_of)
        if not peer.is_hub or reader.jurisdiction != peer.agency.jurisdiction:
            raise PermissionDeniedError(
                f"{peer.agency} cannot ask on behalf of {reader}", detail={"reason": "NOT_ITS_HUB"}
            )
        return Asker(reader, peer.agency.jurisdiction)

    async def while_welcome(self, context: Context, source: AsyncGenerator[_T, None]) -> AsyncIterator[_T]:
        """Hand on what a stream gives as long as its reader counts; looks at most once in AGAIN_SECONDS."""
        due = time.monotonic() + AGAIN_SECONDS
        async with aclosing(source):
            async for item in source:
                if time.monotonic() >= due:
                    self.peer(context)
                    due = time.monotonic() + AGAIN_SECONDS
                yield item
