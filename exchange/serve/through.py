"""Queries that another hub answers: asked there on the reader's behalf, held to that hub's signature, signed anew here.

The reader checks one signature, its own hub's; the other hub's statement is inside, for whoever wants to check both.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import grpc

from exchange.batch.stream import STREAM_TYPE
from exchange.client.call import error_of
from exchange.client.peer import GrpcPeer
from exchange.errors import ProofInvalidError
from exchange.flow.grant import Asker
from exchange.trust.envelope import Envelope, parse_canonical, sign, verify
from exchange.trust.keys import Signer, VerifyKey
from exchange.v1 import common_pb2, exchange_pb2


def ask_through(
    peer: GrpcPeer,
    origin: str,
    origin_key: VerifyKey,
    request: exchange_pb2.QueryRequest,
    asker: Asker,
    hub: str,
    key: Signer,
) -> Iterator[exchange_pb2.QueryResponse]:
    """The other hub's answer, its trailer replaced by this hub's own.

    Raises what the other hub raises, SignatureInvalidError, ProofInvalidError.
    """
    forwarded = exchange_pb2.QueryRequest()
    forwarded.CopyFrom(request)
    forwarded.on_behalf_of = str(asker.reader)
    digest = hashlib.sha256()
    try:
        for response in peer.exchange.Query(forwarded):
            if response.WhichOneof("part") == "data":
                digest.update(response.data)
                yield response
            elif response.WhichOneof("part") == "header":
                yield response
            else:
                envelope = Envelope.from_json_bytes(response.trailer.envelope)
                statement = parse_canonical(verify(envelope, STREAM_TYPE, lambda key_id: origin_key))
                whole = not request.offset
                _check(statement, origin, digest.hexdigest() if whole else None)
                ours = {**statement, "hub": hub, "origin": {"hub": origin, "statement": envelope.to_json()}}
                signed = sign(ours, STREAM_TYPE, key).to_json_bytes()
                yield exchange_pb2.QueryResponse(trailer=common_pb2.StreamTrailer(envelope=signed))
    except grpc.RpcError as error:
        raise error_of(error) from error


def _check(statement: Any, origin: str, digest: str | None) -> None:
    if not isinstance(statement, dict) or statement.get("hub") != origin:
        raise ProofInvalidError(f"the answer is not that of hub {origin}: {json.dumps(statement)[:200]}")
    if digest is not None and statement.get("digest") != f"sha256:{digest}":
        raise ProofInvalidError(f"the bytes that arrived are not those that hub {origin} signed")
