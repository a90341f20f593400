"""What a comparison gives, in words: the columns of the contract `boundary-comparison`."""

from __future__ import annotations

import ibis
from ibis.expr.types import StringValue, Table

from exchange.reconcile.compare import deviation, verdict_name
from exchange.reconcile.key import MANUAL, item_of, mode_of, seconds_of, section_of, series_of

EXPLAINED = ("cause", "evidence", "confidence")


def readable(rows: Table, sections: Table, units: Table) -> Table:
    """Pairs, or differences with their causes, with both values as they were published."""
    series = series_of(rows.key)
    found = rows.mutate(section=section_of(series), item=item_of(series)).join(sections, "section")
    codes = units.filter(units.unit_number == 0).select("item", "item_code")
    found = found.join(codes, "item")
    for which in ("left", "right"):
        named = units.select("item", **{f"{which}_unit_number": "unit_number", f"{which}_unit": "unit"})
        found = found.left_join(named, ["item", f"{which}_unit_number"])
        found = found.drop("item_right", f"{which}_unit_number_right")
    extra = [name for name in EXPLAINED if name in rows.columns]
    return found.select(
        "left_section",
        "right_section",
        "item_code",
        compared_at=_instant(found.key),
        pairing=_mode(found.left_key) + "-" + _mode(found.right_key),
        left_at=_instant(found.left_key),
        left_value=found.left_value,
        left_unit=found.left_unit,
        left_amount=found.left_amount,
        right_at=_instant(found.right_key),
        right_value=found.right_value,
        right_unit=found.right_unit,
        right_amount=found.right_amount,
        deviation=deviation(found),
        verdict=verdict_name(found.verdict),
        **{name: found[name] for name in extra},
    )


def named_windows(windows: Table, sections: Table, units: Table) -> Table:
    """Bias per item and window, sections and items by their codes."""
    found = windows.mutate(
        section=section_of(windows.series), item=item_of(windows.series), mode=_mode_name(windows.series)
    )
    codes = units.filter(units.unit_number == 0).select("item", "item_code", "unit")
    return found.join(sections, "section").join(codes, "item").drop("section", "item", "series")


def _instant(key: ibis.expr.types.IntegerValue) -> ibis.expr.types.TimestampValue:
    return seconds_of(key).as_timestamp("s").cast("timestamp('UTC', 6)")


def _mode(key: ibis.expr.types.IntegerValue) -> StringValue:
    return ibis.ifelse(key.isnull(), "none", _mode_name(series_of(key)))


def _mode_name(series: ibis.expr.types.IntegerValue) -> StringValue:
    return ibis.ifelse(mode_of(series) == MANUAL, "manual", "automatic")
