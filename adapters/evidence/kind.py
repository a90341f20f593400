"""What kind of file bytes are: by their own marks, at the beginning and the end, never by the name alone.

Sources: ISO/IEC 10918-1 (JPEG), RFC 2083 (PNG), RFC 9649 (WebP), TIFF 6.0, ISO/IEC 14496-12 (MP4), Matroska (WebM),
ISO 32000-1 (PDF).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from adapters.settings import limit
from exchange.errors import FieldViolation, LimitExceededError, MalformedError

_TAIL: Final = 2048


@dataclass(frozen=True, slots=True)
class MediaKind:
    """A media type, the endings of names that go with it, and the setting that says how large such a file may be."""

    media_type: str
    suffixes: frozenset[str]
    setting: str

    @property
    def limit_bytes(self) -> int:
        """How large."""
        found: int = getattr(limit(), self.setting)
        return found


KINDS: Final = {
    kind.media_type: kind
    for kind in (
        MediaKind("image/jpeg", frozenset({".jpg", ".jpeg"}), "picture_bytes"),
        MediaKind("image/png", frozenset({".png"}), "picture_bytes"),
        MediaKind("image/webp", frozenset({".webp"}), "picture_bytes"),
        MediaKind("image/tiff", frozenset({".tif", ".tiff"}), "raster_bytes"),
        MediaKind("video/mp4", frozenset({".mp4", ".m4v", ".mov"}), "clip_bytes"),
        MediaKind("video/webm", frozenset({".webm"}), "clip_bytes"),
        MediaKind("application/pdf", frozenset({".pdf"}), "paper_bytes"),
    )
}


def kind_of(data: bytes, name: str) -> MediaKind:
    """The kind of a whole file; raises MalformedError (none, cut off, not what its name says), LimitExceededError."""
    found = KINDS.get(_media_type(data))
    if found is None:
        raise _refused(name, "不是所收的文件类型 / is none of " + ", ".join(KINDS))
    suffix = "." + name.lower().rpartition(".")[2]
    if suffix not in found.suffixes:
        raise _refused(
            name, f"内容是 {found.media_type}，与扩展名不符 / is {found.media_type}, against its name"
        )
    if len(data) > found.limit_bytes:
        raise LimitExceededError(
            f"{name}: 超过 {found.limit_bytes} 字节 / more than {found.limit_bytes} bytes"
        )
    if not _is_whole(data, found.media_type):
        raise _refused(name, f"{found.media_type} 不完整 / is cut off")
    return found


def _refused(name: str, said: str) -> MalformedError:
    return MalformedError(f"{name}: {said}", violations=[FieldViolation(name, "media_type", said)])


def _media_type(data: bytes) -> str:
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if data[:4] in (b"II*\x00", b"MM\x00*"):
        return "image/tiff"
    if data[4:8] == b"ftyp":
        return "video/mp4"
    if data.startswith(b"\x1a\x45\xdf\xa3") and b"webm" in data[:64]:
        return "video/webm"
    return "application/pdf" if data.startswith(b"%PDF-") else ""


def _is_whole(data: bytes, media_type: str) -> bool:
    match media_type:
        case "image/jpeg":
            return b"\xff\xd9" in data[-_TAIL:]
        case "image/png":
            return data.endswith(b"IEND\xaeB`\x82")
        case "image/webp":
            return len(data) >= int.from_bytes(data[4:8], "little") + 8
        case "image/tiff":
            order: Final = "little" if data[:2] == b"II" else "big"
            return 8 <= int.from_bytes(data[4:8], order) < len(data)
        case "video/mp4":
            return _boxes_fit(data)
        case "application/pdf":
            return b"%%EOF" in data[-_TAIL:]
    return True


def _boxes_fit(data: bytes) -> bool:
    """Whether the boxes of an MP4 end where the file does, the film's own (`moov`) among them."""
    at, names = 0, set()
    while at + 8 <= len(data):
        size, name = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16], "big")
        elif size == 0:
            size = len(data) - at
        if size < 8:
            return False
        names.add(name)
        at += size
    return at == len(data) and b"moov" in names
