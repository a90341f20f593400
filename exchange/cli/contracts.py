"""`hechuan contracts`: read, check and compare contracts before anybody else has to."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from exchange.client import connect
from exchange.client.search import compare_contract
from exchange.contract.compat import compare, satisfies
from exchange.contract.docs import to_markdown
from exchange.contract.load import load_contract, shipped_contracts
from exchange.contract.model import Contract
from exchange.errors import HechuanError, InvalidInputError, NotFoundError
from exchange.ids import ContractRef
from exchange.v1 import catalog_pb2

app = typer.Typer(help="Data contracts. 数据合约。", no_args_is_help=True)
out = Console(highlight=False)
PAGES: Final = Path("docs/contracts")
_PAGE: Final = re.compile(r"[a-z0-9-]+-\d+\.\d+\.\d+\.md")
_STYLE: Final = {"error": "red", "blocker": "bold red", "warning": "yellow", "info": "dim"}
Given = Annotated[str, typer.Argument(help="A file, or a shipped contract as `water-quality[@1.0.0]`.")]


@app.command()
def lint(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(exists=True, help="Files or directories; the shipped ones otherwise."),
    ] = None,
) -> None:
    """Check contracts: every problem with its place; exit 1 if there is any. 检查合约。"""
    failed = 0
    for path in _files(paths or [_shipped_directory()]):
        try:
            contract = load_contract(path.read_bytes())
        except HechuanError as error:
            failed += 1
            out.print(f"[red]✗[/] {escape(str(path))}")
            for item in error.violations:
                out.print(
                    f"    {item.field} · {item.rule} · {item.description}", markup=False, soft_wrap=True
                )
            if not error.violations:
                out.print(f"    {error.message}", markup=False, soft_wrap=True)
            continue
        columns, rules = len(contract.columns), len(contract.rules)
        out.print(f"[green]✓[/] {contract.ref}  {columns} columns 列, {rules} rules 规则")
    raise typer.Exit(1 if failed else 0)


@app.command()
def show(contract: Given) -> None:
    """Columns and rules of one contract. 查看合约。"""
    found = _contract(contract)
    out.print(f"[bold]{found.title_zh} {found.title_en}[/]  {found.ref}  {found.sharing}")
    out.print(f"{found.zh}\n{found.en}\n", markup=False)
    columns = Table("column 列", "title 名称", "type 类型", "unit 单位", "class 密级")
    for column in found.columns:
        name = f"[bold]{column.name}[/]" if column.name in found.primary_key else column.name
        kind = escape(str(column.arrow_type)) + ("" if column.required else " ?")
        columns.add_row(
            name, f"{column.title_zh} {column.title_en}", kind, column.unit, str(column.classification)
        )
    out.print(columns)
    out.print("bold: primary key 粗体为主键 · ?: may be empty 可空\n", style="dim")
    rules = Table("rule 规则", "severity 级别", "meaning 说明")
    for rule in found.rules:
        style = _STYLE[rule.severity]
        rules.add_row(rule.id, f"[{style}]{rule.severity}[/]", escape(f"{rule.zh}\n{rule.en}"))
    out.print(rules)


@app.command()
def diff(
    old: Given,
    new: Annotated[
        str | None,
        typer.Argument(help="The new version; with --home, leave it out to compare with the newest."),
    ] = None,
    home: Annotated[
        Path | None, typer.Option("--home", help="Ask the hub, which knows who reads which version.")
    ] = None,
    hub: Annotated[
        str | None, typer.Option("--hub", help="Jurisdiction of another hub that was joined.")
    ] = None,
) -> None:
    """What a new version breaks, and whom; exit 1 if it may not stand beside the old one. 版本比较。

    With --home and one argument, that is the new version. With two, the old one is as registered at the hub.
    """
    if hub is not None and home is None:
        raise InvalidInputError("--hub needs --home of an enrolled agency")
    if home is not None:
        _diff_at_hub(home, hub, "" if new is None else old, new or old)
    elif new is not None:
        _diff_files(_contract(old), _contract(new))
    else:
        raise InvalidInputError("give both versions, or --home to compare with what the hub has")


def _diff_at_hub(home: Path, hub: str | None, old: str, new: str) -> None:
    after = _contract(new)
    with connect(home, hub) as client:
        against = str(client.contract(old).ref) if old else ""
        found = compare_contract(client, after.text, against)
    if not found.against:
        out.print(f"{after.ref}: first version of this contract at the hub 此枢纽尚无此合约")
        raise typer.Exit(0)
    level, required = _level(found.level), _level(found.required)
    out.print(f"{found.against} → {after.ref}: [bold]{level}[/]  required 要求: {required}")
    for item in found.breaks:
        _show_break(_level(item.breaks), item.column, item.kind, item.zh, item.en)
    if found.consumers:
        out.print("\nconsumers in force 在用消费方")
    for each in found.consumers:
        sign = "[red]✗[/]" if each.breaks else "[green]✓[/]"
        out.print(f"{sign} [bold]{each.agency}[/]  {each.contract}  {_level(each.level)}  {each.agreement}")
        for item in each.breaks:
            _show_break(_level(item.breaks), item.column, item.kind, item.zh, item.en, "    ")
    if not found.allowed:
        out.print("[red]✗[/] needs a new major version 须升主版本号")
    raise typer.Exit(0 if found.allowed else 1)


def _level(number: catalog_pb2.CompatibilityLevel.ValueType) -> str:
    return catalog_pb2.CompatibilityLevel.Name(number).removeprefix("COMPATIBILITY_LEVEL_").lower()


def _diff_files(before: Contract, after: Contract) -> None:
    if before.ref.name != after.ref.name:
        raise InvalidInputError(f"{before.ref} and {after.ref} are not versions of one contract")
    verdict = compare(before, after)
    out.print(f"{before.ref} → {after.ref}: [bold]{verdict.level}[/]  required 要求: {after.compatibility}")
    for item in verdict.breaks:
        _show_break(item.direction, item.column or "", item.kind, item.zh, item.en)
    new_major = after.ref.version.major > before.ref.version.major
    if new_major or satisfies(verdict, after.compatibility):
        raise typer.Exit(0)
    out.print("[red]✗[/] needs a new major version 须升主版本号")
    raise typer.Exit(1)


def _show_break(direction: str, column: str, kind: str, zh: str, en: str, indent: str = "") -> None:
    where = f"{column} · " if column else ""
    out.print(f"{indent}[red]✗[/] {direction} · {where}{kind}")
    out.print(f"{indent}    {zh} / {en}", markup=False, soft_wrap=True)


@app.command()
def docs(
    directory: Annotated[Path, typer.Argument(help="Where the pages lie.")] = PAGES,
    write: Annotated[bool, typer.Option("--write", help="Write the pages.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Only compare; exit 1 where they differ.")] = False,
) -> None:
    """A Markdown page for each shipped contract. 生成合约文档。"""
    if write == check:
        raise InvalidInputError("say either --write or --check")
    pages = {}
    for contract in map(load_contract, shipped_contracts()):
        name = f"{contract.ref.name}-{contract.ref.version}.md"
        pages[directory / name] = to_markdown(contract).encode()
    if write:
        directory.mkdir(parents=True, exist_ok=True)
        for path, page in pages.items():
            path.write_bytes(page)
        for path in _superfluous(directory, pages):
            path.unlink()
    behind = [
        *((path, "missing 缺失") for path in pages if not path.is_file()),
        *(
            (path, "stale 过期")
            for path, page in pages.items()
            if path.is_file() and path.read_bytes() != page
        ),
        *((path, "superfluous 多余") for path in _superfluous(directory, pages)),
    ]
    for path, why in sorted(behind):
        out.print(f"[red]✗[/] {escape(str(path))} · {why}", soft_wrap=True)
    if behind:
        out.print("run 请运行: hechuan contracts docs --write", soft_wrap=True)
        raise typer.Exit(1)
    out.print(f"[green]✓[/] {len(pages)} pages 页")


def _superfluous(directory: Path, pages: Collection[Path]) -> list[Path]:
    """Pages of versions that are no longer; other files are none of ours."""
    return [path for path in directory.glob("*.md") if _PAGE.fullmatch(path.name) and path not in pages]


def _shipped_directory() -> Path:
    return Path(str(next(iter(files("contracts").iterdir())))).parent


def _files(paths: list[Path]) -> Iterator[Path]:
    for path in paths:
        found = sorted(path.rglob("*.yaml")) if path.is_dir() else [path]
        if not found:
            raise NotFoundError(f"no .yaml file below {path}")
        yield from found


def _contract(given: str) -> Contract:
    path = Path(given)
    if path.suffix in (".yaml", ".yml"):
        if not path.is_file():
            raise NotFoundError(f"no file {given}")
        return load_contract(path.read_bytes())
    ref = ContractRef.parse(given) if "@" in given else None
    found = [load_contract(text) for text in shipped_contracts()]
    named = [item for item in found if item.ref == ref or (ref is None and item.ref.name == given)]
    if not named:
        names = ", ".join(dict.fromkeys(item.ref.name for item in found))
        raise NotFoundError(f"no shipped contract {given}; there are {names}")
    return max(named, key=lambda item: item.ref)
