"""Objects in an S3 bucket: `<prefix>/objects/ab/cd/<hex>`, with local copies of what queries read.

An object appears under its name in one request: small ones by a single PUT, large ones by a copy inside S3 from
`<prefix>/incoming`, where an upload that was cut short stays until it is discarded.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pyarrow as pa
from pyarrow import fs

from exchange.errors import (
    DigestMismatchError,
    InvalidInputError,
    NotFoundError,
    StorageError,
    UnavailableError,
)
from exchange.ids import parse_digest
from exchange.store.cache import ObjectCache

# up to here an upload is one request and appears at once
_SMALL_BYTES: Final = 4 << 20
_PIECE_BYTES: Final = 1 << 20
_PARALLEL_PUTS: Final = 8
_CONNECT_SECONDS: Final = 5.0
_REQUEST_SECONDS: Final = 60.0
_SHARDS: Final = 256
_KEY = re.compile(r"objects/([0-9a-f]{2})/([0-9a-f]{2})/(\1\2[0-9a-f]{60})")


class S3ObjectStore:
    """ObjectStore on anything that speaks S3. Credentials come from the usual AWS environment variables."""

    def __init__(
        self, bucket: str, prefix: str, endpoint: str, region: str, cache: Path, cache_bytes: int
    ) -> None:
        self._root = f"{bucket}/{prefix.strip('/')}".rstrip("/")
        self._cache = ObjectCache(cache, cache_bytes)
        self._pool = ThreadPoolExecutor(_PARALLEL_PUTS, thread_name_prefix="s3-put")
        self._s3 = fs.S3FileSystem(
            region=region,
            connect_timeout=_CONNECT_SECONDS,
            request_timeout=_REQUEST_SECONDS,
            retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=3),
            allow_delayed_open=True,
            background_writes=False,
            **_endpoint(endpoint),
        )

    def put_file(self, path: Path, digest: str) -> None:
        size = path.stat().st_size
        if size <= _SMALL_BYTES:
            self.put_bytes(path.read_bytes(), digest)
        elif self._stored_bytes(digest) == size:
            self._renew(digest)
        else:
            with self._staged(digest) as staged:
                self._upload(path, digest, staged)
        path.unlink()

    def put_bytes(self, data: bytes, digest: str) -> None:
        key = self._key(digest)
        with _explained(f"store {digest}"):
            if len(data) <= _SMALL_BYTES:
                # asking whether it is there costs as much as putting it again
                self._put(key, data)
            elif self._stored_bytes(digest) == len(data):
                self._renew(digest)
            else:
                with self._staged(digest) as staged:
                    self._put(staged, data)

    def put_many(self, items: Sequence[tuple[bytes, str]]) -> None:
        if len(items) == 1:
            self.put_bytes(*items[0])
            return
        for result in [self._pool.submit(self.put_bytes, data, digest) for data, digest in items]:
            result.result()

    def read(self, digest: str) -> bytes:
        data = b"".join(self.chunks(digest, 0, _SMALL_BYTES))
        if "sha256:" + hashlib.sha256(data).hexdigest() != digest:
            raise StorageError(f"object {digest} does not have its digest any more")
        return data

    def chunks(self, digest: str, offset: int = 0, size: int = 1 << 20) -> Iterator[bytes]:
        key = self._key(digest)
        with _explained(f"read {digest}"), self._s3.open_input_file(key) as file:
            if offset >= file.size():
                return
            file.seek(offset)
            while chunk := file.read(size):
                yield chunk

    def local(self, digest: str) -> AbstractContextManager[Path]:
        return self._cache.file(parse_digest(digest), partial(self._download, digest))

    def size(self, digest: str) -> int:
        stored = self._stored_bytes(digest)
        if stored is None:
            raise NotFoundError(f"there is no object {digest}")
        return stored

    def digests(self) -> Iterator[tuple[str, int, datetime]]:
        for shard in range(_SHARDS):
            for info in self._list(f"objects/{shard:02x}"):
                match = _KEY.fullmatch(info.path.removeprefix(f"{self._root}/"))
                if match:
                    yield f"sha256:{match[3]}", info.size, _put_at(info)

    def delete(self, digest: str, before: datetime | None = None) -> bool:
        key = self._key(digest)
        with _explained(f"delete {digest}"):
            info = self._s3.get_file_info(key)
            if info.type is not fs.FileType.File or (before is not None and _put_at(info) >= before):
                return False
            self._s3.delete_file(key)
        return True

    def discard_incoming(self, before: datetime) -> int:
        stale = [info.path for info in self._list("incoming") if _put_at(info) < before]
        with _explained("clear the incoming objects"):
            for key in stale:
                self._s3.delete_file(key)
        return len(stale)

    def close(self) -> None:
        """Let go of threads and of the cache."""
        self._pool.shutdown()
        self._cache.close()

    def _key(self, digest: str) -> str:
        name = parse_digest(digest).removeprefix("sha256:")
        return f"{self._root}/objects/{name[:2]}/{name[2:4]}/{name}"

    def _stored_bytes(self, digest: str) -> int | None:
        with _explained(f"look for {digest}"):
            info = self._s3.get_file_info(self._key(digest))
        return int(info.size) if info.type is fs.FileType.File else None

    def _list(self, directory: str) -> list[fs.FileInfo]:
        selector = fs.FileSelector(f"{self._root}/{directory}", allow_not_found=True, recursive=True)
        with _explained(f"list {directory}"):
            return [info for info in self._s3.get_file_info(selector) if info.type is fs.FileType.File]

    @contextmanager
    def _staged(self, digest: str) -> Iterator[str]:
        """A key to upload to; on success the object takes its real name."""
        staged = f"{self._root}/incoming/{uuid.uuid4().hex}"
        with _explained(f"store {digest}"):
            yield staged
            self._s3.copy_file(staged, self._key(digest))
            self._s3.delete_file(staged)

    def _renew(self, digest: str) -> None:
        """Make an object count as put now; S3 does not copy an object onto itself, so by way of another key."""
        with self._staged(digest) as staged:
            self._s3.copy_file(self._key(digest), staged)

    def _put(self, key: str, data: bytes) -> None:
        with self._s3.open_output_stream(key) as stream:
            stream.write(data)

    def _upload(self, path: Path, digest: str, staged: str) -> None:
        hasher = hashlib.sha256()
        with path.open("rb") as file, self._s3.open_output_stream(staged) as stream:
            while piece := file.read(_PIECE_BYTES):
                hasher.update(piece)
                stream.write(piece)
        if "sha256:" + hasher.hexdigest() != digest:
            raise DigestMismatchError(f"the file to be stored as {digest} has another digest")

    def _download(self, digest: str, path: Path) -> None:
        hasher = hashlib.sha256()
        with path.open("xb") as file:
            for chunk in self.chunks(digest):
                hasher.update(chunk)
                file.write(chunk)
        if "sha256:" + hasher.hexdigest() != digest:
            raise StorageError(f"object {digest} does not have its digest any more")


def _endpoint(endpoint: str) -> dict[str, Any]:
    """Options for an endpoint such as http://127.0.0.1:9000; empty means Amazon's."""
    if not endpoint:
        return {}
    parts = urlsplit(endpoint)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/"):
        raise InvalidInputError(f"S3 endpoint {endpoint[:200]!r} is not like https://host:port")
    return {"scheme": parts.scheme, "endpoint_override": parts.netloc}


def _put_at(info: fs.FileInfo) -> datetime:
    modified: datetime = info.mtime
    return modified.astimezone(UTC)


@contextmanager
def _explained(act: str) -> Iterator[None]:
    """Turn Arrow's errors into ours. Whatever S3 answers but "not found" may pass, so it is worth another try."""
    try:
        yield
    except FileNotFoundError as error:
        raise NotFoundError(f"cannot {act}: there is no such object") from error
    except (OSError, pa.ArrowException) as error:
        raise UnavailableError(f"cannot {act}: object storage does not answer as it should") from error
