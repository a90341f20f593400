"""The story of one bad file, told by the commands that anybody can type."""

from __future__ import annotations

import io
import shlex
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pyarrow as pa
from rich.console import Console
from rich.markup import escape

from adapters.cnemc import adapter
from demo.files import automatic_values, write_files
from demo.hub import HubProcess, hechuan
from demo.sample import MADE, monitoring_sections
from exchange.cli.partner import show_published
from exchange.client import Filter, connect
from exchange.errors import DigestMismatchError, HechuanError, PermissionDeniedError, UntrustedError

CHONGQING, SICHUAN = "500000", "510000"
QUALITY = f"{CHONGQING}/ecology/water-quality"
KEY = "section_code,sampled_at,item_code"


class StoryError(RuntimeError):
    """Something did not happen as told."""


class Story:
    """One telling in one directory."""

    def __init__(self, root: Path, console: Console) -> None:
        self._root = root
        self._console = console
        self._files = root / "files"
        self._chapter = 0

    def tell(self, data: Path | None) -> None:
        """From no hub at all to a tampered copy that is caught; raises HechuanError or StoryError."""
        write_files(self._files)
        hub = self._found()
        with hub:
            self._join(hub)
            self._publish(data)
            index = self._correct()
            self._read(index)
            self._share()
        self._check_offline(hub)

    def _found(self) -> HubProcess:
        self._say(
            "建立枢纽：重庆的枢纽是一个独立进程；四川有自己的证书机构",
            "a hub of its own process; Sichuan has its own CA",
        )
        hub = HubProcess(self._root, CHONGQING)
        sichuan = self._root / f"hub-{SICHUAN}"
        self._run("hub", "init", sichuan, "--jurisdiction", SICHUAN)
        card = self._root / f"card-{SICHUAN}.json"
        self._quiet("hub", "card", sichuan, "--address", "localhost:1", "-o", card)
        self._run("hub", "trust", hub.directory, "--jurisdiction", SICHUAN, "--ca", card)
        return hub

    def _join(self, hub: HubProcess) -> None:
        self._say(
            "五个机构加入：密钥在机构一侧生成，从不离开",
            "five agencies join: keys are made on their side and stay there",
        )
        for name in ("ecology", "water", "natural-resources", "agriculture"):
            home, invitation = self._home(name), self._root / f"{name}.invitation.json"
            self._quiet("hub", "invite", hub.directory, f"{CHONGQING}/{name}", "-o", invitation)
            self._quiet("agency", "enroll", invitation, "--home", home)
        self._print(
            "四川的机构由四川签发证书，再加入重庆的枢纽 Sichuan certifies its agency, which then joins"
        )
        home, request, chain = self._home("ecology", SICHUAN), self._root / "s.csr", self._root / "s.pem"
        authority = self._root / f"hub-{SICHUAN}"
        self._quiet("agency", "csr", "--agency", f"{SICHUAN}/ecology", "--home", home, "-o", request)
        self._quiet("hub", "sign", authority, request, "--agency", f"{SICHUAN}/ecology", "-o", chain)
        cards = self._root / f"card-{SICHUAN}.json", self._root / f"card-{CHONGQING}.json"
        self._quiet("agency", "install", chain, "--home", home, "--hub", cards[0], "--no-register")
        self._quiet("hub", "card", hub.directory, "-o", cards[1])
        self._run("agency", "join", cards[1], "--home", home)

    def _publish(self, data: Path | None) -> None:
        self._say("各部门发布已有的数据", "departments publish what they have")
        if data is None:
            self._print(f"{MADE}，由行号推算 computed from row numbers; DATA=<csv> takes a CNEMC file")
            self._table("ecology", CHONGQING, "monitoring-section", monitoring_sections())
            for jurisdiction, mark in ((CHONGQING, "CQ-"), (SICHUAN, "SC-")):
                sections = tuple(code for code in _sections() if code.startswith(mark))
                self._table("ecology", jurisdiction, "water-quality", automatic_values(sections, 30_000))
        else:
            self._table("ecology", CHONGQING, "monitoring-section", monitoring_sections())
            for jurisdiction in (CHONGQING, SICHUAN):
                self._adapt(data, jurisdiction)
        water, land, farm = (self._home(name) for name in ("water", "natural-resources", "agriculture"))
        self._run("publish", "hydrology", self._files / "hydrology-0319.csv", "--home", water)
        self._run("publish", "shoreline-violation", self._files / "violations.ndjson", "--home", land)
        self._run("publish", "fishing-ban-case", self._files / "fishing-ban.ndjson", "--home", farm)

    def _adapt(self, data: Path, jurisdiction: str) -> None:
        reading = adapter.of(jurisdiction).read(data)
        self._print(f"[dim]cnemc {jurisdiction}: {data.name}[/]")
        for note in reading.notes:
            self._print(f"[yellow]·[/] {note}")
        for contract, table in reading.tables.items():
            self._table("ecology", jurisdiction, contract, table)

    def _correct(self) -> int:
        self._say(
            "一份有错的文件：好行入账，坏行进隔离区，逐行说明原因",
            "a file with bad rows: each of them kept, with the reason",
        )
        home = self._home("ecology")
        bad, good = self._files / "samples-0319.csv", self._files / "samples-0319-corrected.csv"
        self._run("publish", "water-quality", bad, "--home", home)
        with connect(home) as client:
            batch = next(client.batches(QUALITY))
            _expect(batch.verdict.rejected == 4, "four rows are rejected")
            columns = ["_row", "_rule", "_column", "_value"]
            rejected = client.quarantine(QUALITY, batch=batch.id).table().select(columns)
        self._command("quarantine", QUALITY, "--batch", batch.id[:19] + "…", "--home", home)
        for row in rejected.to_pylist():
            self._print(
                f"  第 {row['_row'] + 1} 行 row {row['_row'] + 1:<3}{row['_rule']:28}{row['_value'] or ''}"
            )
        self._say("更正是新的一批；旧账不改", "a correction is a new batch; nothing is overwritten")
        kind = ("--kind", "correction", "--corrects", batch.id)
        self._run("publish", "water-quality", good, *kind, "--home", home)
        with connect(home) as client:
            left = client.quarantine(QUALITY, batch=batch.id).table().num_rows
        self._print(f"隔离区未更正 still open in quarantine: {left}")
        return batch.index + 1

    def _read(self, before: int) -> None:
        self._say(
            "另一个机构读数：更正前与更正后，各有签名",
            "another agency reads: before and after the correction",
        )
        home = self._home("water")
        query = ("query", QUALITY, "--columns", f"{KEY},value,unit", "--where", "monitoring_mode=manual")
        self._run(*query, "--as-of", str(before), "--home", home)
        self._run(*query, "--home", home)
        with connect(home) as client:
            rows = [
                client.query(QUALITY, filters=[Filter("monitoring_mode", "eq", ("manual",))], as_of=moment)
                .table()
                .num_rows
                for moment in (before, None)
            ]
        _expect(rows == [4, 8], f"four rows stood before the correction and eight after it, not {rows}")

    def _share(self) -> None:
        self._say(
            "有条件共享的数据，没有协议就读不到", "conditional data cannot be read without an agreement"
        )
        dataset = f"{CHONGQING}/agriculture/fishing-ban-case"
        self._refused(
            PermissionDeniedError,
            "query",
            dataset,
            "--home",
            self._home("ecology", SICHUAN),
            "--hub",
            CHONGQING,
        )

    def _check_offline(self, hub: HubProcess) -> None:
        self._say("枢纽已停；回执离线可验", "the hub is stopped; receipts verify offline")
        file = self._files / "samples-0319.csv"
        receipt = file.with_name(file.name + ".receipt")
        self._run("verify", receipt, file, "--home", self._home("ecology"))
        self._say("改动一个数字，立刻被发现", "one digit changed, and it is caught")
        copy = self._files / "samples-0319-tampered.csv"
        text = file.read_text(encoding="utf-8")
        copy.write_text(text.replace("2.41", "0.41"), encoding="utf-8")
        self._print("[dim]2.41 → 0.41[/]")
        self._refused(DigestMismatchError, "verify", receipt, copy, "--home", self._home("ecology"))
        forged = self._files / "samples-0319.forged.receipt"
        forged.write_text(receipt.read_text(encoding="utf-8").replace("\n— ", "\n— x", 1), encoding="utf-8")
        self._refused(UntrustedError, "verify", forged, "--home", self._home("ecology"))
        self._say("全面核验账本与对象", "the whole ledger and every object, checked again")
        self._run("fsck", hub.directory)

    def _home(self, name: str, jurisdiction: str = CHONGQING) -> Path:
        return self._root / f"agency-{jurisdiction}-{name}"

    def _table(self, name: str, jurisdiction: str, contract: str, table: pa.Table) -> None:
        with connect(self._home(name, jurisdiction), CHONGQING) as client:
            done = client.publish(contract, table)
        self._print(
            f"[bold]{jurisdiction}/{name}[/] {contract}  {table.num_rows:,} rows (Python client, Arrow table)"
        )
        show_published(done, self._console)

    def _say(self, zh: str, en: str) -> None:
        self._chapter += 1
        self._console.print(f"\n[bold cyan]{self._chapter}. {zh}[/]\n   [cyan]{en}[/]")

    def _print(self, text: str) -> None:
        self._console.print(text, soft_wrap=True)

    def _command(self, *words: str | Path) -> None:
        self._print(f"[dim]$ hechuan {escape(shlex.join(map(str, words)))}[/]")

    def _quiet(self, *words: str | Path) -> None:
        """A command whose own words would only hold up the story."""
        self._command(*words)
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            hechuan(*words)

    def _run(self, *words: str | Path) -> None:
        self._command(*words)
        code = hechuan(*words)
        _expect(code == 0, f"hechuan {words[0]} ends with {code}")

    def _refused(self, error: type[HechuanError], *words: str | Path) -> None:
        self._command(*words)
        try:
            hechuan(*words)
        except error as refusal:
            self._print(f"[green]✓[/] 被拒 refused: [bold]{refusal.code}[/] {escape(refusal.message)}")
            return
        raise StoryError(f"hechuan {words[0]} should have been refused")


def _sections() -> tuple[str, ...]:
    return tuple(monitoring_sections()["section_code"].to_pylist())


def _expect(held: bool, what: str) -> None:
    if not held:
        raise StoryError(f"not as told: {what}")
