"""The chapter of the Tongbo river (铜钵河): an alarm at the border, from there to 销号, desk by desk."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from demo import tongbo
from exchange.client import connect
from exchange.client.referral import get_referral, list_referrals

Run = Callable[..., None]
_BOTH = ("510000", "500000")


@dataclass(frozen=True, slots=True)
class Case:
    """`run` shows a command and runs it, `quiet` keeps its words; `until` waits for what the other hub hears."""

    files: Path
    home: Callable[[str, str], Path]
    run: Run
    quiet: Run
    until: Run

    def tell(self) -> None:
        """Warning, task, work, end; raises HechuanError."""
        self._registries()
        upstream, liangping = self.home("ecology", "510000"), self.home("liangping", "500000")
        dazhu, bureau = self.home("dazhu", "510000"), self.home("ecology", "500000")
        with connect(upstream) as client:
            done = client.publish("water-quality", tongbo.alarming())
        follow = ("--start", str(done.index), "--once", "--home", upstream)
        self.run("alert", "510000/ecology/water-quality", *_options(), *follow)
        self.until(liangping, lambda client: any(True for _ in list_referrals(client, awaited=True)))
        self.run("inbox", "--home", liangping)
        warning = self._first(liangping)
        self._do(liangping, warning, "receive", "accept", "start")
        self.run("referral", "files", warning, "-o", self.files / "warning", "--home", liangping)
        task = self._trace(liangping, dazhu, warning)
        self._do(dazhu, task, "receive", "accept", "start")
        self.run("referral", "report", task, "--reason", "管道、粪污池已修复", "--home", dazhu)
        self.until(liangping, lambda client: len(get_referral(client, task).moves) == 5)
        self.quiet("referral", "apply", task, "--reason", "断面已达标", "--home", liangping)
        self.run("referral", "approve", task, "--person", "示例局长", "--home", bureau)
        self.run("referral", "custody", task, "--home", bureau)

    def _registries(self) -> None:
        for code in _BOTH:
            with connect(self.home("ecology", code)) as client:
                client.publish("river-reach", tongbo.reaches(code))
                client.publish("reach-hydraulics", tongbo.hydraulics(code))
                client.publish("monitoring-section", tongbo.sections(code))
                if code == "500000":
                    client.publish("duty-matrix", tongbo.duties())
        duties = "500000/ecology/duty-matrix"
        self.until(self.home("ecology", "510000"), lambda client: client.query(duties).table().num_rows)

    def _trace(self, liangping: Path, dazhu: Path, warning: str) -> str:
        listed = self.files / "suspects.csv"
        listed.write_text(tongbo.suspects(), encoding="utf-8")
        self.run(
            "referral", "send", "supervision", "510000/dazhu", "铜钵河上河坝超标溯源", "--supervisor", "500000/ecology",
            "--river", tongbo.RIVER, "--subject", tongbo.SECTION, "--parent", warning, "--attach", listed,
            "--home", liangping,
        )  # fmt: skip
        self.until(dazhu, lambda client: any(True for _ in list_referrals(client, awaited=True)))
        return self._first(dazhu)

    def _do(self, home: Path, referral: str, *acts: str) -> None:
        for act in acts:
            self.quiet("referral", act, referral, "--home", home)

    def _first(self, home: Path) -> str:
        with connect(home) as client:
            return next(iter(list_referrals(client, awaited=True))).id


def _options() -> Iterable[str]:
    for option, contract in (
        ("--sections", "monitoring-section"), ("--reaches", "river-reach"), ("--hydraulics", "reach-hydraulics"),
    ):  # fmt: skip
        for code in _BOTH:
            yield from (option, f"{code}/ecology/{contract}")
    yield from ("--duties", "500000/ecology/duty-matrix")
