"""What makes a hub one of several, put together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial

from exchange.app.build import Application
from exchange.client.peer import GrpcPeer
from exchange.flow.attach import Attachments
from exchange.flow.coverage import coverage_page
from exchange.flow.federation import Standing, require_fresh
from exchange.flow.link import Link, Neighbour
from exchange.flow.links import Links
from exchange.flow.mirror import Mirror
from exchange.flow.projection import Projection, Source
from exchange.flow.refer import Desk
from exchange.flow.replicate import Replica
from exchange.flow.sealing import Sealing
from exchange.flow.search import Searcher
from exchange.flow.statement import Statements
from exchange.flow.witness import Notary, Witness
from exchange.home import HubDirectory
from exchange.ledger import VerifierKey
from exchange.member import HubCard
from exchange.ports import Clock
from exchange.serve.referral import fetch_attachment
from exchange.serve.route import Router
from exchange.serve.seal import recipients_of
from exchange.store import open_replica, open_search
from exchange.store.sql import SqlLedgerStore
from exchange.trust.keys import SigningKey, VerifyKey
from exchange.trust.roster import LOG_MLDSA_MEMBER, HubEntry


class Federated:
    """What makes a hub one of several: links to its peers, its witness, and the notary of its own ledger."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._replicas: list[SqlLedgerStore] = []
        self.notary = Notary(application.ledger, application.side)
        self.links = Links(
            lambda: neighbours_of(application.home, application.standing, application.clock), self._link
        )
        self.index = open_search(application.settings.store, application.home.state)

    @cached_property
    def witness(self) -> Witness:
        """Cosigns the checkpoints of peers."""
        home = self._application.home
        sign = SigningKey.load(home.witness_key).sign
        side, clock = self._application.side, self._application.clock
        return Witness(side, home.witness_verifier(), sign, self.links.logs, clock)

    @cached_property
    def router(self) -> Router:
        """Which hub answers for a dataset."""
        application = self._application
        return Router(
            application.reader,
            application.ledger,
            self.links,
            application.reader_of,
            application.hub,
            application.statement_key,
        )

    @cached_property
    def sealing(self) -> Sealing:
        """Keys of sealed columns."""
        application = self._application
        return Sealing(
            application.side,
            application.book,
            application.keys,
            application.appender,
            application.clock,
            lambda agency: recipients_of(application.ledger, self.links, application.hub, agency),
        )

    @cached_property
    def searcher(self) -> Searcher:
        """Looks through the catalogues of all hubs."""
        application = self._application
        return Searcher(
            self.index,
            application.book,
            application.clock,
            application.hub,
            self.links.hubs,
            self.links.mirrors,
            application.settings.search,
        )

    @cached_property
    def projection(self) -> Projection:
        """Keeps the search index after the ledgers."""
        application = self._application
        return Projection(
            self.index,
            Source(application.hub, application.ledger, application.contracts),
            self._sources,
            application.shelf,
            application.engine,
            application.clock,
            application.settings.search,
        )

    @cached_property
    def attachments(self) -> Attachments:
        """What referrals hand over."""
        application = self._application
        return Attachments(
            application.objects,
            application.side,
            application.clock,
            application.hub,
            application.home.state / "spool",
            application.settings.referral.attachment_bytes,
            partial(fetch_attachment, self.links),
        )

    @cached_property
    def desk(self) -> Desk:
        """What is asked of moves that are made here."""
        settings = self._application.settings
        return Desk(self._application.referral_book, self.attachments, settings.referral, settings.agreement)

    @cached_property
    def referrals(self) -> Statements:
        """Moves of referrals in."""
        application = self._application
        return Statements(
            application.referral_book.index,
            application.keys,
            application.appender,
            application.clock,
            application.hub,
            self.desk.judge,
            application.settings.limit.clock_skew_seconds,
        )

    @cached_property
    def settlements(self) -> Statements:
        """Moves of settlements in."""
        application = self._application
        return Statements(
            application.settlement_book.index,
            application.keys,
            application.appender,
            application.clock,
            application.hub,
            application.settlement_book.judge,
            application.settings.limit.clock_skew_seconds,
        )

    @cached_property
    def reviews(self) -> Statements:
        """Steps of reports in."""
        application = self._application
        return Statements(
            application.review_book.index,
            application.keys,
            application.appender,
            application.clock,
            application.hub,
            application.review_book.judge,
            application.settings.limit.clock_skew_seconds,
        )

    @cached_property
    def accords(self) -> Statements:
        """Moves of accords in."""
        application = self._application
        return Statements(
            application.accord_book.index,
            application.keys,
            application.appender,
            application.clock,
            application.hub,
            application.accord_book.judge,
            application.settings.limit.clock_skew_seconds,
        )

    def start(self) -> None:
        """Open links, and begin to list what can be found; returns at once."""
        self.links.start()
        self.projection.start()

    def coverage(self, after: str, tag: str) -> bytes:
        """A signed page of where this hub's datasets have rows."""
        application = self._application
        most = application.settings.search.coverage_page_bytes
        now = application.clock.now()
        return coverage_page(self.index, application.hub, after, tag, application.statement_key, now, most)

    def _sources(self) -> Sequence[Source]:
        replicas = (link.replica for link in self.links.links())
        return [Source(replica.hub, replica.ledger, replica.contracts) for replica in replicas]

    def close(self) -> None:
        """Close links, what they fill, and the search over it."""
        self.links.close()
        self.projection.close()
        self.index.close()
        for ledger in self._replicas:
            ledger.close()

    def _link(self, hub: str, neighbour: Callable[[], Neighbour | None]) -> Link:
        application, settings = self._application, self._application.settings
        ledger = open_replica(settings.store, application.home.state, hub)
        self._replicas.append(ledger)
        refresh = settings.identity.revocation_refresh_seconds
        replica = Replica(hub, ledger, application.side, application.clock, refresh)
        application.copies[hub] = replica.contracts
        return Link(
            neighbour,
            replica,
            Mirror(replica, application.objects, application.home.state / "spool", settings.limit),
            application.agreements,
            (self.referrals, self.settlements, self.reviews, self.accords),
            application.book,
            self.notary,
            application.ledger,
            application.side,
            application.clock,
            application.hub,
            self.index,
            settings.search,
        )


