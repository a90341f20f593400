"""What is wrong with a contract is said with its place, and all of it at once."""

from __future__ import annotations

from typing import Any

import pytest

from exchange.contract.load import load_contract, load_directory
from exchange.contract.model import Kind, Severity
from exchange.errors import HechuanError, InvalidInputError, LimitExceededError, MalformedError, NotFoundError
from tests.contracts import COLUMNS, RULES, column, contract_text, gauge, key, rule


def test_what_a_contract_gives() -> None:
    contract = gauge()
    assert str(contract.ref) == "gauge@1.0.0"
    assert contract.primary_key == ("section", "at")
    assert (contract.time_column, contract.section_column) == ("at", "section")
    assert contract.arrow_schema.names == ["section", "at", "level", "count", "day", "automatic", "note"]
    assert not contract.arrow_schema.field("at").nullable
    assert {rule.id for rule in contract.rules} == {
        "primary_key", "section.required", "section.length", "at.type", "at.required", "at.finite",
        "level.type", "level.finite", "level.range", "count.type", "day.type", "day.finite", "automatic.type",
        "level_needs_count",
    }  # fmt: skip
    assert contract.rule("level_needs_count").severity is Severity.WARNING
    assert contract.rule("level_needs_count").kind is Kind.PREDICATE


def changed(at: int, **more: Any) -> list[dict[str, Any]]:
    """The gauge's columns, one of them otherwise."""
    found = [dict(item) for item in COLUMNS]
    found[at].update(more)
    return found


WRONG: dict[str, tuple[bytes, str, str]] = {
    "a name with capitals": (contract_text(changed(2, name="Level")), "schema[0].properties[2].name", "name"),
    "an unknown type": (
        contract_text([*COLUMNS, column("clock", "time")]), "schema[0].properties[7].logicalType", "unsupported",
    ),
    "no classification": (
        contract_text(changed(2, classification="open")), "schema[0].properties[2].classification", "classification",
    ),
    "a description in one language": (
        contract_text(changed(2, description="Water level")), "schema[0].properties[2].description", "bilingual",
    ),
    "a typo in a key": (contract_text(changed(0, primaryKy=True)), "schema[0].properties[0]", "odcs"),
    "a pattern that does not compile": (
        contract_text(changed(6, logicalTypeOptions={"pattern": "("})),
        "schema[0].properties[6].logicalTypeOptions.pattern", "pattern",
    ),
    "an empty range": (
        contract_text(changed(2, logicalTypeOptions={"minimum": 3, "maximum": 1})),
        "schema[0].properties[2].logicalTypeOptions", "bounds",
    ),
    "a number without a unit": (
        contract_text(changed(2, customProperties=[])), "schema[0].properties[2]", "unit",
    ),
    "no key": (contract_text([column("level", "number")]), "schema[0].properties", "primary_key"),
    "a key that may be NULL": (
        contract_text([key("section", "string", 1) | {"required": False}]), "schema[0].properties", "primary_key",
    ),
    "a column twice": (contract_text([*COLUMNS, column("note", "string")]), "schema[0].properties", "name"),
    "a rule twice": (contract_text(COLUMNS, [*RULES, *map(dict, RULES)]), "schema[0]", "name"),
    "a clock in a rule": (
        contract_text(COLUMNS, [rule("late", "at > CURRENT_TIMESTAMP")]), "schema[0].quality[0].query", "predicate",
    ),
    "a subquery": (
        contract_text(COLUMNS, [rule("sub", "section IN (SELECT 1)")]), "schema[0].quality[0].query", "predicate",
    ),
    "an unknown column in a rule": (
        contract_text(COLUMNS, [rule("odd", "depth > 1")]), "schema[0].quality[0].query", "predicate",
    ),
    "types that do not compare": (
        contract_text(COLUMNS, [rule("odd", "level = 'high'")]), "schema[0].quality[0].query", "predicate",
    ),
    "a share above one": (contract_text(COLUMNS, maxRejectedShare=1.5), "maxRejectedShare", "value"),
    "an unknown sharing": (contract_text(COLUMNS, sharing="perhaps"), "sharing", "value"),
    "a time column that is text": (contract_text(COLUMNS, timeColumn="note"), "customProperties.timeColumn", "column"),
    "an unknown custom property": (contract_text(COLUMNS, owner="me"), ".customProperties[4]", "custom_property"),
    "a bad version": (contract_text(COLUMNS, version="one"), "id", "name"),
    "a reference that is none": (
        contract_text(changed(0, relationships=[{"to": "place.code"}])),
        "schema[0].properties[0].relationships[0].to", "reference",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_has_a_place(name: str) -> None:
    text, place, said = WRONG[name]
    with pytest.raises(InvalidInputError) as caught:
        load_contract(text)
    assert (place, said) in {(item.field, item.rule) for item in caught.value.violations}


NOT_READ: dict[str, tuple[bytes, type[HechuanError], str]] = {
    "no YAML": (b"a: [1", MalformedError, "not YAML"),
    "no UTF-8": (b"\xff\xfe", MalformedError, "not UTF-8"),
    "a list": (b"- 1", InvalidInputError, "mapping"),
    "an alias": (b"a: &x 1\nb: *x", MalformedError, "aliases"),
    "a key twice": (b"a: 1\na: 2", MalformedError, "comes twice"),
    "a tag": (b"a: !!python/object/apply:os.system ['true']", MalformedError, "not YAML"),
    "a bomb": (b"a: " + b"[" * 100 + b"]" * 100, LimitExceededError, "nested"),
    "too large": (b"#" * ((1 << 20) + 1), LimitExceededError, "bytes"),
    "an infinity": (b"a: 1e999", MalformedError, "too large"),
}


@pytest.mark.parametrize("name", NOT_READ)
def test_what_is_no_contract(name: str) -> None:
    text, error, said = NOT_READ[name]
    with pytest.raises(error, match=said):
        load_contract(text)


def test_a_file_lies_where_it_says(tmp_path: Any) -> None:
    with pytest.raises(NotFoundError, match="no contract"):
        load_directory(tmp_path)
    place = tmp_path / "gauge"
    place.mkdir()
    (place / "1.0.0.yaml").write_bytes(gauge().text)
    assert [item.ref for item in load_directory(tmp_path)] == [gauge().ref]
    (place / "1.1.0.yaml").write_bytes(gauge().text)
    with pytest.raises(MalformedError, match=r"1\.1\.0\.yaml holds gauge@1\.0\.0"):
        load_directory(tmp_path)
