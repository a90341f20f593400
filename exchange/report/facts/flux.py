"""What passed the border in a period: tonnes by item with a 95 % interval, by the estimator that the samples suit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from exchange.errors import InvalidInputError
from exchange.report.gather import Gatherer, among, within
from exchange.report.period import Period
from exchange.report.scope import Scope, Section
from exchange.report.words import Words, said
from exchange.river.flux import Load, loads, read_series
from exchange.river.sampling import advise

_COLUMNS = ("station_code", "observed_at", "discharge_m3s")


@dataclass(frozen=True, slots=True)
class Passed:
    """One item at one section; `load` is None where `why` says what is missing."""

    section: Section
    item: str
    load: Load | None
    mean_flow: float | None
    why: Words
    sources: tuple[str, ...]


def passed(gatherer: Gatherer, scope: Scope, period: Period, rows: pa.Table | None) -> list[Passed]:
    """Fluxes of all sections that name a station; `rows` are the values of the period, as `observed` gives them."""
    asked = [each for each in scope.sections if each.station and each.flux]
    gauges = {side: _gauged(gatherer, scope, asked, side, period) for side in {each.gauged for each in asked}}
    found: list[Passed] = []
    for section in asked:
        gauged, dataset = gauges[section.gauged], scope.side(section.gauged).datasets.get("hydrology")
        if gauged is None or dataset is None:
            why = Words("没有可读的流量数据", "no discharge can be read")
            found += [Passed(section, item, None, None, why, ()) for item in section.flux]
            continue
        own = gauged.filter(pc.equal(gauged["station_code"], section.station))
        keys = gatherer.batch_keys(dataset, own)
        found += [_passed(section, item, rows, own, period, keys) for item in section.flux]
    return found


def _gauged(
    gatherer: Gatherer, scope: Scope, sections: Sequence[Section], side: str, period: Period
) -> pa.Table | None:
    """Discharges of all stations that one side gauges, read at once."""
    stations = [each.station for each in sections if each.gauged == side]
    conditions = [*within("observed_at", period.start, period.end), *among("station_code", stations)]
    return gatherer.rows(scope.side(side).datasets.get("hydrology"), _COLUMNS, conditions)


def _passed(
    section: Section,
    item: str,
    rows: pa.Table | None,
    gauged: pa.Table,
    period: Period,
    keys: Sequence[str],
) -> Passed:
    if rows is None:
        return Passed(section, item, None, None, Words("没有水质数据", "no values"), tuple(keys))
    chosen = pc.and_(pc.equal(rows["section_code"], section.code), pc.equal(rows["item_code"], item))
    samples = rows.filter(chosen)
    used = {*samples["_source"].to_pylist(), *samples["_settlement"].to_pylist()} - {None}
    sources = (*sorted(used), *keys)
    try:
        series = read_series(samples, gauged, period.start, period.end)
    except InvalidInputError as error:
        return Passed(section, item, None, None, said(error), sources)
    advice = advise(series)
    load = next(iter(loads(series, (advice.method,))), None)
    return Passed(section, item, load, series.mean_flow, Words(advice.zh, advice.en), sources)
