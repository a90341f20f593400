"""Keys of sealed columns: who may be given one, who may fetch one, and how one ceases to exist.

A batch key is made by the publisher and leaves it only wrapped for a reader's recipient key (HPKE), in an envelope
that the publisher signed; so a hub can neither open a key nor put another in its place. Keeping one asks:

(0) the caller owns the dataset, and signed the envelope
(1) the agreement is in force, about this dataset
(2) the recipient key is registered for one of the agreement's readers
(3) the key has not been erased

Fetching one asks for an agreement in force. An erased key's wrapped copies are gone and none is taken any more; the
batch, its digest and every proof stay as they were.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from exchange.errors import (
    LimitExceededError,
    MalformedError,
    NotFoundError,
    PermissionDeniedError,
    SignatureInvalidError,
    WrongStateError,
)
from exchange.flow.agree import AgreementBook
from exchange.flow.append import Appended, Appender, Draft
from exchange.flow.entry import recipient_body
from exchange.flow.grant import Asker, is_reader
from exchange.flow.registry import KeyRing
from exchange.ids import AgencyId, DatasetId
from exchange.ports import Clock, RecipientRecord, SealedKey, SealStore
from exchange.trust.canonical import parse_canonical
from exchange.trust.envelope import Envelope, verify
from exchange.trust.seal import Recipient

RECIPIENT_TYPE: Final = "application/vnd.hechuan.recipient+json"
SEALED_KEY_TYPE: Final = "application/vnd.hechuan.sealed-key+json"
MAX_KEYS: Final = 1000
_KEY = re.compile(r"seal-1:[0-9a-f]{32}")
_SHORT = re.compile(r"[0-9a-f]{16}")
Recipients = Callable[[AgencyId], Sequence[RecipientRecord]]
"""Registered recipient keys of an agency, of this hub or a peer."""


class Sealing:
    """Keeps wrapped keys on behalf of publishers."""

    def __init__(
        self,
        store: SealStore,
        book: AgreementBook,
        keys: KeyRing,
        appender: Appender,
        clock: Clock,
        recipients: Recipients,
    ) -> None:
        self._store = store
        self._book = book
        self._keys = keys
        self._appender = appender
        self._clock = clock
        self._recipients = recipients

    def register(self, caller: AgencyId, envelope_bytes: bytes) -> Appended:
        """Put a recipient key into the ledger, in a statement signed by one of the agency's signing keys."""
        envelope = Envelope.from_json_bytes(envelope_bytes)
        claim = self._signed(caller, envelope, RECIPIENT_TYPE, {"agency", "created_at", "recipient", "v"})
        if claim["agency"] != str(caller):
            raise PermissionDeniedError(f"the statement speaks for {claim['agency'][:80]}")
        recipient = Recipient.parse(claim["recipient"])
        known = [each for each in self._recipients(caller) if each.id == recipient.keyid]
        if known:
            raise WrongStateError(f"recipient key {recipient.keyid} is registered already")
        return self._appender.append(Draft(recipient_body(caller, recipient, envelope)))

    def keep(self, caller: AgencyId, envelopes: Iterable[bytes]) -> int:
        """Steps (0) to (3) for each; how many were kept. None is kept where one is refused."""
        found = [self._checked(caller, data) for data in envelopes]
        if len(found) > MAX_KEYS:
            raise LimitExceededError(f"at most {MAX_KEYS} keys at once")
        self._store.keep_keys(found)
        return len(found)

    def _checked(self, caller: AgencyId, data: bytes) -> SealedKey:
        envelope = Envelope.from_json_bytes(data)
        members = {"agreement", "dataset", "key", "recipient", "v", "wrapped"}
        claim = self._signed(caller, envelope, SEALED_KEY_TYPE, members)  # (0)
        dataset, key = DatasetId.parse(claim["dataset"]), parse_key(claim["key"])
        if dataset.owner != caller:
            raise PermissionDeniedError(f"dataset {dataset} belongs to {dataset.owner}, not to {caller}")
        terms = self._in_force(claim["agreement"], dataset)  # (1)
        readers = [terms.consumer]
        known = {each.id for reader in readers for each in self._recipients(reader)}
        if claim["recipient"] not in known:  # (2)
            raise NotFoundError(f"recipient key {claim['recipient'][:80]} is not registered for a reader")
        if self._store.is_erased(key):  # (3)
            raise WrongStateError(f"key {key} has been erased", detail={"state": "erased"})
        return SealedKey(key, dataset, claim["agreement"], claim["recipient"], envelope.to_json_bytes())

    def _in_force(self, agreement: str, dataset: DatasetId) -> Any:
        known = self._book.get(agreement)
        if known.terms.dataset != dataset or not known.grants_at(self._clock.now()):
            state = known.state_at(self._clock.now())
            raise WrongStateError(
                f"agreement {agreement} is {state} and about {known.terms.dataset}", detail={"state": state}
            )
        return known.terms

    def fetch(self, asker: Asker, dataset: DatasetId, shorts: Iterable[str]) -> list[bytes]:
        """Wrapped keys of a dataset under the reader's agreements in force; PermissionDeniedError without any."""
        wanted = {parse_short(text) for text in shorts}
        now = self._clock.now()
        agreements = [
            each.id
            for each in self._book.every()
            if each.terms.dataset == dataset and is_reader(each.terms, asker.reader) and each.grants_at(now)
        ]
        if not agreements:
            raise PermissionDeniedError(
                f"{asker.reader} has no agreement in force about {dataset}",
                detail={"reason": "AGREEMENT_REQUIRED"},
            )
        return [
            each.envelope
            for each in self._store.sealed_keys(dataset, agreements)
            if not wanted or each.key.removeprefix("seal-1:")[:16] in wanted
        ]

    def erase(self, caller: AgencyId, dataset: DatasetId, key: str) -> int:
        """Remove every wrapped copy and take no more; how many there were."""
        if dataset.owner != caller:
            raise PermissionDeniedError(f"dataset {dataset} belongs to {dataset.owner}, not to {caller}")
        return self._store.erase_key(parse_key(key), dataset, self._clock.now())

    def _signed(self, caller: AgencyId, envelope: Envelope, kind: str, members: set[str]) -> dict[str, str]:
        payload = verify(envelope, kind, lambda key_id: self._keys.resolve(caller, key_id))
        claim = parse_canonical(payload)
        if not isinstance(claim, dict) or claim.keys() != members or claim["v"] != 1:
            raise MalformedError(f"the statement's members are not {', '.join(sorted(members))}")
        if not all(isinstance(value, str) for name, value in claim.items() if name != "v"):
            raise SignatureInvalidError("the statement's members are strings")
        return claim


def parse_key(text: str) -> str:
    """Check the id of a batch key; raises MalformedError."""
    if not _KEY.fullmatch(text):
        raise MalformedError(f"{text[:80]!r} is not seal-1:<32 hex digits>")
    return text


def parse_short(text: str) -> str:
    """Check the first eight bytes of an id, in hex; raises MalformedError."""
    if not _SHORT.fullmatch(text):
        raise MalformedError(f"{text[:80]!r} is not 16 hex digits")
    return text
