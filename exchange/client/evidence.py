"""Putting a pack of evidence together: everything that it takes to check something without the hub.

(1) what the subject consists of, each entry with its receipt, and bytes where the caller may read them
(2) the registrations of all keys that signed, where a hub has them
(3) each log's newest checkpoint, and proofs that the receipts' checkpoints lead into it
(4) the keys of the hubs concerned, as this agency and its hub know them
(5) the pack is checked, as whoever gets it will check it; the cover page says what was proven
(6) the agency signs the list of files
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from exchange.agreement.move import Move
from exchange.batch.manifest import Manifest
from exchange.batch.stream import Encoding
from exchange.client.agreement import get_agreement, list_agreements
from exchange.client.call import retried
from exchange.client.gather import Gatherer
from exchange.client.query import fetch as fetch_part
from exchange.client.query import rows_of
from exchange.errors import (
    HechuanError,
    InvalidInputError,
    NotFoundError,
    PermissionDeniedError,
    ProofInvalidError,
)
from exchange.evidence.archive import Staged, write_archive
from exchange.evidence.batch import contract_name, folder_of, part_name
from exchange.evidence.check import SOFTWARE, covers, prove
from exchange.evidence.facts import PackFacts
from exchange.evidence.keys import HubKeys, Trust
from exchange.evidence.manifest import (
    MANIFEST,
    STATEMENT,
    About,
    PackManifest,
    Subject,
    list_files,
    sign_manifest,
)
from exchange.evidence.negotiation import document_name, terms_name
from exchange.evidence.reading import Reading
from exchange.evidence.rows import ABSENT, QUESTION, ROWS, TRAILER, question_of
from exchange.ids import AgencyId, ContractRef, DatasetId, digest_of, parse_digest
from exchange.member import HubCard
from exchange.trust.canonical import canonical, parse_canonical
from exchange.trust.envelope import Envelope
from exchange.trust.secret import read_public
from exchange.v1 import catalog_pb2, common_pb2, exchange_pb2, ledger_pb2
from exchange.wire import encoding_number

if TYPE_CHECKING:
    from exchange.client.connection import Client

_TIMEOUT: Final = 30
_AGREEMENT: Final = re.compile(r"[0-9a-f]{32}")
_LEFT_OUT: Final = ("LEFT_OUT", "应要求未附 / left out on request")


def collect_evidence(
    client: Client, about: str, target: Path, *, as_of: int | datetime | None = None, objects: bool = True
) -> PackFacts:
    """Write a pack about a batch (`sha256:…`), an agreement (32 hex digits) or a dataset; what it proves.

    `as_of` (ledger size or instant) is for datasets. Without `objects`, batches come without their bytes. What the
    caller may not read is left out, and the pack says so. Raises NotFoundError, PermissionDeniedError for an agreement
    of others, InvalidInputError, LimitExceededError, and what the check of a pack raises.
    """
    with tempfile.TemporaryDirectory(prefix="hechuan-evidence-", dir=target.parent) as scratch:
        gatherer = Gatherer(client)
        collector = _Collector(client, gatherer, Path(scratch), objects)
        subject = collector.subject(about, as_of)  # (1)
        return _seal(client, gatherer, subject, target)


class _Collector:
    """Step (1), by kind of subject."""

    def __init__(self, client: Client, gatherer: Gatherer, scratch: Path, objects: bool) -> None:
        self._client = client
        self._gatherer = gatherer
        self._scratch = scratch
        self._objects = objects

    def subject(self, about: str, as_of: int | datetime | None) -> Subject:
        """Gather everything about it."""
        if about.startswith("sha256:"):
            self._batch(parse_digest(about))
            return Subject(About.BATCH, about)
        if _AGREEMENT.fullmatch(about):
            self._agreement(about)
            return Subject(About.AGREEMENT, about)
        return self._dataset(DatasetId.parse(about), as_of)

    def _batch(self, batch: str) -> None:
        index, body = self._gatherer.receipt(ledger_pb2.GetReceiptRequest(batch=batch))
        envelope = Envelope.from_json(body["envelope"])
        manifest = Manifest.from_json(parse_canonical(envelope.payload))
        self._gatherer.parts[f"{folder_of(index)}/envelope.json"] = canonical(body["envelope"])
        self._gatherer.keys(manifest.publisher, envelope)
        self._contract(manifest.contract)
        for part, name in _parts_of(index, manifest, body):
            self._bytes(batch, part, name)

    def _bytes(self, batch: str, part: str, name: str) -> None:
        if not self._objects:
            self._gatherer.lacks(name, *_LEFT_OUT)
            return
        place = self._scratch / name.replace("/", "-")
        try:
            fetch_part(self._client, batch, place, part, None)
        except (PermissionDeniedError, NotFoundError) as error:
            self._gatherer.lacks(name, error.detail.get("reason", error.code), error.message)
        else:
            self._gatherer.parts[name] = place

    def _contract(self, ref: ContractRef) -> None:
        name = contract_name(ref)
        if name in self._gatherer.parts:
            return
        request = catalog_pb2.GetContractRequest(ref=str(ref))
        found = retried(lambda: self._client.catalog.GetContract(request, timeout=_TIMEOUT)).contract
        _, body = self._gatherer.receipt(ledger_pb2.GetReceiptRequest(index=found.index))
        self._gatherer.parts[name] = body["text"].encode()
        if body["envelope"] is not None:
            self._gatherer.keys(AgencyId.parse(body["registered_by"]), Envelope.from_json(body["envelope"]))

    def _agreement(self, id: str) -> None:
        found = get_agreement(self._client, id)
        self._gatherer.parts[terms_name(id)] = found.terms
        if found.signed_terms:
            self._gatherer.parts[document_name(id)] = found.signed_terms
        for each in found.moves:
            _, body = self._gatherer.receipt(ledger_pb2.GetReceiptRequest(move=each.id))
            envelope = Envelope.from_json(body["envelope"])
            move, origin = Move.parse(envelope.payload), body["origin"]
            if origin is not None:
                request = ledger_pb2.GetReceiptRequest(index=origin["index"], hub=origin["hub"])
                self._gatherer.receipt_if_any(request)
            self._gatherer.keys(move.by, envelope, origin["hub"] if origin else "")
        self._contract(ContractRef.parse(found.contract))

    def _dataset(self, dataset: DatasetId, as_of: int | datetime | None) -> Subject:
        batches = list(self._client.batches(str(dataset)))
        if not batches:
            raise self._elsewhere(dataset)
        size = self._rows(dataset, as_of)
        if size is None:
            size = _size_at(batches, as_of, self._gatherer.head())
        chosen = [batch for batch in batches if batch.index < size]
        if not chosen:
            raise NotFoundError(
                f"{dataset} 当时没有批次 / {dataset} had no batch at ledger size {size} of hub {self._gatherer.hub}"
            )
        if self._gatherer.receipt_if_any(ledger_pb2.GetReceiptRequest(batch=chosen[-1].id)) is None:
            raise self._elsewhere(dataset)  # what is listed stands in the copy of another ledger
        for batch in reversed(chosen):
            self._batch(batch.id)
        return Subject(About.DATASET, str(dataset), size)

    def _elsewhere(self, dataset: DatasetId) -> NotFoundError:
        hub = self._gatherer.hub
        return NotFoundError(
            f"{dataset} 的批次不在枢纽 {hub}，请用 --hub 指明所在枢纽 / hub {hub} has no batches of {dataset} in its"
            " own ledger: join the hub that has them, and name it with --hub"
        )

    def _rows(self, dataset: DatasetId, as_of: int | datetime | None) -> int | None:
        """The rows that stood, and the tree size they are of; None where they cannot be had."""
        sealed = self._client.contract(dataset.contract).sealed_columns
        encoding = Encoding.PARQUET if sealed else Encoding.CSV
        request = exchange_pb2.QueryRequest(
            dataset=str(dataset), encoding=encoding_number(encoding), as_of=_moment(as_of)
        )
        rows, place = rows_of(self._client, request), self._scratch / "rows"
        try:
            with place.open("wb") as file:
                for chunk in rows.chunks():
                    file.write(chunk)
        except PermissionDeniedError as error:
            self._gatherer.lacks(ABSENT, error.detail.get("reason", error.code), error.message)
            return None
        assert rows.statement is not None
        size = int(rows.statement["tree_size"])
        self._gatherer.parts |= {
            ROWS[encoding]: place,
            TRAILER: rows.trailer,
            QUESTION: self._question(dataset, size, encoding, rows.statement["query"]),
        }
        return size

    def _question(self, dataset: DatasetId, size: int, encoding: Encoding, digest: str) -> bytes:
        """The question that was answered: the hub says its digest, and which agreement it read under is in it."""
        under = [None, *(each.id for each in list_agreements(self._client, str(dataset)))]
        for agreement in under:
            asked = question_of(dataset, size, agreement, encoding)
            if digest_of(asked) == digest:
                return asked
        raise ProofInvalidError("the hub's trailer answers another question than was asked")


def _parts_of(index: int, manifest: Manifest, body: Mapping[str, Any]) -> list[tuple[str, str]]:
    found = [("object", part_name(index, "object"))]
    if body["object"]["encoded_by"] == "hub":
        found.append(("source", part_name(index, "source", manifest.media_type)))
    if body["verdict"]["report"] is not None:
        found.append(("report", part_name(index, "report")))
    return found


def _moment(as_of: int | datetime | None) -> common_pb2.AsOf:
    moment = common_pb2.AsOf()
    if isinstance(as_of, datetime):
        moment.instant.FromDatetime(as_of.astimezone(UTC))
    elif as_of is not None:
        moment.tree_size = as_of
    return moment


def _size_at(batches: list[common_pb2.Batch], as_of: int | datetime | None, head: int) -> int:
    """The tree size of a moment as far as it matters to these batches."""
    if isinstance(as_of, datetime):
        then = [batch.index for batch in batches if batch.recorded_at.ToDatetime(UTC) <= as_of]
        return max(then, default=-1) + 1
    if as_of is not None and as_of > head:
        raise InvalidInputError(f"账本只有 {head} 条 / the ledger has {head} entries, not {as_of}")
    return head if as_of is None else as_of


def _seal(client: Client, gatherer: Gatherer, subject: Subject, target: Path) -> PackFacts:
    """Steps (2) to (6): from what was gathered to the file."""
    profile, now = client.profile, datetime.now(UTC)
    key = profile.signing_key()
    gatherer.own_key(profile.agency, key.verify_key.keyid)  # (2)
    gatherer.tie()  # (3)
    cards = [HubCard.parse(read_public(path)) for path in sorted(profile.home.hubs.glob("*.json"))]
    gatherer.hub_keys({card.jurisdiction: card for card in cards})  # (4)
    trust = Trust()
    for card in cards:
        trust.add(HubKeys.of_card(card))
    absent = tuple(sorted(gatherer.absent))
    manifest = PackManifest(subject, gatherer.hub, profile.agency, now, SOFTWARE, absent, {})
    try:
        facts, _, _ = prove(Reading(Staged(gatherer.parts)), manifest, trust)  # (5)
    except HechuanError as error:
        told = f"所得证据核验不通过 / what the hub gave does not check: {error.message}"
        raise type(error)(told, violations=error.violations, detail=error.detail) from error
    parts = gatherer.parts | covers(facts)
    listed = list_files(Staged(parts))
    data = PackManifest(subject, gatherer.hub, profile.agency, now, SOFTWARE, absent, listed).to_bytes()
    parts[MANIFEST] = data
    parts[STATEMENT] = sign_manifest(data, profile.agency, now, key).to_json_bytes()  # (6)
    partial = target.with_name(target.name + ".part")
    with partial.open("wb") as file:
        write_archive(file, Staged(parts))
    os.replace(partial, target)
    return facts
