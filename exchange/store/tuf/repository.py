"""The repository that the founders keep: plain files, published in an order that a reader may interrupt.

found / propose   a proposal: new targets metadata and roster, with new root metadata where keys change
sign              each jurisdiction on its own machine (Proposal.sign)
publish           once enough have signed: root, document, targets, snapshot, timestamp, in that order
resign            the online key alone, before timestamp or snapshot expire

TUF specification 1.0.31 §§ 4 to 6, consistent snapshots.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp

from exchange.errors import ConflictError, FederationUntrustedError, NotFoundError
from exchange.settings import Federation
from exchange.store.tuf.holder import Holder, HolderKeys, jurisdiction_of
from exchange.store.tuf.layout import (
    TARGET,
    TIMESTAMP,
    prune,
    published,
    read_published,
    versions,
    whole_seconds,
    write_published,
)
from exchange.store.tuf.proposal import Proposal, parse_metadata
from exchange.store.tuf.root import Thresholds, give_keys, new_root
from exchange.trust.roster import Denied, HubEntry, Roster
from exchange.trust.secret import make_private_directory, replace_private

_T = TypeVar("_T", Root, Snapshot, Targets, Timestamp)
_HASHES: Final = ["sha256"]


@dataclass(frozen=True, slots=True)
class Repository:
    """A directory with `metadata/`, `targets/` and, while a change waits, `proposal.json`."""

    directory: Path
    life: Federation

    @property
    def staged(self) -> Path:
        return self.directory / "proposal.json"

    def root(self) -> Metadata[Root]:
        """The newest published root; raises NotFoundError where nothing was published yet."""
        found = versions(self.directory, "root")
        if not found:
            raise NotFoundError(f"此处尚未发布联盟 / no federation is published in {self.directory}")
        return self._load(f"metadata/{found[-1]}.root.json", Root)

    def timestamp(self) -> Metadata[Timestamp]:
        """The published timestamp; raises NotFoundError."""
        return self._load(TIMESTAMP, Timestamp)

    def snapshot(self) -> Metadata[Snapshot]:
        """The published snapshot; raises NotFoundError."""
        version = self.timestamp().signed.snapshot_meta.version
        return self._load(f"metadata/{version}.snapshot.json", Snapshot)

    def targets(self) -> Metadata[Targets]:
        """The published targets; raises NotFoundError."""
        version = self.snapshot().signed.meta["targets.json"].version
        return self._load(f"metadata/{version}.targets.json", Targets)

    def roster(self) -> Roster:
        """The published roster; raises NotFoundError."""
        signed = self.targets().signed
        path = _target_path(signed.targets[TARGET])
        return Roster.parse(read_published(self.directory, path), signed.version, signed.expires)

    def proposal(self) -> Proposal | None:
        """What waits for signatures."""
        return Proposal.parse(self.staged.read_bytes()) if self.staged.exists() else None

    def newest_root_of(self, proposal: Proposal) -> Root:
        """Root as it will be once a proposal is published."""
        return proposal.root.signed if proposal.root else self.root().signed

    def found(
        self, holders: Sequence[Holder], thresholds: Thresholds, hubs: Sequence[HubEntry], now: datetime
    ) -> Proposal:
        """Propose a federation; raises ConflictError where there is one, InvalidInputError as new_root."""
        if self.staged.exists() or versions(self.directory, "root"):
            raise ConflictError(
                f"此目录已有联盟 / a federation is in this directory already: {self.directory}"
            )
        root = new_root(holders, thresholds, now, self.life)
        roster = Roster({hub.jurisdiction: hub for hub in hubs}, Denied(), 1, now)
        return self._stage(roster, 1, root, now)

    def propose(
        self,
        now: datetime,
        *,
        hubs: Sequence[HubEntry] = (),
        deny: Denied | None = None,
        allow: Denied | None = None,
        holder: Holder | None = None,
        renew: bool = False,
    ) -> Proposal:
        """Propose a change on top of what is published and of what waits; signatures start anew.

        `hubs` are added or replace those of their jurisdictions, `deny` and `allow` add to and take from the denied,
        `holder` gives a jurisdiction new keys in root, `renew` only moves the expiry of root and roster.
        """
        current, waiting = self.root(), self.proposal()
        before = waiting.roster() if waiting else self.roster()
        changed = {**before.hubs, **{hub.jurisdiction: hub for hub in hubs}}
        denied = (before.denied | (deny or Denied())) - (allow or Denied())
        root = waiting.root.signed if waiting and waiting.root else None
        if holder or renew:
            root = root or parse_metadata(current.to_bytes(), Root).signed
            root.version = current.signed.version + 1
            root.expires = whole_seconds(now) + timedelta(days=self.life.root_days)
            if holder:
                give_keys(root, holder)
        roster = Roster(changed, denied, before.version, now)
        return self._stage(roster, self.targets().signed.version + 1, root, now)

    def save(self, proposal: Proposal) -> None:
        """Keep a proposal until it is published, in the place of the one before."""
        make_private_directory(self.directory)
        replace_private(self.staged, proposal.to_bytes())

    def publish(self, copies: Sequence[Proposal], keys: HolderKeys, now: datetime) -> Roster:
        """Publish what waits, with the signatures of all copies; returns the roster.

        Raises FederationUntrustedError naming who has signed where that is not enough, NotFoundError where nothing
        waits, ConflictError for a proposal that something else has overtaken.
        """
        waiting = self.proposal()
        if waiting is None:
            raise NotFoundError("没有待发布的提案 / nothing waits to be published")
        for copy in copies:
            waiting = waiting.merge(copy)
        root = self._checked_root(waiting)
        _verify(root.signed, waiting.targets, "targets")
        signer = keys.signer("online")
        _require_online(root.signed, signer)
        previous = self.targets().signed.version if (self.directory / TIMESTAMP).exists() else 0
        if waiting.targets.signed.version != previous + 1:
            raise ConflictError("提案已过时，请重新提出 / the proposal was overtaken: propose it again")
        write_published(self.directory, f"metadata/{root.signed.version}.root.json", root.to_bytes())
        info = waiting.targets.signed.targets[TARGET]
        write_published(self.directory, _target_path(info), waiting.document)
        targets = waiting.targets.to_bytes()
        version = waiting.targets.signed.version
        write_published(self.directory, f"metadata/{version}.targets.json", targets)
        self._write_snapshot(MetaFile.from_data(version, targets, _HASHES), signer, now)
        self.staged.unlink(missing_ok=True)
        prune(self.directory, _target_path(info))
        return self.roster()

    def resign(self, keys: HolderKeys, now: datetime) -> bool:
        """Sign snapshot and timestamp anew once half their life is over; whether anything was due.

        Raises UntrustedError where root does not know the online key.
        """
        timestamp, snapshot = self.timestamp().signed, self.snapshot()
        life = self.life
        stale = snapshot.signed.expires - now < timedelta(days=life.snapshot_days) / 2
        if not stale and timestamp.expires - now >= timedelta(hours=life.timestamp_hours) / 2:
            return False
        signer = keys.signer("online")
        _require_online(self.root().signed, signer)
        if stale:
            self._write_snapshot(snapshot.signed.meta["targets.json"], signer, now)
        else:
            self._write_timestamp(timestamp.snapshot_meta, signer, now)
        return True

    def adopt(self, mirror: Path) -> bool:
        """Take over a verified copy that is newer: another holder has published since."""
        try:
            theirs = parse_metadata(read_published(mirror, TIMESTAMP), Timestamp).signed.version
        except NotFoundError:
            return False
        if theirs <= self.timestamp().signed.version:
            return False
        for path in published(mirror):
            write_published(self.directory, path, read_published(mirror, path))
        return True

    def _load(self, path: str, kind: type[_T]) -> Metadata[_T]:
        return parse_metadata(read_published(self.directory, path), kind)

    def _stage(self, roster: Roster, version: int, root: Root | None, now: datetime) -> Proposal:
        document = roster.to_bytes()
        targets = Targets(
            version=version,
            expires=whole_seconds(now) + timedelta(days=self.life.targets_days),
            targets={TARGET: TargetFile.from_data(TARGET, document, _HASHES)},
        )
        proposal = Proposal(Metadata(targets), document, Metadata(root) if root else None)
        self.save(proposal)
        return proposal

    def _checked_root(self, waiting: Proposal) -> Metadata[Root]:
        """The root that will stand: signed by enough of itself and of the one before. TUF § 5.3.4."""
        found = versions(self.directory, "root")
        current = self._load(f"metadata/{found[-1]}.root.json", Root) if found else None
        new = waiting.root
        if new is None:
            return self.root()
        if (
            current and current.signed_bytes == new.signed_bytes
        ):  # a publication was cut off after its first file
            return current
        if new.signed.version != (current.signed.version if current else 0) + 1:
            raise ConflictError("提案已过时，请重新提出 / the proposal was overtaken: propose it again")
        if current:
            _verify(current.signed, new, "root")
        _verify(new.signed, new, "root")
        return new

    def _write_snapshot(self, targets: MetaFile, signer: CryptoSigner, now: datetime) -> None:
        found = versions(self.directory, "snapshot")
        version = found[-1] + 1 if found else 1
        expires = whole_seconds(now) + timedelta(days=self.life.snapshot_days)
        snapshot = Metadata(Snapshot(version=version, expires=expires, meta={"targets.json": targets}))
        snapshot.sign(signer)
        data = snapshot.to_bytes()
        write_published(self.directory, f"metadata/{version}.snapshot.json", data)
        self._write_timestamp(MetaFile.from_data(version, data, _HASHES), signer, now)

    def _write_timestamp(self, snapshot: MetaFile, signer: CryptoSigner, now: datetime) -> None:
        first = not (self.directory / TIMESTAMP).exists()
        version = 1 if first else self.timestamp().signed.version + 1
        expires = whole_seconds(now) + timedelta(hours=self.life.timestamp_hours)
        timestamp = Metadata(Timestamp(version=version, expires=expires, snapshot_meta=snapshot))
        timestamp.sign(signer)
        write_published(self.directory, TIMESTAMP, timestamp.to_bytes())


def _verify(root: Root, metadata: Metadata[Root] | Metadata[Targets], role: str) -> None:
    result = root.get_verification_result(role, metadata.signed_bytes, metadata.signatures)
    if not result:
        who = ", ".join(sorted(jurisdiction_of(key) for key in result.signed.values())) or "—"
        raise FederationUntrustedError(
            f"{role} 签名不足 / {role} is signed by {len(result.signed)} of {result.threshold}: {who}"
        )


def _require_online(root: Root, signer: CryptoSigner) -> None:
    if signer.public_key.keyid not in root.roles["timestamp"].keyids:
        raise FederationUntrustedError(
            "本机在线密钥不在联盟中 / the online key here is not one of the federation's"
        )


def _target_path(info: TargetFile) -> str:
    return f"targets/{info.hashes['sha256']}.{TARGET}"
