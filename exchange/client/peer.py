"""Another hub over gRPC, with this hub's own certificate: the driver of the port `Peer`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, TypeVar

import grpc

from exchange.client.call import error_of
from exchange.errors import MalformedError
from exchange.ids import AgencyId
from exchange.ports import PartHeader, PeerPage, WantedPart
from exchange.v1 import (
    agreement_pb2,
    exchange_pb2,
    exchange_pb2_grpc,
    ledger_pb2,
    ledger_pb2_grpc,
    peer_pb2,
    peer_pb2_grpc,
    referral_pb2,
    referral_pb2_grpc,
    seal_pb2,
    seal_pb2_grpc,
)

_T = TypeVar("_T")
_TIMEOUT: Final = 30
_QUICK: Final = 5
_LONG: Final = 600
_OPTIONS: Final = (
    ("grpc.max_receive_message_length", 8 << 20),
    # what a fast and long line holds at once, and frames to match
    ("grpc.http2.lookahead_bytes", 8 << 20),
    ("grpc.http2.max_frame_size", 1 << 20),
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.initial_reconnect_backoff_ms", 200),
    # every link has a connection of its own, so that closing it ends its calls and no others
    ("grpc.use_local_subchannel_pool", 1),
)
# A group has at most a few hundred entries of 64 KiB; more is not a group.
_MAX_GROUP_BYTES: Final = 256 << 20
# field number and wire type of FetchPartsResponse.data, and up to where its length goes
_DATA_TAG: Final = bytes([peer_pb2.FetchPartsResponse.DATA_FIELD_NUMBER << 3 | 2])
_LONGEST_PREFIX: Final = 6


class GrpcPeer:
    """A connection to one hub."""

    def __init__(self, address: str, authorities: bytes, key: Path, chain: Path) -> None:
        """`authorities`: PEM that must vouch for the hub; `key` and `chain` are this hub's own (PEM files)."""
        credentials = grpc.ssl_channel_credentials(authorities, key.read_bytes(), chain.read_bytes())
        self._channel = grpc.secure_channel(address, credentials, _OPTIONS)
        self._peer = peer_pb2_grpc.PeerServiceStub(self._channel)
        self._ledger = ledger_pb2_grpc.LedgerServiceStub(self._channel)
        self._seal = seal_pb2_grpc.SealServiceStub(self._channel)
        self._referral = referral_pb2_grpc.ReferralServiceStub(self._channel)
        self._parts = self._channel.unary_stream(
            "/exchange.v1.PeerService/FetchParts", peer_pb2.FetchPartsRequest.SerializeToString, _part
        )
        self.exchange = exchange_pb2_grpc.ExchangeServiceStub(self._channel)

    def close(self) -> None:
        self._channel.close()

    def follow(self, start: int) -> Iterator[PeerPage]:
        entries: list[tuple[int, bytes]] = []
        size = 0
        request = peer_pb2.FollowRequest(start=start)
        for message in _ours_all(lambda: self._peer.Follow(request)):
            entries += ((entry.index, entry.data) for entry in message.entries)
            size += sum(len(entry.data) for entry in message.entries)
            if size > _MAX_GROUP_BYTES:
                raise MalformedError("a group of entries has no end")
            if message.note or not entries:
                yield PeerPage(tuple(entries), message.note)
                entries, size = [], 0

    def checkpoint(self) -> str:
        request = ledger_pb2.GetCheckpointRequest()
        return _ours(lambda: self._ledger.GetCheckpoint(request, timeout=_TIMEOUT)).note

    def consistency(self, first: int, second: int) -> Sequence[bytes]:
        request = ledger_pb2.GetConsistencyProofRequest(first=first, second=second)
        return _ours(lambda: self._ledger.GetConsistencyProof(request, timeout=_TIMEOUT)).hashes

    def add_checkpoint(self, body: bytes) -> bytes:
        request = peer_pb2.AddCheckpointRequest(body=body)
        return _ours(lambda: self._peer.AddCheckpoint(request, timeout=_TIMEOUT)).signatures

    def coverage(self, after: str, tag: str) -> bytes:
        request = peer_pb2.GetCoverageRequest(after=after, tag=tag)
        return _ours(lambda: self._peer.GetCoverage(request, timeout=_TIMEOUT)).envelope

    def fetch(self, reader: AgencyId, parts: Sequence[WantedPart]) -> Iterator[PartHeader | memoryview]:
        wanted = [
            peer_pb2.WantedPart(
                batch=each.batch,
                part=exchange_pb2.FetchPart.Value(f"FETCH_PART_{each.part.upper()}"),
                offset=each.offset,
            )
            for each in parts
        ]
        request = peer_pb2.FetchPartsRequest(on_behalf_of=str(reader), parts=wanted)
        return _ours_all(lambda: self._parts(request))

    def reads(self, owner: str, dataset: str, token: str, size: int) -> Sequence[agreement_pb2.Read]:
        """Reads of an owner's datasets from that hub's mirrors, newest first."""
        request = peer_pb2.ListMirrorReadsRequest(
            owner=owner, dataset=dataset, page_token=token, page_size=size
        )
        return _ours(lambda: self._peer.ListMirrorReads(request, timeout=_QUICK)).reads

    def attachment(self, referral: str, digest: str, reader: AgencyId) -> Iterator[bytes]:
        """Bytes of a referral's attachment that lies there, on behalf of a reader."""
        request = referral_pb2.GetAttachmentRequest(
            referral=referral, digest=digest, on_behalf_of=str(reader)
        )
        for message in _ours_all(lambda: self._referral.GetAttachment(request, timeout=_LONG)):
            yield message.data

    def sealed_keys(self, dataset: str, keys: Sequence[str], reader: AgencyId) -> seal_pb2.GetKeysResponse:
        """Wrapped keys of a dataset of that hub, on behalf of a reader."""
        request = seal_pb2.GetKeysRequest(dataset=dataset, keys=keys, on_behalf_of=str(reader))
        return _ours(lambda: self._seal.GetKeys(request, timeout=_TIMEOUT))


def _part(message: bytes) -> PartHeader | memoryview:
    """A FetchPartsResponse, its data without a copy; protobuf reads what is not one data field from end to end."""
    if message[:1] == _DATA_TAG:
        length = at = 0
        for at, byte in enumerate(message[1:_LONGEST_PREFIX], start=1):
            length |= (byte & 0x7F) << 7 * (at - 1)
            if byte < 0x80:
                break
        if length == len(message) - at - 1:
            return memoryview(message)[at + 1 :]
    response = peer_pb2.FetchPartsResponse.FromString(message)
    if response.WhichOneof("part") == "data":
        return memoryview(response.data)
    return PartHeader(response.header.digest, response.header.bytes)


def _ours(call: Callable[[], _T]) -> _T:
    try:
        return call()
    except grpc.RpcError as error:
        raise error_of(error) from error


def _ours_all(call: Callable[[], Iterator[_T]]) -> Iterator[_T]:
    try:
        yield from call()
    except grpc.RpcError as error:
        raise error_of(error) from error
