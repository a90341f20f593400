"""Joining a hub over real TLS: a certificate, then the signing key in the ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import grpc
import pytest

from exchange.client.enrol import enroll, join, register_key
from exchange.client.profile import Home, Profile
from exchange.errors import HechuanError, ProofInvalidError, UnauthenticatedError, UnavailableError
from exchange.flow.enrol import redeem
from exchange.ids import AgencyId
from exchange.ledger import Checkpoint, Receipt, RightEdge, VerifierKey, extend, leaf_hash, sign_checkpoint
from exchange.member import KEY_TYPE, HubCard, Invitation, hash_secret, log_origin, new_secret
from exchange.ports import CertificateRecord
from exchange.trust.authority import Authority
from exchange.trust.canonical import canonical, parse_canonical
from exchange.trust.envelope import Envelope, verify
from exchange.trust.identity import TrustBundle, identify
from exchange.trust.keys import SigningKey, VerifyKey
from exchange.v1 import member_pb2, member_pb2_grpc

NOW = datetime.now(UTC).replace(microsecond=0)
ECOLOGY = AgencyId.parse("500000/ecology")


class SmallHub(member_pb2_grpc.EnrolmentServiceServicer, member_pb2_grpc.MemberServiceServicer):
    """Enrolment as the hub does it, and a ledger of one entry at a time."""

    def __init__(self, jurisdiction: str) -> None:
        self.authority = Authority.create(jurisdiction, 30, NOW)
        self.log = SigningKey.generate()
        self.verifier = VerifierKey(log_origin(jurisdiction), self.log.verify_key.public)
        self.statement = SigningKey.generate()
        self.bundle = TrustBundle.parse({jurisdiction: self.authority.certificate_pem})
        self.open: set[str] = set()
        self.issued: list[CertificateRecord] = []
        self.keys: list[member_pb2.Key] = []
        self.entry_key: Callable[[str], str] = lambda key: key
        self.address = ""

    def use_invitation(self, secret_hash: str, agency: AgencyId, now: datetime) -> bool:
        known = secret_hash in self.open
        self.open.discard(secret_hash)
        return known

    def add_invitation(self, secret_hash: str, agency: AgencyId, expires_at: datetime) -> None:
        self.open.add(secret_hash)

    def add_certificate(self, certificate: CertificateRecord) -> None:
        self.issued.append(certificate)

    def certificates(self, agency: AgencyId | None = None) -> list[CertificateRecord]:
        return self.issued

    def Enroll(self, request: Any, context: Any) -> Any:  # noqa: N802
        agency = AgencyId.parse(request.agency)
        try:
            chain = redeem(self, self.authority, agency, request.secret, request.csr, 10, NOW)
        except HechuanError as error:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, error.message)
        return member_pb2.EnrollResponse(certificate_chain=chain)

    def GetSelf(self, request: Any, context: Any) -> Any:  # noqa: N802
        return member_pb2.GetSelfResponse(agency=str(self._caller(context)))

    def ListKeys(self, request: Any, context: Any) -> Any:  # noqa: N802
        return member_pb2.ListKeysResponse(keys=[key for key in self.keys if key.agency == request.agency])

    def RegisterKey(self, request: Any, context: Any) -> Any:  # noqa: N802
        caller = self._caller(context)
        envelope = Envelope.from_json_bytes(request.envelope)
        claim = parse_canonical(envelope.payload)
        key = VerifyKey.parse(claim["key"])
        verify(envelope, KEY_TYPE, lambda _: key)
        assert claim["agency"] == str(caller)
        entry = canonical({"key": self.entry_key(key.keyid), "kind": "key"})
        edge, _ = extend(RightEdge(), [leaf_hash(entry)])
        note = sign_checkpoint(Checkpoint(self.verifier.name, 1, edge.root()), self.verifier, self.log.sign)
        record = member_pb2.Key(id=key.keyid, agency=str(caller), public_key=str(key))
        self.keys.append(record)
        return member_pb2.RegisterKeyResponse(key=record, receipt=str(Receipt(0, (), note, entry)))

    def _caller(self, context: Any) -> AgencyId:
        pem = b"".join(cast("list[bytes]", context.auth_context()["x509_pem_cert"]))
        return identify(pem, self.bundle, NOW).agency

    def card(self) -> HubCard:
        authority = self.authority.certificate_pem.decode()
        jurisdiction = self.authority.jurisdiction
        return HubCard(
            jurisdiction, self.address, authority, str(self.verifier), str(self.statement.verify_key)
        )

    def invitation(self, enrolment: str, expires_at: datetime = NOW + timedelta(hours=1)) -> Invitation:
        secret = new_secret()
        self.add_invitation(hash_secret(secret), ECOLOGY, expires_at)
        return Invitation(self.card(), enrolment, ECOLOGY, secret, expires_at)


@contextmanager
def _running(hub: SmallHub) -> Iterator[str]:
    """Serve on two ports as a hub does; yields the enrolment address."""
    pair = [hub.authority.issue_hub(["localhost"], 10, NOW)]
    mutual = grpc.ssl_server_credentials(pair, hub.bundle.roots_pem(), require_client_auth=True)
    with ThreadPoolExecutor(4) as pool:
        main, enrolment = grpc.server(pool), grpc.server(pool)
        member_pb2_grpc.add_MemberServiceServicer_to_server(hub, main)
        member_pb2_grpc.add_EnrolmentServiceServicer_to_server(hub, enrolment)
        hub.address = f"localhost:{main.add_secure_port('127.0.0.1:0', mutual)}"
        port = enrolment.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials(pair))
        main.start()
        enrolment.start()
        try:
            yield f"localhost:{port}"
        finally:
            main.stop(None).wait()
            enrolment.stop(None).wait()


def test_from_invitation_to_a_key_in_the_ledger(tmp_path: Path) -> None:
    hub = SmallHub("500000")
    with _running(hub) as enrolment:
        invitation = hub.invitation(enrolment)
        profile = enroll(invitation, tmp_path / "home", NOW)
        assert identify(profile.tls_chain(), hub.bundle, NOW).agency == ECOLOGY
        record = register_key(profile, NOW)
        assert record.id == profile.signing_key().verify_key.keyid
        assert register_key(profile, NOW) == record
        assert len(hub.keys) == 1
        with pytest.raises(UnauthenticatedError, match="not accepted"):
            enroll(invitation, tmp_path / "home", NOW)


def test_an_expired_invitation_makes_no_call_and_no_keys(tmp_path: Path) -> None:
    hub = SmallHub("500000")
    hub.address = "localhost:1"
    with pytest.raises(UnauthenticatedError, match="expired"):
        enroll(hub.invitation("localhost:1", NOW), tmp_path / "home", NOW)
    assert not (tmp_path / "home").exists()


def test_a_hub_that_the_invitation_does_not_vouch_for_gets_no_secret(tmp_path: Path) -> None:
    hub, imposter = SmallHub("500000"), SmallHub("500000")
    with _running(imposter) as enrolment:
        hub.address = imposter.address
        invitation = hub.invitation(enrolment)
        imposter.open.add(hash_secret(invitation.secret))
        with pytest.raises(UnavailableError):
            enroll(invitation, tmp_path / "home", NOW)
        assert imposter.open


def test_after_a_failure_the_same_keys_go_on(tmp_path: Path) -> None:
    hub, home = SmallHub("500000"), Home(tmp_path / "home")
    with _running(hub) as enrolment:
        invitation = hub.invitation(enrolment)
        hub.open.clear()
        with pytest.raises(UnauthenticatedError):
            enroll(invitation, home.root, NOW)
        key = home.tls_key.read_bytes()
        enroll(hub.invitation(enrolment), home.root, NOW)
        assert home.tls_key.read_bytes() == key


def test_a_receipt_of_another_entry_is_refused(tmp_path: Path) -> None:
    hub = SmallHub("500000")
    hub.entry_key = lambda key: "ed25519:" + "0" * 32
    with _running(hub) as enrolment:
        profile = enroll(hub.invitation(enrolment), tmp_path / "home", NOW)
        with pytest.raises(ProofInvalidError):
            register_key(profile, NOW)


def test_a_hub_of_another_jurisdiction_is_joined_by_its_card(tmp_path: Path) -> None:
    hub, sichuan = SmallHub("500000"), SmallHub("510000")
    sichuan.bundle = TrustBundle.parse(
        {"500000": hub.authority.certificate_pem, "510000": sichuan.authority.certificate_pem}
    )
    with _running(hub) as enrolment, _running(sichuan):
        enroll(hub.invitation(enrolment), tmp_path / "home", NOW)
        profile = join(sichuan.card(), tmp_path / "home")
        assert register_key(profile, NOW).agency == "500000/ecology"
        assert Profile.load(tmp_path / "home", "510000").hub == sichuan.address
