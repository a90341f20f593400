"""Stewards' verdicts: from a signed statement about a batch to a ledger entry.

(0) the caller is known
(1) the batch is in this ledger, and of the dataset that the statement names
(2) the caller owns the dataset or is a steward of it
(3) the statement is the caller's, signed by its registered key, now
(4) the same question has not been answered yet (then: the old receipt; another answer is refused)
(5) entry, checkpoint, receipt

(4) and (5) run in the appender's thread, so that of two runs of one validation only the first is entered.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Final

from exchange.batch.verdict import VERDICT_TYPE, Verdict
from exchange.errors import InvalidInputError, PermissionDeniedError, ReplayError
from exchange.flow.append import Appended, Appender, Draft, receipt_of
from exchange.flow.entry import verdict_body
from exchange.flow.registry import KeyRing
from exchange.ids import AgencyId
from exchange.ports import Clock, LedgerStore
from exchange.trust.envelope import Envelope, verify_signers
from exchange.trust.policy import may_judge

_ALL: Final = 1 << 62
_OF_ONE_BATCH: Final = 1000


class Bench:
    """Takes verdicts; the hub itself never gives one."""

    def __init__(
        self,
        ledger: LedgerStore,
        keys: KeyRing,
        appender: Appender,
        clock: Clock,
        stewards: Collection[AgencyId],
        skew_seconds: int,
    ) -> None:
        self._ledger = ledger
        self._keys = keys
        self._appender = appender
        self._clock = clock
        self._stewards = stewards
        self._skew = timedelta(seconds=skew_seconds)

    def submit(self, caller: AgencyId, envelope_bytes: bytes) -> Appended:
        """Steps (1) to (5); raises what they name."""
        envelope = Envelope.from_json_bytes(envelope_bytes)
        verdict = Verdict.parse(envelope.payload)
        record = self._ledger.batch(verdict.batch)  # (1)
        if record.dataset != verdict.dataset or verdict.tree_size <= record.index:
            raise InvalidInputError("the verdict names another dataset, or a moment before the batch")
        may_judge(caller, record.dataset, self._stewards)  # (2)
        if verdict.by != caller:  # (3)
            raise PermissionDeniedError(f"the verdict speaks for {verdict.by}, the certificate for {caller}")
        _, signers = verify_signers(envelope, VERDICT_TYPE, lambda key_id: self._keys.resolve(caller, key_id))
        if abs(self._clock.now() - verdict.at) > self._skew:
            raise InvalidInputError("the verdict was not signed now; check the clock and sign it again")
        body = verdict_body(verdict, envelope, str(signers[0]))
        return self._appender.submit(lambda: self._known(verdict) or Draft(body)).result()

    def _known(self, verdict: Verdict) -> Appended | None:
        for record in self._ledger.verdicts(None, verdict.batch, _ALL, _OF_ONE_BATCH):  # (4)
            given = Verdict.parse(Envelope.from_json_bytes(record.envelope).payload)
            if given.question != verdict.question:
                continue
            if given.answer != verdict.answer:
                raise ReplayError(f"verdict {record.id} has answered this very question otherwise")
            return Appended(record, receipt_of(self._ledger, record.index), duplicate=True)
        return None
