"""Whose word counts: keys that a pack claims, and keys that whoever checks it has from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Self

from exchange.errors import EvidenceIncompleteError, MalformedError, UntrustedError
from exchange.evidence.manifest import list_of, members_of, text_of
from exchange.ids import fingerprint, parse_jurisdiction
from exchange.ledger import SignatureType, VerifierKey
from exchange.member import CARD_KIND, HubCard, log_origin, witness_name
from exchange.trust.canonical import canonical, parse_canonical, parse_json
from exchange.trust.keys import VerifyKey
from exchange.trust.roster import LOG_MLDSA_MEMBER, Roster

KEYS_KIND: Final = "hechuan-hub-keys"
_FAR: Final = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class HubKeys:
    """Public keys of one hub; `card` is the fingerprint of the card they are from, if it was one."""

    jurisdiction: str
    log: tuple[VerifierKey, ...] = ()
    witness: VerifierKey | None = None
    statement: VerifyKey | None = None
    card: str = ""

    def __post_init__(self) -> None:
        for key in self.log:
            if key.name != log_origin(self.jurisdiction) or key.type is SignatureType.COSIGNATURE:
                raise MalformedError(f"{key.name} is not the log of {self.jurisdiction}")
        if self.witness is not None and (self.witness.name, self.witness.type) != (
            witness_name(self.jurisdiction),
            SignatureType.COSIGNATURE,
        ):
            raise MalformedError(f"{self.witness.name} is not the witness of {self.jurisdiction}")

    @classmethod
    def make(cls, hub: str, log: Iterable[str], witness: str, statement: str, card: str = "") -> Self:
        """From keys in text form, empty where there is none; raises MalformedError."""
        return cls(
            parse_jurisdiction(hub),
            tuple(VerifierKey.parse(text) for text in log if text),
            VerifierKey.parse(witness) if witness else None,
            VerifyKey.parse(statement) if statement else None,
            card,
        )

    @classmethod
    def of_card(cls, card: HubCard) -> Self:
        """The keys on a card."""
        return cls.make(
            card.jurisdiction, card.log_keys, card.witness_key, card.statement_key, card.fingerprint
        )

    def to_bytes(self) -> bytes:
        """The file for a hub whose card is not at hand."""
        value: dict[str, Any] = {
            "jurisdiction": self.jurisdiction,
            "kind": KEYS_KIND,
            "log_keys": [str(key) for key in self.log],
            "statement_key": str(self.statement or ""),
            "v": 1,
            "witness_key": str(self.witness or ""),
        }
        return canonical(value)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a file of keys, or a card; raises MalformedError, LimitExceededError, InvalidInputError."""
        value = parse_json(data)
        if isinstance(value, dict) and value.get("kind") == CARD_KIND:
            card = HubCard.parse(data)
            if card.to_bytes() != data:
                raise MalformedError("the card is not in its canonical form")
            return cls.of_card(card)
        members = members_of(parse_canonical(data), "keys", _MEMBERS)
        if members["kind"] != KEYS_KIND or members["v"] != 1:
            raise MalformedError(f"neither a hub's card nor of kind {KEYS_KIND}, v 1")
        log = [str(text) for text in list_of(members, "log_keys")]
        texts = (text_of(members, name) for name in ("witness_key", "statement_key"))
        return cls.make(text_of(members, "jurisdiction"), log, *texts)

    def named(self) -> list[tuple[str, str, str]]:
        """(use, key in text form, fingerprint to be read out) of each key."""
        keys: list[tuple[str, object]] = [(f"log {key.type.algorithm}", key) for key in self.log]
        keys += [("witness ed25519", self.witness)] if self.witness else []
        keys += [(f"statements {self.statement.algorithm}", self.statement)] if self.statement else []
        return [(use, str(key), fingerprint(str(key).encode())) for use, key in keys]


_MEMBERS: Final = {"jurisdiction", "kind", "log_keys", "statement_key", "v", "witness_key"}


