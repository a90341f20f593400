"""Following a hub's ledger from asyncio: what landed, a page at a time, for whoever waits without a thread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

import grpc

from exchange.client.call import error_of
from exchange.client.profile import Profile
from exchange.v1 import exchange_pb2, exchange_pb2_grpc

_OPTIONS: Final = (("grpc.keepalive_time_ms", 30_000), ("grpc.keepalive_timeout_ms", 10_000))


@dataclass(frozen=True, slots=True)
class Page:
    """Ids of the batches that landed below `cursor` and after the page before; empty: a heartbeat."""

    cursor: int
    batches: tuple[str, ...]


async def pages(profile: Profile, start: int, datasets: Sequence[str] = ()) -> AsyncIterator[Page]:
    """Pages from a ledger index on, live; ends with the hub's error, as the class it was there."""
    credentials = await asyncio.to_thread(_credentials, profile)
    request = exchange_pb2.WatchRequest(start=start, datasets=datasets)
    batches: list[str] = []
    async with grpc.aio.secure_channel(profile.hub, credentials, options=_OPTIONS) as channel:
        call = exchange_pb2_grpc.ExchangeServiceStub(channel).Watch(request)
        try:
            async for response in call:
                if response.WhichOneof("event") == "heartbeat":
                    yield Page(response.heartbeat, tuple(batches))
                    batches = []
                elif response.WhichOneof("event") == "batch":
                    batches.append(response.batch.id)
        except grpc.RpcError as error:
            raise error_of(error) from error
        finally:
            call.cancel()


def _credentials(profile: Profile) -> grpc.ChannelCredentials:
    return grpc.ssl_channel_credentials(profile.authorities(), profile.tls_key(), profile.tls_chain())
