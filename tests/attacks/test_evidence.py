"""Packs of evidence, tampered with file by file: by a stranger, by one who mends the manifest, by its own compiler."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from exchange.errors import (
    DigestMismatchError,
    EvidenceIncompleteError,
    HechuanError,
    MalformedError,
    ProofInvalidError,
    SignatureInvalidError,
    UntrustedError,
    WrongStateError,
)
from exchange.evidence.check import Verdict, check_pack
from exchange.evidence.keys import HubKeys, Trust
from exchange.evidence.manifest import MANIFEST, STATEMENT
from exchange.evidence.proof import receipt_name
from exchange.evidence.reading import Outcome
from exchange.ledger import VerifierKey
from exchange.member import HubCard
from exchange.trust.canonical import canonical
from exchange.trust.keys import SigningKey
from tests.packs import QUALITY, Bench, archived, bench, contents, forged

pytestmark = pytest.mark.e2e
Parts = dict[str, bytes]
LATER = "2030-01-01T00:00:00.000000Z"
COVERS = ("COVER.html", "COVER.txt", "VERIFY.md")


@dataclass(frozen=True, slots=True)
class Target:
    """A pack, its compiler's key, and what its checker trusts."""

    parts: Mapping[str, bytes]
    key: SigningKey
    trust: Callable[[], Trust]
    root: Path

    def check(self, parts: Mapping[str, bytes]) -> Verdict:
        """The verdict on other files."""
        return check_pack(archived(parts, self.root / "tampered.zip"), self.trust())

    def one(self, folder: str) -> str:
        """The first file below a folder."""
        return min(name for name in self.parts if name.startswith(folder))


def trusting(*cards: Path) -> Callable[[], Trust]:
    def made() -> Trust:
        trust = Trust()
        for card in cards:
            trust.add_card(card.read_bytes())
        return trust

    return made


@pytest.fixture(scope="module")
def targets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Target]]:
    root = tmp_path_factory.mktemp("evidence")
    with bench(root) as made:
        yield {
            "dataset": target(made, made.pack("dataset", QUALITY), made.owner),
            "agreement": target(made, made.pack("agreement", made.agreement, made.reader), made.reader),
        }


def target(made: Bench, pack: Path, home: Path) -> Target:
    trust = trusting(made.card(made.chongqing), made.card(made.sichuan))
    assert check_pack(pack, trust()).error is None
    return Target(contents(pack), SigningKey.load(home / "signing.key"), trust, made.root)


@pytest.fixture(params=["dataset", "agreement"])
def attacked(request: pytest.FixtureRequest, targets: dict[str, Target]) -> Target:
    found: Target = targets[request.param]
    return found


def flipped(data: bytes) -> bytes:
    """One bit in the middle."""
    at = len(data) // 2
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def refused(verdict: Verdict, file: str, *errors: type[HechuanError]) -> HechuanError:
    """The verdict's error, once it names file and step."""
    assert verdict.error is not None, file
    assert verdict.facts is None
    assert isinstance(verdict.error, errors or HechuanError), (file, verdict.error)
    assert file in verdict.error.message, verdict.error.message
    last = verdict.steps[-1]
    assert (last.outcome, last.name) == (Outcome.FAILED, verdict.error.detail["step"])
    assert verdict.error.code in last.en
    return verdict.error


def test_every_file_with_a_bit_flipped(attacked: Target) -> None:
    for name, data in attacked.parts.items():
        error = refused(
            attacked.check({**attacked.parts, name: flipped(data)}), name.replace(MANIFEST, "manifest")
        )
        if name not in (MANIFEST, STATEMENT):
            assert (type(error), error.detail["step"]) == (DigestMismatchError, "files")


def test_every_file_taken_out(attacked: Target) -> None:
    for name in attacked.parts:
        left = {other: data for other, data in attacked.parts.items() if other != name}
        refused(attacked.check(left), name, EvidenceIncompleteError)


def test_every_file_swapped_with_another(attacked: Target) -> None:
    names = sorted(attacked.parts)
    for name, other in zip(names, names[1:] + names[:1], strict=True):
        if attacked.parts[name] != attacked.parts[other]:
            swapped = {**attacked.parts, name: attacked.parts[other], other: attacked.parts[name]}
            refused(attacked.check(swapped), "", DigestMismatchError, MalformedError)


