"""Referrals between real hubs, each a process of its own: the dance, attachments, hand-overs, what is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from demo.hub import HubProcess, fixed_ports, hechuan, introduce
from demo.sample import monitoring_sections
from exchange.client import Client, connect
from exchange.client.referral import (
    Referred,
    find_referral,
    get_referral,
    leave,
    list_referrals,
    move_referral,
    put_attachment,
    put_bytes,
    read_attachment,
    save_attachments,
    send_referral,
    succeed,
)
from exchange.errors import (
    HechuanError,
    InvalidInputError,
    NotFoundError,
    PermissionDeniedError,
    WrongStateError,
)
from exchange.ledger import Receipt, VerifierKey, verify_receipt
from exchange.referral.custody import custody
from exchange.referral.move import Act, Attachment, Move
from exchange.referral.order import Kind
from exchange.trust.envelope import Envelope
from exchange.v1 import referral_pb2
from tests.e2e.test_two_hubs import eventually

pytestmark = pytest.mark.e2e
STATE = referral_pb2.ReferralState


@dataclass(frozen=True, slots=True)
class Desks:
    """Both hubs, the homes of their agencies, and a connection for each."""

    hubs: tuple[HubProcess, HubProcess]
    homes: dict[str, Path]
    clients: dict[str, Client]

    def __getitem__(self, name: str) -> Client:
        return self.clients[name]


@pytest.fixture(scope="module")
def desks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desks]:
    root = tmp_path_factory.mktemp("referral")
    hubs = [HubProcess(root, code, fixed_ports()) for code in ("500000", "510000")]
    introduce(root, *hubs)
    with ExitStack() as stack:
        chongqing, sichuan = (stack.enter_context(hub) for hub in hubs)
        members = ((chongqing, "liangping"), (chongqing, "ecology"), (chongqing, "police"))
        members += ((sichuan, "dazhu"), (sichuan, "dazhu-next"), (sichuan, "water"))
        homes = {name: hub.enroll(name) for hub, name in members}
        clients = {name: stack.enter_context(connect(home)) for name, home in homes.items()}
        yield Desks((chongqing, sichuan), homes, clients)


def reached(client: Client, referral: str, moves: int) -> None:
    """Wait until the agency's hub has heard of so many moves."""
    eventually(lambda: len(get_referral(client, referral).moves) == moves)


def sent(desks: Desks, **more: object) -> Referred:
    fields = {"supervisor": "500000/ecology", "river": "铜钵河", "subject": "SC-SHANGHEBA", **more}
    return send_referral(desks["liangping"], Kind.WARNING, "510000/dazhu", "上河坝氨氮超标", **fields)  # type: ignore[arg-type]


def answered(desks: Desks, referral: str, *acts: Act, who: str = "dazhu", **more: str) -> Referred:
    """Moves by one side, one after the other."""
    for act in acts:
        done = move_referral(desks[who], referral, act, **more)  # type: ignore[arg-type]
    return done


def test_from_sending_to_the_end_across_the_border(desks: Desks, tmp_path: Path) -> None:
    evidence = tmp_path / "监测.csv"
    evidence.write_text("section,value\n上河坝,2.4\n", encoding="utf-8")
    attached = put_attachment(desks["liangping"], evidence)
    id = sent(desks, attachments=[attached]).referral.id
    reached(desks["dazhu"], id, 1)
    assert [each.id for each in list_referrals(desks["dazhu"], awaited=True)] == [id]
    answered(desks, id, Act.RECEIVE, Act.ACCEPT, Act.START)
    done = answered(desks, id, Act.REPORT, reason="管道已修复")
    receipt = Receipt.parse(done.receipt)
    verify_receipt(receipt, receipt.extra, VerifierKey.parse(desks["dazhu"].profile.log_key))
    reached(desks["liangping"], id, 5)
    with pytest.raises(WrongStateError) as early:
        answered(desks, id, Act.APPROVE, who="ecology", person="李局长")
    assert early.value.detail["reason"] == "NOT_APPLIED"
    answered(desks, id, Act.APPLY, who="liangping")
    closed = answered(desks, id, Act.APPROVE, who="ecology", person="李局长").referral
    assert closed.state == STATE.REFERRAL_STATE_APPROVED
    reached(desks["dazhu"], id, 7)
    both = [get_referral(desks[name], id) for name in ("liangping", "dazhu")]
    assert both[0] == both[1]
    assert [move.act for move in both[0].moves] == [
        "send", "receive", "accept", "start", "report", "apply", "approve",
    ]  # fmt: skip
    assert id not in [each.id for each in list_referrals(desks["dazhu"])]
    assert id in [each.id for each in list_referrals(desks["dazhu"], closed=True)]
    [saved] = save_attachments(desks["dazhu"], id, tmp_path / "saved")
    assert saved.read_bytes() == evidence.read_bytes()
    links = custody([Move.parse(Envelope.from_json_bytes(move.envelope).payload) for move in both[1].moves])
    assert [(str(link.holder), link.missing) for link in links] == [
        ("510000/dazhu", ()), ("510000/dazhu", ()), ("500000/liangping", ()),
    ]  # fmt: skip


