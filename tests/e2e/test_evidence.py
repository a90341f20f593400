"""Packs of evidence made at two hubs that cosign each other, and checked with both hubs gone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from demo.hub import hechuan
from demo.sample import monitoring_sections
from exchange.app.federated import entry_of
from exchange.client import connect
from exchange.client.evidence import collect_evidence
from exchange.errors import InvalidInputError, NotFoundError, PermissionDeniedError, UntrustedError
from exchange.evidence.check import Verdict, check_pack
from exchange.evidence.keys import HubKeys, Trust
from exchange.evidence.reading import Outcome
from exchange.ids import digest_of
from exchange.ledger import VerifierKey
from exchange.member import HubCard
from exchange.trust.roster import Denied, Roster
from tests.packs import QUALITY, READER, Bench, archived, bench, contents

pytestmark = pytest.mark.e2e
CASES = "500000/ecology/enforcement-case"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with bench(tmp_path_factory.mktemp("evidence")) as found:
        yield found


def trust(made: Bench) -> Trust:
    found = Trust()
    for hub in (made.chongqing, made.sichuan):
        found.add_card(made.card(hub).read_bytes())
    return found


def proven(made: Bench, pack: Path) -> Verdict:
    verdict = check_pack(pack, trust(made))
    assert verdict.error is None, verdict.error
    assert {step.outcome for step in verdict.steps if step.name == "trust"} == {Outcome.PASSED}
    return verdict


def test_a_batch(made: Bench) -> None:
    verdict = proven(made, made.pack("batch", made.batch))
    assert verdict.facts is not None
    [batch] = verdict.facts.batches
    assert (batch.id, batch.publisher, batch.dataset, batch.rows) == (
        made.batch,
        "500000/ecology",
        QUALITY,
        18,
    )
    assert batch.accepted + batch.rejected == 18
    assert all(count.zh and count.en for count in batch.counts)
    assert [part.part for part in batch.parts if not part.absent] == ["object", "source", "report"]
    assert [name for name, _ in batch.cosigned] == ["hechuan/510000/witness"]
    [log] = verdict.facts.logs
    assert (log.origin, log.algorithms) == ("hechuan/500000", ("ed25519", "ml-dsa-44"))
    assert [name for name, _ in log.cosigned] == ["hechuan/510000/witness"]
    assert {key.agency for key in verdict.facts.keys} == {"500000/ecology"}


def test_a_dataset_now_and_as_it_was(made: Bench) -> None:
    now = proven(made, made.pack("now", QUALITY)).facts
    assert now is not None
    assert now.rows is not None
    first, second = now.batches
    assert (now.rows.rows, first.id, second.kind) == (18, made.batch, "correction")
    for moment in (second.index, second.recorded_at - timedelta(microseconds=1)):
        then = proven(made, made.pack("then", QUALITY, as_of=moment)).facts
        assert then is not None
        assert then.rows is not None
        assert [batch.id for batch in then.batches] == [made.batch]
        assert then.rows.rows == first.accepted
    parts = contents(made.root / "now.zip")
    assert digest_of(parts["rows/rows.csv"]) == now.rows.digest
    assert parts["rows/rows.csv"].count(b"\n") == 19


def test_an_agreement_from_both_sides(made: Bench) -> None:
    for home, origins in ((made.reader, 2), (made.owner, 2)):
        facts = proven(made, made.pack("agreement", made.agreement, home)).facts
        assert facts is not None
        assert facts.agreement is not None
        assert [move.act for move in facts.agreement.moves] == ["request", "agree", "verify", "finalize"]
        assert facts.agreement.state == "in_force"
        assert [by for by, _ in facts.agreement.signers] == ["500000/ecology", READER]
        assert sum(move.origin_shown for move in facts.agreement.moves) == origins
        assert {log.hub for log in facts.logs} == {"500000", "510000"}
        assert {(key.agency, key.hub) for key in facts.keys} == {
            ("500000/ecology", "500000"),
            (READER, "510000"),
        }
    with pytest.raises(PermissionDeniedError):
        made.pack("others", made.agreement, made.bystander)


def test_what_may_not_be_read_is_named_and_left_out(made: Bench) -> None:
    facts = proven(made, made.pack("bystander", CASES, made.bystander)).facts
    assert facts is not None
    assert facts.rows is None
    assert {item.code for item in facts.manifest.absent} == {"AGREEMENT_REQUIRED"}
    assert all(part.absent for batch in facts.batches for part in batch.parts)
    cover = contents(made.root / "bystander.zip")["COVER.html"].decode()
    assert "AGREEMENT_REQUIRED" in cover
    sealed = proven(made, made.pack("sealed", CASES)).facts
    assert sealed is not None
    assert sealed.rows is not None
    assert (sealed.rows.file, sealed.rows.rows, sealed.manifest.absent) == ("rows/rows.parquet", 4, ())
    assert sealed.batches[0].sealed
    light = proven(made, made.pack("light", QUALITY, objects=False)).facts
    assert light is not None
    assert {item.code for item in light.manifest.absent} == {"LEFT_OUT"}


def test_what_is_not_there(made: Bench) -> None:
    for about in ("sha256:" + "0" * 64, "0" * 32, "500000/ecology/hydrology"):
        with pytest.raises(NotFoundError):
            made.pack("none", about)
    with pytest.raises(NotFoundError, match="--hub"):
        made.pack("none", QUALITY, made.reader)
    with pytest.raises(NotFoundError):
        made.pack("none", QUALITY, as_of=3)
    with pytest.raises(InvalidInputError):
        made.pack("none", QUALITY, as_of=10_000)
    assert not (made.root / "none.zip").exists()


def test_the_bytes_are_those_of_the_contents(made: Bench) -> None:
    pack = made.pack("again", made.batch)
    assert archived(contents(pack), made.root / "copy.zip").read_bytes() == pack.read_bytes()
    with zipfile.ZipFile(pack) as other:
        assert other.testzip() is None
        listed = json.loads(other.read("manifest.json"))["files"]
        for each in listed:
            data = other.read(each["name"])
            assert (len(data), digest_of(data)) == (each["bytes"], each["digest"])
    page = contents(pack)["COVER.html"].decode()
    assert "<script" not in page
    assert "http://" not in page
    assert "https://" not in page


def test_a_roster_and_cards_are_trusted_alike(made: Bench) -> None:
    pack = made.pack("roster", made.batch)
    cards = [HubCard.parse(made.card(hub).read_bytes()) for hub in (made.chongqing, made.sichuan)]
    roster = Roster({card.jurisdiction: entry_of(card) for card in cards}, Denied(), 1, datetime.now(UTC))
    (made.root / "federation.json").write_bytes(roster.to_bytes())
    found = Trust()
    found.add_roster(roster.to_bytes())
    assert found.hubs.keys() == {"500000", "510000"}
    assert check_pack(pack, found).error is None
    for card in cards:
        found.add(HubKeys.of_card(card))
    with pytest.raises(UntrustedError):
        found.add(HubKeys("500000", (VerifierKey("hechuan/500000", found.hubs["510000"].log[0].public),)))


def test_a_party_cannot_write_into_the_page(made: Bench) -> None:
    purpose = "联合执法<script>alert(1)</script>\u202e\x1b[31m&amp;"
    with connect(made.reader) as client:
        until = datetime.now(UTC) + timedelta(days=9)
        asked = client.propose(CASES, purpose=purpose, until=until, columns=["case_number"])
    pack = made.pack("hostile", asked.agreement.id, made.reader)
    facts = proven(made, pack).facts
    assert facts is not None
    assert facts.agreement is not None
    assert (facts.agreement.state, facts.agreement.signers) == ("requested", ())
    parts = contents(pack)
    page, text = parts["COVER.html"].decode(), parts["COVER.txt"].decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\ufffd\ufffd[31m&amp;amp;" in page
    for each in (page, text):
        assert not set(each) & {"\u202e", "\x1b"}
    assert f"agreements/{asked.agreement.id}/agreement.dsse.json" not in parts


def run(*words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "exchange.cli", *map(str, words)]
    environment = {**os.environ, "COLUMNS": "300"}
    environment.pop("HECHUAN_HOME", None)
    return subprocess.run(command, cwd=cwd, env=environment, check=False, capture_output=True, text=True)


def test_a_key_that_was_revoked_later(made: Bench) -> None:
    with connect(made.bystander) as client:
        key = client.profile.signing_key().verify_key.keyid
        batch = client.publish("monitoring-section", monitoring_sections()).id
        other = connect(made.owner)
    hechuan("hub", "revoke", made.chongqing.directory, "500000/water", "--key", key)
    with other:
        collect_evidence(other, batch, made.root / "revoked.zip")
    facts = proven(made, made.root / "revoked.zip").facts
    assert facts is not None
    [revoked] = [each for each in facts.keys if each.revoked_index is not None]
    assert (revoked.key, revoked.agency) == (key, "500000/water")
    assert "revoked later" in "".join(
        step.en for step in check_pack(made.root / "revoked.zip", trust(made)).steps
    )


def test_commands_with_the_hubs_gone(made: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pack = tmp_path / "pack.zip"
    hechuan("evidence", made.agreement, "--home", made.reader, "-o", pack)
    said = capsys.readouterr().out
    assert "hechuan/510000" in said
    assert digest_of(pack.read_bytes()).removeprefix("sha256:") in said
    for hub in (made.chongqing, made.sichuan):
        hub.stop()
    cards = [word for hub in (made.chongqing, made.sichuan) for word in ("--card", made.card(hub))]
    for given in (cards, ["--roster", made.root / "federation.json"]):
        checked = run("verify", pack, *given, cwd=tmp_path)
        assert checked.returncode == 0, checked.stdout + checked.stderr
        assert "it is proven\n" in checked.stdout
        assert "telephone" not in checked.stdout
    alone = run("verify", pack, cwd=tmp_path)
    assert alone.returncode == 0
    assert "if these are the hubs' keys" in alone.stdout
    for hub in (made.chongqing, made.sichuan):
        keys = HubKeys.of_card(HubCard.parse(made.card(hub).read_bytes()))
        assert all(shown in alone.stdout for use, _, shown in keys.named() if use == "log ed25519")
    damaged = bytearray(pack.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    pack.write_bytes(damaged)
    refused = run("verify", pack, *cards, cwd=tmp_path)
    assert refused.returncode == 1
    assert "✗" in refused.stdout
    assert "error" in refused.stderr
