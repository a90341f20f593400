"""Verdicts of stewards at a real hub: who may give one, that a question is answered once, that the ledger keeps it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from demo.hub import HubProcess, hechuan
from demo.sample import monitoring_sections
from exchange.batch.verdict import VERDICT_TYPE, Decision, Finding, Verdict
from exchange.client import Client, connect
from exchange.client.publish import Published
from exchange.client.steward import list_verdicts, submit_verdict
from exchange.client.verify import verify_receipt_text
from exchange.contract.model import Severity
from exchange.errors import InvalidInputError, NotFoundError, PermissionDeniedError, ReplayError
from exchange.ids import DatasetId, digest_of
from exchange.trust.envelope import Envelope, verify
from exchange.trust.keys import VerifyKey

pytestmark = pytest.mark.e2e
SECTIONS = "500000/ecology/monitoring-section"


@dataclass(frozen=True, slots=True)
class Room:
    """A hub with an owner, a steward and an agency that is neither; one batch of the owner's."""

    hub: HubProcess
    owner: Client
    steward: Client
    other: Client
    batch: Published


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    hub = HubProcess(tmp_path_factory.mktemp("verdict"), "500000", ["--stewards", "joint-office"])
    with hub:
        homes = [hub.enroll(name) for name in ("ecology", "joint-office", "water")]
        with connect(homes[0]) as owner, connect(homes[1]) as steward, connect(homes[2]) as other:
            batch = owner.publish("monitoring-section", monitoring_sections())
            yield Room(hub, owner, steward, other, batch)


def verdict_of(client: Client, batch: Published, suite: bytes, *findings: Finding) -> Verdict:
    decision = Decision.QUARANTINE if findings else Decision.RELEASE
    now = datetime.now(UTC)
    asked = (digest_of(suite), batch.index + 1)
    return Verdict(
        batch.id, DatasetId.parse(SECTIONS), client.profile.agency, now, decision, *asked, findings
    )


def test_a_verdict_is_in_the_ledger_and_proven(room: Room) -> None:
    finding = Finding("section_code.pattern", Severity.ERROR, 3, "")
    verdict = verdict_of(room.steward, room.batch, b"proven", finding)
    given = submit_verdict(room.steward, verdict)
    proven = verify_receipt_text(given.receipt, room.other.profile.log_keys)
    assert proven.entry["kind"] == "verdict"
    assert (proven.entry["batch"], proven.entry["verdict"]) == (room.batch.id, verdict.digest)
    key = VerifyKey.parse(proven.entry["public_key"])
    payload = verify(Envelope.from_json(proven.entry["envelope"]), VERDICT_TYPE, lambda key_id: key)
    assert Verdict.parse(payload) == verdict
    [listed] = [each for each in list_verdicts(room.other, batch=room.batch.id) if each.id == verdict.digest]
    assert (listed.by, listed.findings[0].count) == ("500000/joint-office", 3)
    assert list(list_verdicts(room.other, dataset="500000/water/hydrology")) == []


def test_a_question_is_answered_once(room: Room) -> None:
    first = submit_verdict(room.steward, verdict_of(room.steward, room.batch, b"once"))
    again = submit_verdict(room.steward, verdict_of(room.steward, room.batch, b"once"))
    assert (again.verdict.index, again.duplicate) == (first.verdict.index, True)
    assert not first.duplicate
    finding = Finding("volume", Severity.WARNING, 0, "")
    with pytest.raises(ReplayError):
        submit_verdict(room.steward, verdict_of(room.steward, room.batch, b"once", finding))


def test_owners_and_stewards_judge_and_nobody_else(room: Room) -> None:
    assert not submit_verdict(room.owner, verdict_of(room.owner, room.batch, b"own")).duplicate
    with pytest.raises(PermissionDeniedError) as refused:
        submit_verdict(room.other, verdict_of(room.other, room.batch, b"own"))
    assert refused.value.detail["reason"] == "NOT_STEWARD"
    with pytest.raises(PermissionDeniedError):
        submit_verdict(room.steward, verdict_of(room.owner, room.batch, b"for another"))


def test_what_is_not_so_is_refused(room: Room) -> None:
    good = verdict_of(room.steward, room.batch, b"refused")
    for wrong, error in (
        (replace(good, batch=digest_of(b"no batch")), NotFoundError),
        (replace(good, dataset=DatasetId.parse("500000/ecology/water-quality")), InvalidInputError),
        (replace(good, tree_size=room.batch.index), InvalidInputError),
        (replace(good, at=good.at - timedelta(hours=1)), InvalidInputError),
    ):
        with pytest.raises(error):
            submit_verdict(room.steward, wrong)


def test_stewards_read_what_is_rejected(room: Room) -> None:
    assert room.steward.quarantine(SECTIONS).table().num_rows == 0
    with pytest.raises(PermissionDeniedError):
        room.other.quarantine(SECTIONS).table()


def test_fsck_knows_verdicts(room: Room) -> None:
    submit_verdict(room.steward, verdict_of(room.steward, room.batch, b"kept"))
    assert hechuan("fsck", room.hub.directory) == 0
