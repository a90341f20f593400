"""Canonical JSON: the numbers and order of RFC 8785, and what has no canonical form."""

from __future__ import annotations

import struct
from enum import IntEnum, StrEnum

import pytest

from exchange.errors import HechuanError, LimitExceededError, MalformedError
from exchange.trust import canonical, parse_canonical, parse_json

# RFC 8785 appendix B, without the rows that are whole and beyond 2**53 − 1
NUMBERS = {
    "0000000000000000": "0",
    "8000000000000000": "0",
    "0000000000000001": "5e-324",
    "8000000000000001": "-5e-324",
    "7fefffffffffffff": "1.7976931348623157e+308",
    "ffefffffffffffff": "-1.7976931348623157e+308",
    "44b52d02c7e14af5": "9.999999999999997e+22",
    "44b52d02c7e14af6": "1e+23",
    "44b52d02c7e14af7": "1.0000000000000001e+23",
    "444b1ae4d6e2ef50": "1e+21",
    "3eb0c6f7a0b5ed8c": "9.999999999999997e-7",
    "3eb0c6f7a0b5ed8d": "0.000001",
    "41b3de4355555553": "333333333.3333332",
    "41b3de4355555554": "333333333.33333325",
    "41b3de4355555555": "333333333.3333333",
    "41b3de4355555556": "333333333.3333334",
    "41b3de4355555557": "333333333.33333343",
    "becbf647612f3696": "-0.0000033333333333333333",
    "43143ff3c1cb0959": "1424953923781206.2",
}


@pytest.mark.parametrize(("ieee", "text"), NUMBERS.items())
def test_numbers_of_the_rfc(ieee: str, text: str) -> None:
    (number,) = struct.unpack(">d", bytes.fromhex(ieee))
    assert canonical(number).decode() == text
    assert parse_canonical(text.encode()) == number


@pytest.mark.parametrize(
    "ieee", ["7fffffffffffffff", "7ff0000000000000", "fff0000000000000", "4340000000000000"]
)
def test_numbers_without_a_form(ieee: str) -> None:
    with pytest.raises(MalformedError):
        canonical(struct.unpack(">d", bytes.fromhex(ieee)))


def test_the_example_of_the_rfc() -> None:
    text = rb"""{
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
      "literals": [null, true, false]
    }"""
    expected = (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )
    assert canonical(parse_json(text)).decode() == expected


def test_members_are_ordered_by_utf16_code_units() -> None:
    members = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    ordered = ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]
    assert list(parse_canonical(canonical(dict.fromkeys(members)))) == ordered


def test_enumerations_and_tuples_are_their_values() -> None:
    kind = StrEnum("kind", {"A": "a"})
    number = IntEnum("number", {"ONE": 1})
    assert canonical({kind.A: (kind.A, number.ONE)}) == b'{"a":["a",1]}'
    assert canonical({"x": 0.5, kind.A: (kind.A, number.ONE)}) == b'{"a":["a",1],"x":0.5}'


@pytest.mark.parametrize(
    "value",
    [
        {1: "a"},
        {None: 1},
        {"a": b"bytes"},
        {"a": {1, 2}},
        [object()],
        float("nan"),
        float("inf"),
        2**53,
        -(2**53),
        "\ud800",
        {"\udfff": 1},
        [0.5, "\ud800"],
    ],
)
def test_values_without_a_form(value: object) -> None:
    with pytest.raises(MalformedError):
        canonical(value)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" 1",
        b"1 ",
        b"01",
        b"-0",
        b"0.0",
        b"1.50",
        b"1E5",
        b"1e5",
        b"1e400",
        b"-1e400",
        b"NaN",
        b"Infinity",
        b"9007199254740992",
        b"1" * 100_000,
        b'{"a": 1}',
        b'{"a":1,"a":1}',
        b'{"a":1,"a":2}',
        b'{"b":{"a":1,"a":1}}',
        b'{"b":1,"a":2}',
        b"{'a':1}",
        b'{"a":1,}',
        b"[1,]",
        b"{} {}",
        b'"\\u0041"',
        b'"\\/"',
        b'"\\u000A"',
        b'"\\ud800"',
        b'"\x00"',
        b'"\xff"',
        b'"\xc0\xaf"',
        b'"\xed\xa0\x80"',
        b"\xef\xbb\xbf1",
        "1".encode("utf-16"),
        b"// comment\n1",
    ],
)
def test_bytes_that_are_refused(data: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_canonical(data)


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_nesting_ends_at_32(opening: str) -> None:
    closing = {"[": "]", '{"a":': "}"}[opening]

    def nested(depth: int) -> bytes:
        return f"{opening * depth}0{closing * depth}".encode()

    assert canonical(parse_canonical(nested(32))) == nested(32)
    for depth in (33, 500, 200_000):
        with pytest.raises(LimitExceededError):
            parse_canonical(nested(depth))


def test_a_value_that_holds_itself_is_refused() -> None:
    loop: list[object] = []
    loop.append(loop)
    with pytest.raises(HechuanError):
        canonical(loop)
