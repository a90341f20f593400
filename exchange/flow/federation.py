"""Who counts, as of now: the hub's own trust and, once it has joined one, its federation's roster.

Without a federation, every file of trust/ counts. With one, trust/ counts for the hub's own jurisdiction and the
roster for all others:

(0) a caller that the roster denies is refused, own members included, also once the roster has expired
(1) a caller of another jurisdiction is refused while the roster has expired
(2) members of the hub's own jurisdiction go on, whatever becomes of the federation
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import datetime

from exchange.errors import FederationExpiredError, NotFoundError, UnauthenticatedError
from exchange.trust.identity import Peer, TrustBundle
from exchange.trust.roster import Roster


class Standing:
    """The trust bundle and the deny-list that hold now; safe to share between threads."""

    def __init__(
        self,
        jurisdiction: str,
        trusted: Callable[[], Mapping[str, bytes]],
        roster: Roster | None = None,
    ) -> None:
        """`trusted` reads trust/: PEM of authorities by jurisdiction, the own one among them.

        Raises MalformedError, InvalidInputError for what cannot be a bundle.
        """
        self._jurisdiction = jurisdiction
        self._trusted = trusted
        self._lock = threading.Lock()
        self._read: Mapping[str, bytes] = {}
        self._state: tuple[TrustBundle, Roster | None] = (TrustBundle({}), None)
        self._change(trusted(), roster)

    @property
    def bundle(self) -> TrustBundle:
        """The same object until something changes."""
        return self._state[0]

    @property
    def roster(self) -> Roster | None:
        """The newest roster that was accepted, expired or not; None outside a federation."""
        return self._state[1]

    def accept(self, roster: Roster) -> None:
        """Let a verified roster count from now on."""
        with self._lock:
            self._change(self._read, roster)

    def reread(self) -> None:
        """Take over what has changed in trust/; raises as the constructor, and then all stays as it was."""
        with self._lock:
            now = self._trusted()
            if now != self._read:
                self._change(now, self._state[1])

    def check(self, peer: Peer, now: datetime) -> None:
        """Steps (0) to (2); raises UnauthenticatedError (`metadata.reason` DENIED), FederationExpiredError."""
        roster = self.roster
        if roster is None:
            return
        denied = roster.denies(peer)  # (0)
        if denied:
            raise UnauthenticatedError(
                f"the federation denies the {denied} of {peer.agency}",
                detail={"reason": "DENIED", "denied": denied},
            )
        if peer.agency.jurisdiction != self._jurisdiction:  # (2)
            require_fresh(roster, now)  # (1)

    def denied_keys(self) -> frozenset[str]:
        """Ids of signing keys that the federation denies."""
        roster = self.roster
        return roster.denied.keys if roster else frozenset()

    def _change(self, trusted: Mapping[str, bytes], roster: Roster | None) -> None:
        own = trusted.get(self._jurisdiction)
        if own is None:
            raise NotFoundError(f"trust/{self._jurisdiction}.pem is missing")
        if roster is None:
            bundle = TrustBundle.parse(trusted)
        else:
            others = {name: hub.authorities.encode() for name, hub in roster.hubs.items()}
            bundle = TrustBundle.parse({**others, self._jurisdiction: own})
        before = self._state[0]
        if (
            bundle.roots_pem() == before.roots_pem()
            and bundle.authorities.keys() == before.authorities.keys()
        ):
            bundle = before
        self._read, self._state = trusted, (bundle, roster)


def require_fresh(roster: Roster, now: datetime) -> None:
    """Raise FederationExpiredError once a roster no longer counts."""
    if now >= roster.expires_at:
        raise FederationExpiredError(
            f"the federation's metadata expired at {roster.expires_at:%Y-%m-%dT%H:%M:%SZ}; "
            "other jurisdictions are refused until it is refreshed"
        )
