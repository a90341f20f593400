"""stewards.toml: what is not known is refused, and every tolerance changes what a verdict was judged by."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest

from exchange.errors import InvalidInputError
from exchange.report.period import Period
from stewards.options import Feed, Tolerance
from stewards.quality.suite import suite_digest
from stewards.settings import Settings, load_settings
from stewards.work import reports_due


def loaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str) -> Settings:
    path = tmp_path / "stewards.toml"
    path.write_text(text, encoding="utf-8")
    monkeypatch.setenv("HECHUAN_STEWARDS", str(path))
    return load_settings()


def test_feeds_and_tolerances(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = loaded(
        monkeypatch,
        tmp_path,
        '[[feeds]]\ndataset = "500000/ecology/water-quality"\nconnection = "other"\n'
        "[tolerance]\nvolume_low = 0\n[watch]\ntask_retries = 1\n",
    )
    assert found.feeds == (Feed("500000/ecology/water-quality", "other"),)
    assert (found.tolerance.volume_low, found.retrying["retries"]) == (0.0, 1)
    assert found.connection_of("500000/ecology/water-quality") == "other"
    with pytest.raises(InvalidInputError):
        found.connection_of("500000/ecology/hydrology")


def test_without_a_file_nothing_is_watched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HECHUAN_STEWARDS", str(tmp_path / "absent.toml"))
    assert load_settings() == Settings()


@pytest.mark.parametrize(
    "text",
    [
        "[unheard]\n",
        "[tolerance]\nvolume = 1.0\n",
        '[tolerance]\nvolume_low = "much"\n',
        "[watch]\ntask_retries = true\n",
        '[[feeds]]\ndataset = "no dataset"\n',
        '[feeds]\ndataset = "500000/ecology/water-quality"\n',
        "[[feeds]\n",
        '[[deliveries]]\nname = "../elsewhere"\n',
        '[[cases]]\nname = "police"\ndataset = "no dataset"\n',
        '[[downstream]]\nname = "tongbo"\nwatched = "510000/ecology/spill-report, what"\n',
    ],
)
def test_what_is_not_known_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidInputError):
        loaded(monkeypatch, tmp_path, text)


def test_every_tolerance_is_part_of_what_was_asked() -> None:
    plain = suite_digest(Settings().judged_by())
    for each in fields(Tolerance):
        other = replace(Tolerance(), **{each.name: getattr(Tolerance(), each.name) + 1})
        assert suite_digest(replace(Settings(), tolerance=other).judged_by()) != plain


def test_reports_of_months_quarters_and_years(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = '[[reports]]\nname = "border"\nevery = "{}"\n'
    loaded(monkeypatch, tmp_path, text.format("month, year"))
    [asked] = reports_due("2026-Q1", "2026-11-20T09:00:00+08:00")
    assert asked == {"name": "border", "period": "2026-Q1", "as_of": "2026-11-20T09:00:00+08:00"}
    assert Period.parse(reports_due()[0]["period"]).months == 1
    loaded(monkeypatch, tmp_path, text.format("week"))
    with pytest.raises(InvalidInputError, match="week"):
        reports_due()
