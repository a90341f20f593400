"""Everything wrong with one contract, collected as values and raised once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from exchange.errors import FieldViolation, InvalidInputError


def path_of(parts: Iterable[str | int]) -> str:
    """A YAML path such as `schema[0].properties[3].logicalType`."""
    text = ""
    for part in parts:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def refuse(what: str, problems: Sequence[FieldViolation]) -> None:
    """Raise InvalidInputError with all problems, if there are any."""
    if problems:
        first = problems[0]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise InvalidInputError(f"{what}: {first.field}: {first.description}{more}", violations=problems)


class Problems:
    """A growing list of problems."""

    def __init__(self) -> None:
        self.found: list[FieldViolation] = []

    def add(self, path: str, rule: str, said: str) -> None:
        """Note one problem at a YAML path."""
        self.found.append(FieldViolation(path, rule, said))
