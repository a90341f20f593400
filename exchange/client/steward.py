"""Verdicts from a steward's point of view: give one, look at those given."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from exchange import wire
from exchange.batch.verdict import VERDICT_TYPE, Verdict
from exchange.client.call import retried
from exchange.client.verify import verify_receipt_text
from exchange.trust.envelope import sign
from exchange.v1 import member_pb2, steward_pb2

if TYPE_CHECKING:
    from exchange.client.session import Session

_TIMEOUT: Final = 30


@dataclass(frozen=True, slots=True)
class Given:
    """A verdict that is in the ledger, and the receipt that proves it; `duplicate` where it was there before."""

    verdict: steward_pb2.StewardVerdict
    receipt: str
    duplicate: bool


def whoami(client: Session, timeout: float = 5) -> tuple[str, datetime]:
    """(agency, end of its certificate) that the hub takes the caller for; one try, so that a test answers at once."""
    request = member_pb2.GetSelfRequest()
    found = retried(lambda: client.member.GetSelf(request, timeout=timeout), tries=1)
    return found.agency, wire.instant(found.certificate_expires_at)


def submit_verdict(client: Session, verdict: Verdict) -> Given:
    """Sign a verdict and have it entered; raises PermissionDeniedError, ReplayError for another answer."""
    envelope = sign(verdict.to_json(), VERDICT_TYPE, client.profile.signing_key())
    request = steward_pb2.SubmitVerdictRequest(envelope=envelope.to_json_bytes())
    response = retried(lambda: client.steward.SubmitVerdict(request, timeout=_TIMEOUT))
    verify_receipt_text(response.receipt, client.profile.log_keys)
    return Given(response.verdict, response.receipt, response.duplicate)


def list_verdicts(
    client: Session, dataset: str = "", batch: str = ""
) -> Iterator[steward_pb2.StewardVerdict]:
    """Verdicts on a batch, on a dataset, or on all, newest first; as many pages as are asked for."""
    token = ""
    while True:
        request = steward_pb2.ListVerdictsRequest(
            dataset=dataset, batch=batch, page_size=1000, page_token=token
        )
        page = retried(lambda request=request: client.steward.ListVerdicts(request, timeout=_TIMEOUT))  # type: ignore[misc]
        yield from page.verdicts
        token = page.next_page_token
        if not token:
            return
