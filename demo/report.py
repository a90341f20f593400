"""The chapter of the joint report: one command makes it, both sides sign it, any figure opens down to its batches."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from demo.banks import CODES
from demo.sample import START
from exchange.client import connect
from exchange.client.report import get_report, list_reports

Run = Callable[..., None]
_NAMES = {
    "500000": ("left", {"zh": "重庆", "en": "Chongqing"}),
    "510000": ("right", {"zh": "四川", "en": "Sichuan"}),
}


@dataclass(frozen=True, slots=True)
class JointReport:
    """`run` shows a command and runs it, `quiet` keeps its words; `until` waits for what the other hub hears."""

    files: Path
    home: Callable[[str, str], Path]
    run: Run
    quiet: Run
    until: Run

    def tell(self) -> None:
        """The month of the section that both banks have just settled a value of; raises HechuanError."""
        scope, target = self.files / "report.yaml", self.files / "report"
        scope.write_text(json.dumps(_scope(), ensure_ascii=False, indent=1), encoding="utf-8")
        left, right = (self.home("ecology", code) for code in CODES)
        self.run("report", "make", scope, f"{START:%Y-%m}", "-o", target, "--home", left)
        self.run("report", "submit", target, "--home", left)
        with connect(left) as client:
            [report] = (each.id for each in list_reports(client))
        self.until(right, lambda client: get_report(client, report).id == report)
        self.quiet("report", "sign", report, target, "--person", "示例处长", "--home", left)
        self.run("report", "sign", report, target, "--person", "示例处长", "--home", right)
        self.until(left, lambda client: len(get_report(client, report).signatures) == len(CODES))
        self.run("report", "verify", target / "report.json", "--home", left)
        figure = f"mean.{CODES['500000']}.w21003"
        self.run("trace", target / "report.json", figure, "--home", left)


def _scope() -> dict[str, object]:
    sides = {
        which: {
            "jurisdiction": code,
            "name": name,
            "signatory": f"{code}/ecology",
            "datasets": {
                contract: f"{code}/ecology/{contract}" for contract in ("water-quality", "monitoring-section")
            },
        }
        for code, (which, name) in _NAMES.items()
    }
    section = {
        "name": {"zh": "沱口", "en": "Tuokou"},
        "river": "长江",
        "left": CODES["500000"],
        "right": CODES["510000"],
        "from": "left",
        "upstream": "right",
    }
    return {
        "title": {"zh": "沱口跨界断面", "en": "The boundary section Tuokou"},
        "about": {"kind": "boundary", "name": "川渝"},
        "made": True,
        **sides,
        "sections": [section],
    }
