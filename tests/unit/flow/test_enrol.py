"""Invitations: one agency, one use, in time; and nothing is spent on what cannot be signed."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Lock

import pytest

from exchange.errors import (
    ConflictError,
    HechuanError,
    MalformedError,
    PermissionDeniedError,
    UnauthenticatedError,
)
from exchange.flow.enrol import invite, redeem
from exchange.ids import AgencyId
from exchange.ledger import VerifierKey
from exchange.member import HubCard, Invitation, log_origin, new_secret
from exchange.ports import CertificateRecord
from exchange.trust.authority import Authority, new_key_and_csr
from exchange.trust.identity import TrustBundle, identify
from exchange.trust.keys import SigningKey

NOW = datetime(2026, 3, 19, 1, 30, tzinfo=UTC)
ECOLOGY = AgencyId.parse("500000/ecology")
WATER = AgencyId.parse("500000/water")
AUTHORITY = Authority.create("500000", 30, NOW)
BUNDLE = TrustBundle.parse({"500000": AUTHORITY.certificate_pem})
CARD = HubCard(
    "500000",
    "localhost:8443",
    AUTHORITY.certificate_pem.decode(),
    str(VerifierKey(log_origin("500000"), SigningKey.generate().verify_key.public)),
    str(SigningKey.generate().verify_key),
)
_, CSR = new_key_and_csr(ECOLOGY)


class MemoryMembers:
    """Driver of InvitationStore and CertificateStore that forgets when the test ends."""

    def __init__(self) -> None:
        self.open: dict[str, tuple[AgencyId, datetime]] = {}
        self.issued: dict[str, CertificateRecord] = {}
        self._lock = Lock()

    def add_invitation(self, secret_hash: str, agency: AgencyId, expires_at: datetime) -> None:
        with self._lock:
            self.open[secret_hash] = (agency, expires_at)

    def use_invitation(self, secret_hash: str, agency: AgencyId, now: datetime) -> bool:
        with self._lock:
            found = self.open.get(secret_hash)
            if found is None or found[0] != agency or found[1] <= now:
                return False
            del self.open[secret_hash]
            return True

    def add_certificate(self, certificate: CertificateRecord) -> None:
        if certificate.serial in self.issued:
            raise ConflictError("this serial number was issued before")
        self.issued[certificate.serial] = certificate

    def certificates(self, agency: AgencyId | None = None) -> Sequence[CertificateRecord]:
        return [record for record in self.issued.values() if agency in (None, record.agency)]


@pytest.fixture
def store() -> MemoryMembers:
    return MemoryMembers()


@pytest.fixture
def invitation(store: MemoryMembers) -> Invitation:
    return invite(store, CARD, "localhost:8444", ECOLOGY, 72, NOW)


def _redeem(
    store: MemoryMembers, secret: str, agency: AgencyId = ECOLOGY, csr: bytes = CSR, now: datetime = NOW
) -> bytes:
    return redeem(store, AUTHORITY, agency, secret, csr, 10, now)


def test_an_invitation_becomes_a_certificate(store: MemoryMembers, invitation: Invitation) -> None:
    peer = identify(_redeem(store, invitation.secret), BUNDLE, NOW)
    assert peer.agency == ECOLOGY
    assert store.certificates() == [CertificateRecord(peer.serial, ECOLOGY, NOW, NOW + timedelta(days=10))]


def test_the_hub_keeps_no_secret(store: MemoryMembers, invitation: Invitation) -> None:
    assert invitation.secret not in repr(store.open)
    assert invitation.expires_at == NOW + timedelta(hours=72)


def test_once_only(store: MemoryMembers, invitation: Invitation) -> None:
    _redeem(store, invitation.secret)
    with pytest.raises(UnauthenticatedError):
        _redeem(store, invitation.secret)


def test_once_only_however_many_ask_at_once(store: MemoryMembers, invitation: Invitation) -> None:
    def ask(_: int) -> bool:
        try:
            _redeem(store, invitation.secret)
        except UnauthenticatedError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, range(32))) == 1


def test_whatever_is_wrong_with_an_invitation_the_caller_hears_the_same(
    store: MemoryMembers, invitation: Invitation
) -> None:
    said = set()
    for secret, agency, now in (
        (new_secret(), ECOLOGY, NOW),
        (invitation.secret, WATER, NOW),
        (invitation.secret, ECOLOGY, NOW + timedelta(hours=73)),
    ):
        with pytest.raises(UnauthenticatedError) as caught:
            _redeem(store, secret, agency, now=now)
        said.add((caught.value.message, tuple(caught.value.detail.items())))
    assert len(said) == 1
    _redeem(store, invitation.secret)


@pytest.mark.parametrize(
    ("secret", "csr", "error"),
    [("", CSR, MalformedError), ("x" * 44, CSR, MalformedError), (None, b"junk", MalformedError)],
)
def test_nothing_is_spent_on_a_request_that_cannot_be_signed(
    store: MemoryMembers,
    invitation: Invitation,
    secret: str | None,
    csr: bytes,
    error: type[HechuanError],
) -> None:
    with pytest.raises(error):
        _redeem(store, invitation.secret if secret is None else secret, csr=csr)
    _redeem(store, invitation.secret)


@pytest.mark.parametrize("agency", ["510000/ecology", "500000/hub"])
def test_a_hub_invites_only_its_own_members(store: MemoryMembers, agency: str) -> None:
    with pytest.raises(PermissionDeniedError):
        invite(store, CARD, "localhost:8444", AgencyId.parse(agency), 72, NOW)
    assert not store.open
