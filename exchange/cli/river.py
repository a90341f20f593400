"""`hechuan river`: what state the water is in, what passes the border, when a spill arrives, where it came from."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc
import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from exchange.cli.river_input import Reader, read_date, read_instant, read_pairs, read_place, write_table
from exchange.errors import InvalidInputError
from exchange.river.assess import SAMPLE, graded, means, section_classes
from exchange.river.chart import FORMATS, forecast_chart
from exchange.river.flux import loads, read_series
from exchange.river.forecast import Levels, Spill, forecast, forecast_table
from exchange.river.match import LEAST, crosswalk_rows, propose
from exchange.river.network import RiverNetwork, build_network
from exchange.river.plain import decoded
from exchange.river.practice import Practice, load_practice, shipped_practice
from exchange.river.sampling import advise
from exchange.river.source import read_sources
from exchange.river.standard import Standard, load_standard, national_standard
from exchange.river.trace import Alarm, Candidate, trace, trace_table
from exchange.river.trend import trends
from exchange.river.verdict import river_verdicts, section_wording

app = typer.Typer(
    help="State of the river, fluxes, forecasts, tracing. 水质评价、通量、预报与溯源。", no_args_is_help=True
)
out = Console(highlight=False)
_CHINA: Final = ZoneInfo("Asia/Shanghai")
SHOWN: Final = 40
ROMAN: Final = ("", "Ⅰ", "Ⅱ", "Ⅲ", "Ⅳ", "Ⅴ", "劣Ⅴ")
Home = Annotated[
    Path | None, typer.Option("--home", envvar="HECHUAN_HOME", help="What `agency enroll` made.")
]
Hub = Annotated[str | None, typer.Option("--hub", help="Jurisdiction of another hub that was joined.")]
AsOf = Annotated[str | None, typer.Option(help="Datasets as of a ledger size, or an instant with offset.")]
Out = Annotated[Path | None, typer.Option("--output", "-o", help="Also write: .csv .ndjson .arrow .parquet")]
Source = Annotated[
    str, typer.Argument(help="A file (.parquet, .csv), or a dataset as 500000/ecology/water-quality.")
]
Reaches = Annotated[list[str], typer.Option(help="river-reach of a province; may be repeated.")]
Hydraulics = Annotated[list[str], typer.Option(help="reach-hydraulics, in the order of --reaches.")]
Crosswalk = Annotated[str | None, typer.Option(help="reach-crosswalk, which joins the provinces.")]
Day = Annotated[str | None, typer.Option("--on", help="The day whose registries count; today otherwise.")]
Limits = Annotated[
    Path | None, typer.Option(exists=True, dir_okay=False, help="Another edition of the limits.")
]
Outs = Annotated[
    list[Path] | None,
    typer.Option("--output", "-o", help="A chart (.png .svg) or table; may be repeated."),
]
Spread = Annotated[float | None, typer.Option(help="Doubt of velocities, relative; else as usual.")]
PracticeFile = Annotated[
    Path | None,
    typer.Option("--practice", exists=True, dir_okay=False, help="Another edition of what is usual."),
]
Regime = Annotated[str, typer.Option(help="low, normal or high flow.")]


@app.command()
def quality(
    source: Source,
    sections: Annotated[
        str | None, typer.Option(help="monitoring-section: river or lake, and names of rivers.")
    ] = None,
    section: Annotated[list[str] | None, typer.Option(help="Only this code; may be repeated.")] = None,
    monthly: Annotated[
        bool, typer.Option("--monthly", help="Monthly means instead of single samples.")
    ] = False,
    limits: Limits = None,
    home: Home = None,
    hub: Hub = None,
    as_of: AsOf = None,
    output: Out = None,
) -> None:
    """Classes of sections after GB 3838-2002 and 环办〔2011〕22号, and verdicts over rivers by month. 水质评价。"""
    reader, standard = Reader(home, hub, as_of), read_standard(limits)
    where = [f"section_code={'|'.join(section)}"] if section else []
    table = decoded(reader.read(source, "water-quality", where))
    if section:
        table = table.filter(pc.is_in(table["section_code"], pa.array(section)))
    if sections:
        table = with_places(table, decoded(reader.read(sections, "monitoring-section")))
    extra = [name for name in ("river_name", "water_body") if name in table.column_names]
    monthly_means = means(table, ["section_code", *extra])
    keys = ("section_code", "month") if monthly else SAMPLE
    found = section_classes(graded(monthly_means if monthly else table, standard), standard, keys)
    _show_classes(found, keys, standard)
    if "river_name" in extra:
        _show_rivers(monthly_means, standard)
    if output:
        main = [" ".join(each["item_code"] for each in row or ()) for row in found["main"].to_pylist()]
        write_table(found.drop_columns(["main"]).append_column("main", pa.array(main, pa.string())), output)


def with_places(table: pa.Table, sections: pa.Table) -> pa.Table:
    """Values of the sections of a registry, with river and water body."""
    known = [name for name in ("river_name", "water_body") if name in sections.column_names]
    return table.join(sections.select(["section_code", *known]), "section_code").combine_chunks()


def _show_classes(found: pa.Table, keys: Sequence[str], standard: Standard) -> None:
    table = columns("断面 section", "时间 time", "类别 class", "评价 verdict", "主要污染物 main (倍 times)")
    for row in found.slice(max(0, found.num_rows - SHOWN)).to_pylist():
        words = section_wording(row["level"], standard)
        main = "、".join(
            standard.item(each["item_code"]).zh
            + (f"({each['multiple']:.1f})" if each["multiple"] is not None else "")
            for each in row["main"] or ()
        )
        table.add_row(
            row["section_code"],
            _when(row[keys[1]]),
            f"[{words.colour}]{ROMAN[row['level']]}[/]",
            f"{words.zh} {words.en}",
            main,
        )
    out.print(table)
    if found.num_rows > SHOWN:
        out.print(f"… {found.num_rows - SHOWN:,} earlier ones; -o writes all 更早的用 -o 写出", style="dim")


def _show_rivers(monthly: pa.Table, standard: Standard) -> None:
    latest = pc.max(monthly["month"]).as_py()
    table = columns(f"河流 river {latest}", "断面 sections", "Ⅰ–Ⅲ", "劣Ⅴ", "评价 verdict", "主要污染物 main")
    for each in river_verdicts(monthly.filter(pc.equal(monthly["month"], latest)), standard):
        main = "、".join(standard.item(code).zh for code in each.main)
        words = each.wording
        table.add_row(
            each.river,
            str(each.sections),
            f"{each.good:.0f}%",
            f"{each.bad:.0f}%",
            f"[{words.colour}]{words.zh}[/] {words.en}",
            main,
        )
    out.print(table)


@app.command()
def trend(
    source: Source,
    alpha: Annotated[float, typer.Option(help="Level of significance.")] = 0.05,
    home: Home = None,
    hub: Hub = None,
    as_of: AsOf = None,
    output: Out = None,
) -> None:
    """Seasonal Kendall test and Sen's slope of monthly means, from three years on. 趋势分析。"""
    monthly = means(decoded(Reader(home, hub, as_of).read(source, "water-quality")), ["section_code"])
    standard, found = national_standard(), trends(monthly, alpha)
    table = columns("断面 section", "项目 item", "月数 months", "斜率/年 slope a year", "p", "趋势 trend")
    words = {"rising": "[red]上升 rising[/]", "falling": "[green]下降 falling[/]", "none": "无显著趋势 none"}
    names = {item.code: f"{item.zh} {item.en}" for item in standard.items}
    for each in found:
        item = names.get(each.item_code, each.item_code)
        table.add_row(
            each.section_code,
            item,
            str(each.months),
            f"{each.slope:+.4g}",
            f"{each.p:.3f}",
            words[each.direction],
        )
    out.print(table)
    if output:
        given = ("section_code", "item_code", "months", "first", "last", "slope", "tau", "p", "direction")
        write_table(pa.table({name: [getattr(each, name) for each in found] for name in given}), output)


