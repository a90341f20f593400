"""A federation in directories, with a clock that only moves when told: for tests of its two sides."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from exchange.ledger import SignatureType, VerifierKey
from exchange.settings import Federation
from exchange.store.tuf import (
    HolderKeys,
    Proposal,
    Repository,
    RosterClient,
    Thresholds,
    fetch_from,
)
from exchange.trust.authority import Authority
from exchange.trust.keys import SigningKey
from exchange.trust.roster import HubEntry, Roster

START = datetime(2026, 3, 19, 1, 30, tzinfo=UTC)
NAMES = {
    "500000": ("重庆", "Chongqing"),
    "510000": ("四川", "Sichuan"),
    "520000": ("贵州", "Guizhou"),
    "420000": ("湖北", "Hubei"),
}


@dataclass
class SetClock:
    """A driver of Clock whose time is what it is set to."""

    time: datetime = START

    def now(self) -> datetime:
        return self.time


def entry(jurisdiction: str, port: int = 8443, authority: Authority | None = None) -> HubEntry:
    """A hub with keys of its own; its private keys are thrown away."""
    authority = authority or Authority.create(jurisdiction, 3650, START)
    origin = f"hechuan/{jurisdiction}"
    log, witness, statement = (SigningKey.generate().verify_key for _ in range(3))
    return HubEntry(
        jurisdiction,
        *NAMES[jurisdiction],
        f"hub-{jurisdiction}.example:{port}",
        authority.certificate_pem.decode(),
        str(VerifierKey(origin, log.public)),
        str(VerifierKey(f"{origin}/witness", witness.public, SignatureType.COSIGNATURE)),
        str(statement),
    )


@dataclass
class Founders:
    """Jurisdictions that keep a federation together, each with its keys in a directory of its own."""

    root: Path
    names: tuple[str, ...] = ("500000", "510000", "520000")
    clock: SetClock = field(default_factory=SetClock)
    thresholds: Thresholds = field(default_factory=Thresholds)

    def __post_init__(self) -> None:
        self.repository = Repository(self.root / "publish", Federation())
        holders = [self.keys(name).make(name) for name in self.names]
        hubs = [entry(name) for name in self.names]
        self.repository.found(holders, self.thresholds, hubs, self.clock.time)
        self.sign_and_publish(*self.names)

    def keys(self, name: str) -> HolderKeys:
        """The keys of a jurisdiction."""
        return HolderKeys(self.root / f"keys-{name}")

    def signed(self, *names: str) -> Proposal:
        """What waits, signed by these jurisdictions."""
        proposal = self.repository.proposal()
        assert proposal is not None
        for name in names:
            proposal = proposal.sign(self.keys(name), name, self.repository.newest_root_of(proposal))
        return proposal

    def sign_and_publish(self, *names: str) -> Roster:
        """Sign by each on its own, then publish with the first one's online key."""
        copies = [self.signed(name) for name in names]
        return self.repository.publish(copies, self.keys(names[0]), self.clock.time)

    def pass_time(self, **span: float) -> None:
        """Let time go by, without anybody signing anything."""
        self.clock.time += timedelta(**span)

    def resign(self) -> bool:
        """What a hub that keeps the repository does each minute."""
        return self.repository.resign(self.keys(self.names[0]), self.clock.time)

    def reader(self, name: str, source: Path | None = None) -> RosterClient:
        """The reading side of a hub, pinned to the first root."""
        source = source or self.repository.directory
        client = RosterClient(self.root / f"reader-{name}", fetch_from(source), self.clock)
        client.pin((self.repository.directory / "metadata/1.root.json").read_bytes())
        return client
