"""A mapping file read: YAML, its schema, and the contracts that it names; every problem with line and field."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from adapters.mapping.form import Form, TableRule, form_of
from adapters.settings import limit
from exchange.contract.load import load_contract, shipped_contracts
from exchange.contract.model import Contract
from exchange.errors import FieldViolation, InvalidInputError, MalformedError, NotFoundError

Contracts = Mapping[str, Contract]


def load_form(path: Path, contracts: Contracts | None = None) -> Form:
    """Read a mapping and hold it against the contracts; raises InvalidInputError with a violation per problem.

    `contracts` by name; the shipped ones where None is given.
    """
    return parse_form(path.read_bytes(), path.name, contracts)


def parse_form(data: bytes, name: str, contracts: Contracts | None = None) -> Form:
    """`load_form` for bytes."""
    if len(data) > (most := limit().mapping_bytes):
        raise InvalidInputError(f"{name}: 映射文件超过 {most} 字节 / a mapping has at most {most} bytes")
    try:
        document = yaml.load(data, yaml.CSafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"第 {mark.line + 1} 行 line {mark.line + 1}" if mark else ""
        said = getattr(error, "problem", None) or str(error)
        raise MalformedError(f"{name}: 不是 YAML / not YAML: {where} {said}") from None
    problems = list(_by_schema(document))
    form = None
    if not problems:
        form = form_of(document)
        problems = list(_by_contracts(form, shipped() if contracts is None else contracts))
    if problems or form is None:
        node = yaml.compose(data, yaml.CSafeLoader)
        raise InvalidInputError(
            f"{name}: 映射文件有 {len(problems)} 处问题 / the mapping has {len(problems)} problems",
            violations=[
                FieldViolation(f"line {_line(node, path)} · {_shown(path)}", "mapping", said)
                for path, said in problems
            ],
        )
    return form


@cache
def shipped() -> Contracts:
    """The newest of each shipped contract, by name."""
    found: dict[str, Contract] = {}
    for contract in (load_contract(text, vouched=True) for text in shipped_contracts()):
        if contract.ref.name not in found or found[contract.ref.name].ref < contract.ref:
            found[contract.ref.name] = contract
    return found


def find_form(given: str) -> Path:
    """A mapping by its path, or a shipped one by its name, as `ecology/cnemc-4h`; raises NotFoundError."""
    path = Path(given)
    if path.suffix in (".yaml", ".yml"):
        if path.is_file():
            return path
        raise NotFoundError(f"没有文件 {given} / no file {given}")
    names = shipped_forms()
    if given not in names:
        raise NotFoundError(f"没有映射 {given} / no mapping {given}; there are {', '.join(names)}")
    return names[given]


def shipped_forms() -> dict[str, Path]:
    """Mappings that come with the project, by department and name."""
    place = Path(str(files("adapters.example")))
    return {f"{path.parent.name}/{path.stem}": path for path in sorted(place.glob("*/*.yaml"))}


@cache
def _validator() -> Any:
    schema = json.loads(files("adapters.mapping").joinpath("form.schema.json").read_text(encoding="utf-8"))
    return jsonschema.Draft202012Validator(schema)


Problem = tuple[Sequence[str | int], str]


def _by_schema(document: object) -> Iterator[Problem]:
    for error in _validator().iter_errors(document):
        yield list(error.absolute_path), error.message[:200]


def _by_contracts(form: Form, contracts: Contracts) -> Iterator[Problem]:
    for at, table in enumerate(form.tables):
        contract = contracts.get(table.contract)
        if contract is None:
            yield ["tables", at, "contract"], f"没有合约 / there is no contract {table.contract}"
        else:
            yield from _of_table(table, contract, ["tables", at])


def _of_table(table: TableRule, contract: Contract, path: list[str | int]) -> Iterator[Problem]:
    given = set(table.columns)
    for name in table.columns:
        if not contract.has_column(name):
            yield [*path, "columns", name], f"合约没有此列 / {contract.ref} has no column {name}"
    if table.items is not None:
        for role in ("code", "value", "unit", "qualifier", "limit"):
            name = getattr(table.items, role)
            given |= {name} if name else set()
            if name and not contract.has_column(name):
                yield [*path, "items", role], f"合约没有此列 / {contract.ref} has no column {name}"
    for name in table.first_of:
        if name not in given:
            yield [*path, "first_of"], f"未给出此列 / column {name} is not given"
    for column in contract.columns:
        if column.required and column.name not in given:
            yield [*path, "columns"], f"缺少必填列 / required column {column.name} is not given"


def _line(node: Any, path: Sequence[str | int]) -> int:
    """The line of a place in the document, or of the nearest thing around it."""
    line = 1
    for step in path:
        if isinstance(node, yaml.MappingNode):
            pair = next(((key, value) for key, value in node.value if key.value == str(step)), None)
            if pair is None:
                break
            line, node = pair[0].start_mark.line + 1, pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line + 1
    return line


def _shown(path: Sequence[str | int]) -> str:
    return ".".join(str(step) for step in path) or "(document)"
