"""What two sides differ in: kept for the page, and put to whoever answers for it, each difference once.

(1) what is at fault and has not been put yet, marked by a digest of what differs
(2) the first differences side by side for the page, and what (1) found as a file beside them
(3) an objection with that file attached, unless one about the same subject is open

Only the parties may fetch an attachment, so it may hold values; the order stands in ledgers that every member may read
and has counts alone. What was put once is not put again, whatever became of it: a run may be repeated at any moment.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from exchange.client.referral import get_referral, list_referrals, put_bytes, read_attachment, send_referral
from exchange.errors import NotFoundError
from exchange.reconcile.cause import TITLES, Cause
from exchange.referral.move import Attachment
from exchange.referral.order import MAX_TEXT, MAX_TITLE, Kind

if TYPE_CHECKING:
    from ibis.expr.types import StringValue, Table

    from exchange.client import Client
    from exchange.reconcile.engine.protocol import Engine

MARK: Final = "difference"
CAUSE: Final = "cause"
FILE: Final = "differences.csv"
PLACE: Final = "differences"
MATTER: Final = "data-quality"
LISTS: Final[dict[str, tuple[str, str]]] = {
    "differs": ("双方不一致", "the sides say different things"),
    "left_only": ("仅甲方有", "only the first side has it"),
    "right_only": ("仅乙方有", "only the second side has it"),
    "twice": ("一方有多条", "a side has several of one key"),
}
"""What is said of lists, beside the causes of values."""
_TEXTS: Final = csv.ConvertOptions(
    include_columns=[MARK, CAUSE], column_types={MARK: pa.string(), CAUSE: pa.string()}
)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is compared: `left` and `right` name the sides, `handler` answers for what differs.

    Objections are sent through the Airflow connection `connection`.
    """

    kind: str
    name: str
    left: str
    right: str
    handler: str
    connection: str

    @property
    def id(self) -> str:
        """The subject of its objections."""
        return f"{self.kind}:{self.name}"


@dataclass(frozen=True, slots=True)
class Found:
    """`causes`: cause → differences; `rows`: the first, as the page shows them; `fresh`: at fault and not put yet."""

    pairs: int
    causes: Mapping[str, int]
    rows: Sequence[Mapping[str, Any]]
    fresh: pa.Table

    @property
    def differences(self) -> int:
        """In all."""
        return sum(self.causes.values())


def title_of(cause: str) -> tuple[str, str]:
    """A cause of values or of lists, in Chinese and English."""
    return LISTS[cause] if cause in LISTS else TITLES[Cause(cause)]


def marked(rows: Table, columns: Sequence[str]) -> Table:
    """The rows with MARK, a digest of these columns' values; NULL is a value of its own."""

    def text(name: str) -> StringValue:
        return rows[name].cast("string").fill_null("\x00")

    joined = reduce(lambda left, name: left + "\x1f" + text(name), columns[1:], text(columns[0]))
    return rows.mutate(**{MARK: joined.hexdigest("sha256")})


def fresh(engine: Engine, rows: Table, put: pa.Array, limit: int) -> pa.Table:
    """Of rows with MARK those that were not put yet, as many as one objection carries.  Step (1)."""
    known = engine.give("put", pa.table({MARK: put.cast(pa.string())}))
    return engine.table(rows.anti_join(known, MARK).order_by(CAUSE, MARK).limit(limit))


def put_before(client: Client, subject: Subject) -> pa.Array:
    """Marks of the differences that this agency has put to somebody about the subject."""
    marks = [
        each[MARK].combine_chunks() for id in _earlier(client, subject, True) for each in _sent(client, id)
    ]
    return pa.concat_arrays(marks) if marks else pa.array([], pa.string())


