"""`hechuan reconcile`: where both banks' numbers differ, and why."""

from __future__ import annotations

import csv
import sys
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final
from zoneinfo import ZoneInfo

import pyarrow as pa
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from exchange.batch.stream import Encoding, encode_stream
from exchange.cli.partner import Home, Hub, read_filter, read_moment
from exchange.client import connect
from exchange.client.session import Session
from exchange.errors import InvalidInputError

if TYPE_CHECKING:
    from exchange.reconcile.boundary import Compared
    from exchange.reconcile.engine.protocol import Engine
    from exchange.reconcile.terms import Terms

app = typer.Typer(help="Where both sides' data differ, and why. 两岸数据比对。", no_args_is_help=True)
out = Console(highlight=False)
err = Console(stderr=True, highlight=False)
_CHINA: Final = ZoneInfo("Asia/Shanghai")
_SHOWN: Final = 20
_TABLES: Final = ("differences", "pairs", "bias", "classes")
VERDICTS: Final = {
    "agree": "一致",
    "noise": "检出限噪声以内",
    "disagree": "不一致",
    "left_only": "仅甲方有",
    "right_only": "仅乙方有",
}
Left = Annotated[str, typer.Argument(help="First side's dataset, as 500000/ecology/water-quality.")]
Right = Annotated[str, typer.Argument(help="Second side's dataset.")]
AsOf = Annotated[str | None, typer.Option(help="Instant with offset; both datasets as they stood then.")]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="Write everything: .csv .parquet .ndjson .arrow .html")
]


@app.command()
def boundary(
    left: Left,
    right: Right,
    sections: Annotated[
        Path, typer.Option(exists=True, help="CSV with left_section,right_section: the crosswalk.")
    ],
    home: Home,
    where: Annotated[list[str] | None, typer.Option(help="As sampled_at>=2026-03-01T00:00:00Z.")] = None,
    as_of: AsOf = None,
    terms: Annotated[
        str, typer.Option(help="boundary-comparison@<version> to compare by; the hub's newest otherwise.")
    ] = "boundary-comparison",
    table: Annotated[str, typer.Option(help=f"What to write: {', '.join(_TABLES)}.")] = "differences",
    output: Output = None,
    spark: Annotated[
        str, typer.Option(envvar="HECHUAN_RECONCILE_SPARK", help="spark://host:port; DuckDB here otherwise.")
    ] = "",
    memory_mib: Annotated[int, typer.Option(min=256, help="What DuckDB may use.")] = 3072,
    hub: Hub = None,
) -> None:
    """Both sides' values at the same sections: pairs, verdicts, causes. 界断面逐对比对。"""
    if table not in _TABLES:
        raise InvalidInputError(f"table {table!r} is not one of {', '.join(_TABLES)}")
    from exchange.reconcile.boundary import compare, crosswalk
    from exchange.reconcile.terms import read_terms

    walk = crosswalk(read_crosswalk(sections))
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hechuan-")))
        client = stack.enter_context(connect(home, hub))
        agreed = read_terms(client.contract(terms))
        files = [_fetched(client, each, scratch, where or (), as_of) for each in (left, right)]
        engine = stack.enter_context(_engine(spark, scratch, memory_mib))
        found = compare(engine, agreed, walk, *files)
        _show(engine, found, agreed, (left, right))
        if output is not None:
            _write(client, engine, found, table, output)


def _fetched(
    client: Session, dataset: str, scratch: Path, where: Iterable[str], as_of: str | None
) -> list[Path]:
    from exchange.reconcile.side import OBSERVED
    from exchange.reconcile.source import fetched

    target = scratch / f"{dataset.replace('/', '-')}.parquet"
    filters = [read_filter(text) for text in where]
    rows = fetched(client, dataset, list(OBSERVED), target, filters=filters, as_of=read_moment(as_of))
    count = rows.statement["rows"]
    err.print(f"{dataset}: {count:,} rows at ledger size {rows.tree_size} · signed 已签名 ✓", style="dim")
    return [rows.path]


def _write(client: Session, engine: Engine, found: Compared, name: str, output: Path) -> None:
    """A table, with what has been settled about its rows beside it."""
    from exchange.reconcile.settled import settled_values, with_settled

    rows = _table(engine, found, name)
    if name in ("differences", "pairs"):
        rows = with_settled(rows, settled_values(client))
    write(rows, output)


