"""The contracts that come with the software: complete, in two languages, and every rule of theirs at work."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml

from exchange.contract.check import CheckResult, CompiledCheck
from exchange.contract.load import load_contract, load_directory, shipped_contracts
from exchange.contract.model import Classification, Contract, Kind, Severity, Sharing
from exchange.contract.text import from_text
from tests.shipped import GOOD, WRONG, Row

DIRECTORY = Path(__file__).parents[3] / "contracts"
MAX_BYTES = 48 * 1024
CONTRACTS = {contract.ref.name: contract for contract in map(load_contract, shipped_contracts())}
# name → steward, sharing
EXPECTED = {
    "boundary-comparison": ("joint-office", Sharing.UNCONDITIONAL),
    "compensation-chishui": ("joint-office", Sharing.UNCONDITIONAL),
    "compensation-chongqing": ("joint-office", Sharing.UNCONDITIONAL),
    "compensation-xinan": ("joint-office", Sharing.UNCONDITIONAL),
    "detection": ("joint-office", Sharing.CONDITIONAL),
    "directive-point": ("joint-office", Sharing.UNCONDITIONAL),
    "discharge-permit": ("ecology", Sharing.UNCONDITIONAL),
    "duty-matrix": ("joint-office", Sharing.UNCONDITIONAL),
    "enforcement-case": ("ecology", Sharing.CONDITIONAL),
    "evidence-file": ("joint-office", Sharing.CONDITIONAL),
    "fishing-ban-case": ("agriculture", Sharing.CONDITIONAL),
    "hydrology": ("water", Sharing.UNCONDITIONAL),
    "livestock-farm": ("agriculture", Sharing.UNCONDITIONAL),
    "monitoring-section": ("ecology", Sharing.UNCONDITIONAL),
    "outfall": ("ecology", Sharing.UNCONDITIONAL),
    "patrol-plan": ("joint-office", Sharing.UNCONDITIONAL),
    "patrol-record": ("water", Sharing.UNCONDITIONAL),
    "reach-crosswalk": ("joint-office", Sharing.UNCONDITIONAL),
    "reach-hydraulics": ("water", Sharing.UNCONDITIONAL),
    "river-chief": ("water", Sharing.UNCONDITIONAL),
    "river-plan": ("water", Sharing.UNCONDITIONAL),
    "river-reach": ("water", Sharing.UNCONDITIONAL),
    "section-crosswalk": ("joint-office", Sharing.UNCONDITIONAL),
    "shoreline-violation": ("water", Sharing.UNCONDITIONAL),
    "spill-report": ("ecology", Sharing.UNCONDITIONAL),
    "wastewater-plant": ("housing", Sharing.UNCONDITIONAL),
    "water-quality": ("ecology", Sharing.UNCONDITIONAL),
}
CLOSE = {Classification.SENSITIVE, Classification.RESTRICTED}
PERSONAL = {
    "party_name": {Classification.RESTRICTED},
    "party_id_masked": {Classification.RESTRICTED},
    "patroller_name": CLOSE,
    "track_digest": CLOSE,
    "responsible_party": {Classification.INTERNAL, *CLOSE},
    "holder_name": {Classification.INTERNAL, *CLOSE},
}
HAN, LATIN = re.compile(r"[\u4e00-\u9fff]"), re.compile(r"[A-Za-z]")
EVERY = pytest.mark.parametrize("name", EXPECTED)


def document(name: str) -> dict[str, Any]:
    found = yaml.safe_load(CONTRACTS[name].text)
    assert isinstance(found, dict)
    return found


def texts(node: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every description, title and label of a document, with its path."""
    if isinstance(node, dict):
        for key, value in node.items():
            at = f"{path}.{key}"
            if isinstance(value, str) and key in WORDED and "examples" not in path:
                yield at, value
            else:
                yield from texts(value, at)
    elif isinstance(node, list):
        for place, value in enumerate(node):
            yield from texts(value, f"{path}[{place}]")


WORDED = {
    "description", "purpose", "limitations", "usage", "businessName", "label", "channel",
    "dataGranularityDescription",
}  # fmt: skip


def checked(contract: Contract, *rows: Row) -> CheckResult:
    """Rows of text, read and checked as from a CSV; a reference knows what the good row says."""
    known = {item: pa.array([GOOD[contract.ref.name][item.column]]) for item in contract.references}
    text = pa.RecordBatch.from_pylist(
        list(rows), schema=pa.schema([(column.name, pa.string()) for column in contract.columns])
    )
    typed, unread = from_text(text, contract)
    run = CompiledCheck(contract, known).start()
    run.feed(typed, unread)
    return run.finish(lambda: [typed])


def test_the_contracts_that_are_shipped() -> None:
    loaded = load_directory(DIRECTORY)
    assert [str(contract.ref) for contract in loaded] == [f"{name}@1.0.0" for name in EXPECTED]
    assert [contract.text for contract in loaded] == shipped_contracts()
    assert {name: (item.steward, item.sharing) for name, item in CONTRACTS.items()} == EXPECTED


@EVERY
def test_a_contract_is_complete(name: str) -> None:
    contract, given = CONTRACTS[name], document(name)
    assert len(contract.text) <= MAX_BYTES
    assert contract.status == "active"
    assert 12 <= len(contract.columns) <= 30
    assert given.keys() >= {"team", "support", "authoritativeDefinitions"}
    assert {item.name for item in contract.sla} >= {"latency", "retention"}
    assert {(item.name, item.access) for item in contract.roles} >= {("owner", "write"), ("reader", "read")}
    assert {rule.severity for rule in contract.rules} >= {Severity.INFO, Severity.WARNING, Severity.ERROR}
    assert any(rule.kind is Kind.PREDICATE for rule in contract.rules)
    assert all(rule.dimension for rule in contract.rules if rule.kind is Kind.PREDICATE)


