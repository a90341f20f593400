"""Checking a pack, anywhere: with the pack, and keys of hubs where the checker has them from elsewhere.

(1) archive    the file is an archive in its only form
(2) files      every file is there as the manifest lists it, and no other
(3) keys       keys that the pack claims do not contradict those that are trusted
(4) ledger     every receipt leads into its log's newest checkpoint
(5) signers    signing keys are registered, by their own statements
(6) contracts  the contracts are those of their entries
(7) batches    publishers signed the batches; bytes, verdicts and contracts belong together
(8) rows       the hub signed the rows that stood
(9) agreement  both sides signed the terms that the moves lead to
(10) compiler  the agency that put the pack together signed its manifest
(11) cover     the cover page says what was just proven
(12) rest      no file is left that no step has asked for
(13) trust     whose word it all rests on

The first step that fails ends the check: nothing of the pack counts then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files as resources
from pathlib import Path
from typing import Final

from exchange.errors import (
    DigestMismatchError,
    EvidenceIncompleteError,
    HechuanError,
    MalformedError,
    ProofInvalidError,
)
from exchange.evidence.archive import Files, open_archive
from exchange.evidence.batch import Known, read_batch, read_contracts
from exchange.evidence.facts import BatchFacts, PackFacts
from exchange.evidence.keys import HubKeys, KeyBook, Trust, keys_name, merged
from exchange.evidence.manifest import (
    EVIDENCE_TYPE,
    MANIFEST,
    STATEMENT,
    About,
    PackManifest,
    list_files,
)
from exchange.evidence.negotiation import read_agreement
from exchange.evidence.page import to_html
from exchange.evidence.proof import Entries, prove_entries
from exchange.evidence.reading import Outcome, Reading, Step, about, plain, step
from exchange.evidence.rows import read_rows
from exchange.evidence.signer import Signers, read_signers
from exchange.evidence.text import to_text
from exchange.evidence.told import tell_facts, tell_trust, tell_witnesses
from exchange.ids import digest_of
from exchange.trust.canonical import parse_canonical
from exchange.trust.envelope import verify

COVER_HTML: Final = "COVER.html"
COVER_TEXT: Final = "COVER.txt"
GUIDE: Final = "VERIFY.md"
SOFTWARE: Final = f"hechuan {version('hechuan')}"
_ALWAYS: Final = 1 << 63
_KINDS: Final = frozenset({"agreement", "batch", "contract", "key", "revocation"})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a check. `error` ended it; without one, `facts` are proven, under the keys of `book`."""

    steps: Sequence[Step]
    facts: PackFacts | None
    book: KeyBook | None
    error: HechuanError | None = None


def check_pack(path: Path, trust: Trust) -> Verdict:
    """Check a pack; never raises what is the pack's fault, but says so in `error` and in the step that failed."""
    reading: Reading | None = None
    try:
        with _archive(path) as files:
            reading = Reading(files)
            reading.passed(
                "archive", "压缩包格式唯一、完整", f"the archive is whole, {len(files.names())} files"
            )
            facts, book = _check(reading, trust)
            return Verdict(reading.steps, facts, book)
    except HechuanError as error:
        told = plain(f"{error.code}: {error.message}")
        failed = Step(error.detail.get("step", "archive"), Outcome.FAILED, "不通过", told)
        return Verdict([*(reading.steps if reading else ()), failed], None, None, error)


@contextmanager
def _archive(path: Path) -> Iterator[Files]:
    with step("archive"), open_archive(path) as archive:  # (1)
        yield archive


def _check(reading: Reading, trust: Trust) -> tuple[PackFacts, KeyBook]:
    with step("files"):  # (2)
        manifest = _files(reading)
    total = sum(size for size, _ in manifest.files.values())
    reading.passed("files", "每个文件与清单一致", f"{len(manifest.files)} files, {total:,} bytes as listed")
    facts, book, signers = prove(reading, manifest, trust)
    with step("compiler"):  # (10)
        _compiler(reading, manifest, signers)
    reading.passed("compiler", f"{manifest.agency} 签署了清单", f"{manifest.agency} signed the list of files")
    with step("cover"):  # (11)
        _cover(reading, facts)
    with step("rest"):  # (12)
        left = reading.unused()
        if left:
            raise MalformedError(
                f"{left[0]}: 不应有的文件 / a file that no pack has", detail={"file": left[0]}
            )
    tell_trust(reading, facts, book)  # (13)
    return facts, book


def prove(reading: Reading, manifest: PackManifest, trust: Trust) -> tuple[PackFacts, KeyBook, Signers]:
    """Steps (3) to (9): what the files prove; raises what the steps name, `detail` saying step and file."""
    with step("keys"):  # (3)
        hubs = _claimed(reading, trust)
        book = KeyBook({keys.jurisdiction: keys for keys in hubs}, trust)
    reading.passed("keys", f"{len(hubs)} 个枢纽的公钥", f"public keys of {len(hubs)} hubs")
    with step("ledger"):  # (4)
        entries = prove_entries(reading, book)
        for entry in entries.found.values():
            if entry.kind not in _KINDS:
                raise MalformedError(f"{entry.file}: 不应有的条目 / an entry that no pack has")
    for log in entries.logs:
        reading.passed(
            "ledger",
            f"{log.receipts} 条目在账本 {log.origin} 的 {log.size} 条之中",
            f"{log.receipts} entries are among the {log.size} of {log.origin}, by {log.links} checkpoints",
        )
    tell_witnesses(reading, entries)
    with step("signers"):  # (5)
        signers = read_signers(entries)
    with step("contracts"):  # (6)
        contracts = read_contracts(reading, entries, signers)
    with step("batches"):  # (7)
        batches = _batches(reading, manifest, entries, signers, contracts)
    rows = agreement = None
    if manifest.subject.about is About.DATASET:
        with step("rows"):  # (8)
            rows = read_rows(reading, manifest, book)
    if manifest.subject.about is About.AGREEMENT:
        with step("agreement"):  # (9)
            agreement = read_agreement(reading, manifest, entries, signers)
    known = tuple(item.facts for _, item in sorted(contracts.items()))
    keys = tuple(facts for _, facts in sorted(signers.facts.items()))
    facts = PackFacts(manifest, hubs, tuple(entries.logs), keys, known, batches, agreement, rows)
    tell_facts(reading, facts)
    return facts, book, signers


