"""A WaterML document, from a file or a service, under a mapping."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from adapters.mapping.document import load_form, shipped
from adapters.protocol import Tally
from adapters.shape.reading import ShapedReading
from adapters.shape.sheet import Sheet
from adapters.waterml.decode import FIELDS, decode
from adapters.web.fetch import fetch
from adapters.web.records import sheet_of
from exchange.contract.model import Contract


@dataclass(frozen=True, slots=True)
class WaterMlAdapter:
    """Reads measurement time series."""

    contracts: Mapping[str, Contract] | None = None

    @property
    def name(self) -> str:
        """As in the entry point."""
        return "waterml"

    def read(self, source: str, mapping: Path) -> ShapedReading:
        """Begin to read a file or URL; raises InvalidInputError."""
        contracts = shipped() if self.contracts is None else self.contracts
        form = load_form(mapping, contracts)

        def sheets(tally: Tally) -> Generator[Sheet, None, None]:
            del tally
            yield sheet_of(FIELDS, decode(fetch(source)))

        return ShapedReading(form, contracts, sheets)


adapter: Final = WaterMlAdapter()
