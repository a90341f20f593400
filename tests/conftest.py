"""HECHUAN_NO_SKIP=1, as CI sets it, turns a skipped test into a failed one: a suite that did not run proves nothing.

Only data that is really absent excuses a skip: `../shared` is no part of the project.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import pytest

# a console that is made while this is set keeps that width for good, whatever a test sets later
os.environ.pop("COLUMNS", None)
SHARED = Path(__file__).resolve().parent.parent.parent / "shared"


def _refuse(report: pytest.TestReport | pytest.CollectReport) -> None:
    if not report.skipped or hasattr(report, "wasxfail") or os.environ.get("HECHUAN_NO_SKIP") != "1":
        return
    reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
    if "../shared" in reason and not SHARED.exists():
        return
    report.outcome = "failed"
    report.longrepr = f"{reason}\nHECHUAN_NO_SKIP=1 allows no skip"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _refuse(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _refuse(report)
    return report
