"""A small contract with a column of every type, for tests that need one and not the shipped ones."""

from __future__ import annotations

from functools import cache
from typing import Any

import yaml

from exchange.contract.load import load_contract
from exchange.contract.model import Contract


def column(name: str, kind: str, **more: Any) -> dict[str, Any]:
    """An ODCS property; `unit` and `severity` become custom properties."""
    own = [{"property": key, "value": more.pop(key)} for key in ("unit", "severity") if key in more]
    if kind == "number" and not own:
        own = [{"property": "unit", "value": "1"}]
    return {
        "name": name,
        "businessName": f"列{name[0]}列 / {name}",
        "description": f"第一列。\nColumn {name}.",
        "classification": more.pop("classification", "public"),
        "logicalType": kind,
        **({"customProperties": own} if own else {}),
        **more,
    }


def key(name: str, kind: str, position: int, **more: Any) -> dict[str, Any]:
    """A column of the primary key."""
    return column(name, kind, required=True, primaryKey=True, primaryKeyPosition=position, **more)


def rule(name: str, where: str, severity: str = "error") -> dict[str, Any]:
    """A rule over several columns: the rows WHERE it holds are wrong."""
    return {
        "type": "sql",
        "name": name,
        "description": f"规则不满足。\nRule {name}.",
        "query": f"SELECT COUNT(*) FROM ${{object}} WHERE {where}",
        "mustBe": 0,
        "severity": severity,
        "dimension": "consistency",
    }


def contract_text(
    columns: list[dict[str, Any]],
    quality: list[dict[str, Any]] | None = None,
    name: str = "gauge",
    version: str = "1.0.0",
    **own: Any,
) -> bytes:
    """YAML of a contract; `own` are the document's custom properties."""
    properties = {
        "steward": "ecology",
        "sharing": "unconditional",
        "compatibility": "full",
        "maxRejectedShare": 1.0,
        **own,
    }
    document = {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": name,
        "version": version,
        "status": "active",
        "name": "水位 / Gauge",
        "description": {"purpose": "测试用合约。\nA contract for tests."},
        "customProperties": [{"property": item, "value": value} for item, value in properties.items()],
        "schema": [
            {
                "name": name.replace("-", "_"),
                "logicalType": "object",
                "properties": columns,
                **({"quality": quality} if quality else {}),
            }
        ],
    }
    return yaml.safe_dump(document, allow_unicode=True, sort_keys=False).encode()


COLUMNS = [
    key("section", "string", 1, logicalTypeOptions={"maxLength": 20}),
    key("at", "timestamp", 2),
    column("level", "number", unit="m", logicalTypeOptions={"minimum": -100, "maximum": 9000}),
    column("count", "integer"),
    column("day", "date"),
    column("automatic", "boolean"),
    column("note", "string"),
]
RULES = [rule("level_needs_count", "level IS NOT NULL AND count IS NULL", "warning")]


@cache
def gauge() -> Contract:
    """section, at (the key), level, count, day, automatic, note."""
    return load_contract(contract_text(COLUMNS, RULES, timeColumn="at", sectionColumn="section"))
