"""Streams of bytes without protobuf's copies of them.

A message of one bytes field is its tag, its length and the bytes. Written by hand it costs one copy; through protobuf
three, which is most of what a fast link's stream costs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
from google.protobuf.message import Message

_LENGTH_DELIMITED = 2


def data_message(number: int, data: bytes) -> bytes:
    """A protobuf message that has one field, of type bytes and below number 16."""
    length, prefix = len(data), bytearray([number << 3 | _LENGTH_DELIMITED])
    while length > 0x7F:
        prefix.append(length & 0x7F | 0x80)
        length >>= 7
    prefix.append(length)
    return b"".join((prefix, data))


def add_raw_stream(
    server: grpc.aio.Server,
    service: str,
    method: str,
    handler: Callable[[Any, Any], Any],
    request: type[Message],
) -> None:
    """Let a handler that gives messages, or the bytes of messages, answer a call; after its service was added."""
    stream = grpc.unary_stream_rpc_method_handler(handler, request.FromString, _serialized)
    server.add_registered_method_handlers(service, {method: stream})


def _serialized(message: Message | bytes) -> bytes:
    return message if isinstance(message, bytes) else message.SerializeToString()
