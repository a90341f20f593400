"""Reading a pack step by step: which step was reached, which file it was about, which files nobody has asked for."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum

from exchange.errors import EvidenceIncompleteError, HechuanError, MalformedError
from exchange.evidence.archive import Files
from exchange.trust.envelope import Envelope


class Outcome(StrEnum):
    """What came of a step. `open`: nothing is wrong, but the pack alone cannot settle it."""

    PASSED = "passed"
    FAILED = "failed"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the check, for people."""

    name: str
    outcome: Outcome
    zh: str
    en: str


@dataclass(slots=True)
class Reading:
    """A pack being read. Errors that leave `step` and `file` name them in `detail`, the file in the message, too."""

    files: Files
    steps: list[Step] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    _names: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        self._names = frozenset(self.files.names())

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        return name in self._names

    def under(self, folder: str) -> Sequence[str]:
        """Names that begin with a folder, ascending."""
        return [name for name in self.files.names() if name.startswith(folder + "/")]

    def read(self, name: str) -> bytes:
        """A small file; raises EvidenceIncompleteError where it is missing, LimitExceededError."""
        self._use(name)
        return self.files.read(name)

    def envelope(self, name: str) -> Envelope:
        """A DSSE envelope in canonical JSON; raises as `read`, MalformedError."""
        data = self.read(name)
        envelope = Envelope.from_json_bytes(data)
        if envelope.to_json_bytes() != data:
            raise MalformedError("the envelope is not in its canonical form")
        return envelope

    def digest(self, name: str) -> str:
        """The digest of a file of any size; raises EvidenceIncompleteError where it is missing."""
        self._use(name)
        return self.files.digest(name)

    def unused(self) -> Sequence[str]:
        """Files that no step has asked for."""
        return [name for name in self.files.names() if name not in self.used]

    def passed(self, name: str, zh: str, en: str) -> None:
        """A step is through."""
        self.steps.append(Step(name, Outcome.PASSED, plain(zh), plain(en)))

    def open(self, name: str, zh: str, en: str) -> None:
        """A step that the pack alone cannot settle."""
        self.steps.append(Step(name, Outcome.OPEN, plain(zh), plain(en)))

    def _use(self, name: str) -> None:
        if not self.has(name):
            raise EvidenceIncompleteError(
                f"{name}: 证据包缺少此文件 / the pack lacks this file", detail={"file": name}
            )
        self.used.add(name)


def plain(text: str) -> str:
    """A party's words without what would steer a terminal or turn the reading direction; spaces for line breaks."""
    return "".join(
        " " if each in "\t\n\r" else "\ufffd" if unicodedata.category(each) in ("Cc", "Cf", "Cs") else each
        for each in text
    )


@contextmanager
def step(name: str) -> Iterator[None]:
    """What goes wrong inside belongs to this step of the check."""
    try:
        yield
    except HechuanError as error:
        raise _told(error, error.message, {"step": name}) from error


@contextmanager
def about(file: str) -> Iterator[None]:
    """What goes wrong inside is about this file; what does not have the form that is wanted is MalformedError."""
    try:
        yield
    except HechuanError as error:
        told = error.message if error.detail.get("file") else f"{file}: {error.message}"
        raise _told(error, told, {"file": file}) from error
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise MalformedError(
            f"{file}: 内容无法识别 / not what it should be: {error!r}", detail={"file": file}
        ) from error


def _told(error: HechuanError, message: str, detail: dict[str, str]) -> HechuanError:
    return type(error)(message, violations=error.violations, detail=detail | error.detail)
