"""What a pack says of itself: which files it has, what it is about, what it lacks and why; and who put it together.

`manifest.json` is canonical JSON; `manifest.dsse.json` is an envelope in which the agency that made the pack signs its
digest. PROTOCOL.md, section Evidence packs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Self

from exchange.batch.manifest import format_instant, parse_instant
from exchange.errors import MalformedError
from exchange.evidence.archive import Files
from exchange.ids import AgencyId, DatasetId, digest_of, parse_case, parse_digest, parse_jurisdiction
from exchange.trust.canonical import canonical, parse_canonical
from exchange.trust.envelope import Envelope, sign
from exchange.trust.keys import Signer

EVIDENCE_TYPE: Final = "application/vnd.hechuan.evidence+json"
KIND: Final = "hechuan-evidence"
MANIFEST: Final = "manifest.json"
STATEMENT: Final = "manifest.dsse.json"
_MAX_TEXT: Final = 500


class About(StrEnum):
    """What a pack can be about."""

    BATCH = "batch"
    AGREEMENT = "agreement"
    DATASET = "dataset"


@dataclass(frozen=True, slots=True)
class Subject:
    """What a pack is about; `tree_size` says up to which ledger size, for a dataset alone."""

    about: About
    id: str
    tree_size: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Its JSON value."""
        return {"id": self.id, "kind": self.about.value, "tree_size": self.tree_size}

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Read a JSON value; raises MalformedError."""
        members = members_of(value, "subject", {"id", "kind", "tree_size"})
        try:
            about = About(text_of(members, "kind"))
        except ValueError:
            raise MalformedError("a pack is about a batch, an agreement or a dataset") from None
        found, size = text_of(members, "id"), members["tree_size"]
        if about is About.DATASET:
            return cls(about, str(DatasetId.parse(found)), whole_of(members, "tree_size"))
        if size is not None:
            raise MalformedError("only a dataset is shown up to a tree size")
        return cls(about, parse_digest(found) if about is About.BATCH else parse_case("agreement", found))


@dataclass(frozen=True, slots=True, order=True)
class Absent:
    """Something that belongs into the pack and is not there: a file's name or a key's id, and why. A claim."""

    what: str
    code: str
    reason: str

    def to_json(self) -> dict[str, str]:
        """Its JSON value."""
        return {"code": self.code, "reason": self.reason, "what": self.what}


@dataclass(frozen=True, slots=True)
class PackManifest:
    """The first file to read. `files` maps every name but the manifest's own two to (bytes, digest)."""

    subject: Subject
    hub: str
    agency: AgencyId
    created_at: datetime
    software: str
    absent: tuple[Absent, ...]
    files: Mapping[str, tuple[int, str]]
    _reasons: Mapping[str, Absent] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_reasons", {item.what: item for item in self.absent})
        if self._reasons.keys() & self.files.keys():
            raise MalformedError("a file is listed and said to be absent")

    def to_bytes(self) -> bytes:
        """Canonical JSON."""
        return canonical(
            {
                "absent": [item.to_json() for item in sorted(self.absent)],
                "agency": str(self.agency),
                "created_at": format_instant(self.created_at),
                "files": [
                    {"bytes": size, "digest": digest, "name": name}
                    for name, (size, digest) in sorted(self.files.items())
                ],
                "hub": self.hub,
                "kind": KIND,
                "software": self.software,
                "subject": self.subject.to_json(),
                "v": 1,
            }
        )

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read canonical bytes; raises MalformedError, LimitExceededError."""
        members = members_of(parse_canonical(data), "manifest", _MEMBERS)
        if members["kind"] != KIND or members["v"] != 1 or isinstance(members["v"], bool):
            raise MalformedError(f"not a JSON object of kind {KIND}, v 1")
        manifest = cls(
            subject=Subject.from_json(members["subject"]),
            hub=parse_jurisdiction(text_of(members, "hub")),
            agency=AgencyId.parse(text_of(members, "agency")),
            created_at=parse_instant(text_of(members, "created_at")),
            software=text_of(members, "software")[:_MAX_TEXT],
            absent=tuple(_absent(item) for item in list_of(members, "absent")),
            files=dict(_file(item) for item in list_of(members, "files")),
        )
        if manifest.to_bytes() != data:
            raise MalformedError("files or absences are not in order, or one is there twice")
        return manifest

    def absence(self, what: str) -> Absent | None:
        """Why something is not in the pack, where the manifest says so."""
        return self._reasons.get(what)


_MEMBERS: Final = {"absent", "agency", "created_at", "files", "hub", "kind", "software", "subject", "v"}


def list_files(files: Files) -> dict[str, tuple[int, str]]:
    """Name → (bytes, digest) of everything that a manifest lists."""
    named = (name for name in files.names() if name not in (MANIFEST, STATEMENT))
    return {name: (files.size(name), files.digest(name)) for name in named}


def sign_manifest(manifest: bytes, agency: AgencyId, at: datetime, key: Signer) -> Envelope:
    """The statement of the agency that put a pack together."""
    claim = {
        "agency": str(agency),
        "created_at": format_instant(at),
        "manifest": digest_of(manifest),
        "v": 1,
    }
    return sign(claim, EVIDENCE_TYPE, key)


def members_of(value: object, what: str, names: set[str]) -> dict[str, Any]:
    """A JSON object with exactly these members; raises MalformedError."""
    if not isinstance(value, dict) or value.keys() != names:
        raise MalformedError(f"{what} is not an object with the members {', '.join(sorted(names))}")
    return value


def text_of(members: Mapping[str, Any], name: str) -> str:
    """A member that is a string; raises MalformedError."""
    value = members.get(name)
    if not isinstance(value, str):
        raise MalformedError(f"member {name} is not a string")
    return value


def whole_of(members: Mapping[str, Any], name: str) -> int:
    """A member that is a whole number, not negative; raises MalformedError."""
    value = members.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise MalformedError(f"member {name} is not a whole number")
    return value


def list_of(members: Mapping[str, Any], name: str) -> Sequence[Any]:
    """A member that is a list; raises MalformedError."""
    value = members.get(name)
    if not isinstance(value, list):
        raise MalformedError(f"member {name} is not a list")
    return value


def _absent(value: object) -> Absent:
    members = members_of(value, "an absence", {"code", "reason", "what"})
    return Absent(*(text_of(members, name)[:_MAX_TEXT] for name in ("what", "code", "reason")))


def _file(value: object) -> tuple[str, tuple[int, str]]:
    members = members_of(value, "a file", {"bytes", "digest", "name"})
    return text_of(members, "name"), (whole_of(members, "bytes"), parse_digest(text_of(members, "digest")))
