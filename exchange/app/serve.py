"""Running one hub: its services on the server, its links beside them."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path

import grpc
import structlog

from exchange.app.build import Application, build
from exchange.app.federated import Federated
from exchange.flow.enrol import redeem, renew
from exchange.ids import AgencyId
from exchange.serve.agreement import AgreementServicer
from exchange.serve.caller import Gate
from exchange.serve.catalog import CatalogServicer
from exchange.serve.exchange import ExchangeServicer
from exchange.serve.federation import FederationServicer, Follower
from exchange.serve.feed import Feed
from exchange.serve.ledger import LedgerServicer
from exchange.serve.member import EnrolmentServicer, MemberServicer
from exchange.serve.patrol import PatrolServicer
from exchange.serve.peer import PeerServicer
from exchange.serve.raw import add_raw_stream
from exchange.serve.referral import ReferralServicer
from exchange.serve.remind import Reminder
from exchange.serve.report import ReportServicer
from exchange.serve.seal import SealServicer
from exchange.serve.server import Ports, run
from exchange.serve.settlement import SettlementServicer
from exchange.serve.steward import StewardServicer
from exchange.serve.tls import TlsFiles
from exchange.store.tuf import FederationDirectory
from exchange.v1 import (
    agreement_pb2_grpc,
    catalog_pb2_grpc,
    exchange_pb2_grpc,
    federation_pb2_grpc,
    ledger_pb2_grpc,
    member_pb2_grpc,
    patrol_pb2_grpc,
    peer_pb2,
    peer_pb2_grpc,
    referral_pb2_grpc,
    report_pb2_grpc,
    seal_pb2_grpc,
    settlement_pb2_grpc,
    steward_pb2_grpc,
)

_log = structlog.get_logger(__name__)
SERVICES = (
    "exchange.v1.AgreementService",
    "exchange.v1.CatalogService",
    "exchange.v1.ExchangeService",
    "exchange.v1.FederationService",
    "exchange.v1.LedgerService",
    "exchange.v1.MemberService",
    "exchange.v1.PatrolService",
    "exchange.v1.PeerService",
    "exchange.v1.ReferralService",
    "exchange.v1.SettlementService",
    "exchange.v1.ReportService",
    "exchange.v1.SealService",
    "exchange.v1.StewardService",
)


def serve(directory: Path, announce: Callable[[Ports], None] = lambda ports: None) -> None:
    """Run a hub until it is told to stop; writes `state/ports.json` once it listens."""
    application = build(directory)
    try:
        asyncio.run(_serve(application, announce))
    finally:
        application.close()


async def _serve(application: Application, announce: Callable[[Ports], None]) -> None:
    home, settings = application.home, application.settings
    standing = application.standing
    feed = Feed(application.ledger, settings.serve.heartbeat_seconds)
    gate = Gate(standing, application.keys, application.clock)

    def started(ports: Ports) -> None:
        write_ports(home.ports, ports)
        _log.info("serving", hub=settings.hub.jurisdiction, port=ports.exchange, enrolment=ports.enrolment)
        announce(ports)

    federated = Federated(application)
    follower = Follower(home, settings.federation, application.clock, standing)
    reminder = Reminder(application.book, application.clock, settings.agreement)
    federated.start()
    # who asks first must not wait until ten thousand referrals are read
    await asyncio.to_thread(application.referral_book.index.read)
    try:
        await run(
            settings,
            TlsFiles(home.hub_key, home.hub_certificate, standing),
            SERVICES,
            lambda server: _add_services(application, federated, gate, feed, server),
            lambda server: _add_enrolment(application, server),
            [feed.run, follower.run, reminder.run],
            started,
            feed.drain,
        )
    finally:
        await asyncio.to_thread(federated.close)


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
        federated.notary,
        application.side,
        limit,
    )
    catalog = CatalogServicer(
        gate,
        application.facts,
        federated.links.neighbours,
        ledger,
        contracts,
        application.catalogue,
        federated.searcher,
        application.clock,
        limit,
    )
    exchange_pb2_grpc.add_ExchangeServiceServicer_to_server(exchange, server)
    catalog_pb2_grpc.add_CatalogServiceServicer_to_server(catalog, server)
    ledger_pb2_grpc.add_LedgerServiceServicer_to_server(
        LedgerServicer(gate, ledger, application.side, _moves(application), federated.links), server
    )
    _add_members(application, federated, gate, feed, server)


def _add_members(
    application: Application, federated: Federated, gate: Gate, feed: Feed, server: grpc.aio.Server
) -> None:
    ledger, links = application.ledger, federated.links
    place = FederationDirectory(application.home.federation)
    federation_pb2_grpc.add_FederationServiceServicer_to_server(FederationServicer(gate, place), server)
    member = MemberServicer(gate, ledger, application.catalogue, _renewal(application), links)
    member_pb2_grpc.add_MemberServiceServicer_to_server(member, server)
    _add_peer(application, federated, gate, feed, server)
    limit = application.settings.limit
    steward = StewardServicer(gate, application.bench, ledger, limit)
    steward_pb2_grpc.add_StewardServiceServicer_to_server(steward, server)
    seal = SealServicer(gate, federated.sealing, ledger, links, application.hub)
    seal_pb2_grpc.add_SealServiceServicer_to_server(seal, server)
    agreement = AgreementServicer(
        gate,
        application.agreements,
        application.book,
        application.side,
        application.clock,
        application.settings.agreement,
        application.settings.limit,
        links,
    )
    agreement_pb2_grpc.add_AgreementServiceServicer_to_server(agreement, server)
    _add_statements(application, federated, gate, server)


def _add_statements(
    application: Application, federated: Federated, gate: Gate, server: grpc.aio.Server
) -> None:
    """Referrals, settlements, reports: what several agencies sign."""
    referral = ReferralServicer(
        gate,
        federated.referrals,
        application.referral_book,
        federated.desk,
        federated.attachments,
        application.clock,
        application.settings.referral,
        application.settings.limit,
    )
    referral_pb2_grpc.add_ReferralServiceServicer_to_server(referral, server)
    _add_agreed(application, federated, gate, server)


def _add_agreed(application: Application, federated: Federated, gate: Gate, server: grpc.aio.Server) -> None:
    settlement = SettlementServicer(
        gate, federated.settlements, application.settlement_book, application.settings.limit
    )
    settlement_pb2_grpc.add_SettlementServiceServicer_to_server(settlement, server)
    report = ReportServicer(gate, federated.reviews, application.review_book, application.settings.limit)
    report_pb2_grpc.add_ReportServiceServicer_to_server(report, server)
    settings = application.settings
    patrol = PatrolServicer(
        gate,
        federated.accords,
        application.accord_book,
        application.hub,
        settings.patrol,
        settings.limit,
    )
    patrol_pb2_grpc.add_PatrolServiceServicer_to_server(patrol, server)


def _moves(application: Application) -> Callable[[str], int | None]:
    """Where a move stands, of an agreement or of a kind of statement."""
    books = (
        application.book,
        application.referral_book.index,
        application.settlement_book.index,
        application.review_book.index,
        application.accord_book.index,
    )

    def find(move: str) -> int | None:
        return next((found for book in books if (found := book.index_of(move)) is not None), None)

    return find


def _add_peer(
    application: Application, federated: Federated, gate: Gate, feed: Feed, server: grpc.aio.Server
) -> None:
    peer = PeerServicer(
        gate,
        application.ledger,
        feed,
        application.deliverer,
        federated.witness,
        federated.coverage,
        application.side,
        application.settings.limit,
    )
    peer_pb2_grpc.add_PeerServiceServicer_to_server(peer, server)
    add_raw_stream(
        server, "exchange.v1.PeerService", "FetchParts", peer.FetchParts, peer_pb2.FetchPartsRequest
    )


def _add_enrolment(application: Application, server: grpc.aio.Server) -> None:
    authority = application.home.authority()
    days = application.settings.identity.agency_certificate_days

    def admit(agency: AgencyId, secret: str, csr: bytes) -> bytes:
        now = application.clock.now()
        return redeem(application.ledger, authority, agency, secret, csr, days, now)

    member_pb2_grpc.add_EnrolmentServiceServicer_to_server(EnrolmentServicer(admit), server)


def _renewal(application: Application) -> Callable[[AgencyId, bytes], bytes]:
    authority = application.home.authority()
    days = application.settings.identity.agency_certificate_days

    def give(agency: AgencyId, csr: bytes) -> bytes:
        return renew(application.ledger, authority, agency, csr, days, application.clock.now())

    return give


def write_ports(path: Path, ports: Ports) -> None:
    """Say where the hub listens, in one atomic step."""
    scratch = path.with_suffix(".new")
    scratch.write_text(
        json.dumps({"exchange": ports.exchange, "enrolment": ports.enrolment, "pid": os.getpid()}),
        encoding="utf-8",
    )
    scratch.replace(path)
