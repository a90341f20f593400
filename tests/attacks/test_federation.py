"""What somebody between hubs, or a founder who goes too far alone, may try with the federation's metadata."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tuf.api.metadata import Metadata, Root, Targets

from exchange.errors import FederationExpiredError, FederationUntrustedError, HechuanError, LimitExceededError
from exchange.store.tuf import FederationDirectory, HolderKeys, RosterClient, fetch_from
from exchange.store.tuf.layout import read_published, versions, write_published
from exchange.trust.roster import Denied, Roster
from tests.federations import START, Founders, entry

DENIED = Denied(hubs=frozenset({"510000"}))


class Wire:
    """What the reader sees: a copy of the repository that the attacker may change."""

    def __init__(self, founders: Founders) -> None:
        self.founders = founders
        self.directory = founders.root / "wire"
        self.kept: list[Path] = []

    def copy(self) -> None:
        """Bring the copy up to date, and keep that moment."""
        shutil.rmtree(self.directory, ignore_errors=True)
        shutil.copytree(self.founders.repository.directory, self.directory)
        self.kept.append(self.founders.root / f"kept-{len(self.kept)}")
        shutil.copytree(self.directory, self.kept[-1])

    def replay(self, path: str, moment: int = 0) -> None:
        """Put a file of an earlier moment in."""
        write_published(self.directory, path, read_published(self.kept[moment], path))

    def newest(self, role: str) -> str:
        return f"metadata/{versions(self.directory, role)[-1]}.{role}.json"

    def forge(self, path: str, change: Callable[[dict[str, object]], None]) -> None:
        """Change the signed part of a file and leave its signatures."""
        value = json.loads(read_published(self.directory, path))
        change(value["signed"])
        write_published(self.directory, path, json.dumps(value).encode())


def rollback_timestamp(wire: Wire) -> None:
    wire.replay("metadata/timestamp.json")


def rollback_everything(wire: Wire) -> None:
    shutil.rmtree(wire.directory)
    shutil.copytree(wire.kept[0], wire.directory)


def freeze(wire: Wire) -> None:
    wire.founders.pass_time(hours=25)


def slow_freeze(wire: Wire) -> None:
    """The online key alone keeps signing after the founders have stopped."""
    for _ in range(91):
        wire.founders.pass_time(hours=24)
        wire.founders.resign()
    wire.copy()


def mix_snapshot(wire: Wire) -> None:
    """A new timestamp over an old snapshot under the new name."""
    old = read_published(wire.kept[0], "metadata/1.snapshot.json")
    write_published(wire.directory, wire.newest("snapshot"), old)


def mix_targets(wire: Wire) -> None:
    old = read_published(wire.kept[0], "metadata/1.targets.json")
    write_published(wire.directory, wire.newest("targets"), old)


def mix_document(wire: Wire) -> None:
    """The old roster, without the denial, under the new one's digest."""
    (old,) = wire.kept[0].glob("targets/*")
    for path in wire.directory.glob("targets/*"):
        path.write_bytes(old.read_bytes())


def garbage_timestamp(wire: Wire) -> None:
    write_published(wire.directory, "metadata/timestamp.json", b"\xff\x00 not JSON")


def deep_timestamp(wire: Wire) -> None:
    write_published(wire.directory, "metadata/timestamp.json", b"[" * 16_000)


def oversized_timestamp(wire: Wire) -> None:
    (wire.directory / "metadata/timestamp.json").write_bytes(b" " * (17 << 10))


def garbage_root(wire: Wire) -> None:
    write_published(wire.directory, "metadata/2.root.json", b"{}")


def wrong_role(wire: Wire) -> None:
    shutil.copy(wire.directory / wire.newest("snapshot"), wire.directory / "metadata/timestamp.json")


def stretched_timestamp(wire: Wire) -> None:
    wire.forge("metadata/timestamp.json", lambda signed: signed.update(expires="2099-01-01T00:00:00Z"))


def unsigned_deny(wire: Wire) -> None:
    """The online key publishes a denial that no founder signed."""
    _publish_targets(wire, ())


def deny_by_one(wire: Wire) -> None:
    """One founder of the two that it takes."""
    _publish_targets(wire, ("500000",))


def one_signature_twice(wire: Wire) -> None:
    """One founder's signature under another one's key id as well."""

    def double(metadata: Metadata[Targets]) -> None:
        (signature,) = metadata.signatures.values()
        keyids = wire.founders.repository.root().signed.roles["targets"].keyids
        for keyid in keyids:
            copied = type(signature)(keyid, signature.signature)
            metadata.signatures.setdefault(keyid, copied)

    _publish_targets(wire, ("500000",), double)


def roster_that_is_none(wire: Wire) -> None:
    """Enough founders sign a document that is no roster: nothing may follow from it."""
    _publish_targets(wire, ("500000", "510000"), document=b'{"hubs":[]}')


def root_by_one(wire: Wire) -> None:
    """One founder lowers the thresholds to itself alone."""
    _publish_root(wire, ("500000",))


def root_by_strangers(wire: Wire) -> None:
    """A root that is signed by enough of its own keys, none of them known."""
    strangers = [HolderKeys(wire.founders.root / f"stranger-{name}") for name in wire.founders.names]
    made = [keys.make(name) for keys, name in zip(strangers, wire.founders.names, strict=True)]
    root = Root(version=2, expires=wire.founders.repository.root().signed.expires)
    for holder in made:
        for role, name in (
            ("root", "root"),
            ("targets", "targets"),
            ("snapshot", "online"),
            ("timestamp", "online"),
        ):
            root.add_key(holder.key(name), role)
    root.roles["root"].threshold = 2
    metadata = Metadata(root)
    for keys in strangers:
        metadata.sign(keys.signer("root"), append=True)
    write_published(wire.directory, "metadata/2.root.json", metadata.to_bytes())


