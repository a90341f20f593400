"""Commands that are imported when they are called: to import all of them takes seconds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from importlib.metadata import EntryPoint
from typing import Any, Final, cast

import typer
from typer.core import TyperGroup
from typer.main import get_group

MARKUP: Final = "markdown"


class _Deferred(Mapping[str, Any]):
    """Name → command, from the places where commands and applications stand."""

    def __init__(self, places: Mapping[str, EntryPoint]) -> None:
        self._places = places
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._loaded:
            self._loaded[name] = _command(name, self._places[name].load())
        return self._loaded[name]

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def _command(name: str, target: Any) -> Any:
    holder = typer.Typer(add_completion=False, rich_markup_mode=MARKUP)
    if isinstance(target, typer.Typer):
        holder.add_typer(target, name=name)
    else:
        holder.command(name)(target)
    return get_group(holder).commands[name]


def deferred(places: Mapping[str, EntryPoint]) -> type[TyperGroup]:
    """A group class whose commands stand at `places`: a function, or a Typer application of its own."""
    commands = cast("MutableMapping[str, Any]", _Deferred(places))

    class Group(TyperGroup):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.commands = commands

        def list_commands(self, _ctx: typer.Context) -> list[str]:  # type: ignore[override]
            return list(places)

    return Group
