"""A contract as a page that people read, Markdown, Chinese and English side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from exchange.contract.model import Column, Contract, Rule

_SEVERITY_ZH = {"info": "提示", "warning": "警告", "error": "错误", "blocker": "阻断"}
_SHARING_ZH = {"unconditional": "无条件共享", "conditional": "有条件共享", "withheld": "不予共享"}


def to_markdown(contract: Contract) -> str:
    """The page of one contract version; the same contract gives the same page."""
    return "\n".join(_lines(contract)) + "\n"


def _lines(contract: Contract) -> Iterator[str]:
    yield f"# {contract.title_zh} {contract.title_en}"
    yield ""
    yield f"`{contract.ref}` · {contract.status}"
    yield ""
    yield contract.zh
    yield ""
    yield contract.en
    yield ""
    yield from _facts(contract)
    yield from _columns(contract)
    for column in contract.columns:
        if column.values:
            yield from _values(column)
    yield from _rules(contract.rules)
    yield from _promises(contract)


def _facts(contract: Contract) -> Iterator[str]:
    sharing = f"{_SHARING_ZH[contract.sharing]} {contract.sharing}"
    share = f"{contract.max_rejected_share:.0%}"
    yield from _table(
        ("", ""),
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
                f"{column.title_zh} {column.title_en}",
                str(column.arrow_type),
                "是 yes" if column.required else "",
                column.unit,
                str(column.classification),
                f"{column.zh}<br>{column.en}{_examples(column)}",
            )
            for column in contract.columns
        ],
    )


def _examples(column: Column) -> str:
    return f"<br>例 e.g. {_code(*map(str, column.examples))}" if column.examples else ""


def _values(column: Column) -> Iterator[str]:
    yield f"### {column.title_zh} {column.title_en} {_code(column.name)}"
    yield ""
    yield from _table(
        ("值 value", "含义 meaning"),
        [(_code(str(item.value)), f"{item.zh} {item.en}") for item in column.values],
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
                f"{rule.zh}<br>{rule.en}" + (f"<br>{_code(_where(rule.sql))}" if rule.sql else ""),
            )
            for rule in rules
        ],
    )


def _where(sql: str) -> str:
    return sql.partition(" WHERE ")[2]


def _promises(contract: Contract) -> Iterator[str]:
    if contract.sla:
        yield "## 服务承诺 Service levels"
        yield ""
        yield from _table(
            ("承诺 promise", "值 value", "说明 meaning"),
            [(item.name, f"{item.value} {item.unit}", f"{item.zh}<br>{item.en}") for item in contract.sla],
        )
    if contract.roles:
        yield "## 角色 Roles"
        yield ""
        yield from _table(
            ("角色 role", "权限 access", "说明 meaning"),
            [(item.name, item.access, f"{item.zh}<br>{item.en}") for item in contract.roles],
        )


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield _row(header)
    yield _row(["---"] * len(header))
    for row in rows:
        yield _row(row)
    yield ""


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _code(*names: str) -> str:
    return ", ".join(f"`{name}`" for name in names)
