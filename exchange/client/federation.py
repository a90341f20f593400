"""A peer hub's copy of the federation's metadata, over mutual TLS with this hub's own certificate."""

from __future__ import annotations

import time
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
    UnavailableError where it has not given all files within `seconds`: a slow peer must not hold up the others.
    """
    credentials = grpc.ssl_channel_credentials(authorities, key, chain)
    with grpc.secure_channel(address, credentials) as channel:
        stub = federation_pb2_grpc.FederationServiceStub(channel)
        until = time.monotonic() + seconds

        def fetch(path: str) -> bytes | None:
            request = federation_pb2.GetMetadataRequest(path=path)
            try:
                return stub.GetMetadata(request, timeout=max(0.0, until - time.monotonic())).data
            except grpc.RpcError as error:
                found = error_of(error)
                if isinstance(found, NotFoundError):
                    return None
                raise found from error

        yield fetch
