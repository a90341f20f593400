"""Limits of adapters: set by a file, documented with their defaults, and what is not known is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from adapters.evidence.kind import kind_of
from adapters.mapping.document import parse_form
from adapters.settings import Limit, limit, load_limit
from adapters.tabular.encoding import encoding_of
from adapters.tabular.text import top_of
from adapters.web.fetch import fetch
from exchange.errors import InvalidInputError, LimitExceededError

DOCS = (Path(__file__).parents[3] / "docs" / "adapters.md").read_text(encoding="utf-8")


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    path = tmp_path / "adapters.toml"
    bounds = "mapping_bytes = 9\npage_bytes = 9\nheader_rows = 2\npicture_bytes = 9\npage_seconds = 1\n"
    path.write_text(f"[limit]\n{bounds}")
    monkeypatch.setenv("HECHUAN_ADAPTERS", str(path))
    limit.cache_clear()
    yield path
    limit.cache_clear()


def test_what_the_file_sets_holds(small: Path) -> None:
    assert limit().page_seconds == 1.0
    with pytest.raises(InvalidInputError, match="at most 9 bytes"):
        parse_form(b"mapping: 1", "a.yaml")
    with pytest.raises(LimitExceededError, match="more than 9 bytes"):
        fetch(str(small))
    with pytest.raises(LimitExceededError, match="more than 9 bytes"):
        kind_of(b"\xff\xd8\xff" + bytes(20), "a.jpg")
    table = small.with_name("a.csv")
    table.write_text("a\nb\nc\n")
    assert top_of(table, encoding_of(table), ",").rows == [["a"], ["b"]]


@pytest.mark.parametrize(
    "text",
    [
        "[limits]\n",
        "[limit]\nline = 1\n",
        '[limit]\nline_bytes = "much"\n',
        "[limit]\nline_bytes = 0\n",
        "[limit]\nline_bytes = true\n",
        "limit = 1\n",
        "[limit\n",
    ],
)
def test_what_is_not_known_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "adapters.toml"
    path.write_text(text)
    with pytest.raises(InvalidInputError):
        load_limit(path)


def test_the_page_names_them_all() -> None:
    said: dict[str, float] = {}
    for names, values in re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| ([0-9, ]+) \|", DOCS, re.MULTILINE):
        said |= zip(re.findall(r"`(\w+)`", names), map(float, values.split(",")), strict=True)
    assert said == {each.name: each.default for each in fields(Limit)}