def _files(reading: Reading) -> PackManifest:
    with about(STATEMENT):  # who signed it comes later; that it was this one can be said at once
        claim = parse_canonical(reading.envelope(STATEMENT).payload)
        signed = claim["manifest"]
    with about(MANIFEST):
        data = reading.read(MANIFEST)
        if digest_of(data) != signed:
            raise DigestMismatchError(f"与 {STATEMENT} 所签不符 / not the manifest that {STATEMENT} signs")
        manifest = PackManifest.parse(data)
    found = list_files(reading.files)
    for name, listed in manifest.files.items():
        if name not in found:
            raise EvidenceIncompleteError(
                f"{name}: 证据包缺少此文件 / the pack lacks this file", detail={"file": name}
            )
        if found[name] != listed:
            raise DigestMismatchError(
                f"{name}: 内容与清单不符 / its bytes are not those of the manifest", detail={"file": name}
            )
    for name in found:
        if name not in manifest.files:
            raise MalformedError(
                f"{name}: 清单没有此文件 / the manifest does not know this file", detail={"file": name}
            )
    return manifest


def _claimed(reading: Reading, trust: Trust) -> tuple[HubKeys, ...]:
    found: list[HubKeys] = []
    for name in reading.under("keys"):
        with about(name):
            keys = HubKeys.parse(reading.read(name))
            if name != keys_name(keys.jurisdiction):
                raise ProofInvalidError(
                    f"它是枢纽 {keys.jurisdiction} 的密钥 / these are keys of {keys.jurisdiction}"
                )
            if keys.jurisdiction in trust.hubs:
                merged(trust.hubs[keys.jurisdiction], keys)
            found.append(keys)
    return tuple(found)


def _batches(
    reading: Reading,
    manifest: PackManifest,
    entries: Entries,
    signers: Signers,
    contracts: dict[tuple[str, str], Known],
) -> tuple[BatchFacts, ...]:
    subject, found = manifest.subject, list(entries.of("batch"))
    size = next((log.size for log in entries.logs if log.hub == manifest.hub), 0)
    if subject.tree_size is not None and subject.tree_size > size:
        raise EvidenceIncompleteError(
            f"检查点只有 {size} 条 / the newest checkpoint has {size} entries, not {subject.tree_size}"
        )
    batches = [read_batch(reading, manifest, entry, signers, contracts) for entry in found]
    for entry, batch in zip(found, batches, strict=True):
        fits = {
            About.BATCH: batch.id == subject.id,
            About.DATASET: batch.dataset == subject.id and batch.index < (subject.tree_size or 0),
            About.AGREEMENT: False,
        }[subject.about]
        if not fits or entry.hub != manifest.hub:
            raise ProofInvalidError(
                f"{entry.file}: 与本证据包无关 / not what the pack is about", detail={"file": entry.file}
            )
    if not batches and subject.about is not About.AGREEMENT:
        raise EvidenceIncompleteError(f"没有 {subject.id} 的批次 / there is no batch of {subject.id}")
    return tuple(batches)


def _compiler(reading: Reading, manifest: PackManifest, signers: Signers) -> None:
    with about(STATEMENT):
        envelope = reading.envelope(STATEMENT)
        at_home = all(signers.shown(manifest.hub, item.keyid) for item in envelope.signatures)
        hub = manifest.hub if at_home else manifest.agency.jurisdiction
        signed = verify(envelope, EVIDENCE_TYPE, signers.resolve(hub, manifest.agency, _ALWAYS))
        claim = parse_canonical(signed)
        if (claim["agency"], claim["manifest"]) != (str(manifest.agency), digest_of(reading.read(MANIFEST))):
            raise ProofInvalidError("它签的是另一份清单 / it is about another manifest")


def covers(facts: PackFacts) -> dict[str, bytes]:
    """The pages for people; the same facts give the same bytes under one version of the software."""
    return {
        COVER_HTML: to_html(facts).encode(),
        COVER_TEXT: to_text(facts).encode(),
        GUIDE: resources("exchange.evidence").joinpath("VERIFY.md").read_bytes(),
    }


def _cover(reading: Reading, facts: PackFacts) -> None:
    for name, page in covers(facts).items():
        written = reading.read(name)
        if facts.manifest.software == SOFTWARE and written != page:
            raise ProofInvalidError(
                f"{name}: 与证明的事实不符 / it does not say what is proven", detail={"file": name}
            )
    if facts.manifest.software == SOFTWARE:
        reading.passed("cover", "封面与证明的事实一致", "the cover page says what was proven")
    else:
        told = f"the cover was written by {facts.manifest.software}: hold it against the facts above"
        reading.open("cover", f"封面由 {facts.manifest.software} 所写，请与上列事实对照", told)
