"""CEL text to a plain syntax tree, by the parser of CEL's own authors.

Three libraries were compared for CPython 3.11 on Linux:

- cel-expr-python 0.1 (CEL C++): wheels for 3.11 to 3.14, glibc 2.28, x86-64 and Arm; needs nothing else; hands the
  tree out as a serialised `cel.expr.ParsedExpr`; bounds depth itself, and takes hostile text in linear time.
- cel-python 0.5 (pure Python): a lark tree; brings pendulum and google-re2 along; its token for strings backtracks, so
  that fifty characters such as a quote and many times `\\a` keep it busy for hours.
- common-expression-language 0.10 (Rust): wheels for 3.11 to 3.14; shows no tree; brings a command line along.

The first is taken. It works beside protobuf 6.33, which it does not ask for: of the bytes that it serialises, the few
fields that are needed are read here, so there is no generated code to keep in step. It evaluates nothing here.
Sources: cel-spec doc/langdef.md § Syntax; proto/cel/expr/syntax.proto.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final, NoReturn

from exchange.errors import FieldViolation, InvalidInputError, LimitExceededError, MalformedError

if TYPE_CHECKING:
    from cel_expr_python.cel import Env

MAX_TEXT: Final = 4096
MAX_DEPTH: Final = 32
_SAID: Final = re.compile(r"ERROR: <input>:(\d{1,6}):(\d{1,6}): ([^\n]{1,160})")
_SIGN: Final = 1 << 63
_OTHER: Final[Mapping[int, str]] = {
    8: "a message or map literal",
    9: "a macro such as all(), exists() or map()",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the text, both from 1."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Node:
    """One node. `form`: literal, name, field, has, call, list.

    `value` is a literal's value, or the name of the variable, field or function; of a call in the form `a.f(b)` the
    first argument is a.
    """

    form: str
    value: object
    args: tuple[Node, ...]
    place: Place


def refuse(what: str, place: Place, allowed: str = "", rule: str = "unsupported") -> NoReturn:
    """Raise InvalidInputError that says what stands at which place, and what may stand there."""
    said = f"condition {place}: {what}" + (f"; {allowed}" if allowed else "")
    detail = {"line": str(place.line), "column": str(place.column)}
    raise InvalidInputError(said, violations=[FieldViolation("condition", rule, said)], detail=detail)


def parse(text: str) -> Node:
    """The tree of a CEL expression; raises MalformedError, LimitExceededError, InvalidInputError."""
    if len(text) > MAX_TEXT:
        raise LimitExceededError(f"a condition has at most {MAX_TEXT} characters, not {len(text)}")
    if "\0" in text:
        raise MalformedError("a condition holds a NUL character")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise MalformedError("a condition holds half of a surrogate pair") from None
    try:
        serialised: bytes = _environment().compile(text, disable_check=True).serialize()
    except RuntimeError as error:
        _said(str(error))
    parts = _fields(_last(_fields(serialised), 2))
    return _Reader(text, _last(parts, 3)).node(_last(parts, 2), 0)


@cache
def _environment() -> Env:
    from cel_expr_python import cel

    return cel.NewEnv()


def _said(message: str) -> NoReturn:
    if "recursion" in message:
        raise LimitExceededError(f"a condition is nested more than {MAX_DEPTH} deep") from None
    match = _SAID.search(message)
    if match is None:
        raise MalformedError("the condition is not CEL") from None
    place = Place(int(match[1]), int(match[2]))
    detail = {"line": match[1], "column": match[2]}
    raise MalformedError(f"condition {place}: not CEL: {match[3]}", detail=detail) from None


class _Reader:
    """Reads `cel.expr.Expr`; the numbers are those of its fields."""

    def __init__(self, text: str, source: bytes) -> None:
        self._text = text
        self._offsets: dict[int, int] = {}
        for number, item in _fields(source):
            if number == 4 and isinstance(item, bytes):
                entry = dict(_fields(item))
                self._offsets[_integer(entry.get(1, 0))] = _integer(entry.get(2, 0))

    def node(self, data: bytes, depth: int) -> Node:
        fields = dict(_fields(data))
        place = self._place(_integer(fields.pop(2, 0)))
        if depth > 2 * MAX_DEPTH:  # the parser bounds it; this is only in case it ceases to
            raise LimitExceededError(f"a condition is nested more than {MAX_DEPTH} deep")
        ((number, body),) = fields.items()
        if not isinstance(body, bytes) or number in _OTHER:
            refuse(_OTHER.get(number, "an unknown construct"), place)
        parts = _fields(body)
        if number == 3:
            return Node("literal", _literal(parts, place), (), place)
        if number == 4:
            return Node("name", _text(parts, 1), (), place)
        numbers = {5: (1,), 6: (1, 3), 7: (1,)}[number]
        below = [item for at, item in parts if at in numbers and isinstance(item, bytes)]
        args = tuple(self.node(item, depth + 1) for item in below)
        if number == 5:
            return Node("has" if dict(parts).get(3) else "field", _text(parts, 2), args, place)
        return Node("call", _text(parts, 2), args, place) if number == 6 else Node("list", "", args, place)

    def _place(self, number: int) -> Place:
        before = self._text[: self._offsets.get(number, 0)]
        return Place(before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)


def _literal(parts: list[tuple[int, int | bytes]], place: Place) -> bool | int | float | str | None:
    ((number, item),) = parts
    if isinstance(item, int):
        if number == 1:
            return None
        if number == 2:
            return bool(item)
        if number == 3:
            return item - 2 * _SIGN if item >= _SIGN else item
        refuse("an unsigned number", place, "write it without the u")
    if number == 5:
        value: float = struct.unpack("<d", item)[0]
        return value
    if number == 6:
        return item.decode()
    refuse("a literal of bytes", place, "text stands in quotes without b")


def _text(parts: list[tuple[int, int | bytes]], number: int) -> str:
    return _last(parts, number).decode()


def _last(parts: list[tuple[int, int | bytes]], number: int) -> bytes:
    found = [item for at, item in parts if at == number]
    return found[-1] if found and isinstance(found[-1], bytes) else b""


def _integer(value: int | bytes) -> int:
    return value if isinstance(value, int) else 0


def _fields(data: bytes) -> list[tuple[int, int | bytes]]:
    """Field number and value of a message: varints as they are, all else as bytes. Protocol Buffers, Encoding."""
    return list(_walk(data))


def _walk(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        if tag & 7 == 0:
            value, at = _varint(data, at)
            yield tag >> 3, value
        else:
            length = 8
            if tag & 7 == 2:
                length, at = _varint(data, at)
            yield tag >> 3, data[at : at + length]
            at += length


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while data[at] & 0x80:
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
    return value | data[at] << shift, at + 1
