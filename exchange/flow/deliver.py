"""Parts of batches for another hub's mirror, many in one call.

(0) the caller is a hub that asks on behalf of an agency of its jurisdiction
(1) every part wanted is there, and the reader may have all of it; else the call ends before its first byte
(2) the reads are recorded, one a batch, before the first byte of any
(3) header and bytes of one part after the other, as long as the agreements are in force
(4) the records are closed
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from exchange.flow.grant import Asker, Grant, Granter, Reading, Tally
from exchange.flow.part import FetchedPart, found_part, whole_grant
from exchange.flow.registry import ContractRegistry
from exchange.ids import ContractRef, DatasetId
from exchange.ports import LedgerStore, ObjectStore, PartHeader, WantedPart

_CHUNK = 1 << 20


class Deliverer:
    """Gives peers what they mirror."""

    def __init__(
        self, ledger: LedgerStore, objects: ObjectStore, contracts: ContractRegistry, granter: Granter
    ) -> None:
        self._ledger = ledger
        self._objects = objects
        self._contracts = contracts
        self._granter = granter

    def deliver(self, asker: Asker, wanted: Sequence[WantedPart]) -> Iterator[PartHeader | bytes]:
        """Steps (1) to (4); raises as `whole_grant` and `found_part`, and AgreementEndedError in between."""
        parts = self._open(asker, wanted)  # (1)
        readings = {
            part.record.id: Reading(
                part.grant, part.record.dataset, "fetch", part.record.index + 1, part.record.object
            )
            for part in parts
        }
        last = {part.record.id: at for at, part in enumerate(parts)}
        with self._granter.recorded_all(list(readings.values())) as tallies:  # (2)
            tally_of = dict(zip(readings, tallies, strict=True))
            for at, (each, part) in enumerate(zip(wanted, parts, strict=True)):  # (3)
                tally = tally_of[part.record.id]
                yield PartHeader(part.digest, part.size)
                yield from self._chunks(part, each.offset, tally)
                if at == last[part.record.id]:
                    tally.rows, tally.whole = part.record.rows, True  # (4)

    def _open(self, asker: Asker, wanted: Sequence[WantedPart]) -> list[FetchedPart]:
        records = {id: self._ledger.batch(id) for id in {each.batch for each in wanted}}
        grants: dict[tuple[DatasetId, ContractRef], Grant] = {}
        for record in records.values():
            under = record.dataset, record.contract
            if under not in grants:
                grants[under] = whole_grant(self._contracts, self._granter, asker, record)
        found = ((records[each.batch], each.part) for each in wanted)
        return [
            found_part(self._objects, record, part, grants[record.dataset, record.contract])
            for record, part in found
        ]

    def _chunks(self, part: FetchedPart, offset: int, tally: Tally) -> Iterator[bytes]:
        for chunk in self._objects.chunks(part.digest, offset, _CHUNK):
            part.grant.check()
            tally.bytes += len(chunk)
            yield chunk
