"""How an agency becomes a member: its certificate, then its signing key in the ledger of each hub it uses.

(0) the invitation has not expired
(1) keys are made here, and never leave
(2) the hub's enrolment port, recognised by the authority in the invitation, turns the request into a certificate
(3) the certificate is what was asked for: this agency, this key, that authority
(4) over mutual TLS, the signing key goes into the ledger, in a statement signed by itself
(5) the receipt of that entry checks

A failure at (2) or later loses nothing: the same command goes on, with the same keys.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import grpc

from exchange.client.call import error_of, retried
from exchange.client.profile import Home, Profile
from exchange.client.verify import verify_receipt_text
from exchange.errors import ProofInvalidError, UnauthenticatedError
from exchange.member import HubCard, Invitation, key_statement
from exchange.trust.custody import FILE
from exchange.v1 import member_pb2, member_pb2_grpc

_SECONDS = 30.0


def enroll(invitation: Invitation, home: Path, now: datetime, signing: str = FILE) -> Profile:
    """Steps (0) to (3), `signing` as in profile.toml.

    Raises UnauthenticatedError for an invitation that no longer counts.
    """
    if invitation.expires_at <= now:  # (0)
        raise UnauthenticatedError(
            f"邀请已于 {invitation.expires_at:%Y-%m-%d %H:%M} UTC 过期，请索取新邀请 / "
            "the invitation has expired: ask the hub for a new one"
        )
    place = Home(home)
    csr = place.prepare(invitation.agency, signing)  # (1)
    roots = grpc.ssl_channel_credentials(invitation.card.authority.encode())
    request = member_pb2.EnrollRequest(agency=str(invitation.agency), secret=invitation.secret, csr=csr)
    with grpc.secure_channel(invitation.enrolment, roots) as channel:  # (2)
        try:
            response = member_pb2_grpc.EnrolmentServiceStub(channel).Enroll(request, timeout=_SECONDS)
        except grpc.RpcError as error:
            raise error_of(error) from error
    place.install(invitation.card, response.certificate_chain, now)  # (3)
    return Profile.load(home)


def join(card: HubCard, home: Path) -> Profile:
    """Get to know another jurisdiction's hub, which must trust this agency's authority."""
    Profile.load(home)
    Home(home).add_hub(card)
    return Profile.load(home, card.jurisdiction)


def register_key(profile: Profile, now: datetime) -> member_pb2.Key:
    """Steps (4) and (5); where the hub has the key already, nothing is sent. Returns the hub's record of it."""
    key = profile.signing_key()
    key_id = key.verify_key.keyid
    credentials = grpc.ssl_channel_credentials(
        profile.authorities(), profile.tls_key(), profile.tls_chain(now)
    )
    statement = member_pb2.RegisterKeyRequest(
        envelope=key_statement(profile.agency, key, now).to_json_bytes()
    )
    known = member_pb2.ListKeysRequest(agency=str(profile.agency))
    with grpc.secure_channel(profile.hub, credentials) as channel:
        member = member_pb2_grpc.MemberServiceStub(channel)

        def attempt() -> tuple[member_pb2.Key, str]:
            for record in member.ListKeys(known, timeout=_SECONDS).keys:
                if record.id == key_id:
                    return record, ""
            response = member.RegisterKey(statement, timeout=_SECONDS)
            return response.key, response.receipt

        record, receipt = retried(attempt)
    if receipt and verify_receipt_text(receipt, profile.log_keys).entry.get("key") != key_id:  # (5)
        raise ProofInvalidError("the receipt is that of another entry")
    return record


def renew(home: Path, now: datetime) -> Profile:
    """A new certificate for the same key from the agency's own hub, over the one that still counts.

    Raises UnauthenticatedError where the old one has expired: then only a new invitation helps.
    """
    profile = Profile.load(home)
    place = Home(home)
    request = member_pb2.RenewRequest(csr=place.prepare(profile.agency))
    credentials = grpc.ssl_channel_credentials(
        profile.authorities(), profile.tls_key(), profile.tls_chain(now)
    )
    with grpc.secure_channel(profile.hub, credentials) as channel:
        member = member_pb2_grpc.MemberServiceStub(channel)
        response = retried(lambda: member.Renew(request, timeout=_SECONDS))
    place.install(profile.card, response.certificate_chain, now)
    return Profile.load(home)
