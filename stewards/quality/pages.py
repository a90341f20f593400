"""Data Docs: Great Expectations' own pages of the latest validation of each dataset, readable without any network.

Its templates load styles and scripts from public CDNs, which a steward's network does not reach. What is loaded from
elsewhere is taken out, and one stylesheet of our own put in; the pages need no script. Only the latest validation of
a dataset is kept: verdicts stay in the ledger, and pages that pile up make every later one slower.
"""

from __future__ import annotations

import os
import re
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Final

from exchange.ids import DatasetId

if TYPE_CHECKING:
    from stewards.quality.run import Outcome

STYLES: Final = "pages.css"
BATCH: Final = "batch.html"
WINDOW: Final = "window.html"
_SCRIPT: Final = re.compile(r"<script\b.*?</script\s*>", re.DOTALL | re.IGNORECASE)
_REMOTE: Final = re.compile(r"<(?:link|img|source|iframe)\b[^>]*?(?:href|src)\s*=[^>]*>", re.IGNORECASE)
_ADVERT: Final = re.compile(r"<footer\b.*?</footer\s*>", re.DOTALL | re.IGNORECASE)
_HEAD: Final = re.compile(r"</head>", re.IGNORECASE)


def directory_of(root: Path, dataset: str) -> Path:
    """Where the pages of a dataset are; raises MalformedError for what is no dataset's name."""
    id = DatasetId.parse(dataset)
    return root / id.owner.jurisdiction / id.owner.name / id.contract


def write_pages(root: Path, dataset: str, outcomes: dict[str, Outcome]) -> Path:
    """Put the pages of one validation in the place of the one before; the directory."""
    place = directory_of(root, dataset)
    place.mkdir(parents=True, exist_ok=True)
    _replace(root / STYLES, files("stewards.quality").joinpath(STYLES).read_bytes())
    for name, outcome in outcomes.items():
        _replace(place / name, self_contained(_rendered(outcome), "../../../" + STYLES).encode())
    for left in (BATCH, WINDOW):
        if left not in outcomes:
            (place / left).unlink(missing_ok=True)
    return place


def self_contained(html: str, styles: str) -> str:
    """A page without scripts, remote styles and images, with one stylesheet beside it."""
    for pattern in (_SCRIPT, _REMOTE, _ADVERT):
        html = pattern.sub("", html)
    return _HEAD.sub(f'<link rel="stylesheet" href="{styles}"></head>', html, count=1)


def _rendered(outcome: Outcome) -> str:
    from great_expectations.render.renderer import ValidationResultsPageRenderer
    from great_expectations.render.view import DefaultJinjaPageView

    document = ValidationResultsPageRenderer().render(outcome.result)
    return str(DefaultJinjaPageView().render(document))


def _replace(path: Path, data: bytes) -> None:
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    scratch.write_bytes(data)
    os.replace(scratch, path)
