"""docs/telemetry.md says of codes and settings what the code says."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from adapters.gateway.settings import GatewaySettings
from adapters.hj212.code import DATA, FLAGS, OTHER
from adapters.telemetry.station import ItemRule, Station

DOCS = (Path(__file__).parents[3] / "docs" / "telemetry.md").read_text(encoding="utf-8")


def test_every_command_is_there() -> None:
    for command in (*DATA, *OTHER):
        assert re.search(rf"^\|.*\b{command}\b", DOCS, re.MULTILINE), command


def test_flags_are_the_code_s() -> None:
    assert dict(re.findall(r"^\| ([A-Z]) \| ([A-Z]) \|", DOCS, re.MULTILINE)) == FLAGS


def test_settings_are_there_with_their_defaults() -> None:
    known = {each.name: each.default for each in fields(GatewaySettings)}
    said = re.findall(r"^\| (`[a-z_`, ]+) \| ([0-9, ]+) \|", DOCS, re.MULTILINE)
    assert len(said) == 9
    for names, values in said:
        found = [known[name] for name in re.findall(r"`(\w+)`", names)]
        assert [float(value) for value in values.split(",")] in (found, found[:1])


def test_every_name_of_a_mapping_is_there() -> None:
    for each in (*fields(Station), *fields(ItemRule)):
        assert f"`{each.name}`" in DOCS, each.name