@app.command()
def flux(
    source: Source,
    hydrology: Annotated[str, typer.Argument(help="Discharges: a file or dataset of hydrology.")],
    section: Annotated[str, typer.Option(help="Code of the section.")],
    station: Annotated[str, typer.Option(help="Code of the hydrological station there.")],
    start: Annotated[str, typer.Option("--from", help="Begin of the period, with offset.")],
    until: Annotated[str, typer.Option(help="End of the period, with offset; not in it.")],
    item: Annotated[str, typer.Option(help="HJ 525 code.")] = "w21003",
    home: Home = None,
    hub: Hub = None,
    as_of: AsOf = None,
    output: Out = None,
) -> None:
    """Tonnes that pass a section in a period, by each estimator, and which one suits. 污染物通量。"""
    reader = Reader(home, hub, as_of)
    samples = decoded(reader.read(source, "water-quality", [f"section_code={section}", f"item_code={item}"]))
    samples = samples.filter(
        pc.and_(pc.equal(samples["section_code"], section), pc.equal(samples["item_code"], item))
    )
    gauged = decoded(reader.read(hydrology, "hydrology", [f"station_code={station}"]))
    gauged = gauged.filter(pc.equal(gauged["station_code"], station))
    series = read_series(samples, gauged, read_instant(start), read_instant(until))
    found, advice = loads(series), advise(series)
    table = columns("方法 estimator", "通量 load (t)", "95% 区间 interval", "")
    for each in found:
        mark = "[green]✓ 推荐 suits[/]" if each.method is advice.method else ""
        table.add_row(
            " ".join(each.method.words), f"{each.tonnes:,.4g}", f"{each.low:,.4g} – {each.high:,.4g}", mark
        )
    out.print(table)
    out.print(f"{advice.zh}\n{advice.en}", style="dim", markup=False)
    if output:
        rows = [
            {"method": each.method.value, "tonnes": each.tonnes, "low": each.low, "high": each.high}
            for each in found
        ]
        write_table(pa.Table.from_pylist(rows), output)


