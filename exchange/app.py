"""Composition root: which driver stands behind which port, for one hub in one directory."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import grpc
import structlog

from exchange.client.peer import GrpcPeer
from exchange.contract.load import shipped_contracts
from exchange.flow.agree import AgreementBook, Agreements
from exchange.flow.append import Appender, LogSigner
from exchange.flow.catalog import Catalogue
from exchange.flow.deadline import deadline_of
from exchange.flow.enrol import redeem
from exchange.flow.federation import Federation
from exchange.flow.grant import Granter, check_terms
from exchange.flow.link import Link, Neighbour
from exchange.flow.publish import Publisher
from exchange.flow.query import Reader
from exchange.flow.registry import CheckRoom, ContractRegistry, KeyRing
from exchange.flow.replicate import Mirror, Replica
from exchange.flow.witness import Notary, Witness
from exchange.home import HubDirectory
from exchange.ids import AgencyId
from exchange.ledger import VerifierKey
from exchange.member import HubCard
from exchange.ports import Clock, Record
from exchange.serve import metrics
from exchange.serve.agreement import AgreementServicer
from exchange.serve.caller import Gate
from exchange.serve.catalog import CatalogServicer, HubFacts
from exchange.serve.exchange import ExchangeServicer
from exchange.serve.feed import Feed
from exchange.serve.ledger import LedgerServicer
from exchange.serve.member import EnrolmentServicer, MemberServicer
from exchange.serve.peer import PeerServicer
from exchange.serve.route import Router
from exchange.serve.server import Ports, Tls, run
from exchange.settings import Settings, load_settings
from exchange.store import open_ledger, open_objects, open_replica
from exchange.store.duck import DuckTableEngine
from exchange.store.posix import PosixObjectStore
from exchange.store.s3 import S3ObjectStore
from exchange.store.sql import SqlLedgerStore
from exchange.store.sql.federation import SqlFederationStore
from exchange.trust.identity import TrustBundle
from exchange.trust.keys import SigningKey, VerifyKey
from exchange.v1 import (
    agreement_pb2_grpc,
    catalog_pb2_grpc,
    exchange_pb2_grpc,
    ledger_pb2_grpc,
    member_pb2_grpc,
    peer_pb2_grpc,
)

_log = structlog.get_logger(__name__)
SERVICES = (
    "exchange.v1.AgreementService",
    "exchange.v1.CatalogService",
    "exchange.v1.ExchangeService",
    "exchange.v1.LedgerService",
    "exchange.v1.MemberService",
    "exchange.v1.PeerService",
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
    book: AgreementBook
    agreements: Agreements
    granter: Granter
    side: SqlFederationStore
    statement_key: SigningKey

    def reader_of(self, replica: Replica) -> Reader:
        """Reads a peer's datasets from the copy of its ledger, under the agreements that this hub knows."""
        granter = Granter(self.book, replica.contracts, self.side, self.clock)
        return Reader(
            replica.ledger,
            self.objects,
            self.engine,
            replica.contracts,
            self.statement_key,
            self.settings.hub.jurisdiction,
            self.clock,
            self.settings.limit,
            granter,
            origin=replica.hub,
        )

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
    log_key, statement_key = SigningKey.load(home.log_key), SigningKey.load(home.statement_key)
    verifier = home.log_verifier()
    signer = LogSigner(verifier, log_key.sign)
    most = settings.serve.group_commit_max
    book = AgreementBook(ledger, deadline_of(settings.agreement), settings.agreement.refresh_seconds)
    appender = Appender(ledger, objects, signer, hub, clock, most, _observer(keys, checks, book))
    side = ledger.federation()
    granter = Granter(book, contracts, side, clock)
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
        reader=Reader(ledger, objects, engine, contracts, statement_key, hub, clock, settings.limit, granter),
        facts=HubFacts(hub, str(verifier), str(statement_key.verify_key), version("hechuan")),
        book=book,
        agreements=Agreements(
            ledger,
            book,
            keys,
            appender,
            clock,
            hub,
            lambda terms: check_terms(contracts, terms),
            settings.limit.clock_skew_seconds,
        ),
        granter=granter,
        side=side,
        statement_key=statement_key,
    )


