"""Runs the commands that documents show, and compares what they print.

python -m tools.check_docs README.md ...

A fenced block whose info string is `sh run` is executed. All such blocks of one document run in order in one bash
session, which stops at the first command that fails, in a copy of the tree with .venv/bin first in PATH. A block
`text output` holds what the `sh run` block before it prints; `…` stands for any text, on a line of its own for any
lines. Whatever the commands leave running is ended with the session.
"""

from __future__ import annotations

import contextlib
import difflib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT_SECONDS = 600
_FENCE = re.compile(r"^```(?P<info>[^`\n]*)\n(?P<body>.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Step:
    """One block to run: the line it starts on, its commands, and what they print if the document says so."""

    line: int
    commands: str
    output: str | None = None


def parse(document: str) -> list[Step]:
    """Steps of a Markdown document, in order; ValueError for an output that no command precedes."""
    steps: list[Step] = []
    for match in _FENCE.finditer(document):
        line = document.count("\n", 0, match.start()) + 1
        info, body = match["info"].split(), match["body"]
        if info == ["sh", "run"]:
            steps.append(Step(line, body))
        elif info == ["text", "output"]:
            if not steps or steps[-1].output is not None:
                raise ValueError(f"line {line}: an output without commands before it")
            steps[-1] = Step(steps[-1].line, steps[-1].commands, body)
    return steps


def agrees(shown: str, printed: str) -> bool:
    """Whether what was printed is what a document shows, `…` standing for anything."""

    def pattern(line: str) -> str:
        if line.strip() == "…":
            return r"(?:[^\n]*\n)*?"
        return r"[^\n]*".join(re.escape(part) for part in line.rstrip().split("…")) + r"[ \t]*\n"

    wanted = "".join(pattern(line) for line in shown.strip("\n").split("\n"))
    return re.fullmatch(wanted, printed.strip("\n") + "\n") is not None


def session(steps: list[Step], tree: Path, notes: Path, seconds: float) -> int:
    """Run all steps in one bash; prints of step n go to `notes/n`. Returns bash's status, 124 after `seconds`."""
    script = ["set -eo pipefail"]
    for number, step in enumerate(steps):
        script += [f"exec >{str(notes / str(number))!r} 2>&1", step.commands]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HECHUAN_")}
    environment |= {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "120"}
    environment["PATH"] = f"{Path(sys.prefix) / 'bin'}{os.pathsep}{environment['PATH']}"
    bash = subprocess.Popen(
        ["bash", "-c", "\n".join(script)],
        cwd=tree,
        env=environment,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        return bash.wait(seconds)
    except subprocess.TimeoutExpired:
        return 124
    finally:
        # The group outlives bash where a step left something running.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(bash.pid, signal.SIGKILL)
        bash.wait()


def check(document: str, tree: Path, seconds: float = DOCUMENT_SECONDS) -> list[str]:
    """What is wrong with a document whose commands run in `tree`; empty if nothing is."""
    steps = parse(document)
    if not steps:
        return ["line 1: no block `sh run`"]
    with tempfile.TemporaryDirectory() as scratch:
        notes = Path(scratch)
        status = session(steps, tree, notes, seconds)
        prints = [
            path.read_text("utf-8", "replace") for path in sorted(notes.iterdir(), key=lambda p: int(p.name))
        ]
    if status != 0:
        return [f"line {steps[len(prints) - 1].line}: exit status {status} after\n{prints[-1]}"]
    return [
        f"line {step.line}: prints something else\n" + _difference(step.output, printed)
        for step, printed in zip(steps, prints, strict=True)
        if step.output is not None and not agrees(step.output, printed)
    ]


def _difference(shown: str, printed: str) -> str:
    lines = difflib.unified_diff(shown.splitlines(), printed.splitlines(), "shown", "printed", lineterm="")
    return "\n".join(lines)


def copy_tree(target: Path) -> None:
    """Copy what git knows or would add, so that commands can write where they like."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True).stdout.decode().split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    (target / ".venv").symlink_to(sys.prefix)


def main(arguments: list[str]) -> int:
    failures = 0
    for name in arguments:
        document = (ROOT / name).read_text(encoding="utf-8")
        with tempfile.TemporaryDirectory() as scratch:
            copy_tree(Path(scratch))
            problems = check(document, Path(scratch))
        for problem in problems:
            print(f"{name}, {problem}", file=sys.stderr)
        failures += len(problems)
        print(f"{name}: {len(parse(document))} blocks run, {len(problems)} wrong")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
