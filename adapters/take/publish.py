"""What an adapter took, published: one batch per contract, the same source never twice."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from adapters.take.spool import Spooled, Taken
from exchange.batch.manifest import Kind
from exchange.client import Client, Published
from exchange.errors import ReplayError


@dataclass(frozen=True, slots=True)
class Sent:
    """One contract's rows, and what the hub said; None where it had these very rows already."""

    taken: Taken
    published: Published | None


def publish_spooled(client: Client, spooled: Spooled, only: str | None = None) -> Iterator[Sent]:
    """Publish in the mapping's order, so that sections are there before their values; raises what `publish` raises.

    The idempotency key is made of the rows: reading the same source again adds nothing.
    """
    for name, taken in spooled.taken.items():
        if taken.rows and only in (None, name):
            key = f"adapt-{name}-{digest_of_file(taken.path)[:40]}"
            yield Sent(taken, _once(client, name, taken.path, key))


def _once(client: Client, contract: str, path: Path, key: str) -> Published | None:
    try:
        done = client.publish(contract, path, kind=Kind.OBSERVATION, key=key)
    except ReplayError:  # the key is the rows' own digest: what stands under it are these rows
        return None
    return None if done.duplicate else done


def digest_of_file(path: Path) -> str:
    """SHA-256 in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
