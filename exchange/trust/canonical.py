"""Canonical JSON: RFC 8785, and nothing that another implementation could read differently.

Narrower than the RFC in three points: whole numbers stay within ±(2**53 − 1), nesting ends at 32, and what is parsed
must already be in canonical form.
"""

from __future__ import annotations

import json
from typing import Any, Final

import rfc8785

from exchange.errors import LimitExceededError, MalformedError

MAX_DEPTH: Final = 32
MAX_SAFE_INTEGER: Final = 2**53 - 1
_MAX_DIGITS = 17
# from here on ECMAScript writes an exponent, so the number no longer looks whole
_EXPONENT_FROM = 1e21


def canonical(value: object) -> bytes:
    """The one canonical form of a JSON value: None, bool, int, float, str, list or tuple, dict with str keys.

    Raises MalformedError for what has no such form, LimitExceededError for nesting too deep. RFC 8785 §3.2.
    """
    plain = _check(value, 0)
    try:
        if plain:
            return _ENCODER.encode(value).encode()
        return rfc8785.dumps(value)  # type: ignore[arg-type]  # _check has seen to it
    except (UnicodeEncodeError, rfc8785.CanonicalizationError):
        raise MalformedError("a string holds half of a surrogate pair") from None


def parse_canonical(data: bytes) -> Any:
    """The value of canonical JSON bytes; raises MalformedError, LimitExceededError. RFC 8785, RFC 7493."""
    value = parse_json(data)
    if canonical(value) != data:
        raise MalformedError("JSON is not in its canonical form (RFC 8785)")
    return value


def parse_json(data: bytes) -> Any:
    """The value of JSON bytes without duplicate members, NaN or infinities, in whatever layout; raises as above."""
    try:
        return _DECODER.decode(data.decode())
    except UnicodeDecodeError:
        raise MalformedError("JSON is not UTF-8") from None
    except RecursionError:
        raise LimitExceededError(f"JSON is nested deeper than {MAX_DEPTH}") from None
    except json.JSONDecodeError as error:
        raise MalformedError(f"not JSON: {error.msg} at character {error.pos}") from None


def _check(value: object, depth: int) -> bool:
    """Refuse what has no canonical form; tell whether the C encoder of `json` writes that very form.

    It does unless there are floats, or keys whose order in UTF-16 may differ from that in code points; it is five
    times as fast.
    """
    if value is None or isinstance(value, str | bool):
        return True
    if isinstance(value, int):
        if abs(value) > MAX_SAFE_INTEGER:
            raise MalformedError(f"a whole number is beyond ±{MAX_SAFE_INTEGER}")
        return True
    if isinstance(value, float):
        # false for NaN as well; a whole number written without exponent is read back as an integer
        if not (abs(value) <= MAX_SAFE_INTEGER or _EXPONENT_FROM <= abs(value) < float("inf")):
            raise MalformedError(f"a number is not finite or beyond ±{MAX_SAFE_INTEGER}")
        return False
    if depth == MAX_DEPTH:
        raise LimitExceededError(f"JSON is nested deeper than {MAX_DEPTH}")
    plain = True
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise MalformedError("a member name is not a string")
            plain = _check(item, depth + 1) and plain and key.isascii()
    elif isinstance(value, list | tuple):
        for item in value:
            plain = _check(item, depth + 1) and plain
    else:
        raise MalformedError(f"{type(value).__name__} is no JSON value")
    return plain


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise MalformedError("a JSON object has two members of one name")
    return members


def _integer(digits: str) -> int:
    # int() itself takes quadratic time and refuses thousands of digits with an error that is not ours
    if len(digits) > _MAX_DIGITS:
        raise MalformedError(f"a whole number is beyond ±{MAX_SAFE_INTEGER}")
    return int(digits)


def _constant(name: str) -> None:
    raise MalformedError(f"{name} is not JSON")


_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
_DECODER: Final = json.JSONDecoder(object_pairs_hook=_members, parse_int=_integer, parse_constant=_constant)
