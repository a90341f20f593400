"""`hechuan contracts`, as a contract's author uses it."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from exchange.cli.contracts import app
from exchange.contract.load import shipped_contracts
from exchange.errors import HechuanError, InvalidInputError, MalformedError, NotFoundError
from tests.contracts import COLUMNS, contract_text, gauge


def run(*words: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "200"})
    if isinstance(result.exception, HechuanError):
        raise result.exception
    return result.exit_code, result.output


def test_lint_names_every_problem(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_bytes(gauge().text)
    bad.write_bytes(
        contract_text([*COLUMNS[:2], COLUMNS[2] | {"classification": "secret", "description": "?"}])
    )
    assert run("lint", good) == (0, "✓ gauge@1.0.0  7 columns 列, 14 rules 规则\n")
    code, said = run("lint", tmp_path)
    assert code == 1
    assert "schema[0].properties[2].classification" in said
    assert "schema[0].properties[2].description" in said
    assert "✓ gauge@1.0.0" in said


def test_the_shipped_contracts_pass() -> None:
    code, said = run("lint")
    assert code == 0
    assert said.count("✓") == len(shipped_contracts())


def test_show_tells_columns_and_rules() -> None:
    code, said = run("show", "water-quality")
    assert code == 0
    for word in ("section_code", "监测项目", "ph_range", "timestamp[us, tz=UTC]", "blocker"):
        assert (word in said) is (word != "blocker"), word


def test_diff_names_breaks_and_fails_within_a_major_version(tmp_path: Path) -> None:
    old, minor, major = tmp_path / "1.yaml", tmp_path / "2.yaml", tmp_path / "3.yaml"
    old.write_bytes(gauge().text)
    minor.write_bytes(contract_text(COLUMNS[:2], version="1.1.0", timeColumn="at"))
    major.write_bytes(contract_text(COLUMNS[:2], version="2.0.0", timeColumn="at"))
    code, said = run("diff", old, minor)
    assert code == 1
    assert "✗ forward · level · column_removed\n    列 level 被删除 / column level is gone\n" in said
    assert "section_column_changed" in said
    assert said.endswith("needs a new major version 须升主版本号\n")
    assert run("diff", old, major)[0] == 0
    assert run("diff", old, old)[0] == 0


def test_diff_is_of_versions_of_one_contract() -> None:
    assert run("diff", "hydrology@1.0.0", "hydrology") == (
        0,
        "hydrology@1.0.0 → hydrology@1.0.0: full  required 要求: full\n",
    )
    with pytest.raises(InvalidInputError, match="not versions of one contract"):
        run("diff", "hydrology", "outfall")


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="there are boundary-comparison, compensation-chishui, "):
        run("show", "hydrologie")
    with pytest.raises(NotFoundError, match="no file"):
        run("show", tmp_path / "gone.yaml")
    with pytest.raises(NotFoundError, match=r"no \.yaml file"):
        run("lint", tmp_path)
    with pytest.raises(MalformedError):
        run("show", "hydrology@one")


def test_pages_that_lag_behind_are_named(tmp_path: Path) -> None:
    pages, count = tmp_path / "pages", len(shipped_contracts())
    code, said = run("docs", pages, "--check")
    assert code == 1
    assert said.count("missing") == count
    assert run("docs", pages, "--write") == (0, f"✓ {count} pages 页\n")
    assert run("docs", pages, "--check") == (0, f"✓ {count} pages 页\n")
    (pages / "hydrology-1.0.0.md").write_bytes(b"\xff")
    (pages / "gone-1.0.0.md").write_text("old")
    (pages / "outfall-1.0.0.md").unlink()
    (pages / "README.md").write_text("not ours")
    code, said = run("docs", pages, "--check")
    assert code == 1
    assert [line.removeprefix(f"✗ {pages}/") for line in said.splitlines()] == [
        "gone-1.0.0.md · superfluous 多余",
        "hydrology-1.0.0.md · stale 过期",
        "outfall-1.0.0.md · missing 缺失",
        "run 请运行: hechuan contracts docs --write",
    ]
    assert run("docs", pages, "--write")[0] == 0
    assert run("docs", pages, "--check")[0] == 0
    assert {path.name for path in pages.iterdir()} >= {"README.md", "outfall-1.0.0.md"}
    assert not (pages / "gone-1.0.0.md").exists()


def test_docs_either_writes_or_checks(tmp_path: Path) -> None:
    for words in ((), ("--write", "--check")):
        with pytest.raises(InvalidInputError):
            run("docs", tmp_path, *words)
    assert not list(tmp_path.iterdir())