def test_every_place_filled_by_a_stranger(attacked: Target) -> None:
    stray = {
        "EXTRA.txt": b"",
        "batches/0000000099/object.parquet": b"",
        "receipts/500000/x": b"",
        "keys/1": b"",
    }
    for name, data in stray.items():
        refused(attacked.check({**attacked.parts, name: data}), name, MalformedError)


def test_every_file_flipped_by_the_compiler_itself(attacked: Target) -> None:
    """The manifest fits and is rightly signed: each file has to be refused for what it is."""
    for name, data in attacked.parts.items():
        if name not in (MANIFEST, STATEMENT):
            parts = forged({**attacked.parts, name: flipped(data)}, attacked.key)
            error = refused(attacked.check(parts), name)
            assert error.detail["step"] not in ("archive", "files", "compiler", "rest")
            assert (error.detail["step"] == "cover") is (name in COVERS)


def test_every_file_taken_out_by_the_compiler_itself(attacked: Target) -> None:
    for name in attacked.parts:
        if name in (MANIFEST, STATEMENT):
            continue
        left = {other: data for other, data in attacked.parts.items() if other != name}
        verdict = attacked.check(forged(left, attacked.key))
        if name == "keys/510000.json" and "receipts/510000" not in "".join(attacked.parts):
            assert "cover" in refused(verdict, "COVER").detail["step"]  # its cosignatures are no longer seen
        elif not name.startswith("keys/"):
            refused(
                verdict,
                "",
                EvidenceIncompleteError,
                SignatureInvalidError,
                ProofInvalidError,
                WrongStateError,
            )
        else:
            assert verdict.error is not None


def test_every_receipt_and_object_swapped_by_the_compiler_itself(attacked: Target) -> None:
    for folder in ("receipts/", "batches/", "logs/"):
        names = sorted(name for name in attacked.parts if name.startswith(folder))
        for name, other in zip(names, names[1:] + names[:1], strict=True):
            if attacked.parts[name] != attacked.parts[other]:
                swapped = {**attacked.parts, name: attacked.parts[other], other: attacked.parts[name]}
                error = refused(attacked.check(forged(swapped, attacked.key)), "")
                assert error.detail["file"] in (name, other), (name, other, error.detail)


def test_whoever_mends_the_manifest_cannot_sign_it(attacked: Target) -> None:
    verdict = attacked.check(forged(attacked.parts, SigningKey.generate()))
    assert refused(verdict, STATEMENT, SignatureInvalidError).detail["step"] == "compiler"


def changed(parts: Mapping[str, bytes], **members: object) -> Parts:
    """Files whose manifest says something else; `forged` makes the rest of it fit."""
    return {**parts, MANIFEST: canonical({**json.loads(parts[MANIFEST]), **members})}


def subject(parts: Mapping[str, bytes], **members: object) -> Parts:
    return changed(parts, subject={**json.loads(parts[MANIFEST])["subject"], **members})


def renamed(parts: Mapping[str, bytes], old: str, new: str) -> Parts:
    return {new if name == old else name: data for name, data in parts.items()}


LIES: dict[str, tuple[Callable[[Target], Parts], type[HechuanError], str]] = {
    "another dataset": (lambda t: subject(t.parts, id="500000/ecology/hydrology"), ProofInvalidError, "batches"),
    "another size": (lambda t: subject(t.parts, tree_size=1), ProofInvalidError, "batches"),
    "a size that is not reached": (lambda t: subject(t.parts, tree_size=9999), EvidenceIncompleteError, "batches"),
    "another hub": (lambda t: changed(t.parts, hub="520000"), EvidenceIncompleteError, "batches"),
    "another compiler": (lambda t: changed(t.parts, agency="500000/water"), SignatureInvalidError, "compiler"),
    "another moment": (lambda t: changed(t.parts, created_at=LATER), ProofInvalidError, "cover"),
    "a subject of no kind": (lambda t: subject(t.parts, kind="referral"), MalformedError, "files"),
    "a member more": (lambda t: changed(t.parts, note="x"), MalformedError, "files"),
    "another version": (lambda t: changed(t.parts, v=2), MalformedError, "files"),
    "a number that is true": (lambda t: changed(t.parts, v=True), MalformedError, "files"),
    "what is there, said to be absent": (
        lambda t: changed(t.parts, absent=[{"code": "X", "reason": "", "what": "COVER.txt"}]), MalformedError, "files",
    ),
    "files that are none": (lambda t: changed(t.parts, files=[1]), MalformedError, "files"),
    "a receipt under another index": (
        lambda t: renamed(t.parts, t.one("receipts/500000/"), receipt_name("500000", 99)), ProofInvalidError, "ledger",
    ),
    "a receipt under a longer index": (
        lambda t: renamed(t.parts, t.one("receipts/500000/"), "receipts/500000/00000000009.receipt"),
        MalformedError, "ledger",
    ),
    "a receipt of another hub": (
        lambda t: renamed(t.parts, t.one("receipts/500000/"), receipt_name("510000", 9)),
        EvidenceIncompleteError, "ledger",
    ),
    "keys of another hub": (
        lambda t: renamed(t.parts, "keys/510000.json", "keys/520000.json"), ProofInvalidError, "keys",
    ),
    "keys of a false hub": (
        lambda t: {**t.parts, "keys/500000.json": stranger("500000")}, UntrustedError, "keys",
    ),
    "keys that are a list": (lambda t: {**t.parts, "keys/500000.json": b"[]"}, MalformedError, "keys"),
    "a deep document": (lambda t: {**t.parts, "keys/500000.json": b"[" * 9999}, HechuanError, "keys"),
    "an object that its entry does not know": (
        lambda t: {**t.parts, t.one("batches/").replace("envelope.json", "source.ndjson"): b"{}"},
        MalformedError, "rest",
    ),
    "a second cover": (lambda t: {**t.parts, "COVER.pdf": b"%PDF"}, MalformedError, "rest"),
    "a cover with a word more": (
        lambda t: {**t.parts, "COVER.txt": t.parts["COVER.txt"] + b"!"}, ProofInvalidError, "cover",
    ),
}  # fmt: skip


