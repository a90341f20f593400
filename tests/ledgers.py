"""Batches that an appender can be handed, a clock, and the keys that sign; for tests of a ledger in one process."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from exchange.batch.manifest import PAYLOAD_TYPE, Kind, Manifest, MediaType
from exchange.flow.append import Draft
from exchange.flow.entry import batch_body
from exchange.ids import AgencyId, ContractRef, DatasetId, digest_of
from exchange.ledger import VerifierKey
from exchange.trust.envelope import canonical, sign
from exchange.trust.keys import SigningKey

AGENCY = AgencyId.parse("500000/ecology")
NOON = datetime(2026, 3, 19, 1, 30, tzinfo=UTC)


class SteppedClock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.instant = NOON

    def now(self) -> datetime:
        return self.instant


KEY = SigningKey.generate()
LOG_KEY = SigningKey.generate()
LOG = VerifierKey("hechuan/500000", LOG_KEY.verify_key.public)


def draft(key: str, data: bytes = b"rows") -> Draft:
    """A batch that the appender would be handed."""
    manifest = Manifest(
        publisher=AGENCY,
        dataset=DatasetId(AGENCY, "water-quality"),
        contract=ContractRef.parse("water-quality@1.0.0"),
        kind=Kind.OBSERVATION,
        media_type=MediaType.PARQUET,
        digest=digest_of(data),
        bytes=len(data),
        rows=1,
        period=None,
        created_at=NOON,
        expires_at=NOON + timedelta(days=1),
        idempotency_key=key,
    )
    payload = canonical(manifest.to_json())
    verdict = {
        "accepted": 1,
        "contract_digest": digest_of(b""),
        "counts": {},
        "period": None,
        "rejected": 0,
        "report": None,
        "rows": 1,
    }
    stored = {"bytes": len(data), "digest": digest_of(data), "encoded_by": "publisher"}
    body = batch_body(
        digest_of(payload), sign(payload, PAYLOAD_TYPE, KEY), str(KEY.verify_key), stored, verdict
    )
    return Draft(body, digest_of(payload), (AGENCY, key), ((data, digest_of(data)),))
