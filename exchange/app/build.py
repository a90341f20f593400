"""Composition root: which driver stands behind which port, for one hub in one directory."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
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
from exchange.trust.keys import SigningKey


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
    standing = standing_of(home)
    keys = KeyRing(ledger, refresh, standing.denied_keys)
    checks = CheckRoom(ledger, objects, engine, contracts, refresh)
    log_key, statement_key = SigningKey.load(home.log_key), SigningKey.load(home.statement_key)
    verifier, second = home.log_verifier(), home.log_mldsa_verifier()
    others = ((second, SigningKey.load(home.log_mldsa_key).sign),) if second else ()
    signer = LogSigner(verifier, log_key.sign, others)
    most = settings.serve.group_commit_max
    book = AgreementBook(ledger, deadline_of(settings.agreement), settings.agreement.refresh_seconds)
    appender = Appender(ledger, objects, signer, hub, clock, most, _observer(keys, checks, book))
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
        catalogue=Catalogue(contracts, keys, appender, hub, settings.limit),
        publisher=Publisher(ledger, objects, contracts, keys, checks, appender, clock, settings.limit, spool),
        reader=Reader(ledger, objects, engine, contracts, statement_key, hub, clock, settings.limit, granter),
        facts=HubFacts(
            hub, str(verifier), str(statement_key.verify_key), version("hechuan"), str(second or "")
        ),
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
