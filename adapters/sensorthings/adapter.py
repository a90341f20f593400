"""A SensorThings service, or a saved page of one, under a mapping."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urljoin, urlsplit

from adapters.mapping.document import load_form, shipped
from adapters.protocol import Tally
from adapters.sensorthings.decode import FIELDS, decode
from adapters.settings import limit
from adapters.shape.reading import ShapedReading
from adapters.shape.sheet import Sheet
from adapters.web.fetch import fetch
from adapters.web.records import Record, sheet_of
from exchange.contract.model import Contract
from exchange.errors import LimitExceededError, MalformedError


@dataclass(frozen=True, slots=True)
class SensorThingsAdapter:
    """Reads `…/v1.1/Observations?$expand=Datastream($expand=Thing,ObservedProperty)`, page by page."""

    contracts: Mapping[str, Contract] | None = None

    @property
    def name(self) -> str:
        """As in the entry point."""
        return "sensorthings"

    def read(self, source: str, mapping: Path) -> ShapedReading:
        """Begin to read; raises InvalidInputError. Pages are fetched as rows are asked for."""
        contracts = shipped() if self.contracts is None else self.contracts
        form = load_form(mapping, contracts)

        def sheets(tally: Tally) -> Generator[Sheet, None, None]:
            del tally
            yield sheet_of(FIELDS, _records(source))

        return ShapedReading(form, contracts, sheets)


def _records(source: str) -> Iterator[Record]:
    here: str | None = source
    seen: set[str] = set()
    while here is not None:
        if len(seen) >= (most := limit().pages):
            raise LimitExceededError(f"{source}: 超过 {most} 页 / more than {most} pages")
        seen.add(here)
        page = decode(fetch(here))
        yield from page.records
        after = urljoin(here, page.next) if page.next else None
        if after is not None and (after in seen or urlsplit(after)[:2] != urlsplit(source)[:2]):
            raise MalformedError(
                f"{after}: 下一页指回已读页或另一主机 / the next page is a page already read, or elsewhere"
            )
        here = after


adapter: Final = SensorThingsAdapter()
