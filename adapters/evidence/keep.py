"""Evidence put into the hub, and had back: published and read like all rows, under the same agreements and seals."""

from __future__ import annotations

import base64
import binascii
import os
from contextlib import suppress
from pathlib import Path

import pyarrow as pa

from adapters.evidence.adapter import CONTRACT, digest_of_bytes, rows_of
from exchange.client import Client, Filter
from exchange.errors import DigestMismatchError, NotFoundError, PermissionDeniedError, ReplayError


def attach(client: Client, path: Path) -> str:
    """Publish a file; its digest, which rows of other contracts then name. The same file again adds nothing.

    Raises MalformedError (no kind of file that is taken), LimitExceededError, and what `publish` raises.
    """
    rows = rows_of(path)
    digest: str = rows.column("digest")[0].as_py()
    with suppress(ReplayError):  # the key is the file's own digest: it is there
        client.publish(
            CONTRACT, pa.Table.from_batches([rows]), key=f"evidence-{digest.removeprefix('sha256:')}"
        )
    return digest


def fetch(client: Client, dataset: str, digest: str, target: Path) -> str:
    """Write a file out of a dataset under `evidence-file`; its media type.

    Raises NotFoundError, PermissionDeniedError (no agreement, or its content is sealed to others), DigestMismatchError.
    """
    table = client.query(dataset, filters=[Filter("digest", "eq", (digest,))]).table().sort_by("part")
    if not table.num_rows:
        raise NotFoundError(f"{dataset} 没有 {digest} / has no {digest}")
    content = table["content"] if "content" in table.column_names else None
    if content is None or not pa.types.is_string(content.type) or content.null_count:
        raise PermissionDeniedError(
            f"{digest} 的内容未对本机构开启 / the content of {digest} is sealed to this agency"
        )
    try:
        data = b"".join(base64.b64decode(part, validate=True) for part in content.to_pylist())
    except binascii.Error:
        data = b""
    if digest_of_bytes(data) != digest or table.num_rows != table["parts"][0].as_py():
        raise DigestMismatchError(
            f"{dataset} 所给内容与 {digest} 不符 / what {dataset} holds is not {digest}"
        )
    partial = target.with_name(target.name + ".part")
    partial.write_bytes(data)
    os.replace(partial, target)
    return str(table["media_type"][0].as_py())
