"""`make demo-airflow`: a steward's day. A bad batch lands and both banks differ; DAGs say so and ask who answers.

Everything stays in build/demo-airflow; `make airflow` opens the same office in a browser afterwards.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from itertools import count
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from demo.banks import CODES, ammonia, section
from demo.hub import HubProcess, fixed_ports, hechuan, introduce
from exchange.cli.main import show_error
from exchange.client import connect
from exchange.errors import HechuanError
from exchange.reconcile.cause import TITLES, Cause
from stewards.__main__ import environment

TARGET: Final = Path("build/demo-airflow")
_ROOT: Final = Path(__file__).resolve().parent.parent
_LEFT, _RIGHT = (f"{code}/ecology/water-quality" for code in CODES)
_SET: Final = f"""
[[feeds]]
dataset = "{_LEFT}"

[[boundaries]]
name = "tuokou"
left = "{_LEFT}"
right = "{_RIGHT}"
sections = "{"=".join(CODES.values())}"
days = 0
"""
console = Console(highlight=False, width=120)


def main() -> int:
    """0 where everything happened as told."""
    started = time.monotonic()
    shutil.rmtree(TARGET, ignore_errors=True)
    TARGET.mkdir(parents=True)
    try:
        _tell(TARGET.resolve())
    except HechuanError as error:
        show_error(error)
        return 1
    console.print(
        f"\n[green]✓[/] 演示完成 done in {time.monotonic() - started:.0f} s; look around in {TARGET}/"
    )
    return 0


def _tell(root: Path) -> None:
    _say("两个枢纽，重庆的联合办是数据管家", "two hubs; Chongqing's joint office is the steward")
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        chongqing = HubProcess(root, "500000", [*fixed_ports(), "--stewards", "joint-office"])
        sichuan = HubProcess(root, "510000", fixed_ports())
        introduce(root, chongqing, sichuan)
    with chongqing, sichuan:
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            homes = [chongqing.enroll("ecology"), sichuan.enroll("ecology"), chongqing.enroll("joint-office")]
        _say(
            "两岸各自发布；重庆有三行坏数据，四川单位有误",
            "both banks publish: three bad rows here, another unit there",
        )
        _publish(homes[0], "500000", 1.0, bad=3)
        _publish(homes[1], "510000", 1000.0)
        validated, compared, again, same = _run(root, homes[2])
        _say(
            "校验：结论入账，坏行进隔离区", "validation: a verdict in the ledger, the bad rows in quarantine"
        )
        for verdict in validated["returned"]["validate"]:
            console.print(f"[bold]{verdict['decision']}[/]  {verdict['batch'][:19]}…")
            for rule, severity, rows, said in verdict["findings"]:
                console.print(f"   {severity:<8}{rule:<28}{rows or said}")
        [found] = compared["returned"]["reconcile"]
        _say("比对：两岸差异及原因，并提出数据异议", "comparison: what differs and why, and who is asked")
        for cause, rows in found["causes"].items():
            console.print(f"   {rows:>6}  {' '.join(TITLES[Cause(cause)])}")
        console.print(f"   数据异议 objection {found['referral'][:8]} → 510000/ecology")
        _say("再跑一遍：没有新事，不提第二次", "the same again: nothing to do, and no second objection")
        _expect(again["returned"]["pending"] == [[]], again)
        _expect(same["returned"]["reconcile"][0]["referral"] == found["referral"], same)
        hechuan("inbox", "--home", homes[1])
    console.print(
        f"make airflow AGENCY={TARGET}/agency-500000-joint-office  (hechuan hub serve {TARGET}/hub-500000)"
    )


def _publish(home: Path, code: str, factor: float, bad: int = 0) -> None:
    with connect(home) as client:
        client.publish("monitoring-section", section(code, CODES[code]))
        table = ammonia(CODES[code], factor)
        if bad:
            values = table.column("value").to_pylist()
            values[:bad] = [-1.0] * bad
            table = table.set_column(table.column_names.index("value"), "value", [values])
        verdict = client.publish("water-quality", table).batch.verdict
    console.print(f"{code}/ecology water-quality  {verdict.rows} rows 行 · rejected 隔离 {verdict.rejected}")


def _run(root: Path, steward: Path) -> list[dict[str, Any]]:
    """Both DAGs twice, in an Airflow of the demo's own."""
    home = root / "airflow"
    home.mkdir()
    (home / "stewards.toml").write_text(_SET, encoding="utf-8")
    connection = json.dumps({"conn_type": "hechuan", "extra": {"home": str(steward)}})
    settings = {
        **os.environ,
        **dict(environment(home, "8080")),
        "AIRFLOW_CONN_HECHUAN_DEFAULT": connection,
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
    }
    names = ["validate_batches", "reconcile_boundaries"] * 2
    with (home / "dags.log").open("wb") as log:
        done = subprocess.run(
            [sys.executable, "-m", "demo.dagrun", *names],
            env=settings,
            cwd=_ROOT,
            stdout=subprocess.PIPE,
            stderr=log,
            check=True,
        )
    found = [json.loads(line) for line in done.stdout.splitlines()]
    _expect(all(each["state"] == "success" for each in found), found)
    return found


def _expect(held: bool, seen: object) -> None:
    if not held:
        raise RuntimeError(f"this did not happen as told: {seen}")


_CHAPTER: Final = count(1)


def _say(zh: str, en: str) -> None:
    console.print(f"\n[bold cyan]{next(_CHAPTER)}. {zh}[/]\n   [cyan]{en}[/]")


if __name__ == "__main__":
    sys.exit(main())
