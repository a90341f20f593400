"""Rows that stood in a dataset at a tree size, with the hub's signed statement of them.

(1) the hub signed the trailer (its statement key is on its card, not in the ledger)
(2) the trailer names this dataset, this tree size, and the digest of the file
(3) it answers the question that lies beside it: every granted column, no condition, no limit
"""

from __future__ import annotations

from typing import Final

from exchange.batch.manifest import parse_instant
from exchange.batch.stream import STREAM_TYPE, Encoding
from exchange.errors import EvidenceIncompleteError, ProofInvalidError, SignatureInvalidError
from exchange.evidence.facts import RowsFacts
from exchange.evidence.keys import KeyBook
from exchange.evidence.manifest import PackManifest, members_of, text_of, whole_of
from exchange.evidence.reading import Reading, about
from exchange.ids import DatasetId, digest_of
from exchange.trust.canonical import canonical, parse_canonical
from exchange.trust.envelope import verify
from exchange.trust.keys import VerifyKey

ROWS: Final = {Encoding.CSV: "rows/rows.csv", Encoding.PARQUET: "rows/rows.parquet"}
"""The file, by how the hub encoded it: Parquet where columns are sealed, whose values are bytes."""
ABSENT: Final = "rows"
"""How a manifest speaks of rows that are not there."""
TRAILER: Final = "rows/trailer.dsse.json"
QUESTION: Final = "rows/question.json"


def question_of(dataset: DatasetId, tree_size: int, agreement: str | None, encoding: Encoding) -> bytes:
    """The canonical question that asks for everything that may be read; its digest is in the trailer."""
    return canonical(
        {
            "agreement": agreement,
            "columns": [],
            "contract": None,
            "dataset": str(dataset),
            "encoding": encoding.value,
            "filters": [],
            "history": False,
            "limit": None,
            "tree_size": tree_size,
        }
    )


def read_rows(reading: Reading, pack: PackManifest, book: KeyBook) -> RowsFacts | None:
    """Steps (1) to (3), None where the pack says why it has no rows.

    Raises SignatureInvalidError, ProofInvalidError, EvidenceIncompleteError, MalformedError.
    """
    if not reading.under("rows"):
        if pack.absence(ABSENT) is None:
            raise EvidenceIncompleteError(
                f"{TRAILER}: 证据包缺少此文件 / the pack lacks this file", detail={"file": TRAILER}
            )
        return None
    key = book.statement(pack.hub)
    with about(TRAILER):
        envelope = reading.envelope(TRAILER)
        statement = parse_canonical(verify(envelope, STREAM_TYPE, lambda key_id: _only(key, key_id)))  # (1)
        size, digest = whole_of(statement, "tree_size"), text_of(statement, "digest")
        expected = (pack.subject.id, pack.subject.tree_size, pack.hub, None)
        if (statement["dataset"], size, statement["hub"], statement["origin"]) != expected:
            raise ProofInvalidError("它说的是另一次查询 / it is the end of another answer")
        encoding = Encoding(text_of(statement, "encoding"))
        file = ROWS[encoding]
    with about(file):
        if reading.digest(file) != digest:  # (2)
            raise ProofInvalidError("不是枢纽签名的那些行 / not the rows that the hub signed")
    with about(QUESTION):
        asked = reading.read(QUESTION)
        question = members_of(parse_canonical(asked), "question", _QUESTION)
        agreement = question["agreement"] and text_of(question, "agreement")
        wanted = question_of(DatasetId.parse(pack.subject.id), size, agreement, encoding)
        if digest_of(asked) != statement["query"] or asked != wanted:  # (3)
            raise ProofInvalidError("不是所回答的问题 / not the question that the trailer answers")
    with about(TRAILER):
        return RowsFacts(
            file=file,
            tree_size=size,
            rows=whole_of(statement, "rows"),
            bytes=whole_of(statement, "bytes"),
            digest=digest,
            created_at=parse_instant(text_of(statement, "created_at")),
            agreement=agreement or "",
            key=key.keyid,
        )


_QUESTION: Final = {
    *("agreement", "columns", "contract", "dataset", "encoding", "filters", "history", "limit", "tree_size"),
}


def _only(key: VerifyKey, key_id: str) -> VerifyKey:
    if key_id != key.keyid:
        raise SignatureInvalidError(f"it is signed by {key_id[:80]}, not by the hub's {key.keyid}")
    return key
