"""What the hub's commands write and read by themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from exchange.cli.hub import read_serial, settings_text
from exchange.errors import MalformedError
from exchange.settings import load_settings


def test_settings_are_read_back(tmp_path: Path) -> None:
    path = tmp_path / "hub.toml"
    odd = 'quote " backslash \\ 合川'
    path.write_text(
        settings_text({"hub": {"jurisdiction": "500000", "names": odd}, "store": {}}), encoding="utf-8"
    )
    settings = load_settings(path, {})
    assert (settings.hub.jurisdiction, settings.hub.names) == ("500000", odd)


@pytest.mark.parametrize("text", ["01ab", "1AB", "0x1ab", "01:AB", "1ab"])
def test_serial_numbers_as_tools_print_them(text: str) -> None:
    assert read_serial(text) == "1ab"


@pytest.mark.parametrize("text", ["", "0", "xyz", "1 2"])
def test_what_is_no_serial_number(text: str) -> None:
    with pytest.raises(MalformedError):
        read_serial(text)
