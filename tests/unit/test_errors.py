import re

import pytest

from exchange import errors
from exchange.errors import FieldViolation, HechuanError, UnavailableError


def tree(root: type[HechuanError]) -> list[type[HechuanError]]:
    return [root, *(leaf for branch in root.__subclasses__() for leaf in tree(branch))]


def drawn() -> dict[str, str]:
    """Class → parent as the module's docstring draws them; the root's parent is empty."""
    parents: dict[str, str] = {}
    above: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        if match := re.match(r"(?P<indent>[│ ]*(?:[├└]── )?)(?P<name>\w+Error)\b", line):
            depth = len(match["indent"]) // 4
            above[depth:] = [match["name"]]
            parents[match["name"]] = above[depth - 1] if depth else ""
    return parents


CLASSES = [error for error in tree(HechuanError) if error.__module__ == errors.__name__]


def test_docstring_draws_the_tree() -> None:
    actual = {error.__name__: error.__base__.__name__ if error.__base__ else "" for error in CLASSES}
    assert drawn() == actual | {"HechuanError": ""}


def test_codes_are_unique_and_screaming() -> None:
    codes = [error.code for error in CLASSES]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[A-Z]+(_[A-Z]+)*", code) for code in codes)


@pytest.mark.parametrize("error", CLASSES)
def test_every_class_says_its_own_code(error: type[HechuanError]) -> None:
    assert "code" in vars(error)
    assert len(error.code) <= 63  # google.rpc.ErrorInfo.reason


@pytest.mark.parametrize("error", CLASSES)
def test_only_what_passes_by_itself_is_retryable(error: type[HechuanError]) -> None:
    assert error.retryable is issubclass(error, UnavailableError)


def test_an_error_keeps_its_facts() -> None:
    violation = FieldViolation("ph", "range", "0 to 14", row=3)
    detail = {"dataset": "500000/ecology/water-quality"}
    error = HechuanError("no", violations=[violation], detail=detail)
    detail.clear()
    assert str(error) == error.message == "no"
    assert error.violations == (violation,)
    assert error.detail == {"dataset": "500000/ecology/water-quality"}
