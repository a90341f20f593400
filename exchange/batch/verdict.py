"""What a steward decided about a batch, after looking at it and at what stood before it.

Canonical form: RFC 8785 JSON with exactly the members of `Verdict`. `suite` is the digest of what was asked, tolerances
included, and `tree_size` the moment it was asked at, so the same question can be put again. Findings are counts and
measures; they hold no cells, because everybody may read the ledger. PROTOCOL.md, section Verdicts of stewards.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Self

from exchange.batch.manifest import format_instant, parse_instant
from exchange.contract.model import Severity
from exchange.errors import LimitExceededError, MalformedError
from exchange.ids import AgencyId, DatasetId, digest_of, parse_digest
from exchange.trust.canonical import canonical, parse_canonical

VERDICT_TYPE: Final = "application/vnd.hechuan.verdict+json"
MAX_FINDINGS: Final = 64
MAX_SAID: Final = 200
_MEMBERS: Final = frozenset(
    ("at", "batch", "by", "dataset", "decision", "findings", "suite", "tree_size", "v")
)
_FINDING: Final = frozenset(("count", "rule", "said", "severity"))


class Decision(StrEnum):
    """What follows: the batch is good as it stands, its bad rows stay out, or its publisher is asked."""

    RELEASE = "release"
    QUARANTINE = "quarantine"
    REFER = "refer"


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule or measure that did not hold: rows concerned (0 where it is not about rows), and what was seen."""

    rule: str
    severity: Severity
    count: int
    said: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """A parsed payload; who signed it is checked elsewhere."""

    batch: str
    dataset: DatasetId
    by: AgencyId
    at: datetime
    decision: Decision
    suite: str
    tree_size: int
    findings: tuple[Finding, ...]

    def __post_init__(self) -> None:
        if len(self.findings) > MAX_FINDINGS or any(len(each.said) > MAX_SAID for each in self.findings):
            raise LimitExceededError(
                f"a verdict has at most {MAX_FINDINGS} findings of {MAX_SAID} characters each"
            )

    @property
    def question(self) -> tuple[str, AgencyId, str, int]:
        """What is answered once: batch, steward, suite, moment."""
        return self.batch, self.by, self.suite, self.tree_size

    @property
    def answer(self) -> tuple[Decision, tuple[Finding, ...]]:
        """What was found, whenever it was said."""
        return self.decision, self.findings

    def to_json(self) -> dict[str, Any]:
        """The JSON value that is signed."""
        return {
            "at": format_instant(self.at),
            "batch": self.batch,
            "by": str(self.by),
            "dataset": str(self.dataset),
            "decision": self.decision.value,
            "findings": [
                {
                    "count": each.count,
                    "rule": each.rule,
                    "said": each.said,
                    "severity": each.severity.value,
                }
                for each in self.findings
            ],
            "suite": self.suite,
            "tree_size": self.tree_size,
            "v": 1,
        }

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical payload: the verdict's id."""
        return digest_of(canonical(self.to_json()))

    @classmethod
    def parse(cls, payload: bytes) -> Self:
        """Read a payload; raises MalformedError, LimitExceededError."""
        value = parse_canonical(payload)
        if not isinstance(value, dict) or value.keys() != _MEMBERS or value["v"] != 1:
            raise MalformedError("a verdict has missing or unknown members, or is not of v 1")
        try:
            return cls(
                batch=parse_digest(value["batch"]),
                dataset=DatasetId.parse(value["dataset"]),
                by=AgencyId.parse(value["by"]),
                at=parse_instant(value["at"]),
                decision=Decision(value["decision"]),
                suite=parse_digest(value["suite"]),
                tree_size=_count(value["tree_size"]),
                findings=tuple(_finding(each) for each in value["findings"]),
            )
        except (TypeError, ValueError, AttributeError) as error:
            raise MalformedError(f"a member of the verdict has another form: {error}"[:200]) from None


def _finding(value: Any) -> Finding:
    if not isinstance(value, dict) or value.keys() != _FINDING:
        raise MalformedError("a finding is {count, rule, said, severity}")
    rule, said = value["rule"], value["said"]
    if not isinstance(rule, str) or not isinstance(said, str) or not 0 < len(rule) <= MAX_SAID:
        raise MalformedError("rule and said of a finding are texts")
    return Finding(rule, Severity(value["severity"]), _count(value["count"]), said)


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise MalformedError("a count is a whole number")
    return value