@app.command(name="forecast")
def forecast_command(
    reaches: Reaches,
    hydraulics: Hydraulics,
    spill: Annotated[
        str, typer.Option("--at", help="Where: SC-TB-01, or SC-TB-01:3.2 for 3.2 km above its end.")
    ],
    mass: Annotated[float, typer.Option("--mass", help="Kilograms.")],
    began: Annotated[str, typer.Option(help="When, with offset.")],
    section: Annotated[list[str], typer.Option(help="As 上河坝=SC-TB-02; may be repeated.")],
    item: Annotated[str, typer.Option(help="HJ 525 code.")] = "w21003",
    hours: Annotated[float, typer.Option(help="How long it lasts; 0: at once.")] = 0.0,
    decay: Annotated[float, typer.Option(help="First order, a day.")] = 0.0,
    background: Annotated[float, typer.Option(help="mg/L without the spill.")] = 0.0,
    target: Annotated[str, typer.Option("--class", help="Class whose limit is held to.")] = "III",
    spread: Spread = None,
    practice: PracticeFile = None,
    crosswalk: Crosswalk = None,
    on: Day = None,
    regime: Regime = "normal",
    font: Annotated[Path | None, typer.Option(help="Font file for the chart.")] = None,
    home: Home = None,
    hub: Hub = None,
    as_of: AsOf = None,
    output: Outs = None,
) -> None:
    """When a spill reaches sections, how high it rises, and when it has passed. 传播预报。"""
    network = _network(Reader(home, hub, as_of), reaches, hydraulics, crosswalk, on, regime)
    what = Spill(read_place(spill), item, mass, read_instant(began), hours, decay)
    levels = Levels(background, national_standard().limit(item, target), None, spread)
    places, usual = read_pairs(section, "--section"), _practice(practice)
    found = [forecast(network, what, name, read_place(place), levels, usual) for name, place in places]
    table = forecast_table(found)
    _show_forecast(table)
    for path in output or ():
        if path.suffix.removeprefix(".") in FORMATS:
            title = f"{national_standard().item(item).zh}泄漏传播预报 forecast of a spill"
            path.write_bytes(forecast_chart(network, found, title, path.suffix.removeprefix("."), font))
        else:
            write_table(table, path)


def _show_forecast(found: pa.Table) -> None:
    """A row a section; below its arrival the earliest and the latest, all in Beijing time."""
    names = (
        "断面\nsection",
        "km",
        "到达 早 晚\narrives",
        "峰现\npeak",
        "通过\npassed",
        "峰值\nmg/L",
        "超限\nover limit",
    )
    table = columns(*names)
    for row in found.to_pylist():
        over = (
            f"{_when(row['over_from'])}\n{_when(row['over_until'])}"
            if row["over_from"]
            else "[green]不超 never[/]"
        )
        table.add_row(
            escape(row["section"]),
            f"{row['km']:.1f}",
            f"{_when(row['arrives'])}\n[dim]{_when(row['earliest'])}\n{_when(row['latest'])}[/]",
            _when(row["peak_at"]),
            _when(row["passes"]),
            f"{row['peak_mgl'] + row['background_mgl']:.3g}",
            over,
        )
    out.print(table)


@app.command(name="trace")
def trace_command(
    reaches: Reaches,
    hydraulics: Hydraulics,
    alarm: Annotated[str, typer.Option("--at", help="Where the alarm is: SC-TB-02, or SC-TB-02:1.5.")],
    seen: Annotated[str, typer.Option(help="When it was seen, with offset.")],
    excess: Annotated[list[str], typer.Option(help="mg/L above the usual, as w21003=0.9; may be repeated.")],
    source: Annotated[
        list[str], typer.Option(help="As livestock-farm=farms.csv or outfall=<dataset>; may be repeated.")
    ],
    hours: Annotated[float | None, typer.Option(help="How long it has been seen; else as usual.")] = None,
    window: Annotated[float | None, typer.Option(help="How many hours back to look; else as usual.")] = None,
    practice: PracticeFile = None,
    decay: Annotated[float, typer.Option(help="First order, a day.")] = 0.0,
    crosswalk: Crosswalk = None,
    on: Day = None,
    regime: Regime = "normal",
    home: Home = None,
    hub: Hub = None,
    as_of: AsOf = None,
    output: Out = None,
) -> None:
    """Who upstream may have caused an alarm, ranked, with reasons. 污染溯源。"""
    reader = Reader(home, hub, as_of)
    network = _network(reader, reaches, hydraulics, crosswalk, on, regime)
    above = {name: _number(value) for name, value in read_pairs(excess, "--excess")}
    what = Alarm(read_place(alarm), read_instant(seen), above, hours, window, decay)
    registers = [
        read_sources(name, reader.read(place, name)) for name, place in read_pairs(source, "--source")
    ]
    usual = _practice(practice)
    found = trace(network, what, list(itertools.chain(*registers)), usual)
    _show_suspects(found)
    out.print(f"权重 weights: practice@{usual.edition}", style="dim")
    if output:
        write_table(trace_table(found), output)


