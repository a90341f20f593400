"""Root metadata: which keys hold which role. TUF § 4.3."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from tuf.api.metadata import Root

from exchange.errors import InvalidInputError
from exchange.settings import Federation
from exchange.store.tuf.holder import Holder, jurisdiction_of
from exchange.store.tuf.layout import whole_seconds

_HOLDER_ROLES: Final = {"root": "root", "targets": "targets", "snapshot": "online", "timestamp": "online"}


@dataclass(frozen=True, slots=True)
class Thresholds:
    """How many jurisdictions must sign: `root` a majority where None, `targets` two where there are two."""

    root: int | None = None
    targets: int | None = None


def new_root(holders: Sequence[Holder], thresholds: Thresholds, now: datetime, life: Federation) -> Root:
    """Version 1 for these holders; raises InvalidInputError for thresholds that are too low or cannot be met."""
    if len({holder.jurisdiction for holder in holders}) != len(holders) or not holders:
        raise InvalidInputError("每个辖区恰有一份密钥 / each jurisdiction gives its keys once")
    least = {"root": len(holders) // 2 + 1, "targets": min(2, len(holders))}
    root = Root(version=1, expires=whole_seconds(now) + timedelta(days=life.root_days))
    for holder in holders:
        _add(root, holder)
    for role, few in least.items():
        wanted: int | None = getattr(thresholds, role)
        wanted = few if wanted is None else wanted
        if not few <= wanted <= len(holders):
            raise InvalidInputError(
                f"{role} 门限应在 {few} 与 {len(holders)} 之间 / the threshold of {role} is {few} to {len(holders)}"
            )
        root.roles[role].threshold = wanted
    return root


def _add(root: Root, holder: Holder) -> None:
    for role, name in _HOLDER_ROLES.items():
        key = holder.key(name)
        if key.keyid in root.roles[role].keyids or any(
            key.keyid in other.keyids
            for other_role, other in root.roles.items()
            if _HOLDER_ROLES[other_role] != name
        ):
            raise InvalidInputError(f"{holder.jurisdiction}: 密钥已属他人 / a key is in use already")
        root.add_key(key, role)


def give_keys(root: Root, holder: Holder) -> None:
    """New keys of a jurisdiction in the place of its old ones, thresholds as before; raises InvalidInputError."""
    known = [key for key in root.keys.values() if jurisdiction_of(key) == holder.jurisdiction]
    if not known:
        raise InvalidInputError(f"{holder.jurisdiction} 不是密钥持有者 / {holder.jurisdiction} holds no keys")
    for key in known:
        for role in _HOLDER_ROLES:
            if key.keyid in root.roles[role].keyids:
                root.revoke_key(key.keyid, role)
    _add(root, holder)
