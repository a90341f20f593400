"""A hub's directory: where its settings, keys, trusted authorities and state are.

hub.toml                    settings
keys/ca.key  ca.pem         the jurisdiction's certificate authority
keys/hub.key hub.pem        the hub's server certificate
keys/log.key                signs checkpoints; Ed25519, named hechuan/<jurisdiction>
keys/log-mldsa.key          signs them a second time; ML-DSA-44, the same name; optional
keys/statement.key          signs what the hub tells readers
keys/witness.key            cosigns checkpoints of other hubs; Ed25519, named hechuan/<jurisdiction>/witness
trust/peers/<jurisdiction>.json  cards of hubs that this one federates with by hand, without a roster
keys/log.pub statement.pub  public halves, in the place of the key where that is in a token
trust/<jurisdiction>.pem    authorities that may vouch for that jurisdiction's agencies, its own included
issued/<name>-<serial>.pem  certificates this authority gave out
federation/                 what the hub knows of its federation, once it has joined one: exchange/store/tuf
state/                      ledger, objects, spool, ports.json
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from exchange.errors import ConflictError, InvalidInputError, MalformedError, NotFoundError, UntrustedError
from exchange.ids import parse_address, parse_jurisdiction
from exchange.ledger import SignatureType, VerifierKey
from exchange.member import HubCard, log_origin, witness_name
from exchange.settings import Keys
from exchange.trust.authority import Authority
from exchange.trust.custody import FILE, open_signer
from exchange.trust.identity import TrustBundle
from exchange.trust.keys import Signer, SigningKey, VerifyKey
from exchange.trust.secret import (
    make_private_directory,
    read_public,
    replace_private,
    write_private,
)

LOG_ALGORITHM = "ed25519"
LOG_MLDSA_ALGORITHM = "ml-dsa-44"
IN_FILES = Keys()


@dataclass(frozen=True, slots=True)
class HubDirectory:
    """Paths below `root`, and the small files among them."""

    root: Path

    @property
    def settings(self) -> Path:
        return self.root / "hub.toml"

    @property
    def ca_key(self) -> Path:
        return self.root / "keys" / "ca.key"

    @property
    def ca_certificate(self) -> Path:
        return self.root / "keys" / "ca.pem"

    @property
    def hub_key(self) -> Path:
        return self.root / "keys" / "hub.key"

    @property
    def hub_certificate(self) -> Path:
        return self.root / "keys" / "hub.pem"

    @property
    def log_key(self) -> Path:
        return self.root / "keys" / "log.key"

    @property
    def log_mldsa_key(self) -> Path:
        return self.root / "keys" / "log-mldsa.key"

    @property
    def statement_key(self) -> Path:
        return self.root / "keys" / "statement.key"

    @property
    def witness_key(self) -> Path:
        return self.root / "keys" / "witness.key"

    @property
    def federation(self) -> Path:
        return self.root / "federation"

    @property
    def trust(self) -> Path:
        return self.root / "trust"

    @property
    def state(self) -> Path:
        return self.root / "state"

    @property
    def ports(self) -> Path:
        """Written by a running hub: {"exchange": port, "enrolment": port, "pid": pid}."""
        return self.state / "ports.json"

    def authority(self) -> Authority:
        """The jurisdiction's certificate authority."""
        return Authority.load(self.ca_key, self.ca_certificate)

    def trusted(self) -> dict[str, bytes]:
        """PEM of the authorities that may vouch for each jurisdiction; raises MalformedError for other file names."""
        return {parse_jurisdiction(path.stem): read_public(path) for path in sorted(self.trust.glob("*.pem"))}

    def trust_authority(self, jurisdiction: str, pem: bytes) -> None:
        """Let an authority vouch for a jurisdiction, in the place of those before; a running hub obeys.

        Raises as TrustBundle.parse does, and ConflictError for the hub's own jurisdiction.
        """
        if jurisdiction == self.authority().jurisdiction:
            raise ConflictError(f"本辖区的证书机构不可替换 / {jurisdiction} is this hub's own jurisdiction")
        TrustBundle.parse({**self.trusted(), jurisdiction: pem})
        replace_private(self.trust / f"{jurisdiction}.pem", pem)

    def peers(self) -> dict[str, HubCard]:
        """Cards of hubs that this one federates with by hand."""
        found = (HubCard.parse(read_public(path)) for path in sorted((self.trust / "peers").glob("*.json")))
        return {card.jurisdiction: card for card in found}

    def add_peer(self, card: HubCard) -> None:
        """Federate with a hub by its card: trust its authority, follow its ledger, witness and be witnessed by it.

        Raises as `trust_authority`; InvalidInputError for a card without a witness key.
        """
        if not card.witness_key:
            raise InvalidInputError("名片没有见证密钥 / the card has no witness key: ask for a new one")
        self.trust_authority(card.jurisdiction, card.authority.encode())
        make_private_directory(self.trust / "peers")
        replace_private(self.trust / "peers" / f"{card.jurisdiction}.json", card.to_bytes())

    def public_half(self, key: Path) -> VerifyKey:
        """Of the log's or the statement key: what its .pub says where it is in a token, otherwise of the key file."""
        published = key.with_suffix(".pub")
        if not published.exists():
            return SigningKey.load(key).verify_key
        try:
            return VerifyKey.parse(read_public(published).decode().strip())
        except UnicodeDecodeError:
            raise MalformedError(f"无法读取 / cannot read {published}") from None

    def signer(self, key: Path, where: str) -> Signer:
        """The key from where the settings say it is; raises UntrustedError for another than the card shows."""
        found = open_signer(where, key)
        if found.verify_key != self.public_half(key):
            raise UntrustedError(
                f"签名密钥与名片不符 / the key at {where} is not the one that {key.stem}.pub and the hub's card show"
            )
        return found

    def log_verifier(self) -> VerifierKey:
        """The public half of the log's key, under the log's name."""
        return ed25519_verifier(self.authority().jurisdiction, self.public_half(self.log_key))

    def witness_verifier(self) -> VerifierKey:
        """The public half of the witness key; a hub from before there were any makes one now."""
        if not self.witness_key.exists():
            with contextlib.suppress(ConflictError):  # made by another process in between
                SigningKey.generate(LOG_ALGORITHM).save(self.witness_key)
        public = SigningKey.load(self.witness_key).verify_key.public
        return VerifierKey(witness_name(self.authority().jurisdiction), public, SignatureType.COSIGNATURE)

    def log_mldsa_verifier(self) -> VerifierKey | None:
        """The public half of the log's ML-DSA key; None where the hub has none."""
        if not self.log_mldsa_key.exists():
            return None
        return mldsa_verifier(self.authority().jurisdiction, SigningKey.load(self.log_mldsa_key).verify_key)

    def log_verifiers(self) -> tuple[VerifierKey, ...]:
        """Every key that the log signs with, Ed25519 first."""
        second = self.log_mldsa_verifier()
        return (self.log_verifier(), second) if second else (self.log_verifier(),)

    def card(self, address: str) -> HubCard:
        """What a partner must know of this hub."""
        return HubCard(
            jurisdiction=self.authority().jurisdiction,
            address=address,
            authority=read_public(self.ca_certificate).decode(),
            log_key=str(self.log_verifier()),
            statement_key=str(self.public_half(self.statement_key)),
            witness_key=str(self.witness_verifier()),
            log_mldsa_key=str(self.log_mldsa_verifier() or ""),
        )

    def address(self, names: str, listen: str, port: str) -> str:
        """`host:port` for partners: the first name of the certificate, and the port that `listen` fixes.

        `port` (exchange or enrolment) is looked up in ports.json where `listen` leaves it to the system; raises
        InvalidInputError where no hub has run yet.
        """
        host = names.split(",", maxsplit=1)[0].strip()
        number = listen.rpartition(":")[2]
        if number == "0":
            try:
                number = str(json.loads(read_public(self.ports))[port])
            except (NotFoundError, ValueError, KeyError, TypeError):
                raise InvalidInputError(
                    "端口由系统选定而枢纽尚未运行，请用 --address 指明 / "
                    "the system chooses the port and the hub is not running: give --address"
                ) from None
        return parse_address(f"[{host}]:{number}" if ":" in host else f"{host}:{number}")


