"""The reading side: tuf.ngclient over whatever peers give, with our clock, and every failure one of our errors.

(0) the root that was pinned at join, then each later one, signed by the one before
(1) timestamp, snapshot, targets: none older than seen before, none expired, each signed by enough
(2) the roster that targets names, by length and digest
(3) what was verified is kept for other hubs, the timestamp last
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final

from tuf.api import exceptions
from tuf.api.metadata import Root
from tuf.ngclient import FetcherInterface, TargetFile, Updater, UpdaterConfig

from exchange.errors import (
    ConflictError,
    FederationExpiredError,
    FederationUntrustedError,
    HechuanError,
    MalformedError,
    NotFoundError,
    StorageError,
    UnavailableError,
)
from exchange.ports import Clock
from exchange.store.tuf.layout import (
    MAX_METADATA_BYTES,
    MAX_TIMESTAMP_BYTES,
    TARGET,
    TIMESTAMP,
    FederationDirectory,
    LastRoster,
    check_path,
    prune,
    read_published,
    write_published,
)
from exchange.store.tuf.proposal import parse_metadata
from exchange.trust.roster import MAX_ROSTER_BYTES, Roster
from exchange.trust.secret import make_private_directory, read_public, write_private

Fetch = Callable[[str], bytes | None]
"""Path of a published file → its bytes, None where the peer has none of that name; raises UnavailableError."""

_CONFIG: Final = UpdaterConfig(
    max_root_rotations=64,
    max_delegations=1,
    root_max_length=MAX_METADATA_BYTES,
    timestamp_max_length=MAX_TIMESTAMP_BYTES,
    snapshot_max_length=MAX_METADATA_BYTES,
    targets_max_length=MAX_METADATA_BYTES,
)
_ABSENT = 404


def fetch_from(directory: Path) -> Fetch:
    """Read published files from a directory: a repository or a mirror."""

    def fetch(path: str) -> bytes | None:
        try:
            return read_published(directory, path)
        except NotFoundError:
            return None

    return fetch


class RosterClient:
    """Keeps one hub's verified copy of its federation's metadata below `directory`. One thread at a time."""

    def __init__(self, directory: Path, fetch: Fetch, clock: Clock) -> None:
        self._place = FederationDirectory(directory)
        self._fetch = fetch
        self._clock = clock

    def pin(self, root: bytes) -> None:
        """Trust this root metadata from now on; raises ConflictError where another is pinned, MalformedError."""
        metadata = parse_metadata(root, Root)
        try:
            metadata.signed.verify_delegate("root", metadata.signed_bytes, metadata.signatures)
        except exceptions.RepositoryError:
            raise FederationUntrustedError("root.json 签名不足 / root.json is not signed by enough") from None
        make_private_directory(self._place.root)
        if self._place.pinned.exists():
            if read_public(self._place.pinned) != root:
                raise ConflictError("已固定另一联盟的根 / the root of another federation is pinned here")
            return
        write_private(self._place.pinned, root)

    def refresh(self) -> Roster:
        """The federation's roster as of now, verified; steps (0) to (3).

        Raises FederationExpiredError, FederationUntrustedError, UnavailableError where the peer does not answer,
        NotFoundError where no root is pinned. What was verified before stays as it was.
        """
        pinned = read_public(self._place.pinned)
        try:
            return self._refreshed(pinned)
        except exceptions.ExpiredMetadataError as error:
            raise FederationExpiredError(f"联盟元数据已过期 / federation metadata: {error}") from error
        except (exceptions.RepositoryError, exceptions.DownloadLengthMismatchError) as error:
            raise FederationUntrustedError(f"联盟元数据不可信 / federation metadata: {error}") from error
        except exceptions.DownloadHTTPError as error:
            raise UnavailableError(f"the peer lacks federation metadata: {error}") from error
        except exceptions.DownloadError as error:
            if isinstance(error.__cause__, HechuanError):
                raise error.__cause__ from error
            raise UnavailableError(f"the peer did not give federation metadata: {error}") from error
        except OSError as error:
            raise StorageError(f"cannot keep federation metadata: {error}") from error
        except (ValueError, TypeError, KeyError, RuntimeError) as error:
            raise FederationUntrustedError(f"federation metadata is malformed: {error}") from error

    def _refreshed(self, pinned: bytes) -> Roster:
        metadata, targets = self._place.root / "metadata", self._place.root / "targets"
        for directory in (metadata, targets, self._place.mirror):
            make_private_directory(directory)
        updater = Updater(
            str(metadata),
            "metadata",
            str(targets),
            "targets",
            _Fetcher(self._fetch),
            _CONFIG,
            bootstrap=pinned,
        )
        # tuf.ngclient asks the machine for the time and offers no other way
        trusted = updater._trusted_set
        trusted.reference_time = self._clock.now()
        updater.refresh()
        info = updater.get_targetinfo(TARGET)
        if info is None or info.length > MAX_ROSTER_BYTES or "sha256" not in info.hashes:
            raise FederationUntrustedError(f"targets metadata names no acceptable {TARGET}")
        path = updater.find_cached_target(info) or updater.download_target(info)
        signed = (trusted.root, trusted.timestamp, trusted.snapshot, trusted.targets)
        expires_at = min(each.expires for each in signed)
        document = Path(path).read_bytes()
        roster = self._parsed(document, trusted.targets.version, expires_at)
        self._mirror(metadata, trusted.snapshot.version, trusted.targets.version, info, document)
        LastRoster(self._place.last).write(roster)
        return roster

    def _parsed(self, document: bytes, version: int, expires_at: datetime) -> Roster:
        try:
            return Roster.parse(document, version, expires_at)
        except HechuanError as error:
            raise FederationUntrustedError(f"a signed roster is not acceptable: {error.message}") from error

    def _mirror(self, metadata: Path, snapshot: int, targets: int, info: TargetFile, document: bytes) -> None:
        """Step (3): write what is new."""
        target = f"targets/{info.hashes['sha256']}.{TARGET}"
        files = {f"metadata/{path.name}": path for path in sorted((metadata / "root_history").glob("*.json"))}
        files[f"metadata/{targets}.targets.json"] = metadata / "targets.json"
        files[f"metadata/{snapshot}.snapshot.json"] = metadata / "snapshot.json"
        files[TIMESTAMP] = metadata / "timestamp.json"
        mirror = self._place.mirror
        if not (mirror / target).exists():
            write_published(mirror, target, document)
        for name, path in files.items():
            data = path.read_bytes()
            known = None
            with suppress(NotFoundError):
                known = read_published(mirror, name)
            if data != known:
                write_published(mirror, name, data)
        prune(mirror, target)


class _Fetcher(FetcherInterface):
    """What the updater asks for, from a peer; anything that is no path of ours is absent."""

    def __init__(self, fetch: Fetch) -> None:
        self._ask = fetch

    def _fetch(self, url: str) -> Iterator[bytes]:
        try:
            data = self._ask(check_path(url))
        except MalformedError:
            data = None
        if data is None:
            raise exceptions.DownloadHTTPError(f"no {url}", _ABSENT)
        return iter((data,))
