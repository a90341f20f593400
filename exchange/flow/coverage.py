"""Where datasets have rows: the sections and rivers of what stands, as far as anybody may read it.

A hub works it out from its own objects and tells its peers in pages signed by its statement key; PROTOCOL.md, section
Search. Of what is shared under conditions or not at all, and of columns that are not open, nothing is worked out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from typing import Any, Final

import pyarrow as pa

from exchange.batch.manifest import Kind, format_instant
from exchange.contract.model import Contract, Sharing
from exchange.errors import LimitExceededError, MalformedError, ProofInvalidError
from exchange.flow.read import parts_of
from exchange.ids import DatasetId
from exchange.ports import BatchRecord, ObjectStore, Peer, Plan, TableEngine
from exchange.ports.search import Coverage, Place, SearchIndex
from exchange.settings import Search
from exchange.trust.envelope import Envelope, canonical, parse_canonical, sign, verify
from exchange.trust.keys import Signer, VerifyKey
from exchange.trust.policy import OPEN_CLASSES

COVERAGE_TYPE: Final = "application/vnd.hechuan.coverage+json"
_RIVER: Final = "river_name"
_PAGE: Final = 1000
_ALL: Final = 1 << 62
# characters of a code or a name
_LONGEST: Final = 64


def columns_of(contract: Contract) -> tuple[str | None, str | None, str | None]:
    """The columns that say where a row is: section, its name, its river; None where there is none that is open.

    A section column `<x>_code` is named by `<x>_name`.
    """

    def opened(name: str | None) -> str | None:
        known = name is not None and contract.has_column(name)
        return name if known and contract.column(name or "").classification in OPEN_CLASSES else None

    section = opened(contract.section_column)
    name = opened(section.removesuffix("_code") + "_name") if section else None
    return section, name, opened(_RIVER)


def coverable(contract: Contract) -> bool:
    """Whether anybody may know where datasets under a contract have rows, and the rows say so."""
    section, _, river = columns_of(contract)
    return contract.sharing is Sharing.UNCONDITIONAL and (section is not None or river is not None)


def extended(
    known: Coverage | None,
    contract: Contract,
    read: Callable[[int, int], Sequence[BatchRecord]],
    objects: ObjectStore,
    engine: TableEngine,
    settings: Search,
) -> Coverage:
    """A dataset's coverage with batches that `known` has not seen; `read` gives its batches in ledger order, at most so
    many behind so many.

    New rows only add places, so only new batches are read, and so many at once that others have their turn; all are
    where rows may have gone, or not every place of before is at hand. Raises what the engine raises.
    """
    most = settings.places
    known = known or Coverage((), 0, 0, 0)
    places, seen = set(known.places), known.batches
    batches = read(seen, settings.batches_at_once)
    if not known.sections <= len(known.places) < most or _may_remove(contract, batches):
        places, seen = set(), 0
        batches = read(0, _ALL)
    section, name, river = columns = columns_of(contract)
    wanted = tuple(dict.fromkeys(column for column in columns if column))
    with ExitStack() as stack:
        parts = parts_of(stack, objects, contract, [batch for batch in batches if batch.accepted])
        plan = Plan(contract, parts, wanted, (), False, None)
        for found in engine.standing(plan):
            distinct = pa.Table.from_batches([found]).group_by(list(wanted)).aggregate([])
            places |= {
                Place(*(_short(row[column]) if column else "" for column in (section, name, river)))
                for row in distinct.to_pylist()
            }
    listed = sorted(place for place in places if place.section or place.river)
    return Coverage(
        tuple(listed[:most]),
        len({place.section for place in listed} - {""}),
        len({place.river for place in listed} - {""}),
        seen + len(batches),
    )


def _short(text: str | None) -> str:
    """Names are short; what is longer would fill the pages that peers are sent."""
    return (text or "")[:_LONGEST]


def _may_remove(contract: Contract, batches: Sequence[BatchRecord]) -> bool:
    """Whether a later row can take an earlier one's place away."""
    fixed = {column for column in columns_of(contract) if column} <= set(contract.primary_key)
    replaces = any(batch.kind is not Kind.OBSERVATION for batch in batches)
    return any(batch.kind is Kind.RETRACTION for batch in batches) or (replaces and not fixed)


