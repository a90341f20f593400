"""`make demo`: the main job from an empty directory, on real processes, told as it happens.

Everything stays in build/demo to look around in: the hub's directory, the agencies' homes, files, receipts.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from pathlib import Path

from rich.console import Console

from demo.story import Story
from exchange.cli.main import show_error
from exchange.errors import HechuanError

TARGET = Path("build/demo")


def main() -> int:
    """0 where everything happened as told."""
    parser = argparse.ArgumentParser(prog="demo")
    parser.add_argument("--data", type=Path, help="a CNEMC four-hour CSV; sample data is made otherwise")
    data: Path | None = parser.parse_args().data
    if data is not None and not data.is_file():
        parser.error(f"no file {data}")
    shutil.rmtree(TARGET, ignore_errors=True)
    TARGET.mkdir(parents=True)
    started = time.monotonic()
    console = Console(highlight=False, width=120)
    try:
        Story(TARGET, console).tell(data)
    except HechuanError as error:
        show_error(error)
        return 1
    console.print(
        f"\n[green]✓[/] 演示完成 done in {time.monotonic() - started:.0f} s; look around in {TARGET}/"
    )
    return 0


sys.exit(main())
