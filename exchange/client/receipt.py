"""Receipts of entries, of this hub's ledger or of a peer's, each checked under the keys of the log that gave it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from exchange.client.call import retried
from exchange.client.verify import Verified, verify_receipt_text
from exchange.errors import NotFoundError
from exchange.v1 import catalog_pb2, ledger_pb2

if TYPE_CHECKING:
    from exchange.client.session import Session

_TIMEOUT: Final = 30


class Receipts:
    """Asks the agency's hub; keys of peers' logs are those that the hub names, asked for once."""

    def __init__(self, client: Session) -> None:
        self._client = client
        self._keys: dict[str, tuple[str, ...]] = {}

    def entry(self, index: int, hub: str) -> Verified:
        """The entry at an index of a hub's ledger; raises NotFoundError, ProofInvalidError."""
        return self._asked(ledger_pb2.GetReceiptRequest(index=index), hub)

    def step(self, digest: str) -> Verified:
        """A signed step of an agreement, settlement, referral or report in this hub's ledger; raises as above."""
        return self._asked(ledger_pb2.GetReceiptRequest(move=digest), "")

    def _asked(self, request: ledger_pb2.GetReceiptRequest, hub: str) -> Verified:
        own = self._client.profile.card.jurisdiction
        if hub not in ("", own):
            request.hub = hub
        text = retried(lambda: self._client.ledger.GetReceipt(request, timeout=_TIMEOUT)).receipt
        return verify_receipt_text(text, self._log_keys(hub or own))

    def _log_keys(self, hub: str) -> tuple[str, ...]:
        if hub == self._client.profile.card.jurisdiction:
            return self._client.profile.log_keys
        if not self._keys:
            told = retried(lambda: self._client.catalog.GetHub(catalog_pb2.GetHubRequest(), timeout=_TIMEOUT))
            for peer in told.peers:
                keys = (peer.log_key, peer.log_mldsa_key)
                self._keys[peer.jurisdiction] = tuple(key for key in keys if key)
        if hub not in self._keys:
            raise NotFoundError(f"本枢纽不知道 {hub} 的账本公钥 / the hub names no log key of {hub}")
        return self._keys[hub]
