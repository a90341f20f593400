"""SearchDatasets between its messages and the flow, and its page tokens."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import timedelta
from typing import Final

from exchange import wire
from exchange.errors import InvalidInputError, MalformedError
from exchange.flow.search import Access, Freshness, Page, Searcher, Shown, Where
from exchange.ids import AgencyId, parse_jurisdiction
from exchange.ports import Clock
from exchange.ports.search import Cursor, Wanted
from exchange.settings import Limit
from exchange.v1 import catalog_pb2

_SIZE: Final = 20
_PLACES: Final = {each: catalog_pb2.DatasetPlace.Value(f"DATASET_PLACE_{each.name}") for each in Where}
_ACCESSES: Final = {each: catalog_pb2.DatasetAccess.Value(f"DATASET_ACCESS_{each.name}") for each in Access}
_FRESHNESS: Final = {
    each: catalog_pb2.DatasetFreshness.Value(f"DATASET_FRESHNESS_{each.name}") for each in Freshness
}


def answer(
    searcher: Searcher,
    reader: AgencyId,
    request: catalog_pb2.SearchDatasetsRequest,
    clock: Clock,
    limit: Limit,
) -> catalog_pb2.SearchDatasetsResponse:
    """Search for one caller; raises InvalidInputError, MalformedError."""
    question = _question(request)
    after = _cursor(request.page_token, question)
    size = min(request.page_size or _SIZE, limit.page)
    page = searcher.search(reader, wanted_of(request, clock), after, size)
    return _response(page, question)


def wanted_of(request: catalog_pb2.SearchDatasetsRequest, clock: Clock) -> Wanted:
    """The conditions of a request; raises InvalidInputError, MalformedError."""
    hours = request.fresher_than_hours
    return Wanted(
        words=tuple(request.text.split()),
        contract=request.contract.strip(),
        river=request.river.strip(),
        section=request.section.strip(),
        department=request.department.strip(),
        sharing=tuple(wire.sharing(number) for number in request.sharing),
        since=wire.instant(request.since) if request.HasField("since") else None,
        until=wire.instant(request.until) if request.HasField("until") else None,
        updated_after=clock.now() - timedelta(hours=min(hours, 24 * 36525)) if hours else None,
        hub=parse_jurisdiction(request.hub) if request.hub else "",
    )


def _question(request: catalog_pb2.SearchDatasetsRequest) -> str:
    """What a page token belongs to: the same question, of whatever page size."""
    asked = catalog_pb2.SearchDatasetsRequest()
    asked.CopyFrom(request)
    asked.ClearField("page_token")
    asked.ClearField("page_size")
    return hashlib.sha256(asked.SerializeToString(deterministic=True)).hexdigest()[:16]


def _token(cursor: Cursor | None, question: str) -> str:
    if cursor is None:
        return ""
    text = json.dumps([question, cursor.relevance, cursor.id, cursor.hub])
    return base64.urlsafe_b64encode(text.encode()).decode()


def _cursor(token: str, question: str) -> Cursor | None:
    if not token:
        return None
    try:
        asked, relevance, id, hub = json.loads(base64.urlsafe_b64decode(token.encode()))
    except (ValueError, TypeError):
        raise MalformedError("page_token is not one that this hub gave") from None
    known = type(relevance) is int and 0 <= relevance < 1 << 31
    if not (known and isinstance(id, str) and isinstance(hub, str)):
        raise MalformedError("page_token is not one that this hub gave")
    if asked != question:
        raise InvalidInputError("page_token belongs to another search")
    return Cursor(relevance, id, hub)


def _response(page: Page, question: str) -> catalog_pb2.SearchDatasetsResponse:
    return catalog_pb2.SearchDatasetsResponse(
        hits=[_hit(shown) for shown in page.shown],
        next_page_token=_token(page.following, question),
        total=page.total,
        hubs=[catalog_pb2.SearchedHub(hub=hub, tree_size=size) for hub, size in page.sizes.items()],
    )


def _hit(shown: Shown) -> catalog_pb2.DatasetHit:
    hit, listing = shown.hit, shown.hit.listing
    return catalog_pb2.DatasetHit(
        hub=listing.hub,
        place=_PLACES[shown.where],
        dataset=wire.dataset(listing.dataset, listing.sharing),
        title_zh=listing.title_zh,
        title_en=listing.title_en,
        owner=str(listing.dataset.id.owner),
        access=_ACCESSES[shown.access],
        agreement=shown.agreement,
        freshness=_FRESHNESS[shown.freshness],
        due_at=wire.timestamp(shown.due_at),
        rivers=hit.rivers,
        river_count=hit.river_count,
        sections=[
            catalog_pb2.CoveredSection(code=place.section, name=place.name, river=place.river)
            for place in hit.places
        ],
        section_count=hit.section_count,
        relevance=hit.relevance,
    )
