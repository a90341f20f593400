"""Validating a landed batch: the steward's own look at it, and the verdict that goes back into the ledger.

(1) the batch as the ledger has it, the contract that it came under, and the batches before it
(2) its bytes, by their digest; the rows that the hub rejected
(3) the contract's suite over all its rows; where it and the hub disagree there is no verdict but an error
(4) measures against what stood before it landed
(5) findings, and what follows from them
(6) pages of the latest validation
(7) the verdict, signed by the steward's agency; the same validation again gives the same one

Everything is read as of the batch or the tree size asked for, so a run can be repeated at any time.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from exchange.batch import manifest
from exchange.batch.verdict import MAX_FINDINGS, MAX_SAID, Decision, Finding, Verdict
from exchange.client.steward import list_verdicts, submit_verdict
from exchange.contract.model import Contract, Kind, Severity
from exchange.errors import ConflictError
from exchange.ids import DatasetId
from stewards.look import Landed, look_at, standing_values, window_of
from stewards.options import Place
from stewards.quality.measure import measures_of, unknown_references
from stewards.quality.suite import Expected, compile_suite, suite_digest
from stewards.quality.window import compile_window, said_of, window_frame
from stewards.settings import Settings

if TYPE_CHECKING:
    from exchange.client import Client
    from stewards.quality.run import Outcome

_OVER_TIME: Final = ("repeated", "changed")


@dataclass(frozen=True, slots=True)
class Validated:
    """A verdict that is in the ledger; `duplicate` where an earlier run had given it."""

    batch: str
    dataset: str
    decision: Decision
    findings: tuple[Finding, ...]
    index: int
    duplicate: bool

    def to_json(self) -> dict[str, Any]:
        """What a task hands on."""
        return {
            "batch": self.batch,
            "dataset": self.dataset,
            "decision": self.decision.value,
            "findings": [[each.rule, each.severity.value, each.count, each.said] for each in self.findings],
            "index": self.index,
            "duplicate": self.duplicate,
        }


def pending(client: Client, dataset: str, settings: Settings, as_of: int | None = None) -> list[str]:
    """Ids of the dataset's batches without a verdict of this agency, oldest first; with `as_of`, every one below it."""
    own = str(client.profile.agency)
    judged = set() if as_of else {v.batch for v in list_verdicts(client, dataset) if v.by == own}
    found: list[str] = []
    for at, batch in enumerate(client.batches(dataset)):
        if at >= settings.place.pending_batches:
            break
        if batch.id not in judged and (as_of is None or batch.index < as_of):
            found.append(batch.id)
    return found[::-1]


def validate(
    client: Client, dataset: str, batch: str, settings: Settings, as_of: int | None = None
) -> Validated:
    """Steps (1) to (7); raises ConflictError at (3), NotFoundError, and as the client does."""
    with tempfile.TemporaryDirectory(prefix="hechuan-") as scratch:
        landed = look_at(client, dataset, batch, settings.tolerance, Path(scratch))  # (1), (2)
        tree_size = as_of or landed.index + 1
        contract = landed.contract
        expected = compile_suite(contract) if not landed.retraction else ()
        outcomes: dict[str, Outcome] = {}
        findings: list[Finding] = []
        if expected:
            outcomes["batch.html"], found = _rows(client, landed, expected, settings.place)  # (3)
            findings += found
        measures = _measures(client, landed, settings, tree_size)  # (4)
        window = compile_window(measures, settings.tolerance)
        if window:
            outcomes["window.html"], found = _window(measures, window, settings)
            findings += found
    suite = suite_digest(
        contract.digest, [each.config for each in (*expected, *window)], settings.judged_by()
    )
    decision = decide(landed, findings, settings)  # (5)
    _publish_pages(settings, dataset, outcomes)  # (6)
    verdict = Verdict(
        batch=batch,
        dataset=DatasetId.parse(dataset),
        by=client.profile.agency,
        at=datetime.now(UTC),
        decision=decision,
        suite=suite,
        tree_size=tree_size,
        findings=_told(findings),
    )
    given = submit_verdict(client, verdict)  # (7)
    return Validated(batch, dataset, decision, verdict.findings, given.verdict.index, given.duplicate)


