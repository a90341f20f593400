"""Evidence in the hub: sealed by its publisher, named by detections, opened by whom an agreement names."""

from __future__ import annotations

import hashlib
import struct
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from adapters.evidence import adapter
from adapters.evidence.adapter import PART
from adapters.evidence.keep import attach, fetch
from exchange.errors import (
    HechuanError,
    LimitExceededError,
    MalformedError,
    NotFoundError,
    PermissionDeniedError,
)
from tests.hubs import Site

pytestmark = pytest.mark.e2e
FILES = "500000/ecology/evidence-file"


def png(noise: bytes) -> bytes:
    """A grey picture whose rows are the bytes given."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = b"".join(b"\x00" + noise[at : at + 1000] for at in range(0, len(noise), 1000))
    head = struct.pack(">IIBBBBB", 1000, len(noise) // 1000, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows, 0))
        + chunk(b"IEND", b"")
    )


PICTURE = png(b"".join(hashlib.sha256(number.to_bytes(4, "big")).digest() for number in range(31_250)))


def test_a_picture_goes_in_sealed_and_comes_out_whole(site: Site, tmp_path: Path) -> None:
    path, back = tmp_path / "camera.png", tmp_path / "back.png"
    path.write_bytes(PICTURE)
    with site.client() as owner, site.client(site.water) as reader:
        digest = attach(owner, path)
        assert digest == "sha256:" + hashlib.sha256(PICTURE).hexdigest()
        assert attach(owner, path) == digest
        assert fetch(owner, FILES, digest, back) == "image/png"
        assert back.read_bytes() == PICTURE
        with pytest.raises(NotFoundError):
            fetch(owner, FILES, "sha256:" + "0" * 64, back)
        with pytest.raises(PermissionDeniedError):
            fetch(reader, FILES, digest, back)
        moved = reader.propose(FILES, purpose="联合执法", until=datetime.now(UTC) + timedelta(days=30))
        for side in (owner, reader, owner):
            side.sign(moved.agreement.id)
        back.unlink()
        assert fetch(reader, FILES, digest, back) == "image/png"
        assert back.read_bytes() == PICTURE
        assert -(-len(PICTURE) // PART) == 3
        whole = b"".join(each.read_bytes() for each in site.hub.directory.rglob("*") if each.is_file())
        assert PICTURE[5000:5100] not in whole


def test_a_detection_names_evidence_that_is_there(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "drone.png"
    path.write_bytes(png(bytes(2000)))
    now = datetime(2026, 3, 19, 1, tzinfo=UTC)
    with site.client() as owner:
        reach = {
            "reach_code": "CQ-TB-01",
            "reach_name": "铜钵河",
            "river_name": "铜钵河",
            "chief_level": "county",
        }
        more = {"province_code": "500000", "bank": "both", "boundary_kind": "up-down"}
        more["neighbour_code"] = "510000"
        owner.publish("river-reach", pa.Table.from_pylist([{**reach, **more, "valid_from": now.date()}]))
        digests = [*([attach(owner, path)] * 5), "sha256:" + "0" * 64]
        rows = [
            {
                "detection_code": f"CQ-AI-{number}",
                "detected_at": now,
                "kind": "discharge",
                "source": "drone",
                "reach_code": "CQ-TB-01",
                "evidence_digest": digest,
                "status": "new",
            }
            for number, digest in enumerate(digests)
        ]
        done = owner.publish("detection", pa.Table.from_pylist(rows))
    assert (done.batch.verdict.accepted, done.batch.verdict.rejected) == (5, 1)
    assert "evidence_digest.reference" in {count.rule for count in done.batch.verdict.counts}


@pytest.mark.parametrize(
    ("name", "data", "error"),
    [
        ("a.png", PICTURE[:-1], MalformedError),
        ("a.jpg", PICTURE, MalformedError),
        ("a.exe", b"MZ\x90\x00", MalformedError),
        ("a.pdf", b"%PDF-1.7\n", MalformedError),
        ("a.mp4", b"\x00\x00\x00\x10ftypisom\x00\x00\x00\x00", MalformedError),
        ("a.jpg", b"\xff\xd8\xff" + bytes(33 << 20) + b"\xff\xd9", LimitExceededError),
        ("a.tif", b"II*\x00\xff\xff\xff\xff", MalformedError),
    ],
)
def test_other_files_are_refused(name: str, data: bytes, error: type[HechuanError], tmp_path: Path) -> None:
    from adapters.evidence.kind import kind_of

    with pytest.raises(error):
        kind_of(data, name)
    (tmp_path / name).write_bytes(data)
    reading = adapter.read(str(tmp_path))
    assert list(reading.pieces()) == []
    assert [cell.place for cell in reading.tally.unread] == [name]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.jpeg", b"\xff\xd8\xff\xe0....\xff\xd9"),
        ("a.webp", b"RIFF\x04\x00\x00\x00WEBP"),
        ("a.pdf", b"%PDF-1.7\n%%EOF\n"),
        ("a.mp4", b"\x00\x00\x00\x10ftypisom\x00\x00\x00\x00\x00\x00\x00\x08moov"),
        ("a.webm", b"\x1a\x45\xdf\xa3....webm"),
        ("a.tif", b"MM\x00*\x00\x00\x00\x08...."),
    ],
)
def test_files_are_known_by_their_marks(name: str, data: bytes) -> None:
    from adapters.evidence.kind import kind_of

    assert name[1:] in kind_of(data, name).suffixes
