"""Canonical JSON and envelopes: one value, one form, whatever the value; no bytes raise a foreign error."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.errors import HechuanError, MalformedError, SignatureInvalidError
from exchange.trust import (
    Envelope,
    Signature,
    SigningKey,
    VerifyKey,
    canonical,
    parse_canonical,
    sign,
    verify,
)

LIMIT = 2**53 - 1
TYPE = "application/vnd.hechuan.test+json"
KEY = SigningKey.generate()

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
numbers = (
    st.integers(-LIMIT, LIMIT)
    | st.floats(-float(LIMIT), float(LIMIT))
    | st.floats(min_value=1e21, allow_infinity=False, allow_nan=False)
)
values = st.recursive(
    st.none() | st.booleans() | numbers | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_the_form_is_that_of_the_rfc8785_library(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@given(values)
def test_what_is_written_is_read_and_written_again(value: Any) -> None:
    data = canonical(value)
    parsed = parse_canonical(data)
    assert parsed == value
    assert canonical(parsed) == data
    assert json.loads(data) == value


@given(values, st.sampled_from([{"indent": 1}, {"separators": (", ", ":")}, {"ensure_ascii": True}]))
def test_every_other_layout_is_refused(value: Any, layout: dict[str, Any]) -> None:
    data = canonical(value)
    other = json.dumps(value, **layout).encode()
    if other == data:
        return
    with pytest.raises(MalformedError):
        parse_canonical(other)


@given(st.integers(min_value=LIMIT + 1) | st.integers(max_value=-LIMIT - 1))
def test_whole_numbers_end_at_2_to_the_53(number: int) -> None:
    with pytest.raises(MalformedError):
        canonical({"n": number})
    with pytest.raises(MalformedError):
        parse_canonical(b'{"n":%d}' % number)


@given(st.floats(float(LIMIT + 1), 1e21, exclude_max=True))
def test_numbers_that_would_be_read_back_as_too_large_are_refused(number: float) -> None:
    for each in (number, -number):
        with pytest.raises(MalformedError):
            canonical(each)


jsonish = st.text('{}[]",:.0123456789eE+-\\u tfn', max_size=40).map(str.encode)


@given(st.binary(max_size=60) | jsonish)
@settings(max_examples=400)
def test_no_bytes_raise_anything_but_our_errors(data: bytes) -> None:
    for parse in (parse_canonical, Envelope.from_json_bytes):
        with suppress(HechuanError):
            parse(data)


@given(st.text(max_size=80))
def test_no_key_text_or_pem_raises_anything_but_our_errors(text: str) -> None:
    with suppress(HechuanError):
        VerifyKey.parse(text)
    with suppress(HechuanError):
        SigningKey.from_pem(text.encode("utf-8", "replace"))


@given(values)
def test_json_of_any_shape_is_an_envelope_or_our_error(value: Any) -> None:
    keyed = {"payload": value, "payloadType": value, "signatures": [value]}
    for shape in (value, keyed, {**keyed, "signatures": value}):
        with suppress(HechuanError):
            Envelope.from_json(shape)


@given(values)
def test_envelopes_give_back_what_was_signed(value: Any) -> None:
    envelope = sign(value, TYPE, KEY)
    again = Envelope.from_json_bytes(envelope.to_json_bytes())
    assert again == envelope
    assert parse_canonical(verify(again, TYPE, lambda keyid: KEY.verify_key)) == value


@given(st.integers(0), st.booleans())
def test_any_flipped_bit_breaks_the_signature(bit: int, in_payload: bool) -> None:
    envelope = sign({"rows": 1, "what": "断面"}, TYPE, KEY)
    payload, sig = bytearray(envelope.payload), bytearray(envelope.signatures[0].sig)
    target = payload if in_payload else sig
    target[bit // 8 % len(target)] ^= 1 << bit % 8
    broken = Envelope(bytes(payload), TYPE, (Signature(KEY.keyid, bytes(sig)),))
    with pytest.raises(SignatureInvalidError):
        verify(broken, TYPE, lambda keyid: KEY.verify_key)
