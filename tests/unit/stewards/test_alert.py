"""Alerts on the page: once a day for what lasts, and only so many in all."""

from __future__ import annotations

from pathlib import Path

from stewards.alert import ALERTS, alerts, keep, keep_daily


def test_what_lasts_is_told_once_a_day(tmp_path: Path) -> None:
    for _ in range(2):
        keep_daily(tmp_path, "mirror", {"510000/ecology/water-quality": "3 / 9"})
    keep_daily(tmp_path, "storage", {"510000/ecology/water-quality": "another kind"})
    [old] = [each for each in alerts(tmp_path) if each["kind"] == "mirror"]
    assert (old["subject"], old["detail"]) == ("510000/ecology/water-quality", "3 / 9")
    for path in (tmp_path / ALERTS).glob("*.json"):
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(old["at"][:10], "2020-01-01"), encoding="utf-8")
    keep_daily(tmp_path, "mirror", {"510000/ecology/water-quality": "2 / 9"})
    assert [each["detail"] for each in alerts(tmp_path) if each["kind"] == "mirror"] == ["2 / 9", "3 / 9"]


def test_the_newest_come_first_and_old_ones_go(tmp_path: Path) -> None:
    for number in range(205):
        keep(tmp_path, "deadline", "validate_batches", str(number))
    found = alerts(tmp_path)
    assert (len(found), found[0]["detail"]) == (200, "204")
