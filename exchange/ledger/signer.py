"""Whoever signs a log's checkpoints, with every key the log has."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from exchange.errors import InvalidInputError
from exchange.ledger.checkpoint import cosign, sign_checkpoint
from exchange.ledger.head import Checkpoint
from exchange.ledger.note import Sign, SignatureType, VerifierKey


@dataclass(frozen=True, slots=True)
class LogSigner:
    """The log's name and key: `verifier.name` is the origin.

    `others` are further keys of the log, each with what signs for it: ML-DSA-44, under the same name.
    """

    verifier: VerifierKey
    sign: Sign
    others: tuple[tuple[VerifierKey, Sign], ...] = ()

    def __post_init__(self) -> None:
        for key, _ in self.others:
            if key.name != self.verifier.name or key.type is not SignatureType.ML_DSA_44:
                raise InvalidInputError("a log's further keys are ML-DSA-44 keys under its own name")

    def note(self, checkpoint: Checkpoint, at: datetime) -> str:
        """The checkpoint signed with every key of the log; `at` is when, to the second."""
        note = sign_checkpoint(checkpoint, self.verifier, self.sign)
        for key, sign in self.others:
            note = cosign(note, key, int(at.timestamp()), sign)
        return note
