"""Composition root: which driver stands behind which port, for one hub in one directory."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import grpc
import structlog

from exchange.contract.load import shipped_contracts
from exchange.flow.append import Appender
from exchange.flow.catalog import Catalogue
from exchange.flow.enrol import redeem
from exchange.flow.publish import Publisher
from exchange.flow.query import Reader
from exchange.flow.registry import CheckRoom, ContractRegistry, KeyRing
from exchange.home import HubDirectory
from exchange.ids import AgencyId
from exchange.ledger import LogSigner
from exchange.ports import Clock, Record
from exchange.serve import metrics
from exchange.serve.caller import Gate
from exchange.serve.catalog import CatalogServicer, HubFacts
from exchange.serve.exchange import ExchangeServicer
from exchange.serve.feed import Feed
from exchange.serve.ledger import LedgerServicer
from exchange.serve.member import EnrolmentServicer, MemberServicer
from exchange.serve.server import Ports, Tls, run
from exchange.settings import Settings, load_settings
from exchange.store import open_ledger, open_objects
from exchange.store.duck import DuckTableEngine
from exchange.store.posix import PosixObjectStore
from exchange.store.s3 import S3ObjectStore
from exchange.store.sql import SqlLedgerStore
from exchange.trust.identity import TrustBundle
from exchange.trust.keys import SigningKey
from exchange.v1 import (
    catalog_pb2_grpc,
    exchange_pb2_grpc,
    ledger_pb2_grpc,
    member_pb2_grpc,
)

_log = structlog.get_logger(__name__)
SERVICES = (
    "exchange.v1.CatalogService",
    "exchange.v1.ExchangeService",
    "exchange.v1.LedgerService",
    "exchange.v1.MemberService",
)


class SystemClock:
    """The machine's clock, UTC."""

    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Application:
    """One hub, put together; `close` lets go of everything in order."""

    home: HubDirectory
    settings: Settings
    clock: Clock
    ledger: SqlLedgerStore
    objects: PosixObjectStore | S3ObjectStore
    engine: DuckTableEngine
    contracts: ContractRegistry
    keys: KeyRing
    appender: Appender
    catalogue: Catalogue
    publisher: Publisher
    reader: Reader
    facts: HubFacts

    def close(self) -> None:
        """Finish what waits to be appended."""
        self.appender.close()
        self.engine.close()
        self.objects.close()
        self.ledger.close()


def build(directory: Path) -> Application:
    """Open a hub's directory; raises InvalidInputError, StorageError."""
    home = HubDirectory(directory)
    settings = load_settings(home.settings)
    clock = SystemClock()
    hub = settings.hub.jurisdiction
    ledger = open_ledger(settings.store, home.state)
    objects = open_objects(settings.store, home.state)
    spool = home.state / "spool"
    spool.mkdir(parents=True, exist_ok=True)
    engine = DuckTableEngine(temp_directory=Path(tempfile.mkdtemp(dir=spool, prefix="duck-")))
    contracts = ContractRegistry(ledger)
    refresh = settings.identity.revocation_refresh_seconds
    keys, checks = KeyRing(ledger, refresh), CheckRoom(ledger, objects, engine, contracts, refresh)
    log_key = home.signer(home.log_key, settings.keys.log)
    statement_key = home.signer(home.statement_key, settings.keys.statement)
    verifier, second = home.log_verifier(), home.log_mldsa_verifier()
    others = ((second, SigningKey.load(home.log_mldsa_key).sign),) if second else ()
    signer = LogSigner(verifier, log_key.sign, others)
    most = settings.serve.group_commit_max
    appender = Appender(ledger, objects, signer, hub, clock, most, _observer(keys, checks))
    return Application(
        home=home,
        settings=settings,
        clock=clock,
        ledger=ledger,
        objects=objects,
        engine=engine,
        contracts=contracts,
        keys=keys,
        appender=appender,
        catalogue=Catalogue(contracts, keys, appender, hub, settings.limit),
        publisher=Publisher(ledger, objects, contracts, keys, checks, appender, clock, settings.limit, spool),
        reader=Reader(ledger, objects, engine, contracts, statement_key, hub, clock, settings.limit),
        facts=HubFacts(
            hub, str(verifier), str(statement_key.verify_key), version("hechuan"), str(second or "")
        ),
    )


def _observer(keys: KeyRing, checks: CheckRoom) -> Callable[[Sequence[Record]], None]:
    """Who hears of what this process appends."""

    def observe(records: Sequence[Record]) -> None:
        metrics.appended(records)
        keys.observe(records)
        checks.observe(records)

    return observe


def initialise(directory: Path) -> None:
    """Register the contracts that come with the software; harmless to repeat."""
    application = build(directory)
    try:
        for text in shipped_contracts():
            application.catalogue.register_shipped(text)
    finally:
        application.close()


def serve(directory: Path, announce: Callable[[Ports], None] = lambda ports: None) -> None:
    """Run a hub until it is told to stop; writes `state/ports.json` once it listens."""
    application = build(directory)
    try:
        asyncio.run(_serve(application, announce))
    finally:
        application.close()


async def _serve(application: Application, announce: Callable[[Ports], None]) -> None:
    home, settings = application.home, application.settings
    bundle = TrustBundle.parse(home.trusted())
    feed = Feed(application.ledger, settings.serve.heartbeat_seconds)
    gate = Gate(bundle, application.keys, application.clock)

    def started(ports: Ports) -> None:
        write_ports(home.ports, ports)
        _log.info("serving", hub=settings.hub.jurisdiction, port=ports.exchange, enrolment=ports.enrolment)
        announce(ports)

    tls = Tls(home.hub_key.read_bytes(), home.hub_certificate.read_bytes(), bundle.roots_pem())
    await run(
        settings,
        tls,
        SERVICES,
        lambda server: _add_services(application, gate, feed, server),
        lambda server: _add_enrolment(application, server),
        [feed.run],
        started,
    )


def _add_services(application: Application, gate: Gate, feed: Feed, server: grpc.aio.Server) -> None:
    limit, ledger, contracts = application.settings.limit, application.ledger, application.contracts
    exchange = ExchangeServicer(
        gate,
        application.publisher,
        application.reader,
        ledger,
        application.objects,
        contracts,
        feed,
        limit,
    )
    catalog = CatalogServicer(gate, application.facts, ledger, contracts, application.catalogue, limit)
    exchange_pb2_grpc.add_ExchangeServiceServicer_to_server(exchange, server)
    catalog_pb2_grpc.add_CatalogServiceServicer_to_server(catalog, server)
    ledger_pb2_grpc.add_LedgerServiceServicer_to_server(LedgerServicer(gate, ledger), server)
    member = MemberServicer(gate, ledger, application.catalogue)
    member_pb2_grpc.add_MemberServiceServicer_to_server(member, server)


def _add_enrolment(application: Application, server: grpc.aio.Server) -> None:
    authority = application.home.authority()
    days = application.settings.identity.agency_certificate_days

    def admit(agency: AgencyId, secret: str, csr: bytes) -> bytes:
        now = application.clock.now()
        return redeem(application.ledger, authority, agency, secret, csr, days, now)

    member_pb2_grpc.add_EnrolmentServiceServicer_to_server(EnrolmentServicer(admit), server)


def write_ports(path: Path, ports: Ports) -> None:
    """Say where the hub listens, in one atomic step."""
    scratch = path.with_suffix(".new")
    scratch.write_text(
        json.dumps({"exchange": ports.exchange, "enrolment": ports.enrolment, "pid": os.getpid()}),
        encoding="utf-8",
    )
    scratch.replace(path)
