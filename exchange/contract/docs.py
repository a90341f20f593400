"""A contract as a page that people read, Markdown, Chinese and English side by side."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from exchange.contract.model import Column, Contract, Role, Rule, Sla

_SEVERITY_ZH = {"info": "提示", "warning": "警告", "error": "错误", "blocker": "阻断"}
_SHARING_ZH = {"unconditional": "无条件共享", "conditional": "有条件共享", "withheld": "不予共享"}
# What Markdown would take for its own: markup, entities, emphasis at a word's edge, the middle of a link.
_MARKUP: Final = re.compile(r"[\\`*<~|]|&(?=#?\w+;)|(?<!\w)_|_(?!\w)|(?<=\])\(")


def to_markdown(contract: Contract) -> str:
    """The page of one contract version; the same contract gives the same page."""
    return "\n".join(_lines(contract)).rstrip("\n") + "\n"


def _lines(contract: Contract) -> Iterator[str]:
    yield f"# {_text(contract.title_zh)} {_text(contract.title_en)}"
    yield ""
    yield f"`{contract.ref}` · {contract.status}"
    yield ""
    yield _text(contract.zh)
    yield ""
    yield _text(contract.en)
    yield ""
    yield from _facts(contract)
    yield from _columns(contract)
    for column in contract.columns:
        if column.values:
            yield from _values(column)
    yield from _rules(contract.rules)
    yield from _references(contract)
    yield from _promises(contract)


def _facts(contract: Contract) -> Iterator[str]:
    sharing = f"{_SHARING_ZH[contract.sharing]} {contract.sharing}"
    share = f"{contract.max_rejected_share * 100:g}%"
    yield from _table(
        ("事项 fact", "内容 content"),
        [
            ("主管部门 steward", contract.steward),
            ("共享属性 sharing", sharing),
            ("主键 primary key", _code(*contract.primary_key)),
            ("时间列 time column", _code(contract.time_column) if contract.time_column else "–"),
            ("断面列 section column", _code(contract.section_column) if contract.section_column else "–"),
            ("版本兼容 compatibility", str(contract.compatibility)),
            ("不合格行超过此比例则整批退回 a batch is refused above this share of rejected rows", share),
        ],
    )


def _columns(contract: Contract) -> Iterator[str]:
    yield "## 列 Columns"
    yield ""
    yield from _table(
        ("列 column", "名称 title", "类型 type", "必填 required", "单位 unit", "密级 class", "说明 meaning"),
        [
            (
                _code(column.name),
                _text(f"{column.title_zh} {column.title_en}"),
                str(column.arrow_type),
                "是 yes" if column.required else "",
                _text(column.unit),
                str(column.classification),
                f"{_said(column)}{_examples(column)}",
            )
            for column in contract.columns
        ],
    )


def _examples(column: Column) -> str:
    return f"<br>例 e.g. {_code(*map(str, column.examples))}" if column.examples else ""


def _values(column: Column) -> Iterator[str]:
    yield f"### {_text(column.title_zh)} {_text(column.title_en)} {_code(column.name)}"
    yield ""
    yield from _table(
        ("值 value", "含义 meaning"),
        [(_code(str(item.value)), _text(f"{item.zh} {item.en}")) for item in column.values],
    )


def _rules(rules: Sequence[Rule]) -> Iterator[str]:
    yield "## 规则 Rules"
    yield ""
    yield "错误：该行进入隔离区；阻断：整批退回；警告与提示：只计数。"
    yield ""
    yield "Error: the row is quarantined. Blocker: the batch is refused. Warning and info: counted only."
    yield ""
    yield from _table(
        ("规则 rule", "级别 severity", "说明 meaning"),
        [
            (
                _code(rule.id),
                f"{_SEVERITY_ZH[rule.severity]} {rule.severity}",
                _said(rule) + (f"<br>{_code(_where(rule.sql))}" if rule.sql else ""),
            )
            for rule in rules
        ],
    )


def _where(sql: str) -> str:
    return sql.partition(" WHERE ")[2]


def _references(contract: Contract) -> Iterator[str]:
    if contract.references:
        yield "## 引用 References"
        yield ""
        yield from _table(
            ("列 column", "取值来源 every value is one of"),
            [
                (_code(item.column), f"{_code(item.contract)} → {_code(item.target_column)}")
                for item in contract.references
            ],
        )


def _promises(contract: Contract) -> Iterator[str]:
    if contract.sla:
        yield "## 服务承诺 Service levels"
        yield ""
        yield from _table(
            ("承诺 promise", "值 value", "说明 meaning"),
            [(_text(item.name), _text(f"{item.value} {item.unit}"), _said(item)) for item in contract.sla],
        )
    if contract.roles:
        yield "## 角色 Roles"
        yield ""
        yield from _table(
            ("角色 role", "权限 access", "说明 meaning"),
            [(_text(item.name), _text(item.access), _said(item)) for item in contract.roles],
        )


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield _row(header)
    yield _row(["---"] * len(header))
    for row in rows:
        yield _row(row)
    yield ""


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("\n", " ") for cell in cells) + " |"


def _said(item: Column | Rule | Sla | Role) -> str:
    return f"{_text(item.zh)}<br>{_text(item.en)}"


def _text(words: str) -> str:
    """Words that read the same once Markdown has been at them."""
    return _MARKUP.sub(r"\\\g<0>", words)


def _code(*names: str) -> str:
    return ", ".join(map(_verbatim, names))


def _verbatim(text: str) -> str:
    """A code span; as HTML where a span inside a table could not hold the text."""
    if "`" not in text and "|" not in text:
        return f"`{text}`"
    plain = (letter if letter.isalnum() or letter == " " else f"&#{ord(letter)};" for letter in text)
    return f"<code>{''.join(plain)}</code>"
