"""Composition root: which driver stands behind which port, for one hub in one directory."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from importlib.metadata import version
from pathlib import Path

from exchange.agreement.terms import Terms
from exchange.contract.load import shipped_contracts
from exchange.errors import NotFoundError, UnavailableError
from exchange.flow.accord import AccordBook
from exchange.flow.agree import AgreementBook, Agreements
from exchange.flow.append import Appender
from exchange.flow.catalog import Catalogue
from exchange.flow.deadline import deadline_of
from exchange.flow.deliver import Deliverer
from exchange.flow.federation import Standing
from exchange.flow.grant import Granter, check_terms
from exchange.flow.judge import Bench
from exchange.flow.publish import Publisher
from exchange.flow.query import Reader
from exchange.flow.read import Shelf
from exchange.flow.refer import ReferralBook
from exchange.flow.registry import CheckRoom, ContractRegistry, KeyRing
from exchange.flow.replicate import Replica
from exchange.flow.review import ReviewBook
from exchange.flow.settle import SettlementBook
from exchange.flow.statement import StatementIndex
from exchange.home import HubDirectory
from exchange.ids import AgencyId
from exchange.ledger import LogSigner
from exchange.ports import Clock, LedgerStore, ObjectStore, Record
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


@dataclass(frozen=True)
class Application:
    """One hub, put together; `close` lets go of everything in order."""

    home: HubDirectory
    settings: Settings
    clock: Clock
    standing: Standing
    ledger: SqlLedgerStore
    objects: PosixObjectStore | S3ObjectStore
    shelf: Shelf
    engine: DuckTableEngine
    contracts: ContractRegistry
    keys: KeyRing
    checks: CheckRoom
    book: AgreementBook
    referral_book: ReferralBook
    settlement_book: SettlementBook
    review_book: ReviewBook
    accord_book: AccordBook
    appender: Appender
    statement_key: Signer

    @property
    def hub(self) -> str:
        """The hub's jurisdiction."""
        return self.settings.hub.jurisdiction

    @cached_property
    def side(self) -> SqlFederationStore:
        """Reads, sealed keys, cosignatures and alarms."""
        return self.ledger.federation()

    @cached_property
    def catalogue(self) -> Catalogue:
        """Contracts and keys."""
        limit = self.settings.limit
        return Catalogue(self.contracts, self.keys, self.appender, self.book, self.clock, self.hub, limit)

    @cached_property
    def granter(self) -> Granter:
        """Who may read what of the hub's own datasets."""
        return Granter(self.book, self.contracts, self.side, self.clock, self.stewards)

    @cached_property
    def stewards(self) -> frozenset[AgencyId]:
        """Agencies that the hub has named stewards of its jurisdiction's datasets."""
        names = self.settings.hub.stewards.split(",")
        return frozenset(AgencyId.parse(f"{self.hub}/{name.strip()}") for name in names if name.strip())

    @cached_property
    def bench(self) -> Bench:
        """Verdicts in."""
        skew = self.settings.limit.clock_skew_seconds
        return Bench(self.ledger, self.keys, self.appender, self.clock, self.stewards, skew)

    @cached_property
    def deliverer(self) -> Deliverer:
        """Objects to peers that mirror."""
        return Deliverer(self.ledger, self.objects, self.contracts, self.granter)

    @cached_property
    def publisher(self) -> Publisher:
        """Batches in."""
        return Publisher(
            self.ledger,
            self.objects,
            self.contracts,
            self.keys,
            self.checks,
            self.appender,
            self.clock,
            self.settings.limit,
            self.home.state / "spool",
        )

    @cached_property
    def reader(self) -> Reader:
        """Rows out."""
        return Reader(
            self.ledger,
            self.shelf,
            self.engine,
            self.contracts,
            self.statement_key,
            self.hub,
            self.clock,
            self.settings.limit,
            self.granter,
        )

    @cached_property
    def agreements(self) -> Agreements:
        """Moves in."""
        return Agreements(
            self.ledger,
            self.book,
            self.keys,
            self.appender,
            self.clock,
            self.hub,
            self._check_terms,
            self.settings.limit.clock_skew_seconds,
        )

    def _check_terms(self, terms: Terms, provider: str) -> None:
        """Against the contracts of the provider's hub: this one's, or those in the copy of its ledger."""
        contracts = self.contracts if provider == self.hub else self.copies.get(provider)
        if contracts is None:
            return
        try:
            check_terms(contracts, terms)
        except NotFoundError as error:
            if provider == self.hub:
                raise
            raise UnavailableError(
                f"{error.message}, as far as the copy of hub {provider}'s ledger goes"
            ) from error

    @cached_property
    def copies(self) -> dict[str, ContractRegistry]:
        """Contracts of peers, as the copies of their ledgers have them; links add theirs."""
        return {}

    @cached_property
    def facts(self) -> HubFacts:
        """What the hub says of itself."""
        return HubFacts(
            self.hub,
            str(self.home.log_verifier()),
            str(self.statement_key.verify_key),
            version("hechuan"),
            str(self.home.log_mldsa_verifier() or ""),
            str(self.home.witness_verifier()),
        )

    def reader_of(self, replica: Replica) -> Reader:
        """Reads a peer's datasets from the copy of its ledger, under the agreements that this hub knows."""
        granter = Granter(self.book, replica.contracts, self.side, self.clock)
        return Reader(
            replica.ledger,
            Shelf(self.objects),
            self.engine,
            replica.contracts,
            self.statement_key,
            self.hub,
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
    settings, clock, standing = load_settings(home.settings), SystemClock(), standing_of(home)
    ledger = open_ledger(settings.store, home.state)
    objects = open_objects(settings.store, home.state)
    engine = open_tables(home)
    refresh = settings.identity.revocation_refresh_seconds
    contracts, keys = ContractRegistry(ledger), KeyRing(ledger, refresh, standing.denied_keys)
    shelf = Shelf(objects, ledger.segments().live, settings.compact.least_batches)
    checks = CheckRoom(ledger, shelf, engine, contracts, refresh)
    book = AgreementBook(ledger, deadline_of(settings.agreement), settings.agreement.refresh_seconds)
    referral_book = ReferralBook(ledger, settings.referral.refresh_seconds)
    settlement_book = SettlementBook(ledger, settings.referral.refresh_seconds)
    review_book = ReviewBook(ledger, settings.referral.refresh_seconds)
    accord_book = AccordBook(ledger, settings.referral.refresh_seconds)
    indexes = referral_book.index, settlement_book.index, review_book.index, accord_book.index
    observe = _observer(keys, checks, book, *indexes)
    return Application(
        home=home,
        settings=settings,
        clock=clock,
        standing=standing,
        ledger=ledger,
        objects=objects,
        shelf=shelf,
        engine=engine,
        contracts=contracts,
        keys=keys,
        checks=checks,
        book=book,
        referral_book=referral_book,
        settlement_book=settlement_book,
        review_book=review_book,
        accord_book=accord_book,
        appender=_appender(home, settings, ledger, objects, clock, observe),
        statement_key=home.signer(home.statement_key, settings.keys.statement),
    )


def _appender(
    home: HubDirectory,
    settings: Settings,
    ledger: LedgerStore,
    objects: ObjectStore,
    clock: Clock,
    observe: Callable[[Sequence[Record]], None],
) -> Appender:
    log, serve = _log_signer(home, settings), settings.serve
    hub, most, wait = settings.hub.jurisdiction, serve.group_commit_max, serve.group_commit_wait_seconds
    return Appender(ledger, objects, log, hub, clock, most, observe, wait)


def open_tables(home: HubDirectory) -> DuckTableEngine:
    """The engine over stored batches; what does not fit into its memory goes to the spool."""
    spool = home.state / "spool"
    spool.mkdir(parents=True, exist_ok=True)
    return DuckTableEngine(temp_directory=Path(tempfile.mkdtemp(dir=spool, prefix="duck-")))


def _log_signer(home: HubDirectory, settings: Settings) -> LogSigner:
    """Ed25519, and ML-DSA beside it where the hub has that key."""
    second = home.log_mldsa_verifier()
    others = ((second, SigningKey.load(home.log_mldsa_key).sign),) if second else ()
    return LogSigner(home.log_verifier(), home.signer(home.log_key, settings.keys.log).sign, others)


def _observer(
    keys: KeyRing, checks: CheckRoom, book: AgreementBook, *statements: StatementIndex
) -> Callable[[Sequence[Record]], None]:
    """Who hears of what this process appends."""

    def observe(records: Sequence[Record]) -> None:
        metrics.appended(records)
        keys.observe(records)
        checks.observe(records)
        book.observe(records)
        for index in statements:
            index.observe(records)

    return observe


def initialise(directory: Path) -> None:
    """Register the contracts that come with the software; harmless to repeat."""
    application = build(directory)
    try:
        for text in shipped_contracts():
            application.catalogue.register_shipped(text)
    finally:
        application.close()
