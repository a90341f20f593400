"""What a figure rests on: entries of ledgers, each by the hub whose ledger holds it.

A batch is named by its index in that ledger and its digest, a signed step of a settlement or referral by the digest of
its payload, a contract by reference and digest, a file by its digest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Source:
    """`kind`: batch, settlement, referral, accord, contract or file. `index` is -1 where only the hub can tell it."""

    key: str
    kind: str
    hub: str
    index: int
    digest: str
    about: str

    def to_json(self) -> dict[str, Any]:
        """The JSON value."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read one; raises KeyError, TypeError, which the document makes a MalformedError."""
        names = ("key", "kind", "hub", "digest", "about")
        return cls(index=int(value["index"]), **{name: str(value[name]) for name in names})


@dataclass(slots=True)
class Sources:
    """Those that were used, each once, in the order of their use."""

    held: dict[str, Source] = field(default_factory=dict)

    def batch(self, hub: str, index: int, digest: str, dataset: str) -> str:
        """A batch; its key."""
        return self._keep(Source(f"{hub}#{index}", "batch", hub, index, digest, dataset))

    def step(self, kind: str, hub: str, digest: str, about: str) -> str:
        """A signed step; its key."""
        return self._keep(
            Source(f"{kind}:{digest.removeprefix('sha256:')[:16]}", kind, hub, -1, digest, about)
        )

    def contract(self, ref: str, digest: str, hub: str) -> str:
        """A contract version; its key."""
        return self._keep(Source(f"contract:{ref}", "contract", hub, -1, digest, ref))

    def file(self, name: str, digest: str) -> str:
        """A file that the office gave; its key."""
        return self._keep(Source(f"file:{name}", "file", "", -1, digest, name))

    def pruned(self, used: Iterable[str]) -> tuple[Source, ...]:
        """Those that figures name, by key."""
        return tuple(self.held[key] for key in sorted(set(used)))

    def _keep(self, source: Source) -> str:
        self.held.setdefault(source.key, source)
        return source.key
