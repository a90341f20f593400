"""The server process: two ports, health, reflection, and a drain that keeps its promises.

(1) stop taking calls: health says NOT_SERVING, new calls are refused as UNAVAILABLE
(2) running calls have `drain_seconds` to end; what they appended is durable before they hear of it
(3) the appender finishes its queue, then the stores are closed
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import grpc
import structlog
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer
from grpc_reflection.v1alpha import reflection

from exchange.serve import metrics
from exchange.serve.tls import Tls, credentials
from exchange.settings import Settings

_log = structlog.get_logger(__name__)
HEALTH: Final = "grpc.health.v1.Health"


@dataclass(frozen=True, slots=True)
class Ports:
    """Where a running hub listens."""

    exchange: int
    enrolment: int


Register = Callable[[grpc.aio.Server], None]


def server_options(settings: Settings) -> Sequence[tuple[str, Any]]:
    """Limits and keep-alive as gRPC channel arguments."""
    keepalive = settings.serve.keepalive_seconds * 1000
    return (
        ("grpc.max_receive_message_length", settings.limit.message_bytes),
        ("grpc.max_metadata_size", 16 << 10),
        ("grpc.keepalive_time_ms", keepalive),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.http2.min_ping_interval_without_data_ms", keepalive // 3),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.so_reuseport", 0),
    )


async def run(
    settings: Settings,
    tls: Callable[[], Tls],
    services: Sequence[str],
    register: Register,
    register_enrolment: Register,
    background: Sequence[Callable[[], Awaitable[None]]],
    started: Callable[[Ports], None],
    draining: Callable[[], Awaitable[None]],
) -> None:
    """Serve until SIGTERM or SIGINT, then drain; `draining` ends the streams that would never end."""
    threads = settings.limit.concurrent_queries + settings.limit.large_publishes + settings.serve.workers
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(threads, "worker"))
    if settings.hub.listen_metrics:
        metrics.listen(settings.hub.listen_metrics)
    health = HealthServicer()
    main = _main_server(settings, services, register, health)
    # kept until the end: gRPC calls back into them before each handshake
    mutual, plain = credentials(tls, mutual=True), credentials(tls, mutual=False)
    port = main.add_secure_port(settings.hub.listen, mutual)
    enrolment = grpc.aio.server(options=server_options(settings))
    register_enrolment(enrolment)
    enrolment_port = enrolment.add_secure_port(settings.hub.listen_enrolment, plain)
    await asyncio.gather(main.start(), enrolment.start())
    for name in ("", *services):
        await health.set(name, health_pb2.HealthCheckResponse.SERVING)
    tasks = [asyncio.ensure_future(work()) for work in background]
    started(Ports(port, enrolment_port))
    await _asked_to_stop()
    _log.info("draining", seconds=settings.serve.drain_seconds)
    await health.enter_graceful_shutdown()
    await draining()
    await asyncio.gather(
        main.stop(settings.serve.drain_seconds), enrolment.stop(settings.serve.drain_seconds)
    )
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _main_server(
    settings: Settings, services: Sequence[str], register: Register, health: HealthServicer
) -> grpc.aio.Server:
    main = grpc.aio.server(options=server_options(settings))
    register(main)
    health_pb2_grpc.add_HealthServicer_to_server(health, main)
    if settings.serve.reflection:
        reflection.enable_server_reflection([*services, HEALTH, reflection.SERVICE_NAME], main)
    return main


async def _asked_to_stop() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    await stop.wait()
