"""Both banks' hubs: their numbers are compared, the cause is named, and what is settled is in both ledgers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.faults import Banks, banks
from demo.hub import HubProcess, fixed_ports, hechuan, introduce
from exchange.client import Client, connect
from exchange.client.settlement import get_settlement, list_settlements, move_settlement, propose_settlement
from exchange.client.verify import verify_receipt_text
from exchange.errors import WrongStateError
from exchange.reconcile.cause import Cause
from exchange.reconcile.settled import settled_values, with_settled
from exchange.settlement.matter import Matter
from exchange.settlement.move import Act
from exchange.v1 import settlement_pb2
from tests.e2e.test_two_hubs import eventually
from tests.settlements import matter

pytestmark = pytest.mark.e2e
LEFT, RIGHT = "500000/ecology/water-quality", "510000/ecology/water-quality"


@dataclass(frozen=True)
class Bank:
    home: Path
    client: Client


@dataclass(frozen=True)
class Border:
    left: Bank
    right: Bank
    office: Bank
    made: Banks
    hubs: list[HubProcess]


def published(client: Client, rows: pa.Table) -> None:
    codes = sorted(set(rows["section_code"].to_pylist()))
    province = client.profile.agency.jurisdiction
    sections = {
        "section_code": codes,
        "section_name": codes,
        "river_name": ["铜钵河"] * len(codes),
        "province_code": [province] * len(codes),
    }
    client.publish("monitoring-section", pa.table(sections))
    done = client.publish("water-quality", rows.drop_columns(["detection_limit"]))
    # now and then a made value is more than water can hold
    assert done.batch.verdict.accepted > 8000, done.batch.verdict


@pytest.fixture(scope="module")
def border(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Border]:
    root = tmp_path_factory.mktemp("border")
    hubs = [HubProcess(root, code, fixed_ports()) for code in ("500000", "510000")]
    introduce(root, *hubs)
    made = banks({Cause.UNIT: 2}, clean=1)
    with ExitStack() as stack:
        left, right = (stack.enter_context(hub) for hub in hubs)
        homes = left.enroll("ecology"), right.enroll("ecology"), left.enroll("joint-office")
        sides = [Bank(home, stack.enter_context(connect(home))) for home in homes]
        published(sides[0].client, made.left)
        published(sides[1].client, made.right)
        yield Border(*sides, made, hubs)


def seen(bank: Bank, id: str, state: str) -> None:
    number = settlement_pb2.SettlementState.Value(f"SETTLEMENT_STATE_{state}")
    eventually(lambda: [each.state for each in list_settlements(bank.client) if each.id == id] == [number])


def about(border: Border, **changed: object) -> Matter:
    """One pair of the compared values."""
    parties = (each.client.profile.agency for each in (border.left, border.right, border.office))
    return matter(*parties, **changed)


def test_compared_with_the_cause_side_by_side(
    border: Border, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    walk = tmp_path / "sections.csv"
    pairs = "".join(f"{left},{right}\n" for left, right in border.made.crosswalk.items())
    walk.write_text("left_section,right_section\n" + pairs)
    target = tmp_path / "differences.parquet"
    hechuan(
        "reconcile", "boundary", LEFT, RIGHT, "--sections", walk, "--home", border.left.home,
        "--as-of", datetime.now(UTC).isoformat(), "-o", target,
    )  # fmt: skip
    said = capsys.readouterr()
    assert "boundary-comparison@1.0.0" in said.out
    assert "单位换算" in said.out
    assert said.err.count("signed 已签名") == 2
    found = pq.read_table(target).to_pylist()
    assert {row["cause"] for row in found} >= {"unit"}
    for suffix in ("csv", "html"):
        hechuan(
            "reconcile", "boundary", LEFT, RIGHT, "--sections", walk, "--home", border.right.home,
            "--table", "classes", "-o", tmp_path / f"classes.{suffix}",
        )  # fmt: skip
        assert (tmp_path / f"classes.{suffix}").stat().st_size > 100


def test_agreed_by_both_and_used(border: Border) -> None:
    begun = propose_settlement(border.left.client, about(border), "0.6", "单位有误")
    id = begun.settlement.id
    assert verify_receipt_text(begun.receipt, border.left.client.profile.log_keys)
    seen(border.right, id, "PROPOSED")
    with pytest.raises(WrongStateError):
        move_settlement(border.left.client, id, Act.ACCEPT)
    with pytest.raises(WrongStateError):
        move_settlement(border.office.client, id, Act.ARBITRATE, value="1", reason="-", person="-")
    countersigned = move_settlement(border.right.client, id, Act.ACCEPT)
    assert verify_receipt_text(countersigned.receipt, border.right.client.profile.log_keys)
    for bank in (border.left, border.right, border.office):
        seen(bank, id, "AGREED")
        whole = get_settlement(bank.client, id)
        assert [json.loads(each)["signatures"][0]["keyid"] for each in whole.moves] == [
            side.client.profile.signing_key().verify_key.keyid for side in (border.left, border.right)
        ]
    settled = settled_values(border.office.client)
    [row] = with_settled(
        pa.table(
            {
                "left_section": ["CQ-TONGBO-LP"],
                "right_section": ["SC-SHANGHEBA"],
                "item_code": ["w21003"],
                "compared_at": pa.array([about(border).left_at], pa.timestamp("us", tz="UTC")),
                "left_value": [0.62],
                "right_value": [0.06],
            }
        ),
        settled,
    ).to_pylist()
    assert (row["settled_value"], row["settled_as"], row["settlement"]) == (0.6, "agreed", id)
    assert (row["left_value"], row["right_value"]) == (0.62, 0.06)


def test_disputed_by_both_then_decided(border: Border, capsys: pytest.CaptureFixture[str]) -> None:
    later = {"left_at": about(border).left_at and datetime.now(UTC) - timedelta(hours=1)}
    id = propose_settlement(border.right.client, about(border, **later), "0.06").settlement.id
    seen(border.left, id, "PROPOSED")
    hechuan("settle", "dispute", id, "--reason", "留样复测 0.5", "--home", border.left.home)
    seen(border.right, id, "DISPUTING")
    hechuan("settle", "accept", id, "--home", border.right.home)
    seen(border.office, id, "DISPUTED")
    said = ("--person", "王处长", "--reason", "第三方复测")
    hechuan("settle", "arbitrate", id, "0.5", *said, "--home", border.office.home)
    seen(border.right, id, "ARBITRATED")
    capsys.readouterr()
    hechuan("settle", "show", id, "--home", border.right.home)
    shown = capsys.readouterr().out
    assert "arbitrated 已裁定" in shown
    assert "王处长" in shown
    hechuan("settle", "list", "--home", border.left.home)
    assert id in capsys.readouterr().out
    assert settled_values(border.left.client).filter(pa.compute.field("settlement") == id)[
        "value"
    ].to_pylist() == [0.5]


def test_what_was_sent_is_what_was_mirrored(border: Border, capsys: pytest.CaptureFixture[str]) -> None:
    other = ("--other", border.right.home)
    eventually(lambda: list(border.right.client.batches(LEFT)))
    capsys.readouterr()
    hechuan("reconcile", "deliveries", LEFT, "--home", border.left.home, *other)
    assert "双方一致" in capsys.readouterr().out


def test_hubs_with_settlements_are_clean_and_kept(border: Border, tmp_path: Path) -> None:
    for hub in border.hubs:
        assert hechuan("fsck", hub.directory) == 0
    assert hechuan("backup", border.hubs[0].directory, tmp_path / "backup") == 0
