"""From a report's files to the draft that is signed, and back: whether files are what a draft says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from exchange.errors import DigestMismatchError, NotFoundError
from exchange.ids import digest_of
from exchange.report.document import Report
from exchange.review.draft import Draft

DOCUMENT: Final = "report.json"
_STEM: Final = "report."


def read_files(directory: Path) -> Mapping[str, bytes]:
    """File name → bytes of what `report make` wrote; raises NotFoundError where there is no document."""
    if not (directory / DOCUMENT).is_file():
        raise NotFoundError(f"{directory} 中没有 {DOCUMENT} / there is no {DOCUMENT} in {directory}")
    found = sorted(path for path in directory.glob(f"{_STEM}*") if path.is_file())
    return {path.name: path.read_bytes() for path in found}


def draft_from(files: Mapping[str, bytes]) -> Draft:
    """The draft over these files; raises what reading the document raises."""
    report = Report.parse(files[DOCUMENT])
    forms = {name: digest_of(data) for name, data in files.items() if name != DOCUMENT}
    signatories = tuple(sorted(side.signatory for side in report.scope.sides))
    title = report.scope.title.zh
    return Draft(title, str(report.period), digest_of(files[DOCUMENT]), forms, signatories, report.corrects)


def check_files(draft: Draft, files: Mapping[str, bytes]) -> None:
    """Raise DigestMismatchError unless the document, and every form that is there, is the draft's."""
    wanted = {DOCUMENT: draft.digest, **draft.forms}
    wrong = [name for name, data in files.items() if wanted.get(name) != digest_of(data)]
    if DOCUMENT not in files or wrong:
        listed = ", ".join(wrong) or DOCUMENT
        raise DigestMismatchError(f"文件与送审稿不符：{listed} / these files are not the draft's: {listed}")
