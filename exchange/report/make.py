"""From a hub to a report: facts, then figures in their chapters, then the document."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from exchange.client import Client
from exchange.errors import InvalidInputError, NotFoundError
from exchange.report.chapter.change import changes_chapter
from exchange.report.chapter.comparison import comparison_chapter
from exchange.report.chapter.compensation import compensation_chapter
from exchange.report.chapter.flux import flux_chapter
from exchange.report.chapter.following import following_chapter, sources_chapter
from exchange.report.chapter.patrols import patrols_chapter, works_chapter
from exchange.report.chapter.quality import quality_chapter
from exchange.report.chapter.referrals import problems_chapter, warnings_chapter
from exchange.report.chapter.summary import summary_chapter
from exchange.report.document import Report, changes
from exchange.report.facts.month import Facts, facts
from exchange.report.figure import Figures
from exchange.report.gather import Gatherer
from exchange.report.page import Chapter
from exchange.report.period import Period
from exchange.report.scope import Scope


@dataclass(frozen=True, slots=True)
class Made:
    """The report, what its chapters say, and the facts that charts are drawn from."""

    report: Report
    chapters: tuple[Chapter, ...]
    facts: Facts


def make(
    client: Client,
    scope: Scope,
    period: Period,
    as_of: datetime,
    directory: Path | None = None,
    erratum: tuple[str, Report] | None = None,
) -> Made:
    """A report of a period as of an instant; the same instant gives the same report.

    `directory` is where the scope's patrol files lie; `erratum`: id and document of the signed report it corrects.
    Raises InvalidInputError (an instant without offset), NotFoundError, MalformedError, and what queries raise.
    """
    if as_of.tzinfo is None:
        raise InvalidInputError("as_of 须带时区 / as_of has an offset")
    gatherer = Gatherer(client, as_of)
    found = facts(gatherer, scope, period, _patrol_files(scope, directory))
    figures = Figures()
    chapters = _chapters(found, figures, gatherer)
    used = [source for figure in figures for source in figure.sources]
    report = Report(
        scope,
        period,
        as_of,
        client.profile.agency,
        figures,
        gatherer.sources.pruned(used),
        tuple(sorted((str(each.dataset), each.hub, each.tree_size) for each in gatherer.pinned.values())),
        tuple(sorted((str(each.dataset), each.code) for each in gatherer.absent.values())),
    )
    if erratum is not None:
        corrected, before = erratum
        report = replace(report, corrects=corrected, changes=changes(before.figures, figures))
        chapters = (changes_chapter(report, before), *chapters)
    return Made(report, chapters, found)


def _chapters(found: Facts, figures: Figures, gatherer: Gatherer) -> tuple[Chapter, ...]:
    """In the order of the report; the summary is made last, of figures that are there by then."""
    made = (
        quality_chapter(found, figures),
        comparison_chapter(found, figures),
        flux_chapter(found, figures),
        warnings_chapter(found, figures),
        problems_chapter(found, figures),
        patrols_chapter(found, figures),
        works_chapter(found, figures),
        compensation_chapter(found, figures),
        following_chapter(found, figures),
        sources_chapter(gatherer),
    )
    known = frozenset(figure.id for figure in figures)
    return (summary_chapter(found, known), *made)


def _patrol_files(scope: Scope, directory: Path | None) -> tuple[bytes, bytes] | None:
    if scope.patrols is None:
        return None
    base = directory or Path()
    try:
        return (base / scope.patrols[0]).read_bytes(), (base / scope.patrols[1]).read_bytes()
    except FileNotFoundError as error:
        raise NotFoundError(f"没有文件 {error.filename} / there is no file {error.filename}") from None