def root_that_skips(wire: Wire) -> None:
    """A properly signed root under a later name."""
    wire.founders.repository.propose(START, renew=True)
    wire.founders.sign_and_publish("500000", "510000")
    root = read_published(wire.founders.repository.directory, "metadata/2.root.json")
    value = json.loads(root)
    value["signed"]["version"] = 3
    write_published(wire.directory, "metadata/2.root.json", json.dumps(value).encode())


def _publish_targets(
    wire: Wire,
    signers: tuple[str, ...],
    change: Callable[[Metadata[Targets]], None] | None = None,
    document: bytes | None = None,
) -> None:
    founders = wire.founders
    targets = founders.repository.targets()
    denied = Denied(hubs=frozenset({"520000"}))
    roster = Roster(founders.repository.roster().hubs, denied, 3, START)
    data = document or roster.to_bytes()
    info = type(targets.signed.targets["federation.json"]).from_data("federation.json", data, ["sha256"])
    targets.signed.targets["federation.json"] = info
    targets.signed.version += 1
    targets.signatures.clear()
    for name in signers:
        targets.sign(founders.keys(name).signer("targets"), append=True)
    if change:
        change(targets)
    raw = targets.to_bytes()
    here = founders.repository
    write_published(here.directory, f"targets/{info.hashes['sha256']}.federation.json", data)
    write_published(here.directory, f"metadata/{targets.signed.version}.targets.json", raw)
    snapshot = here.snapshot()
    meta = type(snapshot.signed.meta["targets.json"]).from_data(targets.signed.version, raw, ["sha256"])
    here._write_snapshot(meta, founders.keys("500000").signer("online"), START)
    wire.copy()


def _publish_root(wire: Wire, signers: tuple[str, ...]) -> None:
    root = wire.founders.repository.root()
    root.signed.version += 1
    root.signed.roles["root"].threshold = 1
    root.signed.roles["targets"].threshold = 1
    root.signatures.clear()
    for name in signers:
        root.sign(wire.founders.keys(name).signer("root"), append=True)
    write_published(wire.directory, f"metadata/{root.signed.version}.root.json", root.to_bytes())


UNTRUSTED, EXPIRED = FederationUntrustedError, FederationExpiredError
ANY = ("nothing", "first", "second")
# attack, what the reader has seen before, the error
ATTACKS: list[tuple[Callable[[Wire], None], tuple[str, ...], type[HechuanError]]] = [
    (rollback_timestamp, ("second",), UNTRUSTED),
    (rollback_everything, ("second",), UNTRUSTED),
    (freeze, ANY, EXPIRED),
    (slow_freeze, ANY, EXPIRED),
    (mix_snapshot, ("nothing", "first"), UNTRUSTED),
    (mix_targets, ("nothing", "first"), UNTRUSTED),
    (mix_document, ("nothing", "first"), UNTRUSTED),
    (garbage_timestamp, ANY, UNTRUSTED),
    (deep_timestamp, ANY, UNTRUSTED),
    (oversized_timestamp, ANY, LimitExceededError),
    (garbage_root, ANY, UNTRUSTED),
    (wrong_role, ANY, UNTRUSTED),
    (stretched_timestamp, ANY, UNTRUSTED),
    (unsigned_deny, ANY, UNTRUSTED),
    (deny_by_one, ANY, UNTRUSTED),
    (one_signature_twice, ANY, UNTRUSTED),
    (roster_that_is_none, ANY, UNTRUSTED),
    (root_by_one, ANY, UNTRUSTED),
    (root_by_strangers, ANY, UNTRUSTED),
    (root_that_skips, ANY, UNTRUSTED),
]
# these need a founder's key, and the repository itself carries them on
FROM_WITHIN = (slow_freeze, unsigned_deny, deny_by_one, one_signature_twice, roster_that_is_none)
CASES = [
    pytest.param(attack, seen, error, id=f"{attack.__name__}-{seen}")
    for attack, all_seen, error in ATTACKS
    for seen in all_seen
]


@pytest.mark.parametrize(("attack", "seen", "error"), CASES)
def test_attack(tmp_path: Path, attack: Callable[[Wire], None], seen: str, error: type[HechuanError]) -> None:
    founders = Founders(tmp_path)
    wire = Wire(founders)
    wire.copy()
    reader = founders.reader("victim", wire.directory)
    if seen == "first":
        reader.refresh()
    founders.repository.propose(START, hubs=[entry("420000")], deny=DENIED)
    founders.sign_and_publish("500000", "520000")
    wire.copy()
    if seen == "second":
        assert reader.refresh().denied == DENIED
    attack(wire)
    with pytest.raises(error):
        reader.refresh()
    if attack not in FROM_WITHIN:  # nothing of it stays: the honest repository is read again
        founders.pass_time(hours=13)
        founders.resign()
        honest = fetch_from(founders.repository.directory)
        again = RosterClient(tmp_path / "reader-victim", honest, founders.clock).refresh()
        assert again.denied == DENIED


def test_an_attack_leaves_the_mirror_as_it_was(tmp_path: Path) -> None:
    founders = Founders(tmp_path)
    wire = Wire(founders)
    wire.copy()
    reader = founders.reader("victim", wire.directory)
    reader.refresh()
    mirror = FederationDirectory(tmp_path / "reader-victim").mirror
    before = {path: path.read_bytes() for path in mirror.rglob("*.json")}
    garbage_root(wire)
    with pytest.raises(FederationUntrustedError):
        reader.refresh()
    assert {path: path.read_bytes() for path in mirror.rglob("*.json")} == before
