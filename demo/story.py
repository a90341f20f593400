"""The story of one bad file, told by the commands that anybody can type."""

from __future__ import annotations

import io
import shlex
import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
from rich.console import Console
from rich.markup import escape

from adapters.codes.division import division
from adapters.mapping.document import find_form, shipped
from adapters.tabular import adapter
from adapters.take.publish import publish_spooled
from adapters.take.report import show_tally
from adapters.take.spool import spool
from demo.banks import Banks
from demo.case import Case
from demo.files import automatic_values, write_files
from demo.hub import HubProcess, fixed_ports, hechuan
from demo.patrols import Patrols
from demo.report import JointReport
from demo.sample import MADE, monitoring_sections
from demo.waters import write_waters
from exchange.cli.partner import show_published
from exchange.client import Client, Filter, connect
from exchange.client.agreement import get_agreement
from exchange.client.verify import verify_receipt_file
from exchange.errors import DigestMismatchError, HechuanError, PermissionDeniedError, UntrustedError

CHONGQING, SICHUAN = "500000", "510000"
QUALITY = f"{CHONGQING}/ecology/water-quality"
CASES = f"{CHONGQING}/agriculture/fishing-ban-case"
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
        chongqing, sichuan = self._found()
        with chongqing, sichuan:
            self._join(chongqing, sichuan)
            self._publish(data)
            index = self._correct()
            self._read(index)
            self._forecast()
            self._agree()
            self._witnessed()
            self._refer()
            self._reconcile()
            self._patrol()
            self._report()
        self._check_offline(chongqing, sichuan)

    def _found(self) -> tuple[HubProcess, HubProcess]:
        self._say(
            "建立两个枢纽：重庆与四川各自运行，各有证书机构，互换名片",
            "two hubs, a process and a CA each; they exchange cards and watch each other's ledgers",
        )
        hubs = (
            HubProcess(self._root, CHONGQING, fixed_ports()),
            HubProcess(self._root, SICHUAN, fixed_ports()),
        )
        for hub, other in (hubs, hubs[::-1]):
            card = self._root / f"card-{hub.jurisdiction}.json"
            self._quiet("hub", "card", hub.directory, "-o", card)
            self._run("hub", "peer", other.directory, card)
        return hubs

    def _join(self, chongqing: HubProcess, sichuan: HubProcess) -> None:
        self._say(
            "七个机构加入本辖区的枢纽：密钥在机构一侧生成，从不离开",
            "seven agencies join their own hubs: keys are made on their side and stay there",
        )
        names = ("ecology", "water", "natural-resources", "agriculture")
        members = [(chongqing, name) for name in (*names, "liangping")]
        members += [(sichuan, name) for name in ("ecology", "dazhu")]
        for hub, name in members:
            agency = f"{hub.jurisdiction}/{name}"
            home = self._home(name, hub.jurisdiction)
            invitation = self._root / f"{hub.jurisdiction}-{name}.invitation.json"
            self._quiet("hub", "invite", hub.directory, agency, "-o", invitation)
            self._quiet("agency", "enroll", invitation, "--home", home)

    def _publish(self, data: Path | None) -> None:
        self._say("各部门发布已有的数据", "departments publish what they have")
        if data is None:
            self._print(f"{MADE}，由行号推算 computed from row numbers; DATA=<csv> takes a CNEMC file")
            for jurisdiction, mark in ((CHONGQING, "CQ-"), (SICHUAN, "SC-")):
                self._table("ecology", jurisdiction, "monitoring-section", monitoring_sections())
                sections = tuple(code for code in _sections() if code.startswith(mark))
                self._table("ecology", jurisdiction, "water-quality", automatic_values(sections, 30_000))
        else:
            for jurisdiction in (CHONGQING, SICHUAN):
                self._table("ecology", jurisdiction, "monitoring-section", monitoring_sections())
                self._adapt(data, jurisdiction)
        water, land, farm = (self._home(name) for name in ("water", "natural-resources", "agriculture"))
        self._run("publish", "hydrology", self._files / "hydrology-0319.csv", "--home", water)
        self._run("publish", "shoreline-violation", self._files / "violations.ndjson", "--home", land)
        self._run("publish", "fishing-ban-case", self._files / "fishing-ban.ndjson", "--home", farm)

    def _adapt(self, data: Path, jurisdiction: str) -> None:
        stations = adapter.of("省份", division(jurisdiction).name)
        reading = stations.read(str(data), find_form("ecology/cnemc-4h"))
        scratch = self._root / f"adapt-{jurisdiction}"
        scratch.mkdir()
        spooled = spool(reading, shipped(), scratch)
        self._print(f"[dim]tabular {jurisdiction}: {data.name}[/]")
        show_tally(spooled.tally, self._console, 0)
        with connect(self._home("ecology", jurisdiction)) as client:
            for sent in publish_spooled(client, spooled):
                assert sent.published is not None
                show_published(sent.published, self._console)

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

    def _forecast(self) -> None:
        self._say(
            f"铜钵河告警：断面水质、何时到达下游、上游谁最可疑（河段与养殖场为{MADE}）",
            "an alarm on the 铜钵河: the section's class, when it arrives downstream, whom to look at first",
        )
        write_waters(self._files)
        home = self._home("ecology", SICHUAN)
        names = ("reaches", "hydraulics", "crosswalk")
        files = [self._files / name for name in ("reaches.csv", "flows.csv", "links.csv")]
        network = [word for name, file in zip(names, files, strict=True) for word in (f"--{name}", str(file))]
        at = "2026-03-19T09:30:00+08:00"
        section = ("--section", "SC-SHANGHEBA", "--monthly")
        self._run("river", "quality", f"{SICHUAN}/ecology/water-quality", *section, "--home", home)
        spill = (
            "--at",
            "SC-TB-01:9.5",
            "--mass",
            "60",
            "--began",
            at,
            "--background",
            "0.4",
            "--on",
            "2026-03-19",
        )
        sections = ("--section", "上河坝=SC-TB-01", "--section", "梁平=CQ-TB-01")
        chart = self._files / "forecast.svg"
        self._run("river", "forecast", *network, *spill, *sections, "-o", chart)
        farms = ("--source", f"livestock-farm={self._files / 'farms.csv'}", "--excess", "w21003=1.4")
        self._run("river", "trace", *network, "--at", "SC-TB-01", "--seen", at, *farms, "--on", "2026-03-19")

    def _agree(self) -> None:
        self._say(
            "有条件共享的数据：四川申请，双方签署，四川从自己的枢纽读取",
            "conditional data: Sichuan asks, both sides sign, and Sichuan reads through its own hub",
        )
        reader, owner = self._home("ecology", SICHUAN), self._home("agriculture")
        self._refused(PermissionDeniedError, "query", CASES, "--home", reader)
        with connect(reader) as client:
            until = datetime.now(UTC) + timedelta(days=90)
            purpose = "铜钵河联合执法"
            rows = "row.status in ['decided', 'transferred', 'closed']"
            id = client.propose(CASES, purpose=purpose, until=until, row_filter=rows).agreement.id
        self._command("agreement", "propose", CASES, "--purpose", purpose, "--rows", rows, "--home", reader)
        for moves, home in enumerate((owner, reader, owner), start=1):
            self._until(home, lambda client, moves=moves: len(get_agreement(client, id).moves) == moves)  # type: ignore[misc]
            (self._run if moves == 3 else self._quiet)("agreement", "sign", id, "--home", home)
        self._until(reader, lambda client: client.query(CASES).table().num_rows > 0)
        columns = "case_number,waters,status,party_name"
        self._run("query", CASES, "--columns", columns, "--home", reader)
        self._print(
            "[dim]party_name 由发布方密封，枢纽不可读 is sealed by its publisher; neither hub can read it[/]"
        )
        self._pack = self._root / "agreement.zip"
        self._run("evidence", id, "--home", owner, "-o", self._pack)
        self._say("谁读了什么，数据所有者一查便知", "the owner sees who read what")
        self._run("audit", "--home", owner)

    def _witnessed(self) -> None:
        self._say(
            "两地枢纽互相见证：任何一方都不能改写账本",
            "the hubs witness each other: neither can rewrite its ledger",
        )
        receipt = self._files / "samples-0319.csv.receipt"
        name = f"hechuan/{SICHUAN}/witness"
        with connect(self._home("ecology")) as client:
            batch = verify_receipt_file(receipt, client.profile.log_keys).batch
            _expect(batch is not None, "the receipt is that of a batch")
        self._until(self._home("ecology"), lambda client: name in client.receipt(str(batch)))
        with connect(self._home("ecology")) as client:
            text = client.receipt(str(batch))
        receipt.write_text(text, encoding="utf-8")
        [line] = [line for line in text.splitlines() if line.startswith(f"— {name} ")]
        self._print(f"回执上有四川的见证签名 the receipt carries Sichuan's cosignature:\n  {line[:60]}…")

    def _refer(self) -> None:
        self._say(
            "铜钵河：跨界超标自动预警，溯源交办到销号，逐级签署，两地账本同步",
            "the Tongbo river: from an alarm at the border to its end, desk by desk, in both ledgers",
        )
        Case(self._files, self._home, self._run, self._quiet, self._until).tell()

    def _reconcile(self) -> None:
        self._say(
            "两岸同一断面的数值逐对比对，指出差异与原因，双方会签一致值",
            "both banks' numbers at one section, the cause of their difference, and a value that both sign",
        )
        Banks(self._files, self._home, self._run, self._until).tell()

    def _patrol(self) -> None:
        self._say(
            "联合巡河：由数据定风险，数秒成计划，双方会签，日历与地图到队",
            "joint patrols: risk from data, a plan in seconds, both signatures, calendars and a map for the teams",
        )
        Patrols(self._files, self._home, self._run, self._until).tell()

    def _report(self) -> None:
        self._say(
            "联合月报：一条命令生成，双方签署入账，任一数字追溯到批次与回执",
            "the joint report: one command makes it, both sides sign, a figure opens down to batches and receipts",
        )
        JointReport(self._files, self._home, self._run, self._quiet, self._until).tell()

    def _until(self, home: Path, found: Callable[[Client], bool]) -> None:
        """Wait for what one hub hears from the other."""
        deadline = time.monotonic() + 30
        with connect(home) as client:
            while True:
                try:
                    if found(client):
                        return
                except HechuanError as error:
                    last: HechuanError | None = error
                else:
                    last = None
                if time.monotonic() > deadline:
                    raise StoryError(f"the other hub has not heard of it: {last}")
                time.sleep(0.02)

    def _check_offline(self, *hubs: HubProcess) -> None:
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
        forged.write_text(receipt.read_text(encoding="utf-8").replace("\n— ", "\n— x"), encoding="utf-8")
        self._refused(UntrustedError, "verify", forged, "--home", self._home("ecology"))
        self._say(
            "证据包：封面可读，任何人离线可验",
            "an evidence pack: a cover to read, proofs that anyone can check offline",
        )
        self._run("verify", self._pack, *self._cards())
        self._say("全面核验账本与对象", "the whole ledger and every object, checked again")
        for hub in hubs:
            self._run("fsck", hub.directory)

    def _cards(self) -> list[str | Path]:
        """Options that name the cards of both hubs: whose word one takes for keys."""
        cards = (self._root / f"card-{code}.json" for code in (CHONGQING, SICHUAN))
        return [word for card in cards for word in ("--card", card)]

    def _home(self, name: str, jurisdiction: str = CHONGQING) -> Path:
        return self._root / f"agency-{jurisdiction}-{name}"

    def _table(self, name: str, jurisdiction: str, contract: str, table: pa.Table) -> None:
        with connect(self._home(name, jurisdiction)) as client:
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
