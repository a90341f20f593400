import time
from pathlib import Path

import psutil
import pytest

from tools.check_docs import agrees, check, parse

FENCE = "```"


def document(*blocks: tuple[str, str]) -> str:
    return "# Title\n\n" + "\n".join(f"{FENCE}{info}\n{body}\n{FENCE}\n" for info, body in blocks)


def test_only_marked_blocks_run() -> None:
    steps = parse(document(("sh", "false"), ("sh run", "true"), ("text output", ""), ("text", "x")))
    assert [(step.line, step.commands, step.output) for step in steps] == [(7, "true\n", "\n")]


def test_output_needs_commands() -> None:
    with pytest.raises(ValueError, match="line 3"):
        parse(document(("text output", "x")))


@pytest.mark.parametrize(
    ("shown", "printed", "agree"),
    [
        ("a\nb\n", "a\nb\n", True),
        ("a\n", "a  \n\n", True),
        ("a\n", "b\n", False),
        ("a\n", "a\nb\n", False),
        ("digest … ok\n", "digest 12ab ok\n", True),
        ("digest … ok\n", "digest 12ab\nok\n", False),
        ("first\n…\nlast\n", "first\n1\n2\nlast\n", True),
        ("first\n…\nlast\n", "first\nlast\n", True),
        ("a.c\n", "abc\n", False),
    ],
)
def test_ellipsis(shown: str, printed: str, agree: bool) -> None:
    assert agrees(shown, printed) is agree


def test_one_session_runs_all_blocks_in_the_tree(tmp_path: Path) -> None:
    text = document(
        ("sh run", "export NAME=river\nmkdir sub\ncd sub"),
        ("sh run", "echo $NAME >here\necho $NAME"),
        ("text output", "river"),
    )
    assert check(text, tmp_path) == []
    assert (tmp_path / "sub" / "here").read_text() == "river\n"


def test_a_document_that_runs_nothing_is_no_proof(tmp_path: Path) -> None:
    assert check(document(("sh", "true")), tmp_path) == ["line 1: no block `sh run`"]


def test_failure_names_the_block_and_stops(tmp_path: Path) -> None:
    text = document(("sh run", "true"), ("sh run", "echo reason >&2\nexit 3"), ("sh run", "touch late"))
    [problem] = check(text, tmp_path)
    assert problem.startswith("line 7: exit status 3")
    assert "reason" in problem
    assert not (tmp_path / "late").exists()


def test_other_output_is_shown_as_a_difference(tmp_path: Path) -> None:
    [problem] = check(document(("sh run", "echo 2"), ("text output", "1")), tmp_path)
    assert "-1\n+2" in problem


def test_a_block_that_hangs_is_ended(tmp_path: Path) -> None:
    [problem] = check(document(("sh run", "sleep 600")), tmp_path, seconds=0.2)
    assert "exit status 124" in problem


def test_what_a_block_leaves_running_is_ended(tmp_path: Path) -> None:
    assert check(document(("sh run", "sleep 600 &\necho $! >pid")), tmp_path) == []
    pid = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 10
    while _alive(pid):
        assert time.monotonic() < deadline, f"process {pid} is still there"


def _alive(pid: int) -> bool:
    try:
        # A zombie has ended; collecting it is init's work.
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