def decide(landed: Landed, findings: Sequence[Finding], settings: Settings) -> Decision:
    """Severity decides: too many rejected rows or a measure that is to be explained are the publisher's to answer."""
    referred = {name.strip() for name in settings.refer.measures.split(",")}
    measures = {each.rule.split(".")[1] for each in findings if each.rule.startswith("window.")}
    if landed.rejected_share > settings.refer.rejected_high or referred & measures:
        return Decision.REFER
    return Decision.QUARANTINE if any(each.severity.rejects for each in findings) else Decision.RELEASE


def _rows(
    client: Client, landed: Landed, expected: Sequence[Expected], place: Place
) -> tuple[Outcome, list[Finding]]:
    from stewards.quality.frame import frame_of
    from stewards.quality.run import run_suite

    contract = landed.contract
    known = standing_values(client, contract, landed.index)
    frame = frame_of(landed.table, contract, expected, known)
    numbered = len(landed.rejected) <= place.numbered_rows
    outcome = run_suite(str(contract.ref), expected, frame, numbered=numbered)
    counts = {each.expected.rule.id: each.count for each in outcome.judged}
    agree(contract, landed.counts, counts)
    rules = {each.id: each for each in contract.stored.rules}
    typed = {rule: count for rule, count in landed.counts.items() if rules[rule].kind is Kind.TYPE}
    found = {**counts, **typed}
    return outcome, [Finding(rule, rules[rule].severity, count, "") for rule, count in found.items() if count]


def agree(contract: Contract, ingest: Mapping[str, int], suite: Mapping[str, int]) -> None:
    """Raise ConflictError unless hub and suite count the same rows for every rule that both can judge.

    Not compared: references, whose targets other batches may have changed in the same moment; rules about a column
    with values that are no numbers or could not be read, of which `finite` and `type` speak.
    """
    rules = {each.id: each for each in contract.stored.rules}
    spoilt = {
        name
        for rule, count in ingest.items()
        if count and rules[rule].kind in (Kind.FINITE, Kind.TYPE)
        for name in rules[rule].columns
    }
    odd = [
        f"{rule}: {ingest.get(rule, 0)} / {count}"
        for rule, count in suite.items()
        if count != ingest.get(rule, 0)
        and rules[rule].kind is not Kind.REFERENCE
        and (rules[rule].kind is Kind.FINITE or not spoilt & set(rules[rule].columns))
    ]
    if odd:
        raise ConflictError(
            f"枢纽与管理员的校验不一致 / hub and suite count other rows: {'; '.join(odd)}"[:1000]
        )


def _measures(client: Client, landed: Landed, settings: Settings, tree_size: int) -> dict[str, float]:
    if landed.retraction:
        return {}
    looked = window_of(client, landed.dataset, landed, settings.tolerance)
    known = {
        ref.column: values for ref, values in standing_values(client, landed.contract, tree_size).items()
    }
    found = measures_of(landed.contract, looked, settings.tolerance)
    found |= unknown_references(landed.contract, looked.rows, known)
    if landed.kind is not manifest.Kind.OBSERVATION:
        found = {name: value for name, value in found.items() if name not in _OVER_TIME}
    return found


def _window(
    measures: Mapping[str, float], window: Sequence[Expected], settings: Settings
) -> tuple[Outcome, list[Finding]]:
    from stewards.quality.run import run_suite

    outcome = run_suite("window", window, window_frame(measures))
    return outcome, [
        Finding(
            each.expected.rule.id, Severity.WARNING, 0, said_of(name, measures, settings.tolerance)[:MAX_SAID]
        )
        for each in outcome.judged
        for name in each.expected.rule.columns
        if each.count
    ]


def _publish_pages(settings: Settings, dataset: str, outcomes: dict[str, Outcome]) -> None:
    from stewards.quality.pages import write_pages

    if outcomes:
        write_pages(settings.pages, dataset, outcomes)


def _told(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """As many as a verdict holds, the gravest first."""
    order = sorted(findings, key=lambda each: (-each.severity.rank, -each.count, each.rule))
    return tuple(order[:MAX_FINDINGS])
