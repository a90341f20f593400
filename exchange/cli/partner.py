"""What a partner does: publish, query, watch, fetch, quarantine, receipts."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

import pyarrow as pa
import typer
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table

from exchange.batch.manifest import Kind
from exchange.batch.stream import Encoding, encode_stream
from exchange.client import Filter, connect
from exchange.client.publish import Published
from exchange.client.query import Rows
from exchange.errors import InvalidInputError
from exchange.v1 import common_pb2

Home = Annotated[Path, typer.Option("--home", envvar="HECHUAN_HOME", help="What `agency enroll` made.")]
Hub = Annotated[str | None, typer.Option("--hub", help="Jurisdiction of another hub that was joined.")]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="File to write; standard output otherwise.")
]
Format = Annotated[str, typer.Option("--format", "-f", help="table, csv, ndjson, arrow or parquet.")]
_FORMATS: Final = {
    "csv": Encoding.CSV,
    "ndjson": Encoding.NDJSON,
    "arrow": Encoding.ARROW_STREAM,
    "parquet": Encoding.PARQUET,
}
_OPERATORS: Final = {"!=": "ne", "<=": "le", ">=": "ge", "=": "eq", "<": "lt", ">": "gt"}
_SHOWN: Final = 20
_REASONS: Final = ("_index", "_row", "_rule", "_column", "_value", "_corrected")
out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def publish(
    contract: Annotated[str, typer.Argument(help="Contract, as `water-quality` or `water-quality@1.0.0`.")],
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help=".parquet .arrow .csv .ndjson")],
    home: Home,
    kind: Annotated[Kind, typer.Option(help="What the batch does to rows that stand.")] = Kind.OBSERVATION,
    key: Annotated[
        str | None, typer.Option(help="Idempotency key: the same key and file never count twice.")
    ] = None,
    corrects: Annotated[
        list[str] | None, typer.Option(help="Batch that this one corrects; may be repeated.")
    ] = None,
    receipt: Annotated[Path | None, typer.Option(help="Where to write the receipt.")] = None,
    witnesses: Annotated[int, typer.Option(help="Wait for so many hubs to cosign.", min=0)] = 0,
    hub: Hub = None,
) -> None:
    """Publish a file as one signed batch; prints the verdict and writes the receipt. 发布一批数据。"""
    with connect(home, hub) as client, _progress(f"publish {file.name}") as step:
        done = client.publish(
            contract, file, kind=kind, key=key, corrects=corrects or (), progress=step, witnesses=witnesses
        )
    target = receipt or file.with_name(file.name + ".receipt")
    target.write_text(done.receipt, encoding="utf-8")
    show_published(done, out)
    out.print(f"receipt 回执    {escape(str(target))}")


def show_published(done: Published, console: Console) -> None:
    """The verdict of a batch, for people."""
    batch, verdict = done.batch, done.batch.verdict
    note = "  (already held 已存在)" if done.duplicate else ""
    console.print(f"batch 批次      {batch.id}{note}", soft_wrap=True)
    console.print(f"ledger 账本序号 {batch.index}")
    console.print(
        f"rows 行数       {verdict.rows:,} · accepted 接收 {verdict.accepted:,}"
        f" · rejected 隔离 {verdict.rejected:,}"
    )
    for count in verdict.counts:
        severity = common_pb2.Severity.Name(count.severity).removeprefix("SEVERITY_").lower()
        console.print(f"  {severity:8}{count.rows:>8,}  {count.rule}", style=_style(severity))
        console.print(f"          {'':8}{escape(count.zh)} {escape(count.en)}", style="dim", soft_wrap=True)


def query(
    dataset: Annotated[str, typer.Argument(help="As 500000/ecology/water-quality.")],
    home: Home,
    columns: Annotated[str, typer.Option(help="Comma-separated; all that are granted otherwise.")] = "",
    where: Annotated[
        list[str] | None, typer.Option(help="As `section_code=A` or `value>=0.2`; may be repeated.")
    ] = None,
    as_of: Annotated[str | None, typer.Option(help="Ledger size, or an instant with offset.")] = None,
    history: Annotated[bool, typer.Option(help="Every version of every row.")] = False,
    limit: Annotated[int | None, typer.Option(min=1)] = None,
    format: Format = "table",
    output: Output = None,
    hub: Hub = None,
) -> None:
    """Rows that stand in a dataset at a moment; the hub's signature over them is checked. 查询。"""
    with connect(home, hub) as client:
        rows = client.query(
            dataset,
            columns=[name for name in columns.split(",") if name],
            filters=[read_filter(text) for text in where or ()],
            as_of=read_moment(as_of),
            history=history,
            limit=limit,
        )
        _emit(rows, format, output)


