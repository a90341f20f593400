"""Referrals: the inbox of a busy desk, a move until both ledgers have it, a warning until the neighbour reads it."""

from __future__ import annotations

import io
import statistics
import time
from collections.abc import Iterable
from concurrent.futures import Future
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pyarrow as pa

from benchmarks.federation import running_pair, wait
from benchmarks.figure import Figure, bench
from demo import tongbo
from demo.hub import HubProcess, fixed_ports
from exchange.app.build import build
from exchange.client import connect
from exchange.client.alert import Registries, Sentinel
from exchange.client.profile import Profile
from exchange.client.referral import get_referral, list_referrals, move_referral, send_referral
from exchange.flow.append import Appended, Draft
from exchange.flow.entry import statement_body
from exchange.ids import AgencyId
from exchange.ports import EntryKind
from exchange.referral.move import Act, Move
from exchange.referral.order import Kind, Order
from exchange.trust.keys import Signer
from exchange.trust.workday import add_working_days, received_on
from exchange.v1 import member_pb2, referral_pb2

_OPEN: Final = 10_000
_TIMES: Final = 9


@bench("referral.inbox", "referral.inbox_cold")
def inbox(scratch: Path) -> Iterable[Figure]:
    """10,000 open referrals of one desk, its first page over gRPC: after each move (median), and at first."""
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        hub = HubProcess(scratch, "500000", fixed_ports())
        hub.start()
        homes = [hub.enroll(name) for name in ("liangping", "ecology")]
        hub.stop()
    fill(hub, Profile.load(homes[0], None).signing_key(), AgencyId.parse("500000/ecology"))
    hub.start()
    try:
        with connect(homes[1]) as client:
            request = referral_pb2.ListReferralsRequest(awaited=True, page_size=100)
            client.member.GetSelf(member_pb2.GetSelfRequest(), timeout=30)
            started = time.perf_counter()
            found = client.referral.ListReferrals(request, timeout=120)
            cold = time.perf_counter() - started
            if found.total != _OPEN:
                raise AssertionError(f"the inbox has {found.total} referrals")
            took = []
            for number in range(_TIMES):
                # so that nothing sorted before is of use
                move_referral(client, found.referrals[number].id, Act.RECEIVE)
                started = time.perf_counter()
                client.referral.ListReferrals(request, timeout=30)
                took.append(time.perf_counter() - started)
    finally:
        hub.stop()
    yield Figure("referral.inbox_cold", cold, "s", "first request to a started hub", None, 0.1)
    yield Figure("referral.inbox", statistics.median(took), "s", f"{_OPEN:,} open", None, 0.1)


def fill(hub: HubProcess, key: Signer, handler: AgencyId) -> None:
    """Enter first moves into the ledger of a hub that is not running, as it would itself."""
    issuer, now = AgencyId.parse("500000/liangping"), datetime.now(UTC)
    due = add_working_days(received_on(now), 15).instant
    application = build(hub.directory)
    pending: list[Future[Appended]] = []
    try:
        for number in range(_OPEN):
            at = now + timedelta(microseconds=number)
            order = Order(
                Kind.ASSIGNMENT, issuer, handler, issuer, f"问题 {number}", "", "patrol-problem", "铜钵河",
                f"P-{number}", "", at, due, 15, due,
            )  # fmt: skip
            parties = tuple(sorted(order.parties))
            move = Move(order.id, Act.SEND, issuer, parties, at, None, order)
            sealed = move.signed(key)
            body = statement_body(
                EntryKind.REFERRAL, order.id, parties, move.digest, sealed, str(key.verify_key), None
            )
            pending.append(application.appender.submit(lambda body=body: Draft(body)))  # type: ignore[misc]
        for each in pending:
            each.result()
    finally:
        application.close()


@bench("referral.move")
def move(scratch: Path) -> Iterable[Figure]:
    """From the call at one hub until the other hub's ledger has the move as well; median, seconds."""
    with running_pair(scratch) as pair:
        sent = send_referral(pair.owner, Kind.ASSIGNMENT, "510000/ecology", "task")
        id, took = sent.referral.id, []
        wait(lambda: get_referral(pair.reader, id).id == id)
        for number in range(_TIMES):
            started = time.perf_counter()
            move_referral(pair.owner, id, Act.NOTE, reason=str(number))
            wait(lambda number=number: len(get_referral(pair.reader, id).moves) == number + 2)  # type: ignore[misc]
            took.append(time.perf_counter() - started)
        yield Figure("referral.move", statistics.median(took), "s", "durable in both ledgers", None, 2.0)


@bench("alert.latency")
def alert(scratch: Path) -> Iterable[Figure]:
    """From a submitted exceedance until its signed warning is read at the hub downstream; median, seconds."""
    with running_pair(scratch) as pair:
        upstream, downstream = pair.reader, pair.owner
        for client, code in ((upstream, "510000"), (downstream, "500000")):
            client.publish("river-reach", tongbo.reaches(code))
            client.publish("reach-hydraulics", tongbo.hydraulics(code))
            client.publish("monitoring-section", tongbo.sections(code))
        downstream.publish("duty-matrix", own_desk())
        registries = Registries(
            sections=("510000/ecology/monitoring-section", "500000/ecology/monitoring-section"),
            duties=("500000/ecology/duty-matrix",),
            reaches=("510000/ecology/river-reach", "500000/ecology/river-reach"),
            hydraulics=("510000/ecology/reach-hydraulics", "500000/ecology/reach-hydraulics"),
        )
        wait(lambda: upstream.query(registries.duties[0]).table().num_rows)
        sentinel = Sentinel(upstream, registries, on=tongbo.ALARM.date())
        took = []
        for number in range(_TIMES):
            started = time.perf_counter()
            done = upstream.publish("water-quality", tongbo.alarming(tongbo.ALARM + timedelta(hours=number)))
            watch = sentinel.run(["510000/ecology/water-quality"], done.index)
            id = next(found for _, found in watch if found)[0].referral.id
            wait(lambda id=id: get_referral(downstream, id).id == id)  # type: ignore[misc]
            took.append(time.perf_counter() - started)
            move_referral(upstream, id, Act.WITHDRAW)
            if any(list_referrals(upstream)):
                raise AssertionError("a warning was left open")
        yield Figure("alert.latency", statistics.median(took), "s", "submitted to read downstream", None, 5.0)


def own_desk() -> pa.Table:
    """The duty matrix of the case, with the one agency that is there."""
    table = tongbo.duties()
    at = table.schema.get_field_index("agency")
    agencies = ["500000/ecology"] * table.num_rows
    return table.set_column(at, "agency", [agencies])
