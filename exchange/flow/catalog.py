"""Registering contract versions and signing keys, and revoking certificates and keys.

Registering a contract:
(0) the caller is known
(1) the YAML is a valid contract, within limits
(2) the caller is the department that the contract names, at this hub's own jurisdiction
(3) the statement is signed by the caller's key and names this very YAML
(4) the version is newer than the newest, and does not break what that one promised its readers; nor, within its major
    version, a consumer that reads an older one under an agreement
(5) entry, checkpoint, receipt
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from exchange.agreement.negotiation import State
from exchange.contract.compat import Verdict, compare, narrowed, satisfies
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
from exchange.flow.agree import AgreementBook
from exchange.flow.append import Appended, Appender, Draft
from exchange.flow.entry import contract_body, key_body, revocation_body
from exchange.flow.grant import compile_filter
from exchange.flow.registry import ContractRegistry, KeyRing
from exchange.ids import AgencyId, ContractRef, digest_of
from exchange.member import KEY_TYPE
from exchange.ports import Clock
from exchange.settings import Limit
from exchange.trust.envelope import Envelope, parse_canonical, verify
from exchange.trust.keys import VerifyKey
from exchange.trust.policy import may_register_contract


@dataclass(frozen=True, slots=True)
class Concerned:
    """A consumer whose agreement, in force or suspended, names a version; the verdict is about what it is granted."""

    agreement: str
    consumer: AgencyId
    provider: AgencyId
    contract: ContractRef
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Judged:
    """A new version against the one before, no verdict where it is the first, and against those still read."""

    contract: Contract
    against: ContractRef | None
    verdict: Verdict | None
    consumers: tuple[Concerned, ...] = ()

    @property
    def broken(self) -> tuple[Concerned, ...]:
        """Consumers of the same major version to whom the new one is less than it must be."""
        major, required = self.contract.ref.version.major, self.contract.compatibility
        return tuple(
            each
            for each in self.consumers
            if each.contract.version.major == major and not satisfies(each.verdict, required)
        )

    @property
    def allowed(self) -> bool:
        """Whether the new version may stand beside the old ones: a new major version always may."""
        if self.verdict is None or self.against is None:
            return True
        if self.contract.ref.version.major > self.against.version.major:
            return True
        return satisfies(self.verdict, self.contract.compatibility) and not self.broken

    def seen_by(self, caller: AgencyId, hub: str) -> Judged:
        """The same with the consumers that the caller may know of: all for the contract's department, else its own."""
        if (caller.jurisdiction, caller.name) == (hub, self.contract.steward):
            return self
        own = tuple(each for each in self.consumers if caller in (each.consumer, each.provider))
        return replace(self, consumers=own)


class Catalogue:
    """Changes to what the hub knows about contracts and keys."""

    def __init__(
        self,
        contracts: ContractRegistry,
        keys: KeyRing,
        appender: Appender,
        book: AgreementBook,
        clock: Clock,
        hub: str,
        limit: Limit,
    ) -> None:
        self._contracts = contracts
        self._keys = keys
        self._appender = appender
        self._book = book
        self._clock = clock
        self._hub = hub
        self._limit = limit

    def judge(self, text: bytes, against: ContractRef | None = None) -> Judged:
        """The verdict on a contract text against a registered version, the newest where none is named.

        And against every version that a consumer of this jurisdiction's datasets reads under an agreement.
        """
        if len(text) > self._limit.contract_bytes:
            raise LimitExceededError(f"a contract has at most {self._limit.contract_bytes} bytes")
        contract = load_contract(text)
        if against is None:
            try:
                against = self._contracts.newest_record(contract.ref.name).ref
            except NotFoundError:
                return Judged(contract, None, None)
        verdict = compare(self._contracts.get(against), contract)
        return Judged(contract, against, verdict, tuple(self._consumers(contract)))

    def _consumers(self, contract: Contract) -> Iterator[Concerned]:
        now = self._clock.now()
        verdicts: dict[ContractRef, Verdict] = {}
        for each in self._book.every():
            terms = each.terms
            here = terms.provider.jurisdiction == self._hub and terms.contract.name == contract.ref.name
            if not here or each.state_at(now) not in (State.IN_FORCE, State.SUSPENDED):
                continue
            old = self._contracts.get(terms.contract)
            if old.ref not in verdicts:
                verdicts[old.ref] = compare(old, contract)
            row_filter = compile_filter(terms, old, terms.consumer)
            read = {*terms.columns, *(row_filter.columns if row_filter else ())}
            verdict = narrowed(verdicts[old.ref], read)
            yield Concerned(each.id, terms.consumer, terms.provider, old.ref, verdict)

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
        contract = load_contract(text, vouched=True)
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
    """The error that names each break, and the consumers that it would reach."""
    assert judged.verdict is not None
    breaks, required = judged.verdict.breaks, judged.contract.compatibility
    if satisfies(judged.verdict, required):
        breaks = tuple(dict.fromkeys(item for each in judged.broken for item in each.verdict.breaks))
        promises = ", ".join(sorted({str(each.contract) for each in judged.broken}))
    else:
        promises = str(judged.against)
    reached = ", ".join(
        f"{each.consumer} ({each.contract}, {each.agreement})"
        for each in judged.consumers
        if each.verdict.breaks
    )
    return IncompatibleContractError(
        f"{judged.contract.ref} breaks {len(breaks)} promises of {promises}; "
        f"{required} compatibility is required within a major version"
        + (f"; consumers concerned: {reached}" if reached else ""),
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
