"""Who says so: keys, signed envelopes, identities."""

from exchange.trust.canonical import canonical, parse_canonical, parse_json
from exchange.trust.envelope import Envelope, Signature, pae, sign, verify, verify_signers
from exchange.trust.keys import SigningKey, VerifyKey

__all__ = [
    "Envelope",
    "Signature",
    "SigningKey",
    "VerifyKey",
    "canonical",
    "pae",
    "parse_canonical",
    "parse_json",
    "sign",
    "verify",
    "verify_signers",
]
