"""Fixtures of a running hub with enrolled agencies, shared by tests that need a real process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from demo.hub import HubProcess
from exchange.client import Client, connect


@dataclass(frozen=True, slots=True)
class Site:
    """A hub and two of its agencies."""

    hub: HubProcess
    ecology: Path
    water: Path

    def client(self, home: Path | None = None) -> Client:
        """A connection; ecology's where none is named."""
        return connect(home or self.ecology)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One hub for the tests of a module."""
    with HubProcess(tmp_path_factory.mktemp("site"), "500000") as hub:
        yield Site(hub, hub.enroll("ecology"), hub.enroll("water"))