def test_withdrawing_while_the_other_side_answers_ends_alike(desks: Desks) -> None:
    """Both act before either has heard of the other: the withdrawal stands on both sides."""
    id = sent(desks).referral.id
    reached(desks["dazhu"], id, 1)
    move_referral(desks["liangping"], id, Act.WITHDRAW, reason="误报")
    try:
        move_referral(desks["dazhu"], id, Act.RECEIVE)
        total = 3
    except WrongStateError:
        total = 2  # the withdrawal was there first
    for name in ("liangping", "dazhu"):
        reached(desks[name], id, total)
    both = [get_referral(desks[name], id) for name in ("liangping", "dazhu")]
    assert both[0] == both[1]
    assert both[0].state == STATE.REFERRAL_STATE_WITHDRAWN


def test_what_is_not_allowed_has_a_name(desks: Desks) -> None:
    id = sent(desks).referral.id
    reached(desks["dazhu"], id, 1)
    for who, act, kind, reason in (
        ("liangping", Act.RECEIVE, PermissionDeniedError, "WRONG_ROLE"),
        ("dazhu", Act.REPORT, WrongStateError, "NOT_NOW"),
        ("dazhu", Act.APPROVE, WrongStateError, "NOT_NOW"),
        ("ecology", Act.REMIND, WrongStateError, "NOT_PROPOSED"),
        ("ecology", Act.ACCOUNT, WrongStateError, "LADDER"),
    ):
        with pytest.raises(kind) as refused:
            move_referral(desks[who], id, act, person="王某")
        assert refused.value.detail["reason"] == reason
    for name in ("police", "water"):
        with pytest.raises((PermissionDeniedError, NotFoundError)):
            get_referral(desks[name], id)
    move_referral(desks["liangping"], id, Act.WITHDRAW)


def test_to_name_a_digest_is_not_to_have_the_bytes(desks: Desks, tmp_path: Path) -> None:
    """Digests stand in public ledgers: neither another's attachment nor a batch's file is had by naming it."""
    secret = tmp_path / "笔录.txt"
    secret.write_text("当事人……", encoding="utf-8")
    attached = put_attachment(desks["liangping"], secret)
    id = sent(desks, attachments=[attached]).referral.id
    with pytest.raises(NotFoundError):
        send_referral(desks["police"], Kind.ASSIGNMENT, "500000/ecology", "借用", attachments=[attached])
    reached(desks["dazhu"], id, 1)
    for name in ("police", "water"):
        with pytest.raises((PermissionDeniedError, NotFoundError)):
            list(read_attachment(desks[name], id, attached.digest))
    batch = desks["ecology"].publish("monitoring-section", monitoring_sections()).batch
    named = Attachment(batch.object, batch.object_bytes, "application/vnd.apache.parquet", "s.parquet")
    with pytest.raises(NotFoundError):
        move_referral(desks["liangping"], id, Act.NOTE, attachments=[named])
    move_referral(desks["liangping"], id, Act.WITHDRAW)


