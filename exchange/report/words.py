"""Text in both languages, and how numbers are written in either."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Self
from unicodedata import category

from exchange.errors import HechuanError

LANGUAGES: Final = ("zh", "en")
# control, format (which turns text around), surrogate, private, unassigned; separators of lines
_UNFIT: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def printable(text: str) -> str:
    """Text that every form can hold: others name matters, and XML has no control characters."""
    return "".join("\ufffd" if category(each) in _UNFIT else each for each in text)


@dataclass(frozen=True, slots=True)
class Words:
    """The same in Chinese and in English."""

    zh: str
    en: str

    def say(self, language: str) -> str:
        """In one of LANGUAGES."""
        return self.en if language == "en" else self.zh

    def to_json(self) -> dict[str, Any]:
        """The JSON value."""
        return {"en": self.en, "zh": self.zh}

    @classmethod
    def of(cls, value: Any) -> Self:
        """From {zh, en}, or a name that is the same in both."""
        found = (value, value) if isinstance(value, str) else (value["zh"], value["en"])
        return cls(*(printable(text) for text in found))


def plain(text: str) -> Words:
    """A name, a code or a number: the same in both languages."""
    return Words.of(text)


EMPTY: Final = Words("—", "—")


def said(error: HechuanError) -> Words:
    """What an error says; ours are bilingual, with a slash between."""
    zh, _, en = error.message.partition(" / ")
    return Words(zh, en or zh)