def ed25519_verifier(jurisdiction: str, key: VerifyKey) -> VerifierKey:
    """A log's Ed25519 key under the log's name; raises InvalidInputError for a key of another algorithm."""
    if key.algorithm != LOG_ALGORITHM:
        raise InvalidInputError(f"the log's key is of {key.algorithm}, it must be of {LOG_ALGORITHM}")
    return VerifierKey(log_origin(jurisdiction), key.public)


def mldsa_verifier(jurisdiction: str, key: VerifyKey) -> VerifierKey:
    """A log's ML-DSA-44 key under the log's name; raises InvalidInputError for a key of another algorithm."""
    if key.algorithm != LOG_MLDSA_ALGORITHM:
        raise InvalidInputError(f"log-mldsa.key is of {key.algorithm}, it must be of {LOG_MLDSA_ALGORITHM}")
    return VerifierKey(log_origin(jurisdiction), key.public, SignatureType.ML_DSA_44)


def found_hub(
    home: HubDirectory,
    jurisdiction: str,
    names: Sequence[str],
    settings: str,
    now: datetime,
    ca_days: int,
    hub_days: int,
    keys: Keys = IN_FILES,
) -> None:
    """Make a hub's directory: keys and certificates first, `settings` (the text of hub.toml) last.

    Signing keys that `keys` puts into a token must be there already. Raises ConflictError where a hub, or a part of
    one, is there already, and as `open_signer` does.
    """
    if home.settings.exists():
        raise ConflictError(f"此目录已有枢纽 / a hub is in this directory already: {home.root}")
    places = {home.log_key: keys.log, home.statement_key: keys.statement}
    held = {path: open_signer(where, path).verify_key for path, where in places.items() if where != FILE}
    if home.log_key in held:
        ed25519_verifier(jurisdiction, held[home.log_key])
    for directory in (home.root, home.ca_key.parent, home.trust, home.state):
        make_private_directory(directory)
    authority = Authority.create(jurisdiction, ca_days, now)
    key, chain = authority.issue_hub(names, hub_days, now)
    authority.save(home.ca_key, home.ca_certificate)
    write_private(home.hub_key, key)
    write_private(home.hub_certificate, chain)
    SigningKey.generate(LOG_MLDSA_ALGORITHM).save(home.log_mldsa_key)
    SigningKey.generate(LOG_ALGORITHM).save(home.witness_key)
    for path in places:
        if path in held:
            write_private(path.with_suffix(".pub"), f"{held[path]}\n".encode())
        else:
            SigningKey.generate(LOG_ALGORITHM).save(path)
    write_private(home.trust / f"{jurisdiction}.pem", authority.certificate_pem)
    write_private(home.settings, settings.encode())


def renew_hub_certificate(home: HubDirectory, names: Sequence[str], days: int, now: datetime) -> None:
    """Put a new server key and certificate in the place of the old ones; a running hub takes them at once."""
    key, chain = home.authority().issue_hub(names, days, now)
    replace_private(home.hub_key, key)
    replace_private(home.hub_certificate, chain)
