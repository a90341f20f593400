"""Thrift compact protocol, as far as Parquet's footer and page headers need it.

Apache Thrift, `doc/specs/thrift-compact-protocol.md`. Offsets past the end surface as IndexError: the caller knows
whether more bytes can be had.
"""

from __future__ import annotations

from typing import Final

from exchange.errors import LimitExceededError, MalformedError

Bytes = bytes | memoryview
Struct = dict[int, "int | bytes | Struct | list[Struct | bytes]"]

_STOP: Final = 0
_BYTE: Final = 3
_INTEGERS: Final = (4, 5, 6)
_BINARY: Final = 8
_LISTS: Final = (9, 10)
_MAP: Final = 11
_STRUCT: Final = 12
_FIXED: Final = {1: 0, 2: 0, _BYTE: 1, 7: 8, 13: 16}
_MAX_DEPTH: Final = 16
_MAX_SHIFT: Final = 63
_LONG: Final = 15


def read_struct(data: Bytes, position: int, depth: int = 0) -> tuple[Struct, int]:
    """A struct's fields by id, and the offset after it; booleans, doubles, sets of scalars and maps are skipped.

    A list holds structs or binaries; of other lists only the length is kept.
    """
    found: Struct = {}
    field = 0
    if depth > _MAX_DEPTH:
        raise MalformedError("metadata is nested too deeply")
    while True:
        head = data[position]
        position += 1
        kind = head & 15
        if kind == _STOP:
            return found, position
        if head >> 4:
            field += head >> 4
        else:
            number, position = _varint(data, position)
            field = _signed(number)
        if kind in _INTEGERS:
            number, position = _varint(data, position)
            found[field] = _signed(number)
        elif kind == _BINARY:
            found[field], position = _binary(data, position)
        elif kind == _STRUCT:
            found[field], position = read_struct(data, position, depth + 1)
        elif kind in _LISTS:
            found[field], position = _list(data, position, depth)
        else:
            position, _ = _skip(data, position, kind, depth, 0)


def _binary(data: Bytes, position: int) -> tuple[bytes, int]:
    size, position = _varint(data, position)
    if position + size > len(data):
        raise IndexError("binary")
    return bytes(data[position : position + size]), position + size


def _list(data: Bytes, position: int, depth: int) -> tuple[list[Struct | bytes] | int, int]:
    start, head = position, data[position]
    size, position = (head >> 4, position + 1) if head >> 4 < _LONG else _varint(data, position + 1)
    kind = head & 15
    if kind not in (_STRUCT, _BINARY):
        return size, _skip(data, start, _LISTS[0], depth, 0)[0]
    items: list[Struct | bytes] = []
    for _ in range(size):
        item, position = (
            read_struct(data, position, depth + 1) if kind == _STRUCT else _binary(data, position)
        )
        items.append(item)
    return items, position


def count_structs(data: Bytes, most: int) -> int:
    """How many structs one struct holds, itself included; raises LimitExceededError past `most`, MalformedError."""
    try:
        position, structs = _skip(data, 0, _STRUCT, 0, most)
    except IndexError:
        raise MalformedError("metadata ends in the middle of a value") from None
    if position > len(data):
        raise MalformedError("metadata ends in the middle of a value")
    return structs


def _skip(data: Bytes, position: int, kind: int, depth: int, most: int) -> tuple[int, int]:
    """Offset after a value, and the structs it held; `most` 0: no matter how many."""
    if depth > _MAX_DEPTH:
        raise MalformedError("metadata is nested too deeply")
    if kind in _INTEGERS:
        return _varint(data, position)[1], 0
    if kind == _BINARY:
        size, position = _varint(data, position)
        return position + size, 0
    if kind in _FIXED:
        return position + _FIXED[kind], 0
    if kind == _STRUCT:
        return _skip_struct(data, position, depth, most)
    if kind in _LISTS:
        head = data[position]
        size, position = (head >> 4, position + 1) if head >> 4 < _LONG else _varint(data, position + 1)
        return _skip_items(data, position, (head & 15,), size, depth, most)
    if kind == _MAP:
        size, position = _varint(data, position)
        if not size:
            return position, 0
        head = data[position]
        return _skip_items(data, position + 1, (head >> 4, head & 15), size, depth, most)
    raise MalformedError(f"metadata holds a value of unknown kind {kind}")


def _skip_struct(data: Bytes, position: int, depth: int, most: int) -> tuple[int, int]:
    structs = 1
    while True:
        head = data[position]
        position += 1
        if head & 15 == _STOP:
            return position, structs
        if not head >> 4:
            _, position = _varint(data, position)
        position, inner = _skip(data, position, head & 15, depth + 1, most)
        structs += inner
        if most and structs > most:
            raise LimitExceededError(f"metadata describes more than {most} things")


def _skip_items(
    data: Bytes, position: int, kinds: tuple[int, ...], size: int, depth: int, most: int
) -> tuple[int, int]:
    structs = 0
    # A bool is one byte here, unlike in a struct.
    kinds = tuple(_BYTE if kind in (1, 2) else kind for kind in kinds)
    if all(kind in _FIXED for kind in kinds):
        return position + size * sum(_FIXED[kind] for kind in kinds), 0
    for _ in range(size):
        for kind in kinds:
            position, inner = _skip(data, position, kind, depth + 1, most)
            structs += inner
        if most and structs > most:
            raise LimitExceededError(f"metadata describes more than {most} things")
    return position, structs


def _varint(data: Bytes, position: int) -> tuple[int, int]:
    byte = data[position]
    if byte < 0x80:
        return byte, position + 1
    number, shift = byte & 0x7F, 7
    while True:
        position += 1
        byte = data[position]
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, position + 1
        shift += 7
        if shift > _MAX_SHIFT:
            raise MalformedError("metadata holds a number longer than 64 bits")


def _signed(number: int) -> int:
    return (number >> 1) ^ -(number & 1)
