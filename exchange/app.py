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

import structlog

from exchange.contract.load import shipped_contracts
from exchange.flow.append import Appender, LogSigner
from exchange.flow.catalog import Catalogue
from exchange.flow.enrol import redeem
from exchange.flow.publish import Publisher
from exchange.flow.query import Reader
from exchange.flow.registry import CheckRoom, ContractRegistry, KeyRing
from exchange.home import HubDirectory
from exchange.ids import AgencyId
from exchange.ledger import VerifierKey
from exchange.ports import Clock, LedgerStore, ObjectStore, Record
from exchange.serve.caller import Gate
from exchange.serve.catalog import CatalogServicer, HubCard
from exchange.serve.exchange import ExchangeServicer
from exchange.serve.feed import Feed
from exchange.serve.ledger import LedgerServicer
from exchange.serve.member import EnrolmentServicer, MemberServicer
from exchange.serve.server import Ports, Tls, run
from exchange.settings import Settings, load_settings
from exchange.store import open_ledger, open_objects
from exchange.store.duck import DuckTableEngine
from exchange.trust.authority import Authority
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
    ledger: LedgerStore
    objects: ObjectStore
    contracts: ContractRegistry
    keys: KeyRing
    appender: Appender
    catalogue: Catalogue
    publisher: Publisher
    reader: Reader
    card: HubCard

    def close(self) -> None:
        """Finish what waits to be appended."""
        self.appender.close()


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
    keys = KeyRing(ledger, settings.identity.revocation_refresh_seconds)
    checks = CheckRoom(ledger, objects, engine, contracts, settings.identity.revocation_refresh_seconds)
    log_key = SigningKey.load(home.log_key)
    statement_key = SigningKey.load(home.statement_key)
    verifier = VerifierKey(f"hechuan/{hub}", log_key.verify_key.public)

    def observe(records: Sequence[Record]) -> None:
        keys.observe(records)
        checks.observe(records)

    appender = Appender(
        ledger, LogSigner(verifier, log_key.sign), hub, clock, settings.serve.group_commit_max, observe
    )
    return Application(
        home=home,
        settings=settings,
        clock=clock,
        ledger=ledger,
        objects=objects,
        contracts=contracts,
        keys=keys,
        appender=appender,
        catalogue=Catalogue(contracts, keys, appender, hub, settings.limit),
        publisher=Publisher(ledger, objects, contracts, keys, checks, appender, clock, settings.limit, spool),
        reader=Reader(ledger, objects, engine, contracts, statement_key, hub, clock, settings.limit),
        card=HubCard(hub, str(verifier), str(statement_key.verify_key), version("hechuan")),
    )


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
    gate = Gate(bundle, application.keys, application.clock)
    feed = Feed(application.ledger, settings.serve.heartbeat_seconds)
    authority = Authority.load(home.ca_key, home.ca_certificate)

    def admit(agency: AgencyId, secret: str, csr: bytes) -> bytes:
        days = settings.identity.agency_certificate_days
        return redeem(application.ledger, authority, agency, secret, csr, days, application.clock.now())

    def register(server: object) -> None:
        exchange_pb2_grpc.add_ExchangeServiceServicer_to_server(
            ExchangeServicer(
                gate,
                application.publisher,
                application.reader,
                application.ledger,
                application.objects,
                application.contracts,
                feed,
                settings.limit,
            ),
            server,
        )
        catalog_pb2_grpc.add_CatalogServiceServicer_to_server(
            CatalogServicer(
                gate,
                application.card,
                application.ledger,
                application.contracts,
                application.catalogue,
                settings.limit,
            ),
            server,
        )
        ledger_pb2_grpc.add_LedgerServiceServicer_to_server(LedgerServicer(gate, application.ledger), server)
        member_pb2_grpc.add_MemberServiceServicer_to_server(
            MemberServicer(gate, application.ledger, application.catalogue), server
        )

    def register_enrolment(server: object) -> None:
        member_pb2_grpc.add_EnrolmentServiceServicer_to_server(EnrolmentServicer(admit), server)

    def started(ports: Ports) -> None:
        write_ports(home.state / "ports.json", ports)
        _log.info("serving", hub=settings.hub.jurisdiction, port=ports.exchange, enrolment=ports.enrolment)
        announce(ports)

    tls = Tls(home.hub_key.read_bytes(), home.hub_certificate.read_bytes(), bundle.roots_pem())
    await run(settings, tls, SERVICES, register, register_enrolment, [feed.run], started)


def write_ports(path: Path, ports: Ports) -> None:
    """Say where the hub listens, in one atomic step."""
    scratch = path.with_suffix(".new")
    scratch.write_text(
        json.dumps({"exchange": ports.exchange, "enrolment": ports.enrolment, "pid": os.getpid()}),
        encoding="utf-8",
    )
    scratch.replace(path)
