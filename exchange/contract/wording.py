"""Chinese and English in one ODCS field.

A description is two lines, Chinese then English; a title or label is `中文 / English`.
"""

from __future__ import annotations

import re
from typing import Final

from exchange.contract.problem import Problems

_HAN: Final = re.compile(r"[\u2e80-\u2fdf\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]")
_LATIN: Final = re.compile(r"[A-Za-z]")


def description(text: str | None, path: str, problems: Problems) -> tuple[str, str]:
    """The two lines of a description; notes a problem where it is not that."""
    lines = [line.strip() for line in (text or "").strip().splitlines()]
    return _pair(lines, path, problems, "a description is two lines, Chinese then English")


def title(text: str | None, path: str, problems: Problems) -> tuple[str, str]:
    """The two halves of `中文 / English`; notes a problem where it is not that."""
    halves = [half.strip() for half in (text or "").split(" / ")]
    return _pair(halves, path, problems, "a title is 中文 / English")


def _pair(parts: list[str], path: str, problems: Problems, form: str) -> tuple[str, str]:
    if len(parts) == 2 and _HAN.search(parts[0]) and _LATIN.search(parts[1]) and not _HAN.search(parts[1]):
        return parts[0], parts[1]
    problems.add(path, "bilingual", f"{form}; found {' | '.join(parts)[:120]!r}")
    return "", ""
