"""House rules that no linter knows: locks, sizes, rooms."""

import ast
import re
import shutil
import statistics
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCKS = ["hub", "dev", "bench"]
HOUSES = ["exchange", "adapters", "demo", "benchmarks", "dags", "tools"]


def lock_text(lock: str) -> str:
    return (ROOT / "locks" / f"{lock}.lock").read_text(encoding="utf-8")


def pins(lock: str) -> dict[str, Requirement]:
    lines = re.findall(r"^(\S[^\\\n]*?) *\\?$", lock_text(lock), re.MULTILINE)
    return {canonicalize_name(pin.name): pin for pin in map(Requirement, lines)}


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_pins_and_hashes_and_nothing_else(lock: str) -> None:
    pin = r"[a-z0-9.-]+(\[[a-z,]+\])?==[0-9][^\s:/@]*( ; [a-z_]+ [^\n:/@]+?)?"
    entry = rf"{pin}( \\\n    --hash=sha256:[0-9a-f]{{64}})+\n"
    assert re.fullmatch(rf"({entry})+", lock_text(lock))


@pytest.mark.parametrize(("lock", "extras"), [("hub", []), ("dev", ["dev"]), ("bench", ["dev", "bench"])])
def test_a_lock_holds_what_the_project_asks_for(lock: str, extras: list[str]) -> None:
    asked = [*PROJECT["project"]["dependencies"]]
    asked += [text for extra in extras for text in PROJECT["project"]["optional-dependencies"][extra]]
    locked = pins(lock)
    for requirement in map(Requirement, asked):
        [specifier] = locked[canonicalize_name(requirement.name)].specifier
        assert specifier.version in requirement.specifier, requirement


def test_locks_agree_on_versions() -> None:
    everything = pins("bench")
    for lock in ("hub", "dev"):
        assert {name: str(pin.specifier) for name, pin in pins(lock).items()}.items() <= {
            name: str(pin.specifier) for name, pin in everything.items()
        }.items()


def sources() -> list[Path]:
    found = (path for house in HOUSES for path in (ROOT / house).rglob("*.py"))
    return [path for path in found if ROOT / "exchange" / "v1" not in path.parents]


def test_modules_are_small() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in sources()}
    modules = [length for path, length in lengths.items() if path.name != "__init__.py"]
    assert {str(path): length for path, length in lengths.items() if length > 500} == {}
    assert statistics.median(modules) <= 150
    assert sum(length <= 300 for length in modules) >= 0.9 * len(modules)


def length_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from `def` to the last statement, the docstring left out."""
    lines = (function.end_lineno or 0) - function.lineno + 1
    first = function.body[0]
    if isinstance(first, ast.Expr) and ast.get_docstring(function) is not None:
        lines -= (first.end_lineno or 0) - first.lineno + 1
    return lines


def test_functions_are_small() -> None:
    functions = [
        (path, node)
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    large = [f"{path}:{node.lineno} {node.name}" for path, node in functions if length_of(node) > 40]
    assert large == []


def test_init_only_hands_names_on() -> None:
    handing_on = (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.Expr)
    for path in sources():
        if path.name == "__init__.py":
            body = ast.parse(path.read_text(encoding="utf-8")).body
            assert [node.lineno for node in body if not isinstance(node, handing_on)] == [], path


def test_no_module_is_named_for_nothing() -> None:
    empty = {"utils", "util", "helpers", "helper", "manager", "base", "common", "misc"}
    assert [path for path in sources() if {path.stem, path.parent.name} & empty] == []


def test_every_core_room_is_under_the_core_contract() -> None:
    [core] = [one for one in PROJECT["tool"]["importlinter"]["contracts"] if one["id"] == "core"]
    rooms = [
        "accord",
        "agreement",
        "batch",
        "contract",
        "duty",
        "errors",
        "evidence",
        "ids",
        "ledger",
        "referral",
        "review",
        "river",
        "settlement",
        "statement",
        "trust",
    ]
    present = [
        f"exchange.{room}"
        for room in rooms
        if (ROOT / "exchange" / room).is_dir() or (ROOT / "exchange" / f"{room}.py").is_file()
    ]
    assert core["source_modules"] == present


def test_make_alone_prints_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    [phony] = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    printed = subprocess.run(["make"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert re.findall(r"^  make (\S+) +\S", printed, re.MULTILINE) == phony.split()


@pytest.mark.parametrize(
    ("reason", "shared", "passes"),
    [
        ("no server here", False, False),
        ("../shared is absent", False, True),
        ("../shared is absent", True, False),
    ],
)
def test_ci_takes_a_skip_for_a_failure(tmp_path: Path, reason: str, shared: bool, passes: bool) -> None:
    tests = tmp_path / "project" / "tests"
    tests.mkdir(parents=True)
    if shared:
        (tmp_path / "shared").mkdir()
    shutil.copy(ROOT / "tests" / "conftest.py", tests)
    (tests / "test_one.py").write_text(
        f"import pytest\ndef test_there(): pass\ndef test_one(): pytest.skip({reason!r})\n"
    )
    (tests / "test_module.py").write_text(
        f"import pytest\npytest.skip({reason!r}, allow_module_level=True)\n"
    )
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tests)],
        cwd=tests,
        env={"HECHUAN_NO_SKIP": "1"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert (run.returncode == 0) is passes, run.stdout
    assert ("HECHUAN_NO_SKIP=1 allows no skip" in run.stdout) is not passes
