"""The sentinel of an agency: follows its datasets, and warns the neighbour downstream in the agency's name.

For each batch as it enters the ledger: (1) its rows as they stand, (2) what of them is a finding, (3) whether an open
warning speaks of it already, (4) who answers for it below, (5) the forecast, (6) a signed warning. What goes wrong with
(5) does not hold the warning up: it says that there is no forecast, and why. The key never leaves the agency, so the
hub cannot warn by itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from exchange.client.query import Filter
from exchange.client.referral import Referred, list_referrals, put_bytes, send_referral
from exchange.duty.matrix import Duty, route
from exchange.errors import HechuanError, NotFoundError
from exchange.ids import DatasetId
from exchange.referral.alert import (
    FORECAST_NAME,
    Boundary,
    Finding,
    boundaries,
    exceedances,
    forecast_document,
    places,
    spills,
    still_open,
    subject_of,
    text_of,
    title_of,
)
from exchange.referral.order import Kind
from exchange.river.network import RiverNetwork, build_network
from exchange.river.standard import national_standard
from exchange.trust.workday import SHANGHAI
from exchange.v1 import common_pb2

if TYPE_CHECKING:
    from exchange.client.connection import Client

QUALITY: Final = "water-quality"
SPILL: Final = "spill-report"
MATTERS: Final = {QUALITY: "boundary-water-quality", SPILL: "spill"}


@dataclass(frozen=True, slots=True)
class Registries:
    """Datasets that say where borders are, who answers, and how water runs; of both sides, the own first.

    Without reaches or hydraulics there is no forecast. `interval_hours`: how long an exceedance is taken to last.
    """

    sections: Sequence[str]
    duties: Sequence[str]
    reaches: Sequence[str] = ()
    hydraulics: Sequence[str] = ()
    reach_crosswalk: str = ""
    section_crosswalk: str = ""
    interval_hours: float = 4.0


class Sentinel:
    """Reads the registries once; `run` follows, `look` judges one batch."""

    def __init__(self, client: Client, registries: Registries, on: date | None = None) -> None:
        self._client = client
        self._registries = registries
        self._on = on or datetime.now(UTC).astimezone(SHANGHAI).date()
        self._standard = national_standard()
        self._own = client.profile.agency.jurisdiction
        tables = [client.query(dataset).table() for dataset in registries.sections]
        self._boundaries: dict[str, Boundary] = {}
        for table in tables:
            self._boundaries |= boundaries(table, self._on, self._own, self._standard)
        crosswalk = _read(client, registries.section_crosswalk)
        self._places = {
            section: place
            for table in tables
            for section, place in places(table, crosswalk, self._on).items()
        }
        self._below = [places(table, crosswalk, self._on) for table in tables[1:]]
        self._network: RiverNetwork | None = None
        self.at_rest = False
        """Whether all that there was has been looked at."""

    def run(self, datasets: Sequence[str], start: int = 0) -> Iterator[tuple[int, list[Referred]]]:
        """For ever: the ledger's cursor after each batch, and the warnings that it led to."""
        for cursor, event in self._client.watch(start, datasets):
            self.at_rest = event is None
            warned = self.look(event) if isinstance(event, common_pb2.Batch) else []
            yield cursor, warned

    def look(self, batch: common_pb2.Batch) -> list[Referred]:
        """Warn of what a batch brings; raises NotFoundError, ConflictError where nobody below answers for it."""
        contract = DatasetId.parse(batch.dataset).contract
        rows = self._rows(batch)
        if contract == SPILL:
            findings = spills(rows, self._boundaries)
        else:
            findings = exceedances(rows, self._boundaries, self._standard)
        if not findings:
            return []
        warned = frozenset(each.subject for each in list_referrals(self._client, kinds=[Kind.WARNING]))
        return [self._warn(each, MATTERS[contract]) for each in still_open(findings, warned)]

    def _rows(self, batch: common_pb2.Batch) -> pa.Table:
        column = "began_at" if DatasetId.parse(batch.dataset).contract == SPILL else "sampled_at"
        filters = []
        if batch.HasField("period_from"):
            filters = [
                Filter(column, "ge", (batch.period_from.ToJsonString(),)),
                Filter(column, "le", (batch.period_until.ToJsonString(),)),
            ]
        return self._client.query(batch.dataset, filters=filters, as_of=batch.index + 1).table()

    def _warn(self, finding: Finding, matter: str) -> Referred:
        duty = self._duty(finding, matter)
        attached = put_bytes(self._client, self._forecast(finding), FORECAST_NAME, "application/json")
        return send_referral(
            self._client,
            Kind.WARNING,
            duty.agency,
            title_of(finding, self._standard)[:120],
            supervisor=duty.supervisor if duty.supervisor != duty.agency else "",
            text=text_of(finding),
            matter=matter,
            river=finding.boundary.river,
            subject=subject_of(finding),
            days=duty.days,
            attachments=[attached],
        )

    def _duty(self, finding: Finding, matter: str) -> Duty:
        below = finding.boundary.downstream
        for dataset in self._registries.duties:
            if DatasetId.parse(dataset).owner.jurisdiction == below:
                return route(self._client.query(dataset).table(), matter, finding.boundary.river, on=self._on)
        raise NotFoundError(f"没有 {below} 的职责清单 / no duty matrix of {below} is named")

    def _forecast(self, finding: Finding) -> bytes:
        try:
            source = self._places.get(finding.boundary.section)
            if source is None:
                raise NotFoundError(f"断面 {finding.boundary.section} 没有河段 / the section has no reach")
            targets = {section: place for table in self._below for section, place in table.items()}
            targets.pop(finding.boundary.section, None)
            hours = self._registries.interval_hours
            return forecast_document(finding, self._rivers(), source, targets, self._standard, hours)
        except HechuanError as error:
            return json.dumps({"absent": error.message, "v": 1}, ensure_ascii=False).encode()

    def _rivers(self) -> RiverNetwork:
        if self._network is None:
            read = self._registries
            self._network = build_network(
                [self._client.query(dataset).table() for dataset in read.reaches],
                [self._client.query(dataset).table() for dataset in read.hydraulics],
                _read(self._client, read.reach_crosswalk),
                self._on,
            )
        return self._network


def _read(client: Client, dataset: str) -> pa.Table | None:
    return client.query(dataset).table() if dataset else None
