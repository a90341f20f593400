"""Libraries of the extra `river`, loaded when they are first needed: the hub runs without them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from exchange.errors import InvalidInputError


def load(module: str) -> Any:
    """A module of an optional library; raises InvalidInputError naming the extra where it is not installed."""
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != module.partition(".")[0]:
            raise
        name = module.partition(".")[0]
        raise InvalidInputError(
            f"未安装 {name}，请安装附加组件 river：pip install 'hechuan[river]' / "
            f"{name} is not installed: pip install 'hechuan[river]'"
        ) from None
