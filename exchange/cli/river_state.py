"""`hechuan river change|trophic`: a month against its target and earlier months; the trophic state of lakes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.compute as pc
import typer

from exchange.cli.river import (
    ROMAN,
    SHOWN,
    AsOf,
    Home,
    Hub,
    Limits,
    Out,
    Source,
    app,
    columns,
    out,
    read_standard,
    with_places,
)
from exchange.cli.river_input import Reader, read_depths, write_table
from exchange.errors import InvalidInputError
from exchange.river.assess import graded, means, section_classes
from exchange.river.lake import trophic_index, trophic_state
from exchange.river.plain import decoded
from exchange.river.standard import Standard
from exchange.river.verdict import Change, Compared, compare_sections, months_before, river_changes

_COLOURS = {
    Change.MUCH_BETTER: "green",
    Change.BETTER: "green",
    Change.SAME: "dim",
    Change.WORSE: "yellow",
    Change.MUCH_WORSE: "red",
}
_LINE = "\n"
_LAKES = ("lake", "reservoir")


@app.command()
def change(
    source: Source,
    sections: Annotated[
        str | None, typer.Option(help="monitoring-section: targets, river or lake, names of rivers.")
    ] = None,
    month: Annotated[str | None, typer.Option(help="As 2026-03; the latest there is, otherwise.")] = None,
    limits: Limits = None,
    home: Home = None,
    hub: Hub = None,
    as_of: AsOf = None,
    output: Out = None,
) -> None:
    """A month's classes against the target, the month before and the year before. 目标、环比与同比。"""
    reader, standard = Reader(home, hub, as_of), read_standard(limits)
    table, targets = decoded(reader.read(source, "water-quality")), dict[str, int]()
    if sections:
        places = decoded(reader.read(sections, "monitoring-section"))
        table, targets = with_places(table, places), _targets(places, standard)
    extra = [name for name in ("river_name", "water_body") if name in table.column_names]
    monthly = means(table, ["section_code", *extra])
    month = month or pc.max(monthly["month"]).as_py()
    if month is None or not any(pc.equal(monthly["month"], month).to_pylist()):
        raise InvalidInputError(f"{month or ''} 无数据 / there are no values of {month or 'any month'}")
    classes = section_classes(graded(monthly, standard), standard, ("section_code", "month"))
    found = compare_sections(classes, month, targets)
    _show_sections(found, month)
    if "river_name" in extra:
        _show_rivers(monthly, month, standard)
    if output:
        write_table(pa.Table.from_pylist([_row(each, standard) for each in found], _ROW), output)


def _targets(places: pa.Table, standard: Standard) -> dict[str, int]:
    """The level of each section's target class, where it has one."""
    if "target_class" not in places.column_names:
        return {}
    pairs = zip(places["section_code"].to_pylist(), places["target_class"].to_pylist(), strict=True)
    return {code: standard.classes.index(target) + 1 for code, target in pairs if target in standard.classes}


def _show_sections(found: list[Compared], month: str) -> None:
    previous, earlier = months_before(month)
    table = columns(
        f"断面 section\n{month}",
        "类别\nclass",
        "目标\ntarget",
        "达标\nmeets",
        f"环比\n{previous}",
        f"同比\n{earlier}",
    )
    met = {None: "", True: "[green]✓[/]", False: "[red]✗ 未达标\nmissed[/]"}
    for each in found[:SHOWN]:
        target = ROMAN[each.target] if each.target else "—"
        row = (each.section_code, ROMAN[each.level], target, met[each.meets])
        table.add_row(*row, _told(each.last_month), _told(each.last_year))
    out.print(table)
    if len(found) > SHOWN:
        out.print(f"… {len(found) - SHOWN:,} more; -o writes all 其余用 -o 写出", style="dim")


def _show_rivers(monthly: pa.Table, month: str, standard: Standard) -> None:
    previous, earlier = months_before(month)
    table = columns(f"河流 river\n{month}", "评价\nverdict", f"环比\n{previous}", f"同比\n{earlier}")
    for verdict, last_month, last_year in river_changes(monthly, month, standard):
        words = verdict.wording
        table.add_row(
            verdict.river,
            f"[{words.colour}]{words.zh}[/] {words.en}",
            _told(last_month),
            _told(last_year),
        )
    out.print(table)


def _told(change: Change | None) -> str:
    return "—" if change is None else f"[{_COLOURS[change]}]{_LINE.join(change.words)}[/]"


_ROW = pa.schema(
    [
        *((name, pa.string()) for name in ("section_code", "month", "class", "target_class")),
        ("meets", pa.bool_()),
        *((name, pa.string()) for name in ("last_month", "last_year")),
    ]
)


def _row(each: Compared, standard: Standard) -> Mapping[str, Any]:
    return {
        "section_code": each.section_code,
        "month": each.month,
        "class": standard.classes[each.level - 1],
        "target_class": standard.classes[each.target - 1] if each.target else None,
        "meets": each.meets,
        "last_month": each.last_month,
        "last_year": each.last_year,
    }


@app.command()
def trophic(
    source: Source,
    transparency: Annotated[
        Path, typer.Option(help="Secchi depths (.csv .parquet): section_code, sampled_at, value in metres.")
    ],
    sections: Annotated[
        str | None, typer.Option(help="monitoring-section: only its lakes and reservoirs.")
    ] = None,
    limits: Limits = None,
    home: Home = None,
    hub: Hub = None,
    as_of: AsOf = None,
    output: Out = None,
) -> None:
    """The trophic state of lakes by month: TLI(Σ) of five items, 环办〔2011〕22号 §二（二）2. 湖库营养状态。"""
    reader, standard = Reader(home, hub, as_of), read_standard(limits)
    kept = ["section_code", "sampled_at", "item_code", "value", "unit", "data_flag", "detection_limit"]
    table = decoded(reader.read(source, "water-quality"))
    table = table.select([name for name in kept if name in table.column_names])
    depths = read_depths(transparency)
    depths = depths.append_column("item_code", pa.array(["transparency"] * depths.num_rows))
    depths = depths.append_column("unit", pa.array(["m"] * depths.num_rows))
    if "data_flag" in table.column_names:
        depths = depths.append_column("data_flag", pa.array(["N"] * depths.num_rows))
    table = pa.concat_tables([table, depths], promote_options="permissive").combine_chunks()
    if sections:
        table = with_places(table, decoded(reader.read(sections, "monitoring-section")))
        table = table.filter(pc.is_in(table["water_body"], pa.array(_LAKES)))
    found = trophic_index(means(table, ["section_code"]), standard, ("section_code", "month"))
    shown = columns("断面 section", "月份 month", "TLI(Σ)", "状态 state")
    for row in found.slice(max(0, found.num_rows - SHOWN)).to_pylist():
        words = trophic_state(row["tli"], standard)
        shown.add_row(
            row["section_code"],
            row["month"],
            f"{row['tli']:.1f}",
            f"[{words.colour}]{words.zh}[/] {words.en}",
        )
    out.print(shown)
    if output:
        write_table(found, output)
