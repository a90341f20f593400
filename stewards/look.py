"""What a steward looks at: a batch's bytes, what the hub rejected of it, and what stood before it landed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from exchange import wire
from exchange.batch.manifest import Kind
from exchange.client.query import Filter
from exchange.client.search import list_datasets
from exchange.contract.model import Classification, Contract, Reference
from exchange.errors import HechuanError, NotFoundError
from stewards.options import Tolerance
from stewards.quality.measure import Earlier, Looked

if TYPE_CHECKING:
    from exchange.client import Client

_RULE: Final = "rule"
_ROW: Final = "row"


@dataclass(frozen=True, slots=True)
class Landed:
    """One batch in a steward's hands. `counts`: rule → rows, as the hub found them; `rejected`: row numbers."""

    dataset: str
    index: int
    contract: Contract
    kind: Kind
    table: pa.Table
    counts: Mapping[str, int]
    rejected: pa.Int64Array
    before: Sequence[Earlier]
    landed_at: datetime
    start: datetime | None
    until: datetime | None

    @property
    def retraction(self) -> bool:
        """A retraction holds keys alone: there is nothing to hold to the contract."""
        return self.kind is Kind.RETRACTION

    @property
    def rejected_share(self) -> float:
        """Of its rows, how many do not count."""
        return len(self.rejected) / self.table.num_rows if self.table.num_rows else 0.0

    def accepted(self) -> pa.Table:
        """Its rows that count."""
        mask = np.ones(self.table.num_rows, np.bool_)
        mask[self.rejected.to_numpy()] = False
        return self.table.filter(pa.array(mask))


def look_at(client: Client, dataset: str, batch: str, tolerance: Tolerance, scratch: Path) -> Landed:
    """A batch whole, checked against its digest, and the batches before it; raises NotFoundError."""
    listed = client.batches(dataset)
    found = next((each for each in listed if each.id == batch), None)
    if found is None:
        raise NotFoundError(f"{dataset} has no batch {batch}")
    before = [
        Earlier(each.verdict.accepted, *wire.period(each))
        for each in islice(listed, tolerance.window_batches)
        if wire.batch_kind(each) is Kind.OBSERVATION
    ]
    contract = client.contract(found.contract)
    client.fetch(batch, scratch / "object.parquet")
    start, until = wire.period(found)
    return Landed(
        dataset=dataset,
        index=found.index,
        contract=contract,
        kind=wire.batch_kind(found),
        table=pq.read_table(scratch / "object.parquet"),
        counts={each.rule: each.rows for each in found.verdict.counts},
        rejected=_rejected(client, batch, contract, scratch)
        if found.verdict.rejected
        else pa.array([], pa.int64()),
        before=before,
        landed_at=wire.instant(found.recorded_at),
        start=start,
        until=until,
    )


def window_of(client: Client, dataset: str, landed: Landed, tolerance: Tolerance) -> Looked:
    """The batch's accepted rows beside those that stood when it landed, as far back as the tolerance says."""
    contract = landed.contract
    plain = [c.name for c in contract.columns if c.classification is not Classification.RESTRICTED]
    filters = []
    if contract.time_column and landed.start:
        since = landed.start - timedelta(days=tolerance.window_days)
        filters.append(Filter(contract.time_column, "ge", (_text(since, contract),)))
    rows = landed.accepted()
    rows = rows.select([name for name in plain if name in rows.column_names])
    asked = {"columns": plain, "filters": filters, "as_of": landed.index, "limit": tolerance.window_rows}
    stood = _standing(client, dataset, asked)
    return Looked(
        rows, stood or rows.slice(0, 0), landed.before, landed.landed_at, landed.start, landed.until
    )


def standing_values(client: Client, contract: Contract, as_of: int) -> dict[Reference, pa.Array]:
    """What references may take: distinct values of the target column in every dataset of this hub, at a tree size."""
    found: dict[Reference, pa.Array] = {}
    for reference in contract.stored.references:
        kind = contract.column(reference.column).arrow_type
        tables = (
            _standing(client, each.id, {"columns": [reference.target_column], "as_of": as_of})
            for each in list_datasets(client, reference.contract)
        )
        chunks = [pc.unique(table.column(0).cast(kind)) for table in tables if table is not None]
        found[reference] = pc.unique(pa.chunked_array(chunks, kind))
    return found


def _standing(client: Client, dataset: str, asked: dict[str, Any]) -> pa.Table | None:
    """Rows that stood; None where the dataset did not exist yet, or is not to be read under any agreement."""
    try:
        return client.query(dataset, **asked).table()
    except HechuanError as error:
        if error.code in ("NOT_FOUND", "PERMISSION_DENIED"):
            return None
        raise


def _rejected(client: Client, batch: str, contract: Contract, scratch: Path) -> pa.Int64Array:
    client.fetch(batch, scratch / "report.parquet", "report")
    report = pq.read_table(scratch / "report.parquet", columns=[_ROW, _RULE])
    costly = pa.array([rule.id for rule in contract.rules if rule.severity.rejects], pa.string())
    rows = report.filter(pc.is_in(report.column(_RULE).cast(pa.string()), value_set=costly)).column(_ROW)
    return pc.unique(rows).cast(pa.int64())


def _text(moment: datetime, contract: Contract) -> str:
    assert contract.time_column is not None
    dated = contract.column(contract.time_column).logical_type == "date"
    return moment.date().isoformat() if dated else moment.isoformat()