def stranger(hub: str) -> bytes:
    """Keys that anybody can make."""
    key = VerifierKey(f"hechuan/{hub}", SigningKey.generate().verify_key.public)
    return HubKeys(hub, (key,)).to_bytes()


@pytest.mark.parametrize("name", LIES)
def test_lies_of_the_compiler(name: str, targets: dict[str, Target]) -> None:
    lie, error, step = LIES[name]
    found = targets["dataset"]
    verdict = found.check(forged(lie(found), found.key))
    assert isinstance(verdict.error, error), verdict.error
    assert verdict.error.detail["step"] == step


def test_a_false_hub_deceives_only_who_trusts_the_pack(targets: dict[str, Target]) -> None:
    """Without keys from elsewhere, the check says whose word it would have to take."""
    found = targets["dataset"]
    verdict = check_pack(archived(found.parts, found.root / "whole.zip"), Trust())
    assert verdict.error is None
    [trust] = [step for step in verdict.steps if step.name == "trust"]
    assert (trust.outcome, "telephone" in trust.en) == (Outcome.OPEN, True)
    false = Trust()
    false.add(HubKeys.parse(stranger("500000")))
    refused(check_pack(found.root / "whole.zip", false), "keys/500000.json", UntrustedError)


def test_random_damage_is_always_an_error_of_ours(targets: dict[str, Target]) -> None:
    found, chance = targets["agreement"], random.Random(30)
    whole = archived(found.parts, found.root / "whole.zip").read_bytes()
    path = found.root / "damaged.zip"
    for _ in range(150):
        damaged = bytearray(whole)
        for _ in range(chance.choice((1, 1, 8))):
            damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
        if chance.random() < 0.2:
            del damaged[chance.randrange(len(damaged)) :]
        path.write_bytes(damaged)
        verdict = check_pack(path, found.trust())
        assert verdict.error is not None or bytes(damaged) == whole


def test_random_damage_in_every_file_by_the_compiler(attacked: Target) -> None:
    """Below the manifest, too, nothing but our errors comes out, whatever a file holds."""
    chance = random.Random(7)
    for name, data in attacked.parts.items():
        if name in (MANIFEST, STATEMENT):
            continue
        for made in (
            b"",
            b"{}",
            b"\xff\xfe",
            b"[]",
            b"null",
            data[: len(data) // 2],
            data + b"\n",
            chance.randbytes(64),
        ):
            if made != data:
                assert (
                    attacked.check(forged({**attacked.parts, name: made}, attacked.key)).error is not None
                ), name


def test_cards_that_contradict_each_other(targets: dict[str, Target]) -> None:
    card = HubCard.parse((targets["dataset"].root / "card-500000.json").read_bytes())
    trust = Trust()
    trust.add(HubKeys.of_card(card))
    with pytest.raises(UntrustedError):
        trust.add(HubKeys.parse(stranger("500000")))
    trust.add_log_key(card.log_key)
    assert trust.hubs["500000"].card == card.fingerprint
