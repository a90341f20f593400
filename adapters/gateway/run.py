"""A gateway put together: settings, mapping, spool, publisher, server; and the file that says where it listens."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from pathlib import Path
from typing import Final

import structlog

from adapters.gateway import metrics
from adapters.gateway.dialect import Dialect
from adapters.gateway.publisher import Publisher
from adapters.gateway.server import Gateway
from adapters.gateway.settings import GatewaySettings
from adapters.gateway.spool import Spool
from adapters.telemetry.station import StationMap
from exchange.errors import InvalidInputError

_log = structlog.get_logger(__name__)
WHERE: Final = "gateway.json"


def serve(
    dialect: Dialect, stations: StationMap, listen: str, home: Path, spool: Path, settings: GatewaySettings
) -> None:
    """Run a gateway until it is told to stop; writes `gateway.json` into the spool once it listens.

    Raises InvalidInputError (listen), BusyError (another process holds the spool), and what opening the spool raises.
    """
    _log_as_json(settings.log_level)
    host, colon, port = listen.rpartition(":")
    if not colon or not (port.isascii() and port.isdecimal()):
        raise InvalidInputError(f"listen {listen[:80]!r} is not <host>:<port>")
    held = Spool(spool, settings.remembered_entries, settings.done_bytes)
    try:
        if settings.listen_metrics:
            metrics.listen(settings.listen_metrics)
        known = f"gateway-{held.identity()}"
        publisher = Publisher(held, dialect, stations, home, settings, known)

        def started(actual: int) -> None:
            _say_where(spool / WHERE, actual)
            _log.info("listening", protocol=dialect.name, port=actual, stations=len(stations.stations))

        gateway = Gateway(dialect, stations, held, publisher, settings)
        asyncio.run(gateway.run(host.strip("[]"), int(port), started))
    finally:
        held.close()


def _say_where(path: Path, port: int) -> None:
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps({"port": port, "pid": os.getpid()}), encoding="utf-8")
    beside.replace(path)


def _log_as_json(level: str) -> None:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper(), logging.INFO)),
        logger_factory=structlog.PrintLoggerFactory(),
    )