def test_a_larger_attachment_crosses_the_border_unharmed(desks: Desks) -> None:
    data = hashlib.shake_256(b"video").digest(3 << 20)
    attached = put_bytes(desks["liangping"], data, "航拍.bin", "application/octet-stream")
    id = sent(desks, attachments=[attached]).referral.id
    reached(desks["dazhu"], id, 1)
    assert b"".join(read_attachment(desks["dazhu"], id, attached.digest)) == data
    move_referral(desks["liangping"], id, Act.WITHDRAW)


def test_deadlines_are_the_calendars(desks: Desks) -> None:
    order = sent(desks, days=5).referral
    assert order.due_at.ToDatetime().hour == 16  # midnight in Shanghai
    assert not order.overdue
    assert order.days_left >= 3 or order.HasField("deadline")
    reached(desks["dazhu"], order.id, 1)
    answered(desks, order.id, Act.RECEIVE, Act.ACCEPT)
    asked = move_referral(desks["dazhu"], order.id, Act.ASK_EXTENSION, days=3, reason="汛期").referral
    assert asked.extension_days == 3
    reached(desks["liangping"], order.id, 4)
    granted = move_referral(desks["liangping"], order.id, Act.GRANT_EXTENSION).referral
    assert granted.due_at == asked.extension_due_at
    reached(desks["dazhu"], order.id, 5)
    with pytest.raises(InvalidInputError):
        move_referral(desks["dazhu"], order.id, Act.ASK_EXTENSION, days=100)
    move_referral(desks["liangping"], order.id, Act.WITHDRAW)


def test_leaving_the_desk_moves_every_open_referral(desks: Desks) -> None:
    ids = {sent(desks).referral.id for _ in range(3)}
    for id in ids:
        reached(desks["dazhu"], id, 1)
    assert set(leave(desks["dazhu"], "510000/dazhu-next", "离任")) == ids
    assert set(succeed(desks["dazhu-next"], "接任")) == ids
    assert {each.id for each in list_referrals(desks["dazhu-next"], awaited=True)} == ids
    assert not ids & {each.id for each in list_referrals(desks["dazhu"], awaited=True)}
    for id in ids:
        reached(desks["liangping"], id, 3)
        found = get_referral(desks["liangping"], id)
        assert found.handler == "510000/dazhu-next"
        assert [move.by for move in found.moves[1:]] == ["510000/dazhu", "510000/dazhu-next"]
        move_referral(desks["liangping"], id, Act.WITHDRAW)


def test_on_one_hub_and_by_command(desks: Desks, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "卷宗.txt"
    file.write_text("案卷", encoding="utf-8")
    ecology, police = desks.homes["ecology"], desks.homes["police"]
    hechuan(
        "referral", "send", "case_transfer", "500000/police", "非法排污案移送",
        "--attach", file, "--home", ecology,
    )  # fmt: skip
    said = capsys.readouterr().out
    id = said.split()[2]
    assert "案件移送" in said
    hechuan("inbox", "--home", police)
    shown = capsys.readouterr().out
    assert id[:8] in shown
    assert "待签收" in shown
    for act in ("receive", "accept", "start"):
        hechuan("referral", act, id[:8], "--home", police)
    hechuan("referral", "report", id[:8], "--reason", "已立案", "--home", police)
    hechuan("referral", "approve", id[:8], "--person", "李局长", "--home", ecology)
    hechuan("referral", "show", id[:8], "--home", ecology)
    assert "approved 销号" in capsys.readouterr().out.replace("已销号", "销号")
    hechuan("referral", "custody", id[:8], "--home", police)
    assert "receive 签收" in capsys.readouterr().out
    hechuan("referral", "files", id[:8], "-o", tmp_path / "out", "--home", police)
    assert (tmp_path / "out" / file.name).read_text(encoding="utf-8") == "案卷"
    hechuan("inbox", "--home", police)
    assert "没有待办" in capsys.readouterr().out
    with pytest.raises(HechuanError):
        find_referral(desks["police"], "zzzz")


def test_hubs_stay_clean(desks: Desks) -> None:
    for hub in desks.hubs:
        assert hechuan("fsck", hub.directory) == 0
