"""From bytes to an ODCS document, in three gates: bounded YAML, the standard's JSON Schema, its pydantic models.

The models drop unknown nested keys without a word, so the schema goes first: a typo such as `primaryKy` is
refused with its path. YAML is read with the types of JSON (YAML 1.2 core schema): `N` is a string, not a boolean.
Source: Open Data Contract Standard 3.2.0, as bundled with open-data-contract-standard.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any, Final

import yaml
from jsonschema import Draft201909Validator
from jsonschema.exceptions import ValidationError
from open_data_contract_standard.model import OpenDataContractStandard
from pydantic import ValidationError as ModelError

from exchange.contract.problem import path_of, refuse
from exchange.errors import FieldViolation, LimitExceededError, MalformedError

MAX_BYTES: Final = 1 << 20
_MAX_DEPTH: Final = 32
_MAX_NODES: Final = 50_000
_MAX_SHOWN: Final = 100


class _Loader(yaml.CSafeLoader):
    """The safe loader with JSON's types; mappings refuse a key that comes twice."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  pyyaml's own name and form

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag != "tag:yaml.org,2002:str":
                raise yaml.constructor.ConstructorError(None, None, "a key is not a string", key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key.value[:40]!r} comes twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


for _tag, _regexp, _first in (
    ("null", r"~|null|Null|NULL|", "~nN\0"),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(0|[1-9][0-9]{0,17})", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?", "-+.0123456789"),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_regexp})$"), [*_first.replace("\0", ""), ""]
    )


def read_document(text: bytes, vouched: bool = False) -> OpenDataContractStandard:
    """Parse a contract's YAML as ODCS. `vouched`: it was held against the standard's JSON Schema before.

    Raises LimitExceededError (size, depth, nodes), MalformedError (not YAML) and InvalidInputError with one
    violation per place where it is not ODCS.
    """
    data = _parse(text)
    if not vouched:
        refuse("not a contract of the Open Data Contract Standard", _schema_problems(data))
    try:
        return OpenDataContractStandard.model_validate(data)
    except ModelError as error:
        refuse(
            "not a contract of the Open Data Contract Standard",
            [FieldViolation(path_of(item["loc"]), "odcs", item["msg"][:200]) for item in error.errors()],
        )
        raise


def _parse(text: bytes) -> Any:
    if len(text) > MAX_BYTES:
        raise LimitExceededError(f"a contract of {len(text)} bytes; at most {MAX_BYTES} are read")
    try:
        content = text.decode("utf-8")
        _bound(yaml.parse(content, Loader=yaml.CSafeLoader))
        data = yaml.load(content, Loader=_Loader)
    except UnicodeDecodeError as error:
        raise MalformedError(f"not UTF-8 at byte {error.start}") from None
    except yaml.YAMLError as error:
        raise MalformedError(f"not YAML: {' '.join(str(error).split())[:300]}") from None
    except (ValueError, RecursionError) as error:
        raise MalformedError(f"not YAML: {str(error)[:200]}") from None
    _check_numbers(data)
    return data


def _bound(events: Iterable[Any]) -> None:
    depth = nodes = 0
    for event in events:
        if isinstance(event, yaml.AliasEvent):
            raise MalformedError(f"aliases such as *{str(event.anchor)[:40]} are not read")
        if isinstance(event, yaml.NodeEvent):
            nodes += 1
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _MAX_DEPTH or nodes > _MAX_NODES:
            raise LimitExceededError(f"nested deeper than {_MAX_DEPTH} or more than {_MAX_NODES} nodes")


def _check_numbers(data: Any) -> None:
    if isinstance(data, float) and not math.isfinite(data):
        raise MalformedError("a number is too large")
    if isinstance(data, dict | list):
        for item in data.values() if isinstance(data, dict) else data:
            _check_numbers(item)


@cache
def _validator() -> Draft201909Validator:
    schema = files("open_data_contract_standard").joinpath("schema.json").read_text(encoding="utf-8")
    return Draft201909Validator(json.loads(schema))


def _schema_problems(data: Any) -> list[FieldViolation]:
    if not isinstance(data, dict):
        return [FieldViolation("", "odcs", "a contract is a mapping")]
    found: dict[tuple[str, str], FieldViolation] = {}
    for error in _validator().iter_errors(data):
        for leaf in _leaves(error):
            field = path_of(leaf.absolute_path)
            said = re.sub(r"\s+", " ", leaf.message)
            said = said if len(said) <= 300 else f"{said[:140]} … {said[-140:]}"
            found.setdefault((field, said), FieldViolation(field, "odcs", said))
            if len(found) >= _MAX_SHOWN:
                return list(found.values())
    return list(found.values())


def _leaves(error: ValidationError) -> list[ValidationError]:
    """What to tell: of alternatives the error itself, of plain nesting its innermost causes."""
    if not error.context or error.validator in ("oneOf", "anyOf"):
        return [error]
    return [leaf for inner in error.context for leaf in _leaves(inner)]
