"""Enrolment: from an invitation to a certificate.

Invite, by the hub's operator:
(0) the agency belongs to the hub's jurisdiction and is not the hub itself
(1) a secret of 256 random bits is made; the hub keeps its SHA-256 only
(2) the invitation goes to the agency out of band

Redeem, called by a stranger over server-authenticated TLS:
(0) secret and request are of the right form and size; nothing is spent on a request that cannot be signed
(1) the invitation is spent in one atomic step: it exists, is this agency's, unspent, unexpired
(2) the request's key, and nothing else of it, goes into a certificate
(3) the certificate is kept, so that it can be revoked, before it is handed out

Renew, called by a member over mutual TLS:
(0) the gate has taken the caller for the agency that it is, with a certificate that counts
(1) the agency does not hold more certificates than it can need
(2), (3) as above; the old certificate stays good until it expires or is revoked

A caller learns only that an invitation was not accepted, not why. Looking up a hash leaks no secret through time.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, Protocol

from cryptography import x509

from exchange.errors import LimitExceededError, PermissionDeniedError, UnauthenticatedError
from exchange.ids import AgencyId
from exchange.member import HubCard, Invitation, hash_secret, new_secret, parse_secret
from exchange.ports import CertificateRecord, CertificateStore, InvitationStore
from exchange.trust.authority import HUB_NAME, Authority, check_request

MAX_CERTIFICATES: Final = 16
"""Unexpired certificates of one agency; more are refused until old ones expire."""


class MemberStore(InvitationStore, CertificateStore, Protocol):
    """Invitations, and what came of them."""


def invite(
    store: InvitationStore, card: HubCard, enrolment: str, agency: AgencyId, hours: int, now: datetime
) -> Invitation:
    """Make an invitation that is good for `hours`; `enrolment` is the address to redeem it at.

    Raises PermissionDeniedError for an agency that this hub cannot vouch for.
    """
    if agency.jurisdiction != card.jurisdiction or agency.name == HUB_NAME:  # (0)
        raise PermissionDeniedError(f"the hub of {card.jurisdiction} cannot invite {agency}")
    secret, expires_at = new_secret(), now + timedelta(hours=hours)
    invitation = Invitation(card, enrolment, agency, secret, expires_at)
    store.add_invitation(hash_secret(secret), agency, expires_at)  # (1)
    return invitation


def redeem(
    store: MemberStore,
    authority: Authority,
    agency: AgencyId,
    secret: str,
    csr_pem: bytes,
    days: int,
    now: datetime,
) -> bytes:
    """Certificate chain (PEM, leaf first) against an invitation's secret; `days` is the certificate's life.

    Raises MalformedError, InvalidInputError for the request, UnauthenticatedError for the invitation.
    """
    parse_secret(secret)  # (0)
    check_request(csr_pem)
    if not store.use_invitation(hash_secret(secret), agency, now):  # (1)
        raise UnauthenticatedError(
            "the invitation is not accepted: it was used, has expired or is another's; ask the hub for a new one",
            detail={"reason": "INVITATION_REFUSED"},
        )
    return issue(store, authority, agency, csr_pem, days, now)


def issue(
    store: CertificateStore, authority: Authority, agency: AgencyId, csr_pem: bytes, days: int, now: datetime
) -> bytes:
    """Steps (2) and (3) alone, for a request whose maker the operator knows; raises as Authority.sign_agency."""
    chain = authority.sign_agency(csr_pem, agency, days, now)  # (2)
    leaf = x509.load_pem_x509_certificate(chain)
    store.add_certificate(  # (3)
        CertificateRecord(f"{leaf.serial_number:x}", agency, now, leaf.not_valid_after_utc)
    )
    return chain


def renew(
    store: CertificateStore, authority: Authority, agency: AgencyId, csr_pem: bytes, days: int, now: datetime
) -> bytes:
    """Certificate chain (PEM, leaf first) for a caller that has one already; raises as Authority.sign_agency.

    Raises LimitExceededError for an agency with more than MAX_CERTIFICATES unexpired ones.
    """
    held = sum(record.not_after > now for record in store.certificates(agency))
    if held >= MAX_CERTIFICATES:  # (1)
        raise LimitExceededError(f"{agency} has {held} certificates that have not expired")
    return issue(store, authority, agency, csr_pem, days, now)
