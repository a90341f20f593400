"""From a contract's YAML to a `Contract`, with everything that is wrong with it said at once.

What the Open Data Contract Standard 3.2.0 leaves open is fixed here: `id` is the contract's name, `name` its title,
one schema object, and five custom properties of the document (see `_OWN`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from open_data_contract_standard.model import OpenDataContractStandard, SchemaObject, SchemaProperty

from exchange.contract import wording
from exchange.contract.column import TYPES, ColumnReader
from exchange.contract.custom import custom
from exchange.contract.document import read_document
from exchange.contract.model import Column, Compatibility, Contract, Kind, Role, Rule, Severity, Sharing, Sla
from exchange.contract.problem import Problems, refuse
from exchange.contract.quality import QualityReader
from exchange.errors import HechuanError, MalformedError, NotFoundError
from exchange.ids import ContractRef, digest_of

MAX_COLUMNS: Final = 256
_OWN: Final = frozenset(
    {"steward", "sharing", "compatibility", "maxRejectedShare", "timeColumn", "sectionColumn"}
)
_STATES: Final = ("proposed", "draft", "active", "deprecated", "retired")


@lru_cache(maxsize=128)
def load_contract(text: bytes, vouched: bool = False) -> Contract:
    """Read one contract version. `vouched`: out of a release or a ledger, and held against the JSON Schema before.

    Raises LimitExceededError (too large), MalformedError (not YAML) or InvalidInputError with one violation per
    place, each a YAML path.
    """
    document = read_document(text, vouched)
    problems = Problems()
    contract = _Assembly(document, problems).contract(text)
    refuse("the contract cannot be used", problems.found)
    assert contract is not None
    return contract


def load_directory(directory: Path) -> tuple[Contract, ...]:
    """All `<name>/<version>.yaml` below a directory, by name and version.

    Raises NotFoundError where there is none, MalformedError where a file's place and content disagree, and what
    `load_contract` raises, with the file named first.
    """
    paths = sorted(directory.glob("*/*.yaml"))
    if not paths:
        raise NotFoundError(f"no contract below {directory}: <name>/<version>.yaml is looked for")
    return tuple(sorted((_load_file(path) for path in paths), key=lambda contract: contract.ref))


def shipped_contracts() -> list[bytes]:
    """The YAML of every contract version that comes with the software, by name and version."""
    found = [
        (directory.name, file.name, file.read_bytes())
        for directory in files("contracts").iterdir()
        if directory.is_dir()
        for file in directory.iterdir()
        if file.name.endswith(".yaml")
    ]
    return [text for _, _, text in sorted(found)]


def _load_file(path: Path) -> Contract:
    try:
        contract = load_contract(path.read_bytes())
    except HechuanError as error:
        error.add_note(f"while reading {path}")
        raise
    place = f"{path.parent.name}@{path.stem}"
    if str(contract.ref) != place:
        raise MalformedError(f"{path} holds {contract.ref}; it belongs at {contract.ref.name}/")
    return contract


class _Assembly:
    """One document on its way to a contract."""

    def __init__(self, document: OpenDataContractStandard, problems: Problems) -> None:
        self._document = document
        self._problems = problems
        self._own = custom(document.customProperties, _OWN, "", problems)

    def contract(self, text: bytes) -> Contract | None:
        """The contract; None, and problems noted, where nothing could be made of it."""
        ref, thing = self._ref(), self._object()
        if thing is None:
            return None
        title_zh, title_en = wording.title(self._document.name, "name", self._problems)
        purpose = self._document.description.purpose if self._document.description else None
        zh, en = wording.description(purpose, "description.purpose", self._problems)
        columns, rules = self._columns_and_rules(thing)
        if ref is None:
            return None
        return Contract(
            ref=ref,
            status=self._choice(self._document.status, _STATES, "status"),
            title_zh=title_zh,
            title_en=title_en,
            zh=zh,
            en=en,
            columns=columns,
            primary_key=self._primary_key(thing.properties or []),
            time_column=self._column_named("timeColumn", columns, ("timestamp", "date")),
            section_column=self._column_named("sectionColumn", columns, ("string",)),
            rules=rules,
            references=tuple(dict.fromkeys(rule.reference for rule in rules if rule.reference is not None)),
            sharing=Sharing(self._choice(self._own.get("sharing"), tuple(Sharing), "sharing")),
            compatibility=Compatibility(
                self._choice(self._own.get("compatibility"), tuple(Compatibility), "compatibility")
            ),
            max_rejected_share=self._share(),
            steward=self._steward(),
            sla=tuple(self._sla()),
            roles=tuple(self._roles()),
            text=text,
            digest=digest_of(text),
        )

    def _ref(self) -> ContractRef | None:
        try:
            return ContractRef.parse(f"{self._document.id}@{self._document.version}")
        except MalformedError as error:
            self._problems.add("id", "name", f"{error.message}; id is the contract's name")
            return None

    def _object(self) -> SchemaObject | None:
        objects = self._document.schema_ or []
        if len(objects) != 1 or not objects[0].properties:
            self._problems.add(
                "schema", "unsupported", "a contract has exactly one schema object, with columns"
            )
            return None
        if len(objects[0].properties) > MAX_COLUMNS:
            self._problems.add("schema[0].properties", "limit", f"at most {MAX_COLUMNS} columns")
            return None
        return objects[0]

    def _columns_and_rules(self, thing: SchemaObject) -> tuple[tuple[Column, ...], tuple[Rule, ...]]:
        problems, path = self._problems, "schema[0].properties"
        given = thing.properties or []
        readers = [ColumnReader(item, f"{path}[{at}]", problems) for at, item in enumerate(given)]
        types = {
            reader.name: TYPES[reader.column.logical_type]
            for reader in readers
            if reader.rules or reader.column.logical_type in TYPES
        }
        for name, count in Counter(reader.name for reader in readers).items():
            if count > 1:
                problems.add(path, "name", f"column {name} comes {count} times")
        rules = list(self._key_rule(given))
        for at, (item, reader) in enumerate(zip(given, readers, strict=True)):
            rules.extend(reader.rules)
            quality = QualityReader(types, reader.column, problems)
            for position, check in enumerate(item.quality or []):
                rules.extend(quality.rules(check, f"{path}[{at}].quality[{position}]"))
        quality = QualityReader(types, None, problems)
        for position, check in enumerate(thing.quality or []):
            rules.extend(quality.rules(check, f"schema[0].quality[{position}]"))
        for rule_id, count in Counter(rule.id for rule in rules).items():
            if count > 1:
                problems.add("schema[0]", "name", f"rule {rule_id} comes {count} times")
        return tuple(reader.column for reader in readers), tuple(rules)

    def _primary_key(self, given: Sequence[SchemaProperty]) -> tuple[str, ...]:
        keys = [item for item in given if item.primaryKey]
        return tuple(item.name or "" for item in sorted(keys, key=lambda item: item.primaryKeyPosition or 0))

    def _key_rule(self, given: Sequence[SchemaProperty]) -> Iterator[Rule]:
        keys = [item for item in given if item.primaryKey]
        names = self._primary_key(given)
        path = "schema[0].properties"
        if not keys:
            self._problems.add(path, "primary_key", "at least one column has primaryKey: true")
            return
        if len(keys) > 1 and sorted(item.primaryKeyPosition or 0 for item in keys) != list(
            range(1, len(keys) + 1)
        ):
            said = f"primaryKeyPosition of the {len(keys)} key columns counts 1 to {len(keys)}"
            self._problems.add(path, "primary_key", said)
        for item in keys:
            if not item.required:
                self._problems.add(path, "primary_key", f"key column {item.name} is required: true")
            if item.logicalType == "number":
                self._problems.add(path, "primary_key", f"{item.name}: fractions are no identity")
        shown = ", ".join(names)
        zh, en = f"主键（{shown}）不能重复", f"the primary key ({shown}) must not occur twice"
        yield Rule(str(Kind.PRIMARY_KEY), Kind.PRIMARY_KEY, names, Severity.ERROR, zh, en, "uniqueness")

    def _column_named(self, own: str, columns: Sequence[Column], kinds: tuple[str, ...]) -> str | None:
        name = self._own.get(own)
        if name is None:
            return None
        if not any(column.name == name and column.logical_type in kinds for column in columns):
            self._problems.add(
                f"customProperties.{own}", "column", f"{own} names a {' or '.join(kinds)} column"
            )
            return None
        return str(name)

    def _choice(self, given: Any, known: tuple[str, ...], what: str) -> str:
        if given not in known:
            self._problems.add(
                what, "value", f"{what} is one of {', '.join(known)}; found {str(given)[:60]!r}"
            )
            return known[0]
        return str(given)

    def _share(self) -> float:
        given = self._own.get("maxRejectedShare")
        if isinstance(given, int | float) and not isinstance(given, bool) and 0 <= given <= 1:
            return float(given)
        self._problems.add("maxRejectedShare", "value", "maxRejectedShare lies between 0 and 1")
        return 0.0

    def _steward(self) -> str:
        given = str(self._own.get("steward") or "")
        try:
            return ContractRef.parse(f"{given}@0.0.0").name
        except MalformedError:
            self._problems.add("steward", "value", "steward names the department that keeps the contract")
            return ""

    def _sla(self) -> Iterator[Sla]:
        for position, given in enumerate(self._document.slaProperties or []):
            zh, en = wording.description(
                given.description, f"slaProperties[{position}].description", self._problems
            )
            yield Sla(given.property or "", given.value, given.unit or "", zh, en)

    def _roles(self) -> Iterator[Role]:
        for position, given in enumerate(self._document.roles or []):
            zh, en = wording.description(given.description, f"roles[{position}].description", self._problems)
            yield Role(given.role or "", given.access or "", zh, en)