@dataclass(slots=True)
class Trust:
    """Keys that the checker has from elsewhere, by jurisdiction. Empty: nothing is trusted beforehand."""

    hubs: dict[str, HubKeys] = field(default_factory=dict)

    def add(self, keys: HubKeys) -> None:
        """Take a hub's keys; raises UntrustedError where two sources do not agree."""
        known = self.hubs.get(keys.jurisdiction)
        self.hubs[keys.jurisdiction] = keys if known is None else merged(known, keys)

    def add_log_key(self, text: str) -> None:
        """Take a log's verifier key; raises MalformedError, UntrustedError."""
        key = VerifierKey.parse(text)
        self.add(HubKeys(parse_jurisdiction(key.name.removeprefix("hechuan/")), (key,)))

    def add_card(self, data: bytes) -> None:
        """Take a hub's card; raises as HubCard.parse, UntrustedError."""
        self.add(HubKeys.of_card(HubCard.parse(data)))

    def add_roster(self, data: bytes) -> None:
        """Take every hub of a federation's roster; raises as Roster.parse, UntrustedError."""
        for hub in Roster.parse(data, 0, _FAR).hubs.values():
            log = (hub.log_key, hub.extra.get(LOG_MLDSA_MEMBER, ""))
            self.add(HubKeys.make(hub.jurisdiction, log, hub.witness_key, hub.statement_key))


def merged(known: HubKeys, other: HubKeys) -> HubKeys:
    """The keys of both; raises UntrustedError where they contradict each other."""
    log: dict[SignatureType, VerifierKey] = {}
    pairs = [(key.type, key) for key in (*known.log, *other.log)]
    clash = any(log.setdefault(kind, key) != key for kind, key in pairs)
    for mine, theirs in ((known.witness, other.witness), (known.statement, other.statement)):
        clash = clash or (mine is not None and theirs is not None and mine != theirs)
    if clash:
        raise UntrustedError(
            f"枢纽 {known.jurisdiction} 的密钥与所信任的不符 / "
            f"these are not the keys of hub {known.jurisdiction} that are trusted"
        )
    return HubKeys(
        known.jurisdiction,
        tuple(log[kind] for kind in sorted(log)),
        known.witness or other.witness,
        known.statement or other.statement,
        known.card or other.card,
    )


def keys_name(hub: str) -> str:
    """The file of a hub's keys."""
    return f"keys/{hub}.json"


@dataclass(frozen=True, slots=True)
class KeyBook:
    """The keys a pack is checked under: those it claims, held to those that are trusted.

    What a pack proves is told under the keys that it claims alone, so its cover reads the same to everybody.
    """

    claimed: Mapping[str, HubKeys]
    trust: Trust

    def keys(self, hub: str) -> HubKeys:
        """What the pack claims of a hub; raises EvidenceIncompleteError."""
        if hub not in self.claimed:
            name = keys_name(hub)
            raise EvidenceIncompleteError(
                f"{name}: 证据包缺少此文件 / the pack lacks this file", detail={"file": name}
            )
        return self.claimed[hub]

    def log(self, hub: str) -> tuple[VerifierKey, ...]:
        """Keys of a hub's log, claimed and trusted; raises EvidenceIncompleteError, UntrustedError."""
        known = self.trust.hubs.get(hub)
        return (merged(known, self.keys(hub)) if known else self.keys(hub)).log

    def hold(self, hub: str, signers: Iterable[VerifierKey]) -> tuple[VerifierKey, ...]:
        """Those of a log's signers that the pack claims; raises UntrustedError where no trusted key is among them."""
        known, made = self.trust.hubs.get(hub), tuple(signers)
        if known is not None and known.log and not set(known.log) & set(made):
            raise UntrustedError(
                f"没有所信任的账本公钥的签名 / it is not signed under a key of the log of {hub} that is trusted"
            )
        return tuple(key for key in made if key in self.keys(hub).log)

    def statement(self, hub: str) -> VerifyKey:
        """The key of a hub's statements; raises EvidenceIncompleteError, UntrustedError."""
        found = self.keys(hub).statement
        if found is None:
            raise UntrustedError(f"没有枢纽 {hub} 的声明公钥 / there is no key for statements of hub {hub}")
        return found

    def witnesses(self) -> list[VerifierKey]:
        """Every witness's key that the pack claims."""
        return [keys.witness for keys in self.claimed.values() if keys.witness is not None]

    def trusts_log(self, hub: str) -> bool:
        """Whether the key of a hub's log is known from elsewhere."""
        keys = self.trust.hubs.get(hub)
        return keys is not None and bool(keys.log)