def _show_suspects(found: Sequence[Candidate]) -> None:
    table = columns("", "对象\nsuspect", "km · h", "得分\nscore", "理由 reasons")
    for rank, each in enumerate(found[:SHOWN], 1):
        name = f"{escape(each.source.name)}\n[dim]{escape(each.source.code)} {each.source.kind}[/]"
        table.add_row(
            str(rank),
            name,
            f"{each.km:.1f} · {each.hours:.1f}",
            f"{each.score:.2f}",
            f"{escape(each.zh)}\n[dim]{escape(each.en)}[/]",
        )
        table.add_section()
    out.print(table)


@app.command()
def match(
    ours: Annotated[str, typer.Argument(help="monitoring-section of one side: a file or a dataset.")],
    theirs: Annotated[str, typer.Argument(help="monitoring-section of the other side.")],
    least: Annotated[float, typer.Option(help="Lowest score that is shown.")] = LEAST,
    confirm: Annotated[
        list[str] | None, typer.Option(help="A pair that a person has confirmed, as CQ-1=SC-1.")
    ] = None,
    by: Annotated[str, typer.Option(help="The agency that confirms, as 500000/ecology.")] = "",
    on: Annotated[
        str | None, typer.Option(help="Day of confirmation and first day; today otherwise.")
    ] = None,
    home: Home = None,
    hub: Hub = None,
    as_of: AsOf = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Where confirmed rows go, for `publish section-crosswalk`."),
    ] = None,
) -> None:
    """Sections of two registries that may be one under two names; confirmed ones become crosswalk rows. 断面匹配。"""
    reader = Reader(home, hub, as_of)
    tables = [decoded(reader.read(source, "monitoring-section")) for source in (ours, theirs)]
    found = propose(tables[0], tables[1], least)
    table = columns("本方 ours", "对方 theirs", "得分\nscore", "理由 reasons")
    for each in found[:SHOWN]:
        names = [f"{escape(side.name)}\n[dim]{side.code}[/]" for side in (each.ours, each.theirs)]
        table.add_row(*names, f"{each.score:.2f}", f"{escape(each.zh)}\n[dim]{escape(each.en)}[/]")
    out.print(table)
    wanted = set(read_pairs(confirm or (), "--confirm"))
    chosen = [each for each in found if (each.ours.code, each.theirs.code) in wanted]
    if len(chosen) < len(wanted) or bool(wanted) != bool(output) or (wanted and not by):
        raise InvalidInputError(
            "确认须同时给出 --by 与 -o，且各对均在建议之中 / confirm with --by and -o, and only what is proposed"
        )
    if output:
        write_table(crosswalk_rows(chosen, by, read_date(on), read_date(on)), output)


def _network(
    reader: Reader,
    reaches: Sequence[str],
    hydraulics: Sequence[str],
    crosswalk: str | None,
    on: str | None,
    regime: str,
) -> RiverNetwork:
    if len(reaches) != len(hydraulics):
        raise InvalidInputError("--reaches 与 --hydraulics 须一一对应 / one --hydraulics for each --reaches")
    links = reader.read(crosswalk, "reach-crosswalk") if crosswalk else None
    return build_network(
        reader.each(reaches, "river-reach"),
        reader.each(hydraulics, "reach-hydraulics"),
        links,
        read_date(on),
        regime,
    )


def _practice(path: Path | None) -> Practice:
    return load_practice(path.read_bytes()) if path else shipped_practice()


def read_standard(limits: Path | None) -> Standard:
    """Another edition of the limits, or the national one."""
    return load_standard(limits.read_bytes()) if limits else national_standard()


def columns(*names: str) -> Table:
    """Columns that fold where they must, and fit 80 characters."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    for name in names:
        table.add_column(name, overflow="fold")
    return table


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InvalidInputError(f"{text!r} 不是数 / {text!r} is not a number") from None


def _when(value: Any) -> str:
    return value if isinstance(value, str) else value.astimezone(_CHINA).strftime("%m-%d %H:%M")
