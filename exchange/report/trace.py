"""From a figure down to what was signed: each source with its receipt, checked now.

(1) a batch: the entry at its index is that batch, its manifest is signed by its publisher, the log's proof checks
(2) a step of a settlement, referral or accord: it is in the agency's own hub's ledger, under the party's signature
(3) a contract: the hub has the very text that was counted by
(4) a file of the office: its digest, to be held against the file
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from exchange.client import Client
from exchange.client.receipt import Receipts
from exchange.client.verify import Verified
from exchange.errors import DigestMismatchError, ProofInvalidError
from exchange.flow.form import FORMS
from exchange.ids import digest_of
from exchange.ports import EntryKind
from exchange.report.document import Report
from exchange.report.figure import Figure
from exchange.report.source import Source
from exchange.trust.envelope import Envelope, verify
from exchange.trust.keys import VerifyKey


@dataclass(frozen=True, slots=True)
class Traced:
    """A source that checked: who signed it, where it stands, and the size of the tree that proves it (0: no proof)."""

    source: Source
    by: str
    index: int
    size: int
    algorithms: tuple[str, ...]


def traced(client: Client, report: Report, figure: Figure) -> Iterator[Traced]:
    """Every source of a figure, one after the other; raises NotFoundError, ProofInvalidError, DigestMismatchError."""
    receipts = Receipts(client)
    for key in figure.sources:
        source = report.source(key)
        if source.kind == "batch":  # (1)
            yield _batch(receipts, source)
        elif source.kind == "contract":  # (3)
            contract = client.contract(source.about)
            if contract.digest != source.digest:
                raise DigestMismatchError(f"the hub has another text of {source.about} than was counted by")
            yield Traced(source, "", -1, 0, ())
        elif source.kind == "file":  # (4)
            yield Traced(source, "", -1, 0, ())
        else:  # (2)
            yield _step(receipts, source)


def _batch(receipts: Receipts, source: Source) -> Traced:
    found = receipts.entry(source.index, source.hub)
    if found.manifest is None or found.batch != source.digest:
        raise ProofInvalidError(f"entry {source.index} of {source.hub} is not batch {source.digest}")
    if str(found.manifest.dataset) != source.about:
        raise ProofInvalidError(f"batch {source.digest} is not of {source.about}")
    return _traced(source, str(found.manifest.publisher), found)


def _step(receipts: Receipts, source: Source) -> Traced:
    found = receipts.step(source.digest)
    form = FORMS[EntryKind(source.kind)]
    try:
        key = VerifyKey.parse(str(found.entry["public_key"]))
        envelope = Envelope.from_json(found.entry["envelope"])
    except KeyError as error:
        raise ProofInvalidError(f"entry {found.index} is no step: it has no {error}") from None
    payload = verify(envelope, form.payload_type, lambda key_id: key)
    if digest_of(payload) != source.digest:
        raise ProofInvalidError(f"entry {found.index} is not step {source.digest}")
    return _traced(source, str(form.read(payload).by), found)


def _traced(source: Source, by: str, found: Verified) -> Traced:
    return Traced(source, by, found.index, found.checkpoint.size, found.algorithms)