def quarantine(
    dataset: Annotated[str, typer.Argument(help="A dataset of this agency's own.")],
    home: Home,
    batch: Annotated[str | None, typer.Option(help="Only this batch.")] = None,
    corrected: Annotated[bool, typer.Option(help="Also what a later batch corrected.")] = False,
    format: Format = "table",
    output: Output = None,
    hub: Hub = None,
) -> None:
    """Rejected rows, with rule and reason. 隔离区：被拒绝的行及原因。"""
    with connect(home, hub) as client:
        rows = client.quarantine(dataset, batch=batch, corrected=corrected)
        _emit(rows, format, output, columns=_REASONS)


def watch(
    home: Home,
    start: Annotated[int, typer.Option(help="First ledger index to hear of.")] = 0,
    dataset: Annotated[list[str] | None, typer.Option(help="Only this dataset; may be repeated.")] = None,
    count: Annotated[int | None, typer.Option(help="Stop after so many events.")] = None,
    hub: Hub = None,
) -> None:
    """Follow the ledger, live. 订阅。"""
    with connect(home, hub) as client:
        events = (event for event in client.watch(start, dataset or ()) if event[1] is not None)
        for _, found in itertools.islice(events, count):
            if isinstance(found, common_pb2.Batch):
                verdict = found.verdict
                said = f"+{verdict.accepted:,} rows  {verdict.rejected:,} rejected"
                out.print(f"{found.index:>8}  batch  {found.dataset}  {said}  {found.id}", soft_wrap=True)
            elif found is not None:
                out.print(f"{found.index:>8}  {describe(found.data)}", markup=False, soft_wrap=True)


def describe(entry: bytes) -> str:
    """A ledger entry that is no batch, in a line."""
    body = json.loads(entry)
    match body["kind"]:
        case "contract":
            return f"contract  {body['contract']}  by {body['registered_by']}"
        case "key":
            return f"key  {body['key']}  of {body['agency']}"
        case "revocation":
            return f"revoked  {body['key'] or body['serial']}  of {body['agency']}"
    return str(body["kind"])


def fetch(
    batch: Annotated[str, typer.Argument(help="Batch id, sha256:…")],
    home: Home,
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write.")],
    part: Annotated[str, typer.Option(help="object, source or report.")] = "object",
    hub: Hub = None,
) -> None:
    """The exact bytes of a batch, with envelope and receipt beside it. 取回原始批次。"""
    if part not in ("object", "source", "report"):
        raise InvalidInputError(f"part {part!r} is not object, source or report")
    with connect(home, hub) as client, _progress(f"fetch {output.name}") as step:
        for name, value in client.fetch(batch, output, part, step).items():
            out.print(f"{name:9}{value}", soft_wrap=True, markup=False)


def receipts(
    home: Home,
    dataset: Annotated[str, typer.Option(help="Batches of this dataset; of this agency otherwise.")] = "",
    batch: Annotated[str | None, typer.Option(help="Write the receipt of this batch.")] = None,
    count: Annotated[int, typer.Option(help="How many batches to list.")] = 20,
    output: Output = None,
    hub: Hub = None,
) -> None:
    """Newest batches, or one batch's receipt again. 回执。"""
    with connect(home, hub) as client:
        if batch:
            text = client.receipt(batch)
            _ = output.write_text(text, encoding="utf-8") if output else sys.stdout.write(text)
            return
        out.print(
            f"{'index':>7}  {'recorded (UTC)':19}  {'kind':11}  {'rows':>11}  {'rejected':>8}  dataset · batch"
        )
        for found in itertools.islice(client.batches(dataset), count):
            kind = common_pb2.BatchKind.Name(found.kind).removeprefix("BATCH_KIND_").lower()
            recorded = found.recorded_at.ToDatetime().isoformat(sep=" ", timespec="seconds")
            counts = f"{found.verdict.rows:>11,}  {found.verdict.rejected:>8,}"
            line = f"{found.index:>7}  {recorded}  {kind:11}  {counts}  {found.dataset} · {found.id}"
            out.print(line, markup=False, soft_wrap=True)


