"""Composition root: which driver stands behind which port, for one hub in one directory."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path

from exchange.contract.load import shipped_contracts
from exchange.flow.agree import AgreementBook, Agreements
from exchange.flow.append import Appender
from exchange.flow.catalog import Catalogue
from exchange.flow.deadline import deadline_of
from exchange.flow.federation import Standing
from exchange.flow.grant import Granter, check_terms
from exchange.flow.publish import Publisher
from exchange.flow.query import Reader
from exchange.flow.registry import CheckRoom, ContractRegistry, KeyRing
from exchange.flow.replicate import Replica
from exchange.home import HubDirectory
from exchange.ledger import LogSigner
from exchange.ports import Clock, Record
from exchange.serve import metrics
from exchange.serve.catalog import HubFacts
from exchange.serve.federation import standing_of
from exchange.settings import Settings, load_settings
from exchange.store import open_ledger, open_objects
from exchange.store.duck import DuckTableEngine
from exchange.store.posix import PosixObjectStore
from exchange.store.s3 import S3ObjectStore
from exchange.store.sql import SqlLedgerStore
from exchange.store.sql.federation import SqlFederationStore
from exchange.trust.keys import Signer, SigningKey


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
    standing: Standing
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
    statement_key: Signer

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


@dataclass(frozen=True, slots=True)
class _Ground:
    """What everything else stands on: directory, settings, clock, stores."""

    home: HubDirectory
    settings: Settings
    clock: Clock
    ledger: SqlLedgerStore
    objects: PosixObjectStore | S3ObjectStore
    engine: DuckTableEngine
    spool: Path


def build(directory: Path) -> Application:
    """Open a hub's directory; raises InvalidInputError, StorageError."""
    ground = _ground(directory)
    home, settings, clock, ledger = ground.home, ground.settings, ground.clock, ground.ledger
    objects, engine = ground.objects, ground.engine
    hub, limit, refresh = settings.hub.jurisdiction, settings.limit, _refresh(settings)
    standing = standing_of(home)
    contracts, keys = ContractRegistry(ledger), KeyRing(ledger, refresh, standing.denied_keys)
    checks = CheckRoom(ledger, objects, engine, contracts, refresh)
    book = AgreementBook(ledger, deadline_of(settings.agreement), settings.agreement.refresh_seconds)
    statement_key = home.signer(home.statement_key, settings.keys.statement)
    appender = Appender(
        ledger,
        objects,
        _log_signer(home, settings),
        hub,
        clock,
        settings.serve.group_commit_max,
        _observer(keys, checks, book),
    )
    side = ledger.federation()
    granter = Granter(book, contracts, side, clock)
    return Application(
        home=home,
        settings=settings,
        clock=clock,
        standing=standing,
        ledger=ledger,
        objects=objects,
        engine=engine,
        contracts=contracts,
        keys=keys,
        appender=appender,
        catalogue=Catalogue(contracts, keys, appender, hub, limit),
        publisher=Publisher(ledger, objects, contracts, keys, checks, appender, clock, limit, ground.spool),
        reader=Reader(ledger, objects, engine, contracts, statement_key, hub, clock, limit, granter),
        facts=_facts(home, hub, statement_key),
        book=book,
        agreements=Agreements(
            ledger,
            book,
            keys,
            appender,
            clock,
            hub,
            partial(check_terms, contracts),
            limit.clock_skew_seconds,
        ),
        granter=granter,
        side=side,
        statement_key=statement_key,
    )


def _ground(directory: Path) -> _Ground:
    home = HubDirectory(directory)
    settings = load_settings(home.settings)
    spool = home.state / "spool"
    spool.mkdir(parents=True, exist_ok=True)
    return _Ground(
        home=home,
        settings=settings,
        clock=SystemClock(),
        ledger=open_ledger(settings.store, home.state),
        objects=open_objects(settings.store, home.state),
        engine=DuckTableEngine(temp_directory=Path(tempfile.mkdtemp(dir=spool, prefix="duck-"))),
        spool=spool,
    )


def _refresh(settings: Settings) -> float:
    return settings.identity.revocation_refresh_seconds


def _log_signer(home: HubDirectory, settings: Settings) -> LogSigner:
    """Ed25519, and ML-DSA beside it where the hub has that key."""
    second = home.log_mldsa_verifier()
    others = ((second, SigningKey.load(home.log_mldsa_key).sign),) if second else ()
    return LogSigner(home.log_verifier(), home.signer(home.log_key, settings.keys.log).sign, others)


def _facts(home: HubDirectory, hub: str, statement_key: Signer) -> HubFacts:
    return HubFacts(
        hub,
        str(home.log_verifier()),
        str(statement_key.verify_key),
        version("hechuan"),
        str(home.log_mldsa_verifier() or ""),
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
