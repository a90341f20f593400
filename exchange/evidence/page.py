"""The cover page as one HTML file: no script, nothing from outside, A4 when printed."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Final

from exchange.evidence.block import Block, Code, Command, Grid, Prose
from exchange.evidence.cover import SUBJECTS, sections
from exchange.evidence.facts import PackFacts
from exchange.evidence.reading import plain

_STYLE: Final = """
@page { size: A4; margin: 16mm 15mm }
* { box-sizing: border-box }
body { max-width: 182mm; margin: 8mm auto; padding: 0 4mm; color: #1a1f24; background: #fff;
  font: 10pt/1.5 "Noto Sans CJK SC", "Source Han Sans SC", "PingFang SC", "Microsoft YaHei", sans-serif }
header { border-bottom: 2px solid #0b4f6c; margin-bottom: 5mm; padding-bottom: 3mm }
h1 { font-size: 19pt; line-height: 1.2; margin: 0; color: #0b4f6c }
header p { margin: 1mm 0 0; color: #51606b }
h2 { font-size: 11.5pt; margin: 6mm 0 2mm; color: #0b4f6c; break-after: avoid }
p { margin: 0 0 2mm } p.en { color: #51606b }
table { width: 100%; border-collapse: collapse; margin: 0 0 3mm; font-size: 8.8pt }
th, td { border-bottom: 1px solid #d5dde2; padding: 1mm 1.5mm; text-align: left; vertical-align: top;
  overflow-wrap: break-word }
thead th { border-bottom: 1px solid #0b4f6c; color: #51606b; font-weight: 600 }
tbody th { width: 48mm; color: #51606b; font-weight: 400 }
tr { break-inside: avoid }
code, pre { font-family: "Noto Sans Mono CJK SC", "DejaVu Sans Mono", Consolas, monospace; font-size: 8pt }
code { overflow-wrap: anywhere }
pre { background: #f2f5f7; padding: 2mm; margin: 0 0 2mm; white-space: pre-wrap; overflow-wrap: anywhere }
@media print { body { margin: 0; padding: 0; max-width: none } }
"""


def to_html(facts: PackFacts) -> str:
    """The page; the same facts give the same HTML. Every text from outside is escaped."""
    subject = facts.manifest.subject
    head = (
        '<!DOCTYPE html>\n<html lang="zh-CN">\n<head>\n<meta charset="utf-8">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>证据包 Evidence pack · {escape(subject.id)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        "<header><h1>合川 证据包<br>Evidence pack</h1>"
        f"<p>{escape(SUBJECTS[subject.about][0])} {escape(subject.about)}"
        f" · <code>{escape(subject.id)}</code></p></header>\n"
    )
    body = "".join(
        f"<section>\n<h2>{escape(section.title)}</h2>\n{''.join(map(_block, section.blocks))}</section>\n"
        for section in sections(facts)
    )
    return f"{head}{body}</body>\n</html>\n"


def _block(block: Block) -> str:
    if isinstance(block, Prose):
        return f'<p>{escape(block.zh)}</p>\n<p class="en" lang="en">{escape(block.en)}</p>\n'
    if isinstance(block, Command):
        return f"<pre>{escape(chr(10).join(block.lines))}</pre>\n"
    return "".join(_table(block))


def _table(grid: Grid) -> Iterator[str]:
    yield "<table>\n"
    if grid.head:
        yield f"<thead><tr>{''.join(f'<th>{escape(name)}</th>' for name in grid.head)}</tr></thead>\n"
    yield "<tbody>\n"
    for row in grid.rows:
        first = "" if grid.head else f"<th>{escape(plain(row[0]))}</th>"
        yield f"<tr>{first}{''.join(map(_cell, row if grid.head else row[1:]))}</tr>\n"
    yield "</tbody></table>\n"


def _cell(value: str) -> str:
    shown = escape(plain(value))
    return f"<td><code>{shown}</code></td>" if isinstance(value, Code) else f"<td>{shown}</td>"
