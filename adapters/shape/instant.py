"""Times as departments write them, as instants: a vector kernel per form, once for each different text.

A time without a year takes the one that brings it nearest to the date the source tells, so that a file of early January
may hold late December. `24:00` is the end of its day.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

FORMS: Final = (
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M:%S",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y年%m月%d日 %H:%M",
    "%Y年%m月%d日 %H时%M分",
    "%Y年%m月%d日 %H时",
    "%Y年%m月%d日%H时",
    "%Y.%m.%d %H:%M",
    "%Y%m%d%H%M%S",
    "%Y%m%d%H%M",
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%Y年%m月%d日",
)
YEARLESS: Final = ("%m-%d %H:%M", "%m/%d %H:%M", "%m月%d日 %H:%M", "%m月%d日%H时", "%m月%d日 %H时")
_ISO: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ].*(?:[Zz]|[+-][0-9]{2}:?[0-9]{2}|\.[0-9]+)$"
_MIDNIGHT: Final = r"(?P<before>.*[ T日])24(?P<after>[:时].*|$)"
_DAY: Final = r"^(?:[0-9]{4}[-/年.]?)?[0-9]{1,2}[-/月.]?(?P<day>[0-9]{1,2})"
_US: Final = pa.timestamp("us")
_NONE: Final = np.iinfo(np.int64).min
Instants = npt.NDArray[np.int64]


def offset_of(zone: str) -> timedelta:
    """`+08:00` as a timedelta."""
    sign = -1 if zone[0] == "-" else 1
    return sign * timedelta(hours=int(zone[1:3]), minutes=int(zone[4:6]))


def read_instants(
    cells: pa.StringArray,
    form: str | None,
    zone: str,
    about: pa.StringArray | date | int | None = None,
) -> pa.Array:
    """Timestamps in UTC, NULL where a text is no time; `about` gives the year: per row, for all, or the year itself."""
    if isinstance(about, pa.Array):
        pairs = pc.binary_join_element_wise(
            about.fill_null(""), cells.fill_null(""), "\x1f"
        ).dictionary_encode()
        dates, texts = _split(pairs.dictionary)
        found = _distinct(texts, form, zone, dates)
        return found.take(pairs.indices)
    words = cells.fill_null("").dictionary_encode()
    found = _distinct(words.dictionary, form, zone, [about] * len(words.dictionary))
    return found.take(words.indices)


def _split(pairs: pa.StringArray) -> tuple[list[date | None], pa.StringArray]:
    parts = pc.split_pattern(pairs, "\x1f", max_splits=1)
    texts = pc.list_element(parts, 1)
    return [_date(text) for text in pc.list_element(parts, 0).to_pylist()], texts


def _date(text: str) -> date | None:
    found = re.search(r"((?:19|20)\d\d)[-/年.]?(\d{1,2})[-/月.]?(\d{1,2})", text)
    try:
        return date(int(found[1]), int(found[2]), int(found[3])) if found else None
    except ValueError:
        return None


def _distinct(texts: pa.StringArray, form: str | None, zone: str, about: Sequence[Any]) -> pa.Array:
    texts = pc.utf8_trim_whitespace(texts)
    shift = int(offset_of(zone) / timedelta(microseconds=1))
    late = pc.match_substring_regex(texts, "^" + _MIDNIGHT)
    day = np.where(late.to_numpy(zero_copy_only=False), 86_400_000_000, 0)
    whole = pc.replace_substring_regex(texts, "^" + _MIDNIGHT, r"\1" + "00" + r"\2")
    dated = [form] if (form and "%Y" in form) or (form and "%y" in form) else ([] if form else list(FORMS))
    local = _by_forms(whole, [each for each in dated if each])
    bare = np.flatnonzero(local == _NONE)
    if len(bare) and (form is None or not dated):
        years = [about[at] for at in bare.tolist()]
        local[bare] = _nearest(whole.take(pa.array(bare)), [form] if form else list(YEARLESS), years)
    known = local != _NONE
    found = np.where(known, local + day - shift, _NONE)
    rest = ~known & pc.match_substring_regex(texts, _ISO).to_numpy(zero_copy_only=False)
    for at in np.flatnonzero(rest):
        found[at] = _iso(texts[int(at)].as_py(), offset_of(zone))
    return pa.array(found, mask=found == _NONE).cast(pa.timestamp("us", tz="UTC"))


def _iso(text: str, east: timedelta) -> int:
    """With an offset, or with parts of a second."""
    try:
        moment = datetime.fromisoformat(text)
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=timezone(east))).astimezone(UTC)
    except (ValueError, OverflowError):
        return _NONE
    return int((moment - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1))


def _by_forms(texts: pa.StringArray, forms: Sequence[str]) -> Instants:
    found = np.full(len(texts), _NONE)
    for form in forms:
        left = np.flatnonzero(found == _NONE)
        if not len(left):
            break
        some = texts.take(pa.array(left)) if len(left) < len(texts) else texts
        read = pc.strptime(some, format=form, unit="us", error_is_null=True).cast(_US)
        if read.null_count == len(read):
            continue
        if form.startswith(("%Y", "%m")):  # 30 February would become 2 March
            said = pc.struct_field(pc.extract_regex(some, _DAY), "day").cast(pa.int64())
            read = pc.if_else(pc.equal(pc.day(read), said), read, pa.scalar(None, _US))
        found[left] = read.cast(pa.int64()).fill_null(_NONE).to_numpy(zero_copy_only=False)
    return found


def _nearest(texts: pa.StringArray, forms: Sequence[str], about: Sequence[Any]) -> Instants:
    """Of the years around each date, the one whose time is nearest to it."""
    best = np.full(len(texts), _NONE)
    distance = np.full(len(texts), np.iinfo(np.int64).max)
    middle = np.array([_micros(each) for each in about])
    for step in (0, -1, 1):
        years = [_year(each, step) for each in about]
        lead = pa.array([None if year is None else f"{year}-" for year in years], pa.string())
        dated = pc.binary_join_element_wise(lead, texts, "")
        read = _by_forms(dated, [f"%Y-{form}" for form in forms])
        away = np.where(read == _NONE, np.iinfo(np.int64).max, np.abs(read - middle))
        nearer = away < distance
        best, distance = np.where(nearer, read, best), np.where(nearer, away, distance)
    return best


def _year(about: date | int | None, step: int) -> int | None:
    if isinstance(about, int):
        return about if step == 0 else None
    return None if about is None else about.year + step


def _micros(about: date | int | None) -> int:
    if not isinstance(about, date):
        return 0
    return (about - date(1970, 1, 1)).days * 86_400_000_000
