"""`hechuan contracts`, as a contract's author uses it."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from exchange.cli.contracts import app
from exchange.contract.docs import to_markdown
from tests.contracts import COLUMNS, contract_text, gauge


def run(*words: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "200"})
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
    assert said.count("✓") == 10


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
    assert "section_column_changed" in said
    assert run("diff", old, major)[0] == 0
    assert run("diff", old, old)[0] == 0


def test_pages_that_lag_behind_are_named(tmp_path: Path) -> None:
    assert run("docs", tmp_path, "--check")[0] == 1
    assert run("docs", tmp_path, "--write")[0] == 0
    assert run("docs", tmp_path, "--check") == (0, "10 pages, 0 stale\n")
    stale = tmp_path / "hydrology-1.0.0.md"
    stale.write_text("old")
    (tmp_path / "gone-1.0.0.md").write_text("old")
    code, said = run("docs", tmp_path, "--check")
    assert code == 1
    assert "hydrology-1.0.0.md" in said
    assert "gone-1.0.0.md" in said


def test_a_page_is_a_table_that_holds_together() -> None:
    page = to_markdown(gauge())
    assert page.startswith("# 水位 Gauge\n")
    for line in page.splitlines():
        if line.startswith("|"):
            assert line.endswith("|")
    assert "| `level_needs_count` | 警告 warning |" in page
