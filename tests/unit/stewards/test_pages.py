"""Pages need nothing from elsewhere, stay in their place, and say the same in two languages."""

from __future__ import annotations

from pathlib import Path

import pytest

from exchange.errors import MalformedError
from stewards.page.words import WORDS, language_of, words_in
from stewards.quality.pages import directory_of, self_contained

PAGE = """<html><head><LINK rel="stylesheet" href="https://cdn.example/x.css"><script src='https://cdn.example/x.js'>
</script></head><body><script>alert(1)</SCRIPT ><img src=//cdn.example/logo.png><p>值 4</p>
<footer><a href="https://example/news">news</a></footer></body></html>"""


def test_nothing_is_loaded_from_elsewhere() -> None:
    page = self_contained(PAGE, "../pages.css")
    assert "cdn.example" not in page
    assert "script" not in page.lower()
    assert "alert" not in page
    assert "值 4" in page
    assert page.count('href="../pages.css"') == 1


def test_a_dataset_names_its_directory_and_no_other() -> None:
    assert directory_of(Path("p"), "500000/ecology/water-quality") == Path("p/500000/ecology/water-quality")
    for name in ("../../etc", "500000/ecology/../x", "/etc/passwd", ""):
        with pytest.raises(MalformedError):
            directory_of(Path("p"), name)


def test_every_word_is_there_in_both_languages() -> None:
    assert all(zh and en for zh, en in WORDS.values())
    assert words_in("zh")["quarantine"] == "隔离区"
    assert words_in("en")["quarantine"] == "Quarantine"


@pytest.mark.parametrize(
    ("asked", "accepted", "language"),
    [
        ("en", "zh-CN", "en"),
        (None, "en-GB,en;q=0.9,zh;q=0.5", "en"),
        (None, "zh-CN,zh;q=0.9", "zh"),
        (None, "fr", "zh"),
        ("xx", "", "zh"),
    ],
)
def test_the_language_is_that_asked_for_or_preferred(asked: str | None, accepted: str, language: str) -> None:
    assert language_of(asked, accepted) == language
