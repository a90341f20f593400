"""PROTOCOL.md says what the code does: every code, member, vector and call is on the page."""

from __future__ import annotations

import json
import re
from pathlib import Path

from google.rpc import code_pb2

from exchange import errors
from exchange.agreement.terms import Terms
from exchange.batch.manifest import Manifest, parse_instant
from exchange.batch.verdict import VERDICT_TYPE, Verdict
from exchange.flow.coverage import COVERAGE_TYPE, coverage_page, coverages
from exchange.ids import ContractRef, DatasetId
from exchange.ports import DatasetRecord
from exchange.ports.search import Listing
from exchange.referral.case import MOVES, OPEN
from exchange.referral.order import Order
from exchange.serve.status import STATUS
from exchange.settings import Store
from exchange.store import open_search
from exchange.store.search.question import EXACT, WORTH
from exchange.trust.canonical import canonical
from exchange.trust.envelope import Envelope
from exchange.trust.keys import SigningKey
from exchange.v1 import (
    agreement_pb2,
    catalog_pb2,
    exchange_pb2,
    federation_pb2,
    ledger_pb2,
    member_pb2,
    peer_pb2,
    referral_pb2,
    seal_pb2,
    steward_pb2,
)
from tests.ledgers import NOON

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "PROTOCOL.md").read_text(encoding="utf-8")
EXAMPLES = [
    json.loads(found) for found in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL) if "<" not in found
]


def classes() -> list[type[errors.HechuanError]]:
    found = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    return [
        kind for kind in found if issubclass(kind, errors.HechuanError) and kind is not errors.HechuanError
    ]


def test_every_error_has_its_row() -> None:
    for kind in classes():
        status = code_pb2.Code.Name(next(STATUS[each] for each in kind.__mro__ if each in STATUS))
        retry = "yes" if kind.retryable else "no"
        assert f"| `{kind.code}` | {status} | {retry} |" in PAGE


def test_every_member_of_a_manifest_is_told() -> None:
    (manifest,) = [example for example in EXAMPLES if "idempotency_key" in example]
    assert Manifest.from_json(manifest).to_json() == manifest
    assert canonical(manifest).decode() in PAGE
    table = PAGE.partition("## Manifest")[2].partition("```")[0]
    assert all(f"`{name}`" in table for name in manifest)


def test_the_example_of_terms_is_canonical() -> None:
    (terms,) = [example for example in EXAMPLES if "agreement" in example]
    assert Terms.from_json(terms).to_bytes().decode() in PAGE


def test_the_example_of_a_verdict_is_canonical() -> None:
    (verdict,) = [example for example in EXAMPLES if "decision" in example]
    assert Verdict.parse(canonical(verdict)).to_json() == verdict
    assert canonical(verdict).decode() in PAGE
    assert f"| `{VERDICT_TYPE}` |" in PAGE


def test_the_example_of_an_order_is_canonical() -> None:
    (order,) = [example for example in EXAMPLES if "acknowledge_by" in example]
    assert canonical(Order.from_json(order).to_json()).decode() in PAGE


def test_every_legal_move_of_a_referral_is_told() -> None:
    table = PAGE.partition("| act | by | in | leads to |")[2].partition("\n\n")[0]
    told = set()
    for line in table.strip().splitlines()[1:]:
        acts, roles, states, after = (re.findall(r"[a-z_]+", cell) for cell in line.strip("|").split("|"))
        every = [state.value for state in OPEN] if states == ["open"] else states
        told |= {
            (state, role, act, after[0] if after != ["stays"] else state)
            for state in every or [""]
            for role in roles
            for act in acts
        }
    assert told == {
        (str(before or ""), role.value, act.value, after.value)
        for (before, role, act), after in MOVES.items()
    }


def test_the_example_of_coverage_is_what_a_peer_takes(tmp_path: Path) -> None:
    (statement,) = [example for example in EXAMPLES if "datasets" in example]
    assert canonical(statement).decode() in PAGE
    [told] = statement["datasets"]
    id, key = DatasetId.parse(told["dataset"]), SigningKey.generate()
    index = open_search(Store(), tmp_path)
    record = DatasetRecord(id, ContractRef.parse("water-quality@1.0.0"), 3, 1, 0, None, None, NOON)
    index.put("500000", [Listing("500000", record, "unconditional", "", "", None, True)], 1, "")
    index.cover("500000", dict(coverages(statement, "500000", 500)))
    page = coverage_page(index, "500000", "", "", key, parse_instant(statement["created_at"]), 1 << 19)
    envelope = Envelope.from_json_bytes(page)
    assert envelope.payload_type == COVERAGE_TYPE
    assert f"| `{COVERAGE_TYPE}` |" in PAGE
    assert json.loads(envelope.payload) == statement | {"tag": index.known("500000").tag}
    index.close()


def test_the_worth_of_words_is_told() -> None:
    worths = [str(EXACT), *(str(worth) for _, worth in WORTH)]
    numbers = re.findall(r"\d+", PAGE.partition("each word counts")[2].partition("sections and rivers.")[0])
    assert numbers == worths


def test_every_vector_and_call_is_named() -> None:
    for path in (ROOT / "tests" / "vectors").glob("*.json"):
        assert f"`{path.name}`" in PAGE
    modules = (
        agreement_pb2,
        catalog_pb2,
        exchange_pb2,
        federation_pb2,
        ledger_pb2,
        member_pb2,
        peer_pb2,
        referral_pb2,
        seal_pb2,
        steward_pb2,
    )
    for module in modules:
        for service in module.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                assert method.name in PAGE, method.full_name


def test_links_lead_somewhere() -> None:
    for name in ("PROTOCOL.md", "README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        for target in re.findall(r"\]\((?!http|#)([^)#]+)", text):
            assert (ROOT / target).exists(), f"{name}: {target}"


def test_every_fault_that_is_told_is_tested() -> None:
    page = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    rows = re.findall(r"\| `((?:tests/\S+::)?test_\w+)` \|", page)
    assert len(rows) == page.count("\n| ") - 1
    for row in rows:
        path, _, name = row.rpartition("::")
        source = (ROOT / (path or "tests/e2e/test_faults.py")).read_text(encoding="utf-8")
        assert f"def {name}(" in source, row
    told = {row.rpartition("::")[2] for row in rows}
    tests = (ROOT / "tests" / "e2e" / "test_faults.py").read_text(encoding="utf-8")
    assert set(re.findall(r"^def (test_\w+)\(", tests, re.MULTILINE)) <= told