def read_filter(text: str) -> Filter:
    """`column>=value`, `column=a|b` (any of), `column=` (null), `column!=` (not null)."""
    for sign, name in _OPERATORS.items():
        column, found, value = text.partition(sign)
        if found and column.replace("_", "").isalnum():
            if not value and name in ("eq", "ne"):
                return Filter(column, "is_null" if name == "eq" else "not_null")
            if name == "eq" and "|" in value:
                return Filter(column, "in", tuple(value.split("|")))
            return Filter(column, name, (value,))
    raise InvalidInputError(
        f"condition {text!r} is not like column=value, with one of {' '.join(_OPERATORS)}"
    )


def read_moment(text: str | None) -> int | datetime | None:
    """A ledger size or an instant with offset."""
    if text is None or text.isdecimal():
        return None if text is None else int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise InvalidInputError(f"{text!r} is neither a ledger size nor an instant with offset")
    return moment


def _emit(rows: Rows, format: str, output: Path | None, columns: Sequence[str] = ()) -> None:
    if format == "table":
        found = rows.table()
        _show(found.select(list(columns)) if columns else found)
    elif format in _FORMATS:
        # nothing is left behind in `output` that the trailer has not vouched for
        table = rows.table()
        target = output.open("wb") if output else sys.stdout.buffer
        with target:
            for chunk in encode_stream(table.to_batches(), table.schema, _FORMATS[format]):
                target.write(chunk)
    else:
        raise InvalidInputError(f"format {format!r} is not one of table, {', '.join(_FORMATS)}")
    assert rows.statement is not None
    err.print(
        f"{rows.statement['rows']:,} rows at ledger size {rows.tree_size} · signed 已签名 ✓", style="dim"
    )


def _show(found: pa.Table) -> None:
    """The first rows, in columns that hold anything; a row under the other where they do not fit side by side."""
    full = [name for name in found.column_names if found[name].null_count < found.num_rows]
    rows = [
        [_text(value) for value in row.values()] for row in found.select(full).slice(0, _SHOWN).to_pylist()
    ]
    cells = zip(full, *rows, strict=True)
    if sum(max(map(cell_len, column)) + 3 for column in cells) < out.width:
        table = Table(*full)
        for row in rows:
            table.add_row(*map(escape, row))
        out.print(table)
    else:
        widest = max(map(len, full))
        for number, row in enumerate(rows, start=1):
            out.print(f"── {number}", style="dim")
            for name, text in zip(full, row, strict=True):
                out.print(f"{name:{widest}}  {escape(text)}", soft_wrap=True)
    empty = [name for name in found.column_names if name not in full]
    if empty and found.num_rows:
        out.print(f"empty 全空: {', '.join(empty)}", style="dim", soft_wrap=True)
    if found.num_rows > _SHOWN:
        out.print(f"… {found.num_rows - _SHOWN:,} more; use --format csv for all")


def _text(value: object) -> str:
    if value is None:
        return ""
    return value.strftime("%Y-%m-%d %H:%MZ") if isinstance(value, datetime) else str(value)


def _style(severity: str) -> str:
    return {"error": "red", "blocker": "bold red", "warning": "yellow"}.get(severity, "")


@contextmanager
def _progress(title: str) -> Iterator[Callable[[int, int], None]]:
    columns = (TextColumn(title), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    bar = Progress(*columns, console=err, transient=True, disable=not err.is_terminal)
    with bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