def coverage_page(
    index: SearchIndex, hub: str, after: str, tag: str, key: Signer, now: datetime, most_bytes: int
) -> bytes:
    """A signed page for a peer that knows `tag`, datasets in order of id behind `after`; empty where that stands."""
    current = index.known(hub).tag
    if tag == current and not after:
        return b""
    listed: list[dict[str, object]] = []
    size, last = 0, ""
    found = index.covered(hub, after, _PAGE)
    for id, coverage in found:
        item = _to_json(id, coverage)
        size += len(canonical(item))
        if listed and size > most_bytes:
            break
        listed.append(item)
        last = str(id)
    more = len(listed) < len(found) or len(found) == _PAGE
    statement = {
        "after": after,
        "created_at": format_instant(now),
        "datasets": listed,
        "hub": hub,
        "next": last if more else "",
        "tag": current,
        "v": 1,
    }
    return sign(statement, COVERAGE_TYPE, key).to_json_bytes()


def _to_json(id: DatasetId, coverage: Coverage) -> dict[str, object]:
    return {
        "batches": coverage.batches,
        "dataset": str(id),
        "places": [[place.section, place.name, place.river] for place in coverage.places],
        "rivers": coverage.rivers,
        "sections": coverage.sections,
    }


def take_coverage(
    index: SearchIndex, peer: Peer, hub: str, key: VerifyKey, settings: Search, stopped: Callable[[], bool]
) -> bool:
    """Ask a peer for its coverage and take it over; whether all that it has now is here.

    Raises what the peer says, SignatureInvalidError, ProofInvalidError, MalformedError, LimitExceededError.
    """
    known = index.known(hub).tag
    found: dict[DatasetId, Coverage] = {}
    after, tag, size = "", "", 0
    while not stopped():
        data = peer.coverage(after, "" if after else known)
        if not data:
            return True
        size += len(data)
        if size > settings.coverage_bytes:
            raise LimitExceededError(f"hub {hub} covers more than {settings.coverage_bytes} bytes tell")
        page = _checked(data, hub, key, after)
        if after and page["tag"] != tag:
            return False  # it has changed in between; the next round asks again
        tag = page["tag"]
        found.update(coverages(page, hub, settings.places))
        after = page["next"]
        if not after:
            return index.cover_all(hub, found, tag)
    return False


def _checked(data: bytes, hub: str, key: VerifyKey, after: str) -> dict[str, Any]:
    page = parse_canonical(verify(Envelope.from_json_bytes(data), COVERAGE_TYPE, lambda key_id: key))
    if not isinstance(page, dict) or page.get("hub") != hub or page.get("after") != after:
        raise ProofInvalidError(f"the coverage is not what hub {hub} was asked for")
    following, tag = page.get("next"), page.get("tag")
    if not isinstance(following, str) or not isinstance(tag, str) or (following and following <= after):
        raise MalformedError(f"the coverage of hub {hub} does not go on")
    return page


def coverages(page: Mapping[str, Any], hub: str, most: int) -> Iterator[tuple[DatasetId, Coverage]]:
    """What a page says, dataset by dataset, with at most so many places each; raises MalformedError."""
    try:
        for item in page["datasets"]:
            places = tuple(Place(*map(_text, place)) for place in item["places"][:most])
            counts = [item[name] for name in ("sections", "rivers", "batches")]
            if not all(type(count) is int and 0 <= count < 1 << 53 for count in counts):
                raise MalformedError(f"a count in the coverage of hub {hub} is none")
            yield DatasetId.parse(item["dataset"]), Coverage(places, counts[0], counts[1], counts[2])
    except (KeyError, TypeError) as error:
        raise MalformedError(f"the coverage of hub {hub} is not of a known form") from error


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST:
        raise MalformedError("a place in a coverage is not named by short texts")
    return value