def neighbours_of(home: HubDirectory, standing: Standing, clock: Clock) -> Mapping[str, Neighbour]:
    """The hubs that this one deals with: the roster's, where it has joined a federation, else those with cards here.

    Raises FederationExpiredError once the roster no longer counts.
    """
    roster = standing.roster
    own = home.authority().jurisdiction
    if roster is not None:
        require_fresh(roster, clock.now())
        hubs = {name: hub for name, hub in roster.hubs.items() if name not in roster.denied.hubs}
    else:
        hubs = {name: entry_of(card) for name, card in home.peers().items()}
    return {name: _neighbour(home, hub) for name, hub in hubs.items() if name != own}


def entry_of(card: HubCard) -> HubEntry:
    """A card as a roster would have it; hubs known by card alone go by their code."""
    return HubEntry(
        jurisdiction=card.jurisdiction,
        name_zh=card.jurisdiction,
        name_en=card.jurisdiction,
        address=card.address,
        authorities=card.authority,
        log_key=card.log_key,
        witness_key=card.witness_key,
        statement_key=card.statement_key,
        extra={LOG_MLDSA_MEMBER: card.log_mldsa_key} if card.log_mldsa_key else {},
    )


def _neighbour(home: HubDirectory, hub: HubEntry) -> Neighbour:
    def connect() -> GrpcPeer:
        return GrpcPeer(hub.address, hub.authorities.encode(), home.hub_key, home.hub_certificate)

    return Neighbour(
        hub.jurisdiction,
        tuple(VerifierKey.parse(text) for text in (hub.log_key, hub.extra.get(LOG_MLDSA_MEMBER)) if text),
        VerifierKey.parse(hub.witness_key),
        VerifyKey.parse(hub.statement_key),
        connect,
    )
