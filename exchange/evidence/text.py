"""The cover page as plain text, for a terminal or a fax."""

from __future__ import annotations

from collections.abc import Iterator

from exchange.evidence.block import Block, Command, Grid, Prose
from exchange.evidence.cover import sections
from exchange.evidence.facts import PackFacts
from exchange.evidence.reading import plain


def to_text(facts: PackFacts) -> str:
    """The page; the same facts give the same text."""
    lines = ["合川证据包 HECHUAN EVIDENCE PACK", ""]
    for section in sections(facts):
        lines += [f"== {section.title}", ""]
        for block in section.blocks:
            lines += [*_block(block), ""]
    return "\n".join(lines)


def _block(block: Block) -> Iterator[str]:
    if isinstance(block, Prose):
        yield from (block.zh, block.en)
    elif isinstance(block, Command):
        yield from (f"    {line}" for line in block.lines)
    else:
        yield from _grid(block)


def _grid(grid: Grid) -> Iterator[str]:
    if not grid.head:
        yield from (f"  {name}: {_line(value)}" for name, value in grid.rows)
        return
    for number, row in enumerate(grid.rows):
        if number:
            yield ""
        yield from (f"  {name}: {_line(value)}" for name, value in zip(grid.head, row, strict=True))


def _line(value: str) -> str:
    """One line, whatever a party wrote into it."""
    return " ".join(plain(value).split())
