"""The page of a contract: everything on it, and nothing that Markdown would take for its own."""

from __future__ import annotations

import re
from typing import Any

import pytest

from exchange.contract.docs import to_markdown
from exchange.contract.load import load_contract, shipped_contracts
from exchange.contract.model import Contract
from tests.contracts import COLUMNS, contract_text, gauge, key, rule

UNESCAPED_PIPE = re.compile(r"(?<!\\)\|")
SHIPPED = {str(contract.ref): contract for contract in map(load_contract, shipped_contracts())}


def tables(page: str) -> list[list[list[str]]]:
    """Every table of a page: rows of cells."""
    blocks = re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE)
    return [
        [[cell.strip() for cell in UNESCAPED_PIPE.split(line)[1:-1]] for line in block.splitlines()]
        for block in blocks
    ]


def page_of(**first: Any) -> str:
    section = key("section", "string", 1) | first
    return to_markdown(load_contract(contract_text([section, *COLUMNS[1:]])))


@pytest.mark.parametrize("contract", [gauge(), *SHIPPED.values()], ids=lambda contract: str(contract.ref))
def test_a_page_holds_everything_in_tables_that_hold_together(contract: Contract) -> None:
    page = to_markdown(contract)
    assert page == to_markdown(load_contract(contract.text))
    assert page.endswith("\n")
    assert not page.endswith("\n\n")
    assert page.startswith(f"# {contract.title_zh} {contract.title_en}\n")
    found = tables(page)
    for table in found:
        assert {len(row) for row in table} == {len(table[0])}
        assert all(row[0] for row in table)
    first = [row[0] for table in found for row in table]
    for name in [*(c.name for c in contract.columns), *(r.id for r in contract.rules)]:
        assert f"`{name}`" in first
    for value in (str(item.value) for column in contract.columns for item in column.values):
        assert f"`{value}`" in first
    for name in [*(item.name for item in contract.sla), *(item.name for item in contract.roles)]:
        assert name in first
    assert page.count(" → ") >= len(contract.references)


def test_sections_come_only_where_there_is_something_to_say() -> None:
    page = to_markdown(gauge())
    assert "## 规则 Rules" in page
    for heading in ("## 引用", "## 服务承诺", "## 角色"):
        assert heading not in page
        assert heading in to_markdown(SHIPPED["water-quality@1.0.0"])


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("a | b", r"a \| b"),
        ("a < b <script>", r"a \< b \<script>"),
        ("times * 3 * 2", r"times \* 3 \* 2"),
        ("section_code stays", "section_code stays"),
        ("_not_ emphasised", r"\_not\_ emphasised"),
        ("[0, 14] stays", "[0, 14] stays"),
        ("[no](link)", r"[no]\(link)"),
        ("R&D, not &lt;", r"R&D, not \&lt;"),
        (r"\d stays", r"\\d stays"),
    ],
)
def test_words_are_not_markup(words: str, shown: str) -> None:
    assert f"第一列。<br>{shown} |" in page_of(description=f"第一列。\n{words}")


def test_patterns_keep_their_pipes_and_their_backslashes() -> None:
    page = page_of(logicalTypeOptions={"pattern": r"^(a|b)\.c$"})
    assert r"must match ^(a\|b)\\.c$ |" in page


def test_code_that_no_span_in_a_table_can_hold() -> None:
    page = page_of(examples=["a|b", "`c`", "d"])
    assert "<code>a&#124;b</code>, <code>&#96;c&#96;</code>, `d`" in page


def test_a_rule_shows_its_condition_and_the_share_its_fraction() -> None:
    text = contract_text(COLUMNS, [rule("high", "level > 5", "blocker")], maxRejectedShare=0.005)
    page = to_markdown(load_contract(text))
    assert "| `high` | 阻断 blocker | 规则不满足。<br>Rule high.<br>`level > 5` |" in page
    assert "| 0.5% |" in page