@EVERY
def test_everything_is_said_in_chinese_and_in_english(name: str) -> None:
    found = dict(texts(document(name)))
    assert len(found) > 40
    for path, text in {".name": document(name)["name"], **found}.items():
        parts = text.splitlines() if "\n" in text else text.split(" / ")
        assert len(parts) == 2, (path, text)
        assert HAN.search(parts[0]) or path.startswith(".authoritativeDefinitions"), (path, text)
        assert LATIN.search(parts[1]), (path, text)
        assert not HAN.search(parts[1]), (path, text)


@EVERY
def test_references_lead_to_keys_of_shipped_contracts(name: str) -> None:
    for reference in CONTRACTS[name].references:
        target = CONTRACTS[reference.contract]
        # a file of evidence comes in parts: its digest is the first half of their key
        assert target.primary_key[0] == reference.target_column
        source = CONTRACTS[name].column(reference.column)
        assert source.arrow_type == target.column(reference.target_column).arrow_type


def test_the_references_that_there_are() -> None:
    assert {
        (name, item.column, item.contract) for name, held in CONTRACTS.items() for item in held.references
    } == {
        ("water-quality", "section_code", "monitoring-section"),
        ("hydrology", "section_code", "monitoring-section"),
        ("enforcement-case", "section_code", "monitoring-section"),
        *((name, "reach_code", "river-reach") for name in ("monitoring-section", "outfall", "detection")),
        ("detection", "evidence_digest", "evidence-file"),
        *((name, "reach_code", "river-reach") for name in ("enforcement-case", "fishing-ban-case")),
        *((name, "reach_code", "river-reach") for name in ("shoreline-violation", "patrol-record")),
        *(
            (name, "reach_code", "river-reach")
            for name in ("river-chief", "reach-hydraulics", "reach-crosswalk")
        ),
        *((name, "reach_code", "river-reach") for name in ("livestock-farm", "wastewater-plant")),
        *((name, "reach_code", "river-reach") for name in ("discharge-permit", "section-crosswalk")),
        *((name, "reach_code", "river-reach") for name in ("spill-report", "river-plan", "directive-point")),
        ("section-crosswalk", "section_code", "monitoring-section"),
    }


@EVERY
def test_persons_are_held_close(name: str) -> None:
    for column in CONTRACTS[name].columns:
        if column.name in PERSONAL:
            assert column.classification in PERSONAL[column.name]


@EVERY
def test_a_good_row_breaks_no_rule(name: str) -> None:
    contract = CONTRACTS[name]
    assert GOOD[name].keys() == {column.name for column in contract.columns}
    result = checked(contract, GOOD[name])
    assert {rule: count for rule, count in result.counts.items() if count} == {}
    assert (result.accepted, result.refused, result.unchecked) == (1, None, ())


@EVERY
def test_every_rule_over_columns_has_its_bad_row(name: str) -> None:
    predicates = {rule.id for rule in CONTRACTS[name].rules if rule.kind is Kind.PREDICATE}
    assert predicates <= WRONG[name].keys()
    assert any(CONTRACTS[name].rule(rule).severity.rejects for rule in WRONG[name])


@pytest.mark.parametrize(("name", "rule"), [(name, rule) for name, found in WRONG.items() for rule in found])
def test_a_bad_row_breaks_its_rule(name: str, rule: str) -> None:
    contract = CONTRACTS[name]
    result = checked(contract, GOOD[name] | WRONG[name][rule])
    assert result.counts[rule] == 1
    broken = [contract.rule(found) for found, count in result.counts.items() if count]
    assert result.rejected == any(item.severity.rejects for item in broken)
    if not contract.rule(rule).severity.rejects:
        assert result.rejected == 0
    assert (rule in result.blockers) == (contract.rule(rule).severity is Severity.BLOCKER)


@EVERY
def test_the_same_key_twice_does_not_count(name: str) -> None:
    result = checked(CONTRACTS[name], GOOD[name], GOOD[name])
    assert (result.counts["primary_key"], result.rejected) == (2, 2)


@EVERY
def test_what_may_be_empty_may_be_absent(name: str) -> None:
    contract = CONTRACTS[name]
    least = {column.name: GOOD[name][column.name] for column in contract.columns if column.required}
    if name == "water-quality":
        least["value"] = GOOD[name]["value"]
    if name == "boundary-comparison":
        least["verdict"] = "left_only"
    if name == "patrol-plan":
        least["is_joint"] = "false"
    if name == "hydrology":
        least["rainfall_mm"], least["interval_minutes"] = "0", "60"
    if name == "enforcement-case":
        least |= {"status": "filed", "transferred_to": "none"}
    if name == "fishing-ban-case":
        least |= {"status": "filed", "transferred_to": "none"}
    if name == "shoreline-violation":
        least["status"] = "found"
    if name == "directive-point":
        least["status"] = "listed"
    if name == "patrol-record":
        least["is_joint"] = "false"
    if name == "reach-hydraulics":
        least |= {"velocity_ms": "0.35", "dispersion_m2s": "14"}
    empty: Row = dict.fromkeys(GOOD[name])
    assert checked(contract, empty | least).rejected == 0
