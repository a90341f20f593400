"""What a condition may say, where it is refused, and when no row matters."""

from __future__ import annotations

import time

import pyarrow as pa
import pytest

from exchange.contract.load import load_contract
from exchange.errors import InvalidInputError, LimitExceededError, MalformedError, SchemaMismatchError
from exchange.trust.condition import compile_condition
from tests.contracts import column, contract_text, gauge, key

READER = {
    "agency": "510000/water",
    "jurisdiction": "510000",
    "department": "water",
    "purpose": "pollution accident",
}

REFUSED = [
    ("row.level == ", MalformedError, "condition 1:14: not CEL"),
    ("row.section ==\n  1", InvalidInputError, "condition 1:13: a string is compared with a int"),
    ("true &&\n  row.nothing == 1", InvalidInputError, "condition 2:6: the contract has no column 'nothing'"),
    ("reader.name == 'x'", InvalidInputError, "reader has no field 'name'; it has agency, jurisdiction"),
    ("row", InvalidInputError, "the name 'row' alone"),
    ("now() > row.at", InvalidInputError, "now()"),
    ("[1, 2].exists(x, x == row.count)", InvalidInputError, "a macro such as all(), exists() or map()"),
    ("{'a': 1}.a == 1", InvalidInputError, "a message or map literal"),
    ("row.level", InvalidInputError, "a condition is expected, not a double"),
    ("row.count + 1.0 > 2.0", InvalidInputError, "write 1.0 rather than 1 beside a double"),
    ("row.note + 'a' == 'b'", InvalidInputError, "texts are joined only before rows are seen"),
    ("row.count / 0u == 1", InvalidInputError, "an unsigned number"),
    ("1 / 0 == 1", InvalidInputError, "a division by zero"),
    ("row.note == b'a'", InvalidInputError, "a literal of bytes"),
    ("row.note < null", InvalidInputError, "only == null and != null"),
    ("row.count + 1 == null", InvalidInputError, "null beside anything but a column"),
    ("row.automatic < true", InvalidInputError, "they are equal or not"),
    ("row.note in [row.section]", InvalidInputError, "neither columns nor null stand in one"),
    ("row.note in []", LimitExceededError, "a list has 1 to 1000 values"),
    ("row.note in row.section", InvalidInputError, "in without a list"),
    ("row.note.matches('(')", InvalidInputError, "patterns are those of RE2"),
    ("row.note.matches(row.section)", InvalidInputError, "an argument that depends on the row"),
    (
        "(row.automatic ? row.count : 1) == 1",
        InvalidInputError,
        "a choice between values that depends on the row",
    ),
    (
        "(row.automatic ? true : has(row.note)) ? true : false",
        InvalidInputError,
        "in the condition of another",
    ),
    ("row.count % 3 % 2 == 1", InvalidInputError, "a remainder of a remainder"),
    ("row.at > timestamp('2026-01-01')", InvalidInputError, "write 2026-01-01T08:00:00+08:00"),
    ("row.at > timestamp(row.note)", InvalidInputError, "anything but a literal"),
    (
        "row.day > timestamp('2026-01-01T01:00:00Z')",
        InvalidInputError,
        "a date beside an instant within a day",
    ),
    ("row.at - row.at > duration('1 hour')", InvalidInputError, "write 90m, 1h30m or 0.5s"),
    ("row.level > 9007199254740993", InvalidInputError, "whole numbers end at"),
    ("row.name == 'x'", InvalidInputError, "column 'name' is sealed"),
    ("has(row.name)", InvalidInputError, "column 'name' is sealed"),
    ("row.far == 1", InvalidInputError, "column 'far' is uint64"),
    ("(" * 40 + "true" + ")" * 40, LimitExceededError, "nested more than 32 deep"),
    ("!" * 4097, LimitExceededError, "at most 4096 characters"),
    ("row.count in [" + "1," * 1000 + "1]", LimitExceededError, "a list has 1 to 1000 values"),
    ("'\ud800' == ''", MalformedError, "surrogate"),
    ('"' + "\\a" * 2000, MalformedError, "not CEL"),
]


def contract():
    return load_contract(
        contract_text(
            [
                key("section", "string", 1),
                key("at", "timestamp", 2),
                column("level", "number"),
                column("count", "integer"),
                column("far", "integer", logicalTypeOptions={"format": "u64"}),
                column("day", "date"),
                column("automatic", "boolean"),
                column("note", "string"),
                column("name", "string", classification="restricted"),
            ],
            timeColumn="at",
        )
    )


