"""Text forms that the C2SP formats share, each read in its only form."""

from __future__ import annotations

import base64
import binascii
import re

from exchange.errors import MalformedError

MAX_TREE_SIZE = (1 << 63) - 1
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")


def decode_text(data: str | bytes, what: str) -> str:
    """UTF-8 text, whichever way it came; raises MalformedError."""
    try:
        if isinstance(data, bytes):
            return data.decode()
        data.encode()
    except UnicodeError:
        raise MalformedError(f"{what} is not UTF-8") from None
    return data


def decode_base64(text: str, what: str) -> bytes:
    """Standard base64 in its only form; raises MalformedError. RFC 4648 §4."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise MalformedError(f"{what} is not base64") from None
    if base64.b64encode(data).decode() != text:
        raise MalformedError(f"{what} is not base64 in its only form")
    return data


def parse_decimal(text: str, what: str) -> int:
    """An ASCII decimal below 2**63 without leading zeroes; raises MalformedError."""
    value = int(text) if _DECIMAL.fullmatch(text) else MAX_TREE_SIZE + 1
    if value > MAX_TREE_SIZE:
        raise MalformedError(f"{what} is not a decimal number below 2**63")
    return value
