"""Searching the catalogue of every hub, and what a new contract version would do to its readers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final, TypedDict, Unpack

from exchange import wire
from exchange.client.call import retried
from exchange.errors import InvalidInputError
from exchange.v1 import catalog_pb2

if TYPE_CHECKING:
    from exchange.client.session import Session

_TIMEOUT: Final = 30
SHARING: Final = {
    "unconditional": catalog_pb2.SHARING_UNCONDITIONAL,
    "无条件": catalog_pb2.SHARING_UNCONDITIONAL,
    "conditional": catalog_pb2.SHARING_CONDITIONAL,
    "有条件": catalog_pb2.SHARING_CONDITIONAL,
    "withheld": catalog_pb2.SHARING_WITHHELD,
    "不予": catalog_pb2.SHARING_WITHHELD,
}
"""Sharing classes by the names that people write."""


class Conditions(TypedDict, total=False):
    """What may be asked for beside the words."""

    contract: str
    river: str
    section: str
    department: str
    sharing: Sequence[str]
    since: datetime | None
    until: datetime | None
    fresher_than_hours: int
    hub: str


def search_request(text: str = "", **conditions: Unpack[Conditions]) -> catalog_pb2.SearchDatasetsRequest:
    """A question in its wire form; raises InvalidInputError for a sharing class that is none."""
    sharing = conditions.get("sharing", ())
    unknown = [name for name in sharing if name not in SHARING]
    if unknown:
        raise InvalidInputError(f"sharing {unknown[0]!r} is not one of {', '.join(SHARING)}")
    return catalog_pb2.SearchDatasetsRequest(
        text=text,
        contract=conditions.get("contract", ""),
        river=conditions.get("river", ""),
        section=conditions.get("section", ""),
        department=conditions.get("department", ""),
        sharing=[SHARING[name] for name in sharing],
        since=wire.timestamp(conditions.get("since")),
        until=wire.timestamp(conditions.get("until")),
        fresher_than_hours=conditions.get("fresher_than_hours", 0),
        hub=conditions.get("hub", ""),
    )


def search_page(
    client: Session, request: catalog_pb2.SearchDatasetsRequest
) -> catalog_pb2.SearchDatasetsResponse:
    """One page of hits."""
    return retried(lambda: client.catalog.SearchDatasets(request, timeout=_TIMEOUT))


def search_hits(
    client: Session, request: catalog_pb2.SearchDatasetsRequest
) -> Iterator[catalog_pb2.DatasetHit]:
    """All hits; as many pages are asked for as are taken."""
    while True:
        page = search_page(client, request)
        yield from page.hits
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token


def compare_contract(client: Session, text: bytes, against: str = "") -> catalog_pb2.Compatibility:
    """What the hub says of a contract text against a registered version, the newest where none is named."""
    request = catalog_pb2.CompareContractRequest(yaml=text, against=against)
    return retried(lambda: client.catalog.CompareContract(request, timeout=_TIMEOUT)).compatibility


def list_datasets(client: Session, contract: str = "") -> Iterator[catalog_pb2.Dataset]:
    """Datasets of this hub's own, under one contract or all, in order of id."""
    token = ""
    while True:
        request = catalog_pb2.ListDatasetsRequest(contract=contract, page_size=1000, page_token=token)
        page = retried(lambda request=request: client.catalog.ListDatasets(request, timeout=_TIMEOUT))  # type: ignore[misc]
        yield from page.datasets
        token = page.next_page_token
        if not token:
            return