@pytest.mark.parametrize(("text", "error", "said"), REFUSED, ids=[item[0][:30] for item in REFUSED])
def test_refused(text: str, error: type[InvalidInputError], said: str) -> None:
    began = time.process_time()
    with pytest.raises(error) as caught:
        compile_condition(text, contract(), READER)
    assert said in caught.value.message
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    ("text", "always"),
    [
        ('reader.jurisdiction == "510000"', True),
        ('reader.jurisdiction in ["500000", "520000"]', False),
        ('reader.jurisdiction == "500000" && row.level > 1', False),
        ('reader.purpose.matches("acc.dent") || row.level > 1', True),
        ('reader.jurisdiction + "/" + reader.department == reader.agency', True),
        ('(reader.department == "water" ? "a" : "b") == "a"', True),
        ("size(reader.agency) == 12 && 7 / 2 == 3 && -7 % 2 == -1", True),
        ('row.note == "a"', None),
        ("has(reader.purpose)", True),
    ],
)
def test_what_the_reader_alone_decides(text: str, always: bool | None) -> None:
    assert compile_condition(text, gauge(), READER).always is always


DEEP = [
    " == ".join(["row.automatic"] * 30),
    "(" * 15 + "row.automatic" + " == (row.count == 1))" * 15,
    " * ".join(["row.count"] * 28) + " == 1",
    " && ".join(["row.count % 3 == 1"] * 180),
    "row.automatic ? true : " * 20 + "false",
    " / ".join(["row.level"] * 28) + " in [1.0, 2.0]",
    "(" * 9 + "row.count" + " + row.count) * (row.count + row.count)" * 9 + " == 1",
    "!(" * 15 + "row.note == 'a'" + ")" * 15,
    "row.count in [" + ",".join(map(str, range(1000))) + "]",
]


@pytest.mark.parametrize("text", DEEP, ids=[text[:30] for text in DEEP])
def test_what_is_written_does_not_grow_beyond_measure(text: str) -> None:
    began = time.process_time()
    found = compile_condition(text, contract(), READER)
    assert time.process_time() - began < 1
    assert len(found.sql) < 100_000
    batch = pa.record_batch({"count": pa.array([1, None], pa.int32())})
    assert len(found.mask(batch)) == 2
    assert time.process_time() - began < 2


def test_a_field_that_the_reader_lacks_grants_nothing() -> None:
    for text in ('reader.purpose == "a"', 'reader.purpose != "a"', '!(reader.purpose in ["a"])'):
        assert compile_condition(text, gauge(), {"agency": "510000/water"}).always is False
    assert compile_condition("has(reader.purpose)", gauge(), {}).always is False


def test_what_a_filter_shows() -> None:
    found = compile_condition(
        'row.section in ["a", "b"] && row.at >= timestamp("2026-01-01T08:00:00+08:00") && !(row.level > 3)',
        gauge(),
        READER,
    )
    assert found.columns == {"section", "at", "level"}
    assert found.values == ("a", "b", 1_767_225_600_000_000, 3.0)
    assert found.sql.count("?") == len(found.values)
    values: list[object] = ["first"]
    assert "c2 IN (CAST($2 AS VARCHAR), CAST($3 AS VARCHAR))" in found.sql_for(lambda _: "c2", values)
    assert values == ["first", *found.values]


def test_names_are_quoted_and_values_bound() -> None:
    found = compile_condition("""row.note == "'; DROP TABLE x; --" """, gauge(), READER)
    assert (found.sql, found.values) == ('("note" = CAST(? AS VARCHAR))', ("'; DROP TABLE x; --",))


def test_mask_of_what_came_as_a_dictionary_or_not_at_all() -> None:
    found = compile_condition('row.section == "a" && !has(row.note)', gauge(), READER)
    batch = pa.record_batch({"section": pa.array(["a", "b", None]).dictionary_encode()})
    assert found.mask(batch).to_pylist() == [True, False, False]
    with pytest.raises(SchemaMismatchError, match="column section is"):
        found.mask(pa.record_batch({"section": pa.array([[1]])}))


def test_a_reader_of_other_fields_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="a reader has the fields"):
        compile_condition("true", gauge(), {"name": "x"})
