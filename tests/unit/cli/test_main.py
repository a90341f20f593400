"""The command as a whole: everything is there, and only what is called is imported."""

from __future__ import annotations

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from exchange.cli.main import app


def test_the_help_lists_every_command() -> None:
    result = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    for name in ("hub", "reconcile", "publish", "restore", "inbox", "gateway", "attach"):
        assert f"│ {name} " in result.output, name


def test_a_command_of_a_group_is_found() -> None:
    result = CliRunner().invoke(app, ["reconcile", "cases", "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    assert "案件移送比对" in result.output


def test_a_wrong_name_is_answered_with_a_near_one() -> None:
    result = CliRunner().invoke(app, ["publis"])
    assert result.exit_code == 2
    assert "Did you mean 'publish'?" in result.output


@pytest.mark.parametrize("module", ["exchange.app", "exchange.client", "exchange.cli.main"])
def test_pandas_is_left_alone(module: str) -> None:
    """It takes longer to import than anything else, and pyarrow imports it on many an occasion."""
    line = f"import sys, {module}; sys.exit('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", line], check=False).returncode == 0
