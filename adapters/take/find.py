"""Adapters by name, as entry points give them."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Final, cast

from adapters.protocol import Adapter
from exchange.errors import NotFoundError, UnavailableError

GROUP: Final = "hechuan.adapters"


def adapter_names() -> list[str]:
    """All that are installed."""
    return sorted(found.name for found in entry_points(group=GROUP))


def find_adapter(name: str) -> Adapter:
    """The adapter of that name; raises NotFoundError, UnavailableError (a library of the extra is missing)."""
    for found in entry_points(group=GROUP, name=name):
        try:
            return cast(Adapter, found.load())
        except ImportError as error:
            raise UnavailableError(
                f"适配器 {name} 缺少 {error.name} / adapter {name} lacks {error.name}: pip install 'hechuan[adapters]'"
            ) from None
    raise NotFoundError(f"没有适配器 {name} / no adapter {name}; there are {', '.join(adapter_names())}")
