"""Registering contract versions and signing keys, and revoking certificates and keys.

Registering a contract:
(0) the caller is known
(1) the YAML is a valid contract, within limits
(2) the caller is the department that the contract names, at this hub's own jurisdiction
(3) the statement is signed by the caller's key and names this very YAML
(4) the version is newer than the newest, and does not break what that one promised its readers
(5) entry, checkpoint, receipt
"""

from __future__ import annotations

from dataclasses import dataclass

from exchange.contract.compat import Verdict, compare, satisfies
from exchange.contract.load import load_contract
from exchange.contract.model import CONTRACT_TYPE, Contract
from exchange.errors import (
    ConflictError,
    FieldViolation,
    IncompatibleContractError,
    LimitExceededError,
    MalformedError,
    NotFoundError,
    PermissionDeniedError,
    SignatureInvalidError,
)
from exchange.flow.append import Appended, Appender, Draft
from exchange.flow.entry import contract_body, key_body, revocation_body
from exchange.flow.registry import ContractRegistry, KeyRing
from exchange.ids import AgencyId, ContractRef, digest_of
from exchange.member import KEY_TYPE
from exchange.settings import Limit
from exchange.trust.envelope import Envelope, parse_canonical, verify
from exchange.trust.keys import VerifyKey
from exchange.trust.policy import may_register_contract


@dataclass(frozen=True, slots=True)
class Judged:
    """A new version against the one before; no verdict where it is the first."""

    contract: Contract
    against: ContractRef | None
    verdict: Verdict | None

    @property
    def allowed(self) -> bool:
        """Whether the new version may stand beside the old one: a new major version always may."""
        if self.verdict is None or self.against is None:
            return True
        new_major = self.contract.ref.version.major > self.against.version.major
        return new_major or satisfies(self.verdict, self.contract.compatibility)


class Catalogue:
    """Changes to what the hub knows about contracts and keys."""

    def __init__(
        self, contracts: ContractRegistry, keys: KeyRing, appender: Appender, hub: str, limit: Limit
    ) -> None:
        self._contracts = contracts
        self._keys = keys
        self._appender = appender
        self._hub = hub
        self._limit = limit

    def judge(self, text: bytes, against: ContractRef | None = None) -> Judged:
        """The verdict on a contract text against a registered version, the newest where none is named."""
        if len(text) > self._limit.contract_bytes:
            raise LimitExceededError(f"a contract has at most {self._limit.contract_bytes} bytes")
        contract = load_contract(text)
        if against is None:
            try:
                against = self._contracts.newest_record(contract.ref.name).ref
            except NotFoundError:
                return Judged(contract, None, None)
        return Judged(contract, against, compare(self._contracts.get(against), contract))

    def register(self, caller: AgencyId, text: bytes, envelope_bytes: bytes) -> tuple[Judged, Appended]:
        """Steps (1) to (5)."""
        judged = self.judge(text)  # (1)
        contract = judged.contract
        may_register_contract(caller, contract.steward, self._hub)  # (2)
        envelope = Envelope.from_json_bytes(envelope_bytes)
        payload = verify(envelope, CONTRACT_TYPE, lambda key_id: self._keys.resolve(caller, key_id))  # (3)
        expected = {"contract": str(contract.ref), "digest": digest_of(text), "publisher": str(caller)}
        _check_statement(parse_canonical(payload), expected)
        if judged.against is not None and contract.ref <= judged.against:  # (4)
            raise ConflictError(f"{contract.ref} is not newer than the registered {judged.against}")
        if not judged.allowed:
            raise incompatible(judged)
        body = contract_body(contract.ref, text, str(caller), envelope)
        return judged, self._appender.append(Draft(body))  # (5)

    def register_shipped(self, text: bytes) -> Appended | None:
        """Register a contract that comes with the software; None where that version stands already."""
        contract = load_contract(text)
        try:
            self._contracts.get(contract.ref)
        except NotFoundError:
            return self._appender.append(Draft(contract_body(contract.ref, text, f"{self._hub}/hub", None)))
        return None

    def register_key(self, caller: AgencyId, envelope_bytes: bytes) -> Appended:
        """Put a signing key into the ledger; the statement is signed by that key itself."""
        envelope = Envelope.from_json_bytes(envelope_bytes)
        if len(envelope.signatures) != 1:
            raise MalformedError("a key statement carries exactly one signature")
        claim = parse_canonical(envelope.payload)
        if not isinstance(claim, dict) or not isinstance(claim.get("key"), str):
            raise MalformedError("a key statement names its key")
        key = VerifyKey.parse(claim["key"])
        payload = verify(envelope, KEY_TYPE, lambda key_id: _own(key, key_id))
        _check_statement(parse_canonical(payload), {"agency": str(caller), "key": str(key)})
        return self._appender.append(Draft(key_body(caller, key.keyid, str(key), envelope)))

    def revoke(self, agency: AgencyId, serial: str | None = None, key_id: str | None = None) -> Appended:
        """Say in the ledger that a certificate or key no longer counts."""
        return self._appender.append(Draft(revocation_body(agency, serial, key_id)))


def incompatible(judged: Judged) -> IncompatibleContractError:
    """The error that names each break."""
    assert judged.verdict is not None
    breaks = judged.verdict.breaks
    return IncompatibleContractError(
        f"{judged.contract.ref} breaks {len(breaks)} promises of {judged.against}; "
        f"{judged.contract.compatibility} compatibility is required within a major version",
        violations=[
            FieldViolation(item.column or "", item.kind, f"{item.en} / {item.zh}") for item in breaks
        ],
    )


def _own(key: VerifyKey, key_id: str) -> VerifyKey:
    if key_id != key.keyid:
        raise SignatureInvalidError("a key statement is signed by the key it names")
    return key


def _check_statement(statement: object, expected: dict[str, str]) -> None:
    if not isinstance(statement, dict):
        raise MalformedError("the statement is not a JSON object")
    for name, value in expected.items():
        if statement.get(name) != value:
            raise PermissionDeniedError(f"the signed statement's {name} is not {value[:120]}")