def read_crosswalk(path: Path) -> Mapping[str, str]:
    """Left code → right code, out of a CSV; raises InvalidInputError."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    try:
        found = {row["left_section"].strip(): row["right_section"].strip() for row in rows}
    except (KeyError, AttributeError):
        raise InvalidInputError(f"{path} has no columns left_section and right_section") from None
    if len(found) != len(rows):
        raise InvalidInputError(f"{path} names a section of the first side twice")
    return found


def write(table: pa.Table, output: Path) -> None:
    """A table in the form that the file's name ends in; raises InvalidInputError."""
    encodings = {
        ".csv": Encoding.CSV,
        ".parquet": Encoding.PARQUET,
        ".ndjson": Encoding.NDJSON,
        ".arrow": Encoding.ARROW_STREAM,
    }
    if output.suffix == ".html":
        page = Console(record=True, width=200, file=sys.stderr, quiet=True)
        page.print(_rich(table.to_pylist()))
        page.save_html(str(output))
    elif output.suffix in encodings:
        with output.open("wb") as file:
            for chunk in encode_stream(table.to_batches(), table.schema, encodings[output.suffix]):
                file.write(chunk)
    else:
        raise InvalidInputError(f"{output.name} ends in none of {', '.join([*encodings, '.html'])}")
    err.print(f"{table.num_rows:,} rows 行 → {output}", style="dim", markup=False)


def _engine(spark: str, scratch: Path, memory_mib: int) -> Any:
    if spark:
        from exchange.reconcile.engine.spark import SparkEngine

        return SparkEngine(spark)
    from exchange.reconcile.engine.duck import DuckEngine

    return DuckEngine(scratch, memory_mib << 20)


def _table(engine: Engine, found: Compared, name: str) -> pa.Table:
    from exchange.reconcile.grades import class_differences

    if name == "pairs":
        return engine.table(found.all_pairs())
    if name == "bias":
        return engine.table(found.bias())
    if name == "classes":
        return class_differences(engine.table(found.all_pairs()))
    return engine.table(found.all_differences().order_by("compared_at", "left_section", "item_code"))


def _show(engine: Engine, found: Compared, terms: Terms, datasets: tuple[str, str]) -> None:
    """Counts, causes, and the first differences with both values side by side."""
    ref = terms.contract.ref
    out.print(f"terms 容差      {ref}  {terms.contract.digest[:19]}…")
    counts = engine.table(found.verdicts())
    by_verdict = {row["verdict"]: row["rows"] for row in counts.to_pylist()}
    for name, zh in VERDICTS.items():
        if by_verdict.get(name):
            out.print(f"{name:<12}{by_verdict[name]:>10,}  {zh}")
    listed = found.all_differences()
    causes = listed.group_by("cause").agg(rows=listed.count(), confidence=listed.confidence.mean())
    from exchange.reconcile.cause import TITLES, Cause

    for row in engine.table(causes.order_by("cause")).to_pylist():
        zh, en = TITLES[Cause(row["cause"])]
        out.print(f"  {row['rows']:>10,}  {zh} {en} · {row['confidence']:.0%}")
    first = listed.order_by("compared_at", "left_section", "item_code").limit(_SHOWN)
    rows = engine.table(first).to_pylist()
    if rows:
        out.print(
            f"甲方 first side {datasets[0]} · 乙方 second side {datasets[1]}", style="dim", soft_wrap=True
        )
        out.print(_rich(told_rows(rows, found, engine, terms)))


def told_rows(
    rows: Iterable[dict[str, Any]], found: Compared, engine: Engine, terms: Terms
) -> list[dict[str, str]]:
    """Differences as a clerk reads them: both values, and the cause in words."""
    from exchange.reconcile.cause import Cause, told

    sections = engine.table(found.sections)
    codes = sections["left_section"].to_pylist()

    def name_of(cause: Cause, number: float | None) -> str:
        if number is None or cause not in (Cause.SWAP, Cause.SECTION):
            return ""
        return terms.item(int(number)).code if cause is Cause.SWAP else str(codes[int(number)])

    return [
        {
            "section 断面": f"{row['left_section']} / {row['right_section']}",
            "item 项目": row["item_code"],
            "at 时刻": _local(row["compared_at"]),
            "first 甲方": _value(row["left_value"], row["left_unit"]),
            "second 乙方": _value(row["right_value"], row["right_unit"]),
            "cause 原因": told(
                Cause(row["cause"]), row["evidence"], name_of(Cause(row["cause"]), row["evidence"])
            ),
            "%": f"{row['confidence']:.0%}",
        }
        for row in rows
    ]


def _rich(rows: Iterable[Mapping[str, Any]]) -> Table:
    listed = list(rows)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in listed[0] if listed else ():
        table.add_column(title, overflow="fold")
    for row in listed:
        table.add_row(*("" if value is None else escape(str(value)) for value in row.values()))
    return table


def _value(value: float | None, unit: str | None) -> str:
    return "—" if value is None else f"{value:g} {'' if unit in (None, '1') else unit}".strip()


def _local(instant: datetime) -> str:
    return (
        instant.replace(tzinfo=instant.tzinfo or ZoneInfo("UTC")).astimezone(_CHINA).strftime("%m-%d %H:%M")
    )
