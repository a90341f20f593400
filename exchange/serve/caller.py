"""Who is calling: from the TLS session's certificate to an agency."""

from __future__ import annotations

from typing import Any

import grpc

from exchange.errors import UnauthenticatedError
from exchange.flow.registry import KeyRing
from exchange.ids import AgencyId
from exchange.ports import Clock
from exchange.trust.identity import Peer, TrustBundle, identify


class Gate:
    """Identifies callers against the trust bundle and the revocations in the ledger."""

    def __init__(self, bundle: TrustBundle, keys: KeyRing, clock: Clock) -> None:
        self._bundle = bundle
        self._keys = keys
        self._clock = clock

    def peer(self, context: grpc.aio.ServicerContext[Any, Any]) -> Peer:
        """The caller's certificate, checked; raises UnauthenticatedError."""
        chain = list(context.auth_context().get("x509_pem_cert", ()))
        if not chain:
            raise UnauthenticatedError("no client certificate was presented")
        peer = identify(chain[0], self._bundle, self._clock.now())
        self._keys.check_certificate(peer.serial)
        return peer

    def agency(self, context: grpc.aio.ServicerContext[Any, Any]) -> AgencyId:
        """Who calls."""
        return self.peer(context).agency
