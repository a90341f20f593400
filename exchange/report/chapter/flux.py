"""Loads across the border, with their intervals."""

from __future__ import annotations

from exchange.report.chapter.style import item_name, number
from exchange.report.facts.flux import Passed
from exchange.report.facts.month import Facts
from exchange.report.figure import Figures
from exchange.report.page import Block, Cell, Chapter, Chart, Column, Table, Text, cell, shown
from exchange.report.words import EMPTY, Words


def flux_chapter(facts: Facts, figures: Figures) -> Chapter:
    """A row for each section and item that the scope asks for."""
    title = Words("跨界污染物通量", "Loads across the border")
    if not facts.passed:
        text = Words("任务书未列通量断面。", "The scope names no section for loads.")
        return Chapter("flux", title, (Text(text),))
    rows = tuple(_row(facts, figures, each) for each in facts.passed)
    columns = (
        Column(Words("断面", "Section"), 1.1),
        Column(Words("项目", "Item"), 1.3),
        number(Words("通量 t", "Load, t")),
        number(Words("95% 下限", "95 % from")),
        number(Words("95% 上限", "to")),
        number(Words("平均流量 m³/s", "Flow, m³/s"), 1.2),
        Column(Words("方法", "Method"), 1.6),
    )
    note = Words(
        "通量 t = Σ C（mg/L）× Q（m³/s）× Δt（s）× 10⁻⁶；区间由对样品重抽样得出，流量视为已知；低于检出限计零。",
        "t = Σ C (mg/L) · Q (m³/s) · Δt (s) · 10⁻⁶; intervals by resampling the samples, discharge taken as known; "
        "values below the detection limit count as nothing.",
    )
    blocks: list[Block] = [
        Table("flux", Words("跨界通量", "Loads"), columns, rows, note),
    ]
    if any(each.load for each in facts.passed):
        about = Words("点为估计值，线为 95% 区间。", "Dots are estimates, lines their 95 % intervals.")
        blocks.insert(0, Chart("flux", Words("通量与 95% 区间", "Loads with 95 % intervals"), about))
    return Chapter("flux", title, tuple(blocks))


def _row(facts: Facts, figures: Figures, each: Passed) -> tuple[Cell, ...]:
    id, load, sources = f"flux.{each.section.code}.{each.item}", each.load, each.sources
    digits = 0 if load is not None and load.tonnes >= 100 else 2
    told = (None, None, None) if load is None else (load.tonnes, load.low, load.high)
    values = dict(zip((id, f"{id}.low", f"{id}.high"), told, strict=True))
    cells = [
        shown(figures.add(name, value, unit="t", digits=digits, sources=sources))
        for name, value in values.items()
    ]
    flow = figures.add(f"{id}.flow", each.mean_flow, unit="m³/s", digits=2, sources=sources)
    method = each.why if load is None else Words(*load.method.words)
    return (
        cell(each.section.name),
        cell(item_name(facts.standard, each.item)),
        *cells,
        shown(flow),
        cell(method if method.zh else EMPTY),
    )