def _observer(keys: KeyRing, checks: CheckRoom, book: AgreementBook) -> Callable[[Sequence[Record]], None]:
    """Who hears of what this process appends."""

    def observe(records: Sequence[Record]) -> None:
        metrics.appended(records)
        keys.observe(records)
        checks.observe(records)
        book.observe(records)

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
    federated = Federated(application)
    federated.federation.start()
    try:
        await run(
            settings,
            tls,
            SERVICES,
            lambda server: _add_services(application, federated, gate, feed, server),
            lambda server: _add_enrolment(application, server),
            [feed.run],
            started,
        )
    finally:
        await asyncio.to_thread(federated.close)


class Federated:
    """What makes a hub one of several: links to its peers, its witness, and the notary of its own ledger."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._replicas: list[SqlLedgerStore] = []
        home = application.home
        self.notary = Notary(application.ledger, application.side)
        self.federation = Federation(
            lambda: neighbours_of(home), self._link, application.settings.federation.refresh_seconds
        )
        self.witness = Witness(
            application.side,
            home.witness_verifier(),
            SigningKey.load(home.witness_key).sign,
            self.federation.logs,
            application.clock,
        )
        self.router = Router(
            application.reader,
            application.ledger,
            self.federation,
            application.reader_of,
            application.settings.hub.jurisdiction,
            application.statement_key,
        )

    def close(self) -> None:
        """Close links and the copies they fill."""
        self.federation.close()
        for ledger in self._replicas:
            ledger.close()

    def _link(self, hub: str, neighbour: Callable[[], Neighbour | None]) -> Link:
        application, settings = self._application, self._application.settings
        ledger = open_replica(settings.store, application.home.state, hub)
        self._replicas.append(ledger)
        refresh = settings.identity.revocation_refresh_seconds
        replica = Replica(hub, ledger, application.side, application.clock, refresh)
        return Link(
            neighbour,
            replica,
            Mirror(replica, application.objects, application.home.state / "spool"),
            application.agreements,
            application.book,
            self.notary,
            application.ledger,
            application.side,
            application.clock,
            settings.hub.jurisdiction,
        )


def neighbours_of(home: HubDirectory) -> Mapping[str, Neighbour]:
    """The peers that this hub federates with, by their cards."""

    def neighbour(card: HubCard) -> Neighbour:
        def connect() -> GrpcPeer:
            return GrpcPeer(card.address, card.authority.encode(), home.hub_key, home.hub_certificate)

        witness = VerifierKey.parse(card.witness_key) if card.witness_key else None
        log, statement = VerifierKey.parse(card.log_key), VerifyKey.parse(card.statement_key)
        return Neighbour(card.jurisdiction, log, witness, statement, connect)

    return {hub: neighbour(card) for hub, card in home.peers().items()}


def _add_services(
    application: Application, federated: Federated, gate: Gate, feed: Feed, server: grpc.aio.Server
) -> None:
    limit, ledger, contracts = application.settings.limit, application.ledger, application.contracts
    exchange = ExchangeServicer(
        gate,
        application.publisher,
        application.reader,
        ledger,
        application.objects,
        contracts,
        feed,
        application.granter,
        federated.router,
        limit,
    )
    catalog = CatalogServicer(gate, application.facts, ledger, contracts, application.catalogue, limit)
    exchange_pb2_grpc.add_ExchangeServiceServicer_to_server(exchange, server)
    catalog_pb2_grpc.add_CatalogServiceServicer_to_server(catalog, server)
    ledger_pb2_grpc.add_LedgerServiceServicer_to_server(
        LedgerServicer(gate, ledger, application.side), server
    )
    member = MemberServicer(gate, ledger, application.catalogue)
    member_pb2_grpc.add_MemberServiceServicer_to_server(member, server)
    peer = PeerServicer(gate, ledger, feed, federated.witness)
    peer_pb2_grpc.add_PeerServiceServicer_to_server(peer, server)
    agreement = AgreementServicer(
        gate,
        application.agreements,
        application.book,
        application.side,
        application.clock,
        application.settings.agreement,
        limit,
    )
    agreement_pb2_grpc.add_AgreementServiceServicer_to_server(agreement, server)


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
