"""Every error this project raises on purpose.

HechuanError
├── InvalidInputError           the caller sent something that can never be accepted
│   ├── MalformedError              bytes or text that do not parse
│   ├── LimitExceededError          larger, deeper or more than settings allow
│   ├── DigestMismatchError         bytes are not what the manifest says
│   ├── SchemaMismatchError         columns are not the contract's
│   ├── ContractRefusedError        a blocker, or too many rejected rows
│   ├── IncompatibleContractError   a new version breaks its readers
│   └── ManifestExpiredError        the manifest's expires_at has passed
├── UntrustedError              who says so is in doubt
│   ├── UnauthenticatedError        no certificate, foreign CA, expired or revoked
│   ├── SignatureInvalidError       signature or key does not check
│   ├── ProofInvalidError           a Merkle proof, checkpoint or receipt does not check
│   ├── EvidenceIncompleteError     an evidence pack lacks what it takes to prove what it says
│   └── FederationUntrustedError    federation metadata rolled back, mixed, or not signed by enough
├── PermissionDeniedError       known, but not allowed
│   └── AgreementEndedError         what allowed it has ended while it ran
├── NotFoundError
├── WrongStateError             the state of things does not allow it now
│   └── WitnessConflictError        the witness knows another size of the log; detail `size` says which
├── ConflictError               the same name already stands for something else
│   └── ReplayError                 idempotency key reused with other content
├── StorageError                what is stored contradicts itself
└── UnavailableError            try again later (retryable)
    ├── BusyError                   a limit on concurrent work is reached
    ├── DrainingError               the hub is shutting down
    └── FederationExpiredError      federation metadata is older than it may be

`code` travels as `google.rpc.ErrorInfo.reason`; `violations` as `google.rpc.BadRequest`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One thing wrong with one input: `field` (and `row`, zero-based, if any), `rule`, and what to do."""

    field: str
    rule: str
    description: str
    row: int | None = None


class HechuanError(Exception):
    """Root of the tree. `detail` carries machine-readable facts (str → str)."""

    code: ClassVar[str] = "HECHUAN"
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        violations: Sequence[FieldViolation] = (),
        detail: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.violations = tuple(violations)
        self.detail = dict(detail or {})


def kinds() -> dict[str, type[HechuanError]]:
    """Every class of the tree by its code: an error that another process told of becomes what it was there."""
    found = [kind for kind in globals().values() if isinstance(kind, type) and issubclass(kind, HechuanError)]
    return {kind.code: kind for kind in found}


class InvalidInputError(HechuanError):
    code = "INVALID_INPUT"


class MalformedError(InvalidInputError):
    code = "MALFORMED"


class LimitExceededError(InvalidInputError):
    code = "LIMIT_EXCEEDED"


class DigestMismatchError(InvalidInputError):
    code = "DIGEST_MISMATCH"


class SchemaMismatchError(InvalidInputError):
    code = "SCHEMA_MISMATCH"


class ContractRefusedError(InvalidInputError):
    code = "CONTRACT_REFUSED"


class IncompatibleContractError(InvalidInputError):
    code = "CONTRACT_INCOMPATIBLE"


class ManifestExpiredError(InvalidInputError):
    code = "MANIFEST_EXPIRED"


class UntrustedError(HechuanError):
    code = "UNTRUSTED"


class UnauthenticatedError(UntrustedError):
    code = "UNAUTHENTICATED"


class SignatureInvalidError(UntrustedError):
    code = "SIGNATURE_INVALID"


class ProofInvalidError(UntrustedError):
    code = "PROOF_INVALID"


class EvidenceIncompleteError(UntrustedError):
    code = "EVIDENCE_INCOMPLETE"


class FederationUntrustedError(UntrustedError):
    code = "FEDERATION_UNTRUSTED"


class PermissionDeniedError(HechuanError):
    code = "PERMISSION_DENIED"


class AgreementEndedError(PermissionDeniedError):
    code = "AGREEMENT_ENDED"


class WrongStateError(HechuanError):
    code = "WRONG_STATE"


class WitnessConflictError(WrongStateError):
    code = "WITNESS_CONFLICT"


class NotFoundError(HechuanError):
    code = "NOT_FOUND"


class ConflictError(HechuanError):
    code = "CONFLICT"


class ReplayError(ConflictError):
    code = "IDEMPOTENCY_KEY_REUSED"


class StorageError(HechuanError):
    code = "STORAGE"


class UnavailableError(HechuanError):
    code = "UNAVAILABLE"
    retryable = True


class BusyError(UnavailableError):
    code = "BUSY"


class DrainingError(UnavailableError):
    code = "DRAINING"


class FederationExpiredError(UnavailableError):
    code = "FEDERATION_EXPIRED"