def keep(pages: Path, subject: Subject, found: Found, referral: str) -> None:
    """Step (2): two files, each replaced whole."""
    place = pages / PLACE
    place.mkdir(parents=True, exist_ok=True)
    _replace(_file(pages, subject.kind, subject.name, ".csv"), _csv(found.fresh))
    told = {
        **asdict(subject),
        "at": datetime.now(UTC).isoformat(),
        "pairs": found.pairs,
        "differences": found.differences,
        "causes": found.causes,
        "rows": found.rows,
        "fresh": found.fresh.num_rows,
        "referral": referral,
    }
    text = json.dumps(told, ensure_ascii=False, default=str)
    _replace(_file(pages, subject.kind, subject.name, ".json"), text.encode())


def kept(pages: Path) -> list[dict[str, Any]]:
    """What the last run of each comparison found, by kind and name."""
    place = pages / PLACE
    files = sorted(place.glob("*.json")) if place.exists() else []
    return [json.loads(path.read_text(encoding="utf-8")) for path in files]


def ask_kept(client: Client, pages: Path, kind: str, name: str, person: str) -> str:
    """Step (3) by a person, with what the last run found; raises NotFoundError where there was none."""
    one = next((each for each in kept(pages) if (each["kind"], each["name"]) == (kind, name)), None)
    if one is None:
        raise NotFoundError(f"{kind} {name} has not been compared")
    subject = Subject(kind, name, one["left"], one["right"], one["handler"], one["connection"])
    data = _file(pages, kind, name, ".csv").read_bytes()
    rows = csv.read_csv(io.BytesIO(data), convert_options=csv.ConvertOptions(strings_can_be_null=False))
    known = pc.is_in(rows[MARK].cast(pa.string()), value_set=put_before(client, subject))
    return ask(client, subject, rows.filter(pc.invert(known)), person=person)


def ask(client: Client, subject: Subject, rows: pa.Table, tolerated: int = 0, person: str = "") -> str:
    """Step (3): the objection that is open about the subject, else a new one where rows are more than tolerated."""
    open_ones = list(_earlier(client, subject, False))
    if open_ones or rows.num_rows <= tolerated:
        return open_ones[0] if open_ones else ""
    counts = pc.value_counts(rows[CAUSE].cast(pa.string())).to_pylist()
    told = (f"{each['counts']} · {' '.join(title_of(each['values']))}" for each in counts)
    lines = [f"{subject.left} / {subject.right}", *told]
    attached = put_bytes(client, _csv(rows), FILE, "text/csv")
    return send_referral(
        client,
        Kind.OBJECTION,
        subject.handler,
        f"数据异议：{subject.name} 比对不一致 differences"[:MAX_TITLE],
        text="\n".join(lines)[:MAX_TEXT],
        matter=MATTER,
        subject=subject.id,
        attachments=[attached],
        person=person,
    ).referral.id


def _earlier(client: Client, subject: Subject, closed: bool) -> Iterator[str]:
    own = str(client.profile.agency)
    for each in list_referrals(client, kinds=[Kind.OBJECTION], closed=closed):
        if each.subject == subject.id and each.issuer == own:
            yield each.id


def _sent(client: Client, referral: str) -> Iterator[pa.Table]:
    """What this agency attached when it sent the objection; what others attach later is not asked."""
    for item in get_referral(client, referral).moves[0].attachments:
        found = Attachment(item.digest, item.bytes, item.media_type, item.name)
        if found.name == FILE:
            data = b"".join(read_attachment(client, referral, found.digest))
            yield csv.read_csv(io.BytesIO(data), convert_options=_TEXTS)


def _csv(rows: pa.Table) -> bytes:
    buffer = io.BytesIO()
    csv.write_csv(rows, buffer)
    return buffer.getvalue()


def _file(pages: Path, kind: str, name: str, suffix: str) -> Path:
    return pages / PLACE / f"{kind}.{name}{suffix}"


def _replace(path: Path, data: bytes) -> None:
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    scratch.write_bytes(data)
    os.replace(scratch, path)
