"""Messages written and read by hand are those that protobuf writes and reads."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from exchange.client.peer import _part
from exchange.ports import PartHeader
from exchange.serve.raw import data_message
from exchange.v1.peer_pb2 import FetchPartsResponse
from exchange.v1.peer_pb2 import PartHeader as Header

LENGTHS = st.sampled_from([0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152])


@given(LENGTHS)
def test_a_data_message_is_protobufs(length: int) -> None:
    data = bytes(length)
    message = FetchPartsResponse(data=data).SerializeToString()
    assert data_message(FetchPartsResponse.DATA_FIELD_NUMBER, data) == message
    assert _part(message) == data


@given(st.binary(max_size=300), st.binary(max_size=3))
def test_other_messages_are_left_to_protobuf(data: bytes, other: bytes) -> None:
    header = FetchPartsResponse(header=Header(digest="sha256:ab", bytes=7))
    assert _part(header.SerializeToString()) == PartHeader("sha256:ab", 7)
    # the last of two members of a oneof counts, and fields of later days are passed over
    twice = (
        FetchPartsResponse(data=other).SerializeToString() + FetchPartsResponse(data=data).SerializeToString()
    )
    assert _part(twice) == data
    later = FetchPartsResponse(data=data).SerializeToString() + b"\x78\x01"
    assert _part(later) == data
