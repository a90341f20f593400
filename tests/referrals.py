"""Hubs in one process, each with a ledger of its own, whose statements reach each other when the test says so."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from exchange.flow.append import Appended, Appender, Draft
from exchange.flow.attach import Attachments
from exchange.flow.entry import key_body
from exchange.flow.refer import Desk, ReferralBook
from exchange.flow.registry import KeyRing
from exchange.flow.signed import check_signed
from exchange.flow.statement import Statements
from exchange.ids import AgencyId
from exchange.ledger import LogSigner, VerifierKey
from exchange.member import KEY_TYPE
from exchange.ports import EntryKind, Record, StatementRecord
from exchange.referral.move import Act, Move
from exchange.referral.order import Kind, Order
from exchange.settings import Agreement, Referral, Store
from exchange.store.posix import PosixObjectStore
from exchange.store.sql import SqlLedgerStore
from exchange.store.sql.engine import sqlite_url
from exchange.trust.envelope import sign
from exchange.trust.keys import SigningKey
from exchange.trust.workday import add_working_days, received_on

# a Thursday, 09:30 in Shanghai
START = datetime.fromisoformat("2026-03-19T01:30:00+00:00")
LIANGPING, BUREAU = AgencyId.parse("500000/liangping"), AgencyId.parse("500000/ecology")
DAZHU, SUCCESSOR = AgencyId.parse("510000/dazhu"), AgencyId.parse("510000/dazhu-next")
STRANGER = AgencyId.parse("510000/water")
# the same three where they are agencies of the first hub as well
TWINS = {each: AgencyId("500000", each.name) for each in (DAZHU, SUCCESSOR, STRANGER)}
KEYS = {agency: SigningKey.generate() for agency in (LIANGPING, BUREAU, *TWINS, *TWINS.values())}


def due(at: datetime, days: int) -> datetime:
    """As the built-in calendar has it."""
    return add_working_days(received_on(at), days).instant


def make_order(
    at: datetime = START,
    issuer: AgencyId = LIANGPING,
    handler: AgencyId = DAZHU,
    supervisor: AgencyId = BUREAU,
    title: str = "铜钵河上河坝氨氮超标",
    days: int = 15,
) -> Order:
    """An order as a hub with its settings untouched would take it."""
    return Order(
        kind=Kind.ASSIGNMENT,
        issuer=issuer,
        handler=handler,
        supervisor=supervisor,
        title=title,
        text="",
        matter="water-quality",
        river="铜钵河",
        subject="SC-SHANGHEBA",
        parent="",
        at=at,
        acknowledge_by=due(at, 1),
        days=days,
        due=due(at, days),
    )


def first(order: Order) -> Move:
    """The move that sends it."""
    parties = tuple(sorted(order.parties))
    return Move(order.id, Act.SEND, order.issuer, parties, order.at, None, order)


def follow(move: Move, act: Act, by: AgencyId, at: datetime | None = None, **more: object) -> Move:
    """A move upon another, a minute later; the successor of the story is named where one is needed."""
    fields: dict[str, object] = dict(more)
    if act is Act.HAND_OVER:
        fields.setdefault("to", SUCCESSOR)
    if act is Act.ASK_EXTENSION:
        fields.setdefault("days", 2)
    if fields.get("days"):
        fields.setdefault("due", due(START + timedelta(days=40), 1))
    if act in (Act.APPROVE, Act.REMIND, Act.INTERVIEW, Act.CIRCULATE, Act.ACCOUNT):
        fields.setdefault("person", "张河长")
    named = {*move.parties, by, *([fields["to"]] if "to" in fields else [])}
    parties = tuple(sorted(each for each in named if isinstance(each, AgencyId)))
    at = at or move.at + timedelta(minutes=1)
    return Move(move.referral, act, by, parties, at, move.digest, **fields)  # type: ignore[arg-type]


@dataclass
class Now:
    """The one clock of all hubs."""

    time: datetime = START

    def now(self) -> datetime:
        return self.time


@dataclass
class LocalHub:
    """One hub's ledger, book and desk."""

    jurisdiction: str
    root: Path
    clock: Now
    settings: Referral = field(default_factory=Referral)

    def __post_init__(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        self.ledger = SqlLedgerStore.open(sqlite_url(self.root / "ledger.sqlite"), Store())
        self.objects = PosixObjectStore(self.root / "objects")
        log = SigningKey.generate()
        name = f"hechuan/{self.jurisdiction}"
        self.keys = KeyRing(self.ledger, 0.0)
        self.book = ReferralBook(self.ledger, 0.0)
        self.log = VerifierKey(name, log.verify_key.public)
        signer = LogSigner(self.log, log.sign, ())
        self.appender = Appender(
            self.ledger, self.objects, signer, self.jurisdiction, self.clock, 64, self._observe
        )
        self.attachments = Attachments(
            self.objects,
            self.ledger.federation(),
            self.clock,
            self.jurisdiction,
            self.root,
            1 << 20,
            _nowhere,
        )
        self.desk = Desk(self.book, self.attachments, self.settings, Agreement())
        self.statements = Statements(
            self.book.index, self.keys, self.appender, self.clock, self.jurisdiction, self.desk.judge, 300
        )
        for agency, key in KEYS.items():
            if agency.jurisdiction == self.jurisdiction:
                self._register(agency, key)

    def _observe(self, records: Sequence[Record]) -> None:
        self.keys.observe(records)
        self.book.index.observe(records)

    def _register(self, agency: AgencyId, key: SigningKey) -> None:
        public = key.verify_key
        claim = {
            "agency": str(agency),
            "created_at": "2026-03-01T00:00:00.000000Z",
            "key": str(public),
            "v": 1,
        }
        self.appender.append(Draft(key_body(agency, public.keyid, str(public), sign(claim, KEY_TYPE, key))))

    def close(self) -> None:
        """Let go of threads and files."""
        self.appender.close()
        self.objects.close()
        self.ledger.close()

    def submit(self, move: Move) -> Appended:
        """A move made here and now."""
        self.clock.time = max(self.clock.time, move.at)
        return self.statements.submit(move.by, move.signed(KEYS[move.by]).to_json_bytes())

    def records(self) -> Sequence[StatementRecord]:
        """All statements of this ledger."""
        return self.ledger.statements(EntryKind.REFERRAL)

    def hear(self, record: StatementRecord, other: LocalHub) -> Appended | None:
        """Take over what another hub's ledger holds, checked as a copy of it would be."""
        body = json.loads(other.ledger.entry(record.index).data)
        check_signed(body, record, other.keys.resolve)
        return self.statements.repeat(record, other.jurisdiction, other.keys.resolve)

    def hear_all(self, other: LocalHub) -> None:
        """Everything that the other has."""
        for record in other.records():
            self.hear(record, other)

    def ids(self) -> set[str]:
        """The moves in this ledger."""
        return {record.id for record in self.records()}


def _nowhere(hub: str, reader: AgencyId, referral: str, digest: str) -> Iterator[bytes]:
    raise AssertionError("no other hub is asked for attachments here")
