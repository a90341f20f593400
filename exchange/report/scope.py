"""What a report is about: the joint office's file (YAML), checked against a JSON Schema.

It names both sides with their datasets and who signs for them, the sections with their codes on either side, what
compensation is counted by, and what is planned for the next period. PROTOCOL.md, section Reports.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any, Final, Self

import jsonschema
import yaml

from exchange.errors import FieldViolation, InvalidInputError, LimitExceededError, MalformedError
from exchange.ids import AgencyId, DatasetId
from exchange.report.words import Words

MAX_BYTES: Final = 1 << 20
SIDES: Final = ("left", "right")


class About(StrEnum):
    """What ties the sections together."""

    BOUNDARY = "boundary"
    RIVER = "river"
    CHIEF = "chief"
    CAMPAIGN = "campaign"

    @property
    def words(self) -> Words:
        """In both languages."""
        return {
            About.BOUNDARY: Words("边界", "boundary"),
            About.RIVER: Words("河流", "river"),
            About.CHIEF: Words("河长", "river chief"),
            About.CAMPAIGN: Words("专项行动", "campaign"),
        }[self]


@dataclass(frozen=True, slots=True)
class Side:
    """One bank: its datasets by contract, and the agency that signs for it."""

    which: str
    jurisdiction: str
    name: Words
    signatory: AgencyId
    datasets: Mapping[str, DatasetId]


@dataclass(frozen=True, slots=True)
class Section:
    """`codes` by side; `source` is the side whose values count; `upstream`: the side the water comes from."""

    name: Words
    river: str
    codes: Mapping[str, str]
    source: str
    upstream: str
    station: str
    gauged: str
    flux: tuple[str, ...]

    @property
    def code(self) -> str:
        """The code on the side whose values count: what figures are named by."""
        return self.codes[self.source]


@dataclass(frozen=True, slots=True)
class Counted:
    """Compensation by a contract: over `sections`, or those the contract names (`named`), against `base` values."""

    contract: str
    sections: tuple[str, ...]
    named: Mapping[str, str]
    base: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Scope:
    """The file, read. `made`: data are made up, as it says.

    Patrols are planned by what both sides accepted (`accord`, its id), or by files (`patrols`, of office and plan).
    """

    title: Words
    about: About
    name: str
    sides: tuple[Side, Side]
    sections: tuple[Section, ...]
    comparison: str
    prefer: str
    compensation: tuple[Counted, ...]
    patrols: tuple[str, str] | None
    accord: str
    next: tuple[Words, ...]
    made: bool
    document: Mapping[str, Any]

    def side(self, which: str) -> Side:
        """left or right."""
        return self.sides[SIDES.index(which)]

    @property
    def called(self) -> Words:
        """What `name` is called, where that is a code, as a campaign's is."""
        return Words.of(self.document["about"].get("called", self.name))

    @property
    def rivers(self) -> frozenset[str]:
        """Names of the rivers that the sections are on."""
        return frozenset(each.river for each in self.sections if each.river)

    @property
    def jurisdictions(self) -> tuple[str, str]:
        """Both sides' codes, left first."""
        return self.sides[0].jurisdiction, self.sides[1].jurisdiction

    @classmethod
    def parse(cls, text: bytes) -> Self:
        """Read YAML; raises MalformedError naming every field that is wrong, LimitExceededError."""
        if len(text) > MAX_BYTES:
            raise LimitExceededError(f"任务书过大 / a scope has at most {MAX_BYTES} bytes")
        try:
            document = yaml.safe_load(text)
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise MalformedError(f"任务书无法读取 / the scope is not YAML: {error}") from None
        return cls.of(document)

    @classmethod
    def of(cls, document: Any) -> Self:
        """From the parsed document; raises MalformedError."""
        _validate(document)
        try:
            sides = tuple(_side(which, document[which]) for which in SIDES)
        except InvalidInputError as error:
            raise MalformedError(f"任务书有误 / the scope is not sound: {error.message}") from None
        _check(document)
        patrols = document.get("patrols", {})
        return cls(
            title=Words.of(document["title"]),
            about=About(document["about"]["kind"]),
            name=document["about"]["name"],
            sides=(sides[0], sides[1]),
            sections=tuple(map(_section, document["sections"])),
            comparison=document.get("comparison", "boundary-comparison"),
            prefer=document.get("prefer", "automatic"),
            compensation=tuple(map(_counted, document.get("compensation", ()))),
            patrols=(patrols["office"], patrols["plan"]) if "plan" in patrols else None,
            accord=patrols.get("accord", ""),
            next=tuple(map(Words.of, document.get("next", ()))),
            made=document.get("made", False),
            document=document,
        )


@cache
def _validator() -> jsonschema.Draft202012Validator:
    schema = json.loads((files("exchange.report") / "data/scope.schema.json").read_bytes())
    return jsonschema.Draft202012Validator(schema)


def _validate(document: Any) -> None:
    wrong = [
        FieldViolation(
            "/".join(map(str, error.absolute_path)) or "scope", str(error.validator), error.message[:200]
        )
        for error in _validator().iter_errors(document)
    ]
    if wrong:
        raise MalformedError(
            f"任务书有误 / the scope is not sound: {wrong[0].field}: {wrong[0].description}", violations=wrong
        )


def _check(document: Mapping[str, Any]) -> None:
    """What a schema cannot say."""
    wrong = []
    for which in SIDES:
        codes = [each[which] for each in document["sections"] if which in each]
        twice = sorted({code for code in codes if codes.count(code) > 1})
        wrong += [FieldViolation("sections", "unique", f"{which}: {code}") for code in twice]
    for at, each in enumerate(document["sections"]):
        wrong += [
            FieldViolation(
                f"sections/{at}/{name}", "reference", f"the section has no code on the {each[name]}"
            )
            for name in ("from",)
            if name in each and each[name] not in each
        ]
    if document["left"]["jurisdiction"] == document["right"]["jurisdiction"]:
        wrong.append(FieldViolation("right/jurisdiction", "differs", "两方须为两个辖区 / two jurisdictions"))
    if wrong:
        raise MalformedError(
            f"任务书有误 / the scope is not sound: {wrong[0].field}: {wrong[0].description}", violations=wrong
        )


def _side(which: str, given: Mapping[str, Any]) -> Side:
    datasets = {name: DatasetId.parse(text) for name, text in given["datasets"].items()}
    return Side(
        which, given["jurisdiction"], Words.of(given["name"]), AgencyId.parse(given["signatory"]), datasets
    )


def _section(given: Mapping[str, Any]) -> Section:
    codes = {which: given[which] for which in SIDES if which in given}
    source = given.get("from", next(iter(codes)))
    return Section(
        name=Words.of(given["name"]),
        river=given.get("river", ""),
        codes=codes,
        source=source,
        upstream=given.get("upstream", ""),
        station=given.get("station", ""),
        gauged=given.get("gauged", source),
        flux=tuple(given.get("flux", ())),
    )


def _counted(given: Mapping[str, Any]) -> Counted:
    return Counted(
        given["contract"], tuple(given.get("sections", ())), given.get("named", {}), given.get("base", {})
    )
