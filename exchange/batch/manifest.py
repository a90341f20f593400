"""The manifest: what a publisher signs about a batch.

Canonical form: RFC 8785 JSON with exactly the members of `Manifest`; absent values are null, but `seal` is there only
where columns are sealed. A batch's id is the
SHA-256 of those bytes. PROTOCOL.md, section Manifest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, TypeVar

from exchange.errors import MalformedError
from exchange.ids import AgencyId, ContractRef, DatasetId, parse_digest

PAYLOAD_TYPE: Final = "application/vnd.hechuan.manifest+json"
_MAX_KEY = 128
_SEAL_KEY = re.compile(r"seal-1:[0-9a-f]{32}")
_OFFSET: Final = len("+00:00")
_MAX_CORRECTS = 100
_E = TypeVar("_E", bound=StrEnum)


class Kind(StrEnum):
    """What the batch does to the rows that stand; see BatchKind in the protocol."""

    OBSERVATION = "observation"
    CORRECTION = "correction"
    RETRACTION = "retraction"


class MediaType(StrEnum):
    """Encodings a batch may come in; all but Parquet are turned into Parquet by the hub."""

    PARQUET = "application/vnd.apache.parquet"
    ARROW_STREAM = "application/vnd.apache.arrow.stream"
    CSV = "text/csv"
    NDJSON = "application/x-ndjson"


@dataclass(frozen=True, slots=True)
class Period:
    """Closed interval of the contract's time column, UTC."""

    start: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Seal:
    """Which columns of a batch are sealed, under which key, and the contract (digest) they were checked against before.

    The publisher answers for that check: nobody else can repeat it without the key.
    """

    columns: tuple[str, ...]
    key: str
    checked: str

    def to_json(self) -> dict[str, Any]:
        """The manifest's member `seal`; the manifest of a batch without sealed columns has none."""
        return {"checked": self.checked, "columns": list(self.columns), "key": self.key}


@dataclass(frozen=True, slots=True)
class Manifest:
    """A batch in a few lines. `digest` and `bytes` are of the bytes as sent; `rows` may be unknown for text."""

    publisher: AgencyId
    dataset: DatasetId
    contract: ContractRef
    kind: Kind
    media_type: MediaType
    digest: str
    bytes: int
    rows: int | None
    period: Period | None
    created_at: datetime
    expires_at: datetime
    idempotency_key: str
    corrects: tuple[str, ...] = ()
    seal: Seal | None = None

    def to_json(self) -> dict[str, Any]:
        """The JSON value to canonicalise and sign."""
        sealed = {} if self.seal is None else {"seal": self.seal.to_json()}
        return sealed | {
            "bytes": self.bytes,
            "contract": str(self.contract),
            "corrects": list(self.corrects),
            "created_at": format_instant(self.created_at),
            "dataset": str(self.dataset),
            "digest": self.digest,
            "expires_at": format_instant(self.expires_at),
            "idempotency_key": self.idempotency_key,
            "kind": self.kind.value,
            "media_type": self.media_type.value,
            "period": self.period
            and {"from": format_instant(self.period.start), "until": format_instant(self.period.until)},
            "publisher": str(self.publisher),
            "rows": self.rows,
            "v": 1,
        }

    @classmethod
    def from_json(cls, value: object) -> Manifest:
        """Read a parsed payload; raises MalformedError naming the member."""
        members = _members(value)
        return cls(
            publisher=AgencyId.parse(_text(members, "publisher")),
            dataset=DatasetId.parse(_text(members, "dataset")),
            contract=ContractRef.parse(_text(members, "contract")),
            kind=_choice(Kind, members, "kind"),
            media_type=_choice(MediaType, members, "media_type"),
            digest=parse_digest(_text(members, "digest")),
            bytes=_count(members, "bytes"),
            rows=None if members["rows"] is None else _count(members, "rows"),
            period=_period(members["period"]),
            created_at=parse_instant(_text(members, "created_at")),
            expires_at=parse_instant(_text(members, "expires_at")),
            idempotency_key=_key(_text(members, "idempotency_key")),
            corrects=_corrects(members["corrects"]),
            seal=_seal(members["seal"]) if "seal" in members else None,
        )


_MEMBERS: Final = frozenset(
    {"bytes", "contract", "corrects", "created_at", "dataset", "digest", "expires_at", "idempotency_key"}
    | {"kind", "media_type", "period", "publisher", "rows", "v"}
)


def format_instant(instant: datetime) -> str:
    """RFC 3339 in UTC with microseconds and Z, the only form in signed documents."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds")[:-_OFFSET] + "Z"


def parse_instant(text: str) -> datetime:
    """Read exactly what format_instant writes; raises MalformedError."""
    try:
        instant = datetime.fromisoformat(text)
        canonical = format_instant(instant)
    except (ValueError, OverflowError):
        canonical = None
    if canonical != text:
        raise MalformedError(f"instant {text[:40]!r} is not like 2026-01-31T00:00:00.000000Z")
    return instant


def _members(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise MalformedError("manifest is not a JSON object")
    if value.get("v") != 1 or isinstance(value.get("v"), bool):
        raise MalformedError("manifest version v must be 1")
    if value.keys() - {"seal"} != _MEMBERS:
        odd = ", ".join(sorted(map(str, (value.keys() - {"seal"}) ^ _MEMBERS)))
        raise MalformedError(f"manifest has missing or unknown members: {odd[:200]}")
    return value


def _text(members: Mapping[str, Any], name: str) -> str:
    text = members[name]
    if not isinstance(text, str):
        raise MalformedError(f"manifest member {name} is not a string")
    return text


def _count(members: Mapping[str, Any], name: str) -> int:
    number = members[name]
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < 2**53:
        raise MalformedError(f"manifest member {name} is not a whole number")
    return number


def _choice(kind: type[_E], members: Mapping[str, Any], name: str) -> _E:
    try:
        return kind(_text(members, name))
    except ValueError:
        options = ", ".join(kind)
        raise MalformedError(f"manifest member {name} is not one of {options}") from None


def _period(value: object) -> Period | None:
    if value is None:
        return None
    if not isinstance(value, dict) or value.keys() != {"from", "until"}:
        raise MalformedError("manifest member period is not {from, until}")
    period = Period(parse_instant(_text(value, "from")), parse_instant(_text(value, "until")))
    if period.until < period.start:
        raise MalformedError("manifest member period ends before it starts")
    return period


def _key(text: str) -> str:
    if not (1 <= len(text) <= _MAX_KEY and text.isascii() and text.isprintable()):
        raise MalformedError(
            f"manifest member idempotency_key is not 1 to {_MAX_KEY} printable ASCII characters"
        )
    return text


def _seal(value: object) -> Seal:
    if not isinstance(value, dict) or value.keys() != {"checked", "columns", "key"}:
        raise MalformedError("manifest member seal is not {checked, columns, key}")
    columns, key = value["columns"], _text(value, "key")
    if not isinstance(columns, list) or not columns or not all(isinstance(name, str) for name in columns):
        raise MalformedError("manifest member seal.columns is not a list of names")
    if not _SEAL_KEY.fullmatch(key):
        raise MalformedError("manifest member seal.key is not seal-1:<32 hex digits>")
    return Seal(tuple(columns), key, parse_digest(_text(value, "checked")))


def _corrects(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > _MAX_CORRECTS:
        raise MalformedError(f"manifest member corrects is not a list of at most {_MAX_CORRECTS} batch ids")
    if not all(isinstance(item, str) for item in value):
        raise MalformedError("manifest member corrects is not a list of strings")
    return tuple(parse_digest(item) for item in value)
