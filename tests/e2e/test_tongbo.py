"""The case of the Tongbo river, from the alarm at the border to 销号, between two hubs: see demo/tongbo.py."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta

import pyarrow as pa
import pytest

from demo import tongbo
from demo.hub import HubProcess, fixed_ports, introduce
from exchange.client import Client, connect
from exchange.client.alert import Registries, Sentinel
from exchange.client.referral import (
    get_referral,
    list_referrals,
    move_referral,
    put_bytes,
    read_attachment,
    send_referral,
)
from exchange.referral.custody import custody
from exchange.referral.move import Act, Move
from exchange.referral.order import Kind
from exchange.trust.envelope import Envelope
from exchange.v1 import referral_pb2
from tests.e2e.test_two_hubs import eventually

pytestmark = pytest.mark.e2e
QUALITY = "510000/ecology/water-quality"
REGISTRIES = Registries(
    sections=("510000/ecology/monitoring-section", "500000/ecology/monitoring-section"),
    duties=("500000/ecology/duty-matrix",),
    reaches=("510000/ecology/river-reach", "500000/ecology/river-reach"),
    hydraulics=("510000/ecology/reach-hydraulics", "500000/ecology/reach-hydraulics"),
)


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Client]]:
    root = tmp_path_factory.mktemp("tongbo")
    hubs = [HubProcess(root, code, fixed_ports()) for code in ("500000", "510000")]
    introduce(root, *hubs)
    with ExitStack() as stack:
        chongqing, sichuan = (stack.enter_context(hub) for hub in hubs)
        members = ((chongqing, "liangping"), (chongqing, "ecology"), (sichuan, "ecology"), (sichuan, "dazhu"))
        clients = {
            f"{hub.jurisdiction}/{name}": stack.enter_context(connect(hub.enroll(name)))
            for hub, name in members
        }
        for code in ("500000", "510000"):
            ecology = clients[f"{code}/ecology"]
            for contract, table in (
                ("river-reach", tongbo.reaches(code)),
                ("reach-hydraulics", tongbo.hydraulics(code)),
                ("monitoring-section", tongbo.sections(code)),
            ):
                done = ecology.publish(contract, table)
                assert done.batch.verdict.rejected == 0, done.batch.verdict
        clients["500000/ecology"].publish("duty-matrix", tongbo.duties())
        yield clients


def sentinel(sides: dict[str, Client]) -> Sentinel:
    """Of Sichuan's ecology; the other side's registries are read through its own hub."""
    upstream = sides["510000/ecology"]
    eventually(lambda: upstream.query(REGISTRIES.duties[0]).table().num_rows == 2)
    return Sentinel(upstream, REGISTRIES, on=tongbo.ALARM.date())


def test_from_the_alarm_to_the_end(sides: dict[str, Client]) -> None:
    upstream, liangping = sides["510000/ecology"], sides["500000/liangping"]
    dazhu, bureau = sides["510000/dazhu"], sides["500000/ecology"]
    watch = sentinel(sides)
    alarm = upstream.publish("water-quality", tongbo.alarming())
    warned = next(found for _, found in watch.run([QUALITY], alarm.index) if found)
    warning = warned[0].referral
    assert (warning.issuer, warning.handler) == ("510000/ecology", "500000/liangping")

    # 09:30 Liangping hears of it at its own hub, and knows when it will arrive
    eventually(lambda: get_referral(liangping, warning.id).id == warning.id)
    [waiting] = list_referrals(liangping, awaited=True, kinds=[Kind.WARNING])
    assert "氨氮" in waiting.title
    [attached] = waiting.attachments
    forecast = json.loads(b"".join(read_attachment(liangping, warning.id, attached.digest)))
    [below] = forecast["sections"]
    assert below["section"] == tongbo.BELOW
    assert below["mean_hours"] == pytest.approx(12.0, abs=0.1)
    arrives = datetime.fromisoformat(below["arrives"]) - tongbo.ALARM
    assert timedelta(hours=6) < arrives < timedelta(hours=13)
    for act in (Act.RECEIVE, Act.ACCEPT, Act.START):
        move_referral(liangping, warning.id, act)

    # Liangping sends the list of suspects upstream
    listed = put_bytes(liangping, tongbo.suspects().encode(), "suspects.csv", "text/csv")
    task = send_referral(
        liangping,
        Kind.SUPERVISION,
        "510000/dazhu",
        "铜钵河上河坝超标溯源 / trace the source",
        supervisor="500000/ecology",
        river=tongbo.RIVER,
        subject=tongbo.SECTION,
        matter="boundary-water-quality",
        parent=warning.id,
        days=3,
        attachments=[listed],
    ).referral
    eventually(lambda: get_referral(dazhu, task.id).id == task.id)
    saved = b"".join(read_attachment(dazhu, task.id, listed.digest)).decode()
    assert len(saved.splitlines()) == 1 + 2 + 4 + 15 + 10
    for act in (Act.RECEIVE, Act.ACCEPT, Act.START):
        move_referral(dazhu, task.id, act)
    mended = put_bytes(
        dazhu, "管道修复、粪污池防渗 pipe and manure store mended".encode(), "mended.txt", "text/plain"
    )
    move_referral(dazhu, task.id, Act.REPORT, reason="一处管道、一处粪污储存池已修复", attachments=[mended])

    # two days later the section complies: nothing more to warn of
    again = upstream.publish("water-quality", tongbo.compliant())
    assert watch.look(again.batch) == []
    eventually(lambda: len(get_referral(liangping, task.id).moves) == 5)
    move_referral(liangping, task.id, Act.APPLY, reason="断面已达标")
    closed = move_referral(bureau, task.id, Act.APPROVE, person="示例局长").referral
    assert closed.state == referral_pb2.REFERRAL_STATE_APPROVED
    move_referral(liangping, warning.id, Act.REPORT, reason="上游已整改，断面达标")
    eventually(lambda: len(get_referral(upstream, warning.id).moves) == 5)
    move_referral(upstream, warning.id, Act.APPROVE, person="示例处长")

    for id, there in ((task.id, dazhu), (warning.id, liangping)):
        eventually(lambda id=id, there=there: get_referral(there, id).state == closed.state)  # type: ignore[misc]
    both = [get_referral(side, task.id) for side in (bureau, dazhu)]
    assert both[0] == both[1]
    moves = [Move.parse(Envelope.from_json_bytes(move.envelope).payload) for move in both[0].moves]
    assert [link.missing for link in custody(moves)] == [(), (), ()]


def test_an_open_warning_is_not_sent_twice(sides: dict[str, Client]) -> None:
    upstream = sides["510000/ecology"]
    watch = sentinel(sides)
    first = upstream.publish("water-quality", tongbo.alarming(tongbo.ALARM + timedelta(days=5)))
    [warned] = watch.look(first.batch)
    second = upstream.publish("water-quality", tongbo.alarming(tongbo.ALARM + timedelta(days=5, hours=4)))
    assert watch.look(second.batch) == []
    move_referral(upstream, warned.referral.id, Act.WITHDRAW)


def test_a_reported_spill_is_a_warning(sides: dict[str, Client]) -> None:
    upstream = sides["510000/ecology"]
    row = {
        "report_code": "SC-SP-2024-0001", "began_at": tongbo.ALARM, "reported_at": tongbo.ALARM,
        "reach_code": "SC-TB-01", "item_code": "w21003", "mass_kg": 120.0, "status": "first",
    }  # fmt: skip
    done = upstream.publish("spill-report", pa.Table.from_pylist([row]))
    assert done.batch.verdict.rejected == 0, done.batch.verdict
    [warned] = sentinel(sides).look(done.batch)
    assert warned.referral.subject == "SC-SP-2024-0001"
    [attached] = warned.referral.attachments
    document = json.loads(b"".join(read_attachment(upstream, warned.referral.id, attached.digest)))
    assert document["assumed"]["reported"] is True
    assert document["assumed"]["mass_kg"] == 120


def test_without_registries_the_warning_goes_and_says_so(sides: dict[str, Client]) -> None:
    upstream = sides["510000/ecology"]
    bare = Registries(sections=REGISTRIES.sections, duties=REGISTRIES.duties)
    done = upstream.publish("water-quality", tongbo.alarming(tongbo.ALARM + timedelta(days=9)))
    [warned] = Sentinel(upstream, bare, on=tongbo.ALARM.date()).look(done.batch)
    [attached] = warned.referral.attachments
    document = json.loads(b"".join(read_attachment(upstream, warned.referral.id, attached.digest)))
    assert set(document) == {"absent", "v"}
