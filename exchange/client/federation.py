"""A peer hub's copy of the federation's metadata, over mutual TLS with this hub's own certificate."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import grpc

from exchange.client.call import error_of
from exchange.errors import NotFoundError
from exchange.v1 import federation_pb2, federation_pb2_grpc


@contextmanager
def metadata_of(
    address: str, authorities: bytes, key: bytes, chain: bytes, seconds: float
) -> Iterator[Callable[[str], bytes | None]]:
    """A function from the path of a published file to its bytes, None where the peer has none.

    `authorities` are those of the peer's jurisdiction and of no other. The function raises what the peer answered,
    UnavailableError where it does not within `seconds`.
    """
    credentials = grpc.ssl_channel_credentials(authorities, key, chain)
    with grpc.secure_channel(address, credentials) as channel:
        stub = federation_pb2_grpc.FederationServiceStub(channel)

        def fetch(path: str) -> bytes | None:
            try:
                return stub.GetMetadata(federation_pb2.GetMetadataRequest(path=path), timeout=seconds).data
            except grpc.RpcError as error:
                found = error_of(error)
                if isinstance(found, NotFoundError):
                    return None
                raise found from error

        yield fetch
