"""The page's routes. Every one of them, pages of Data Docs included, asks for Airflow's own login.

Airflow does not ask for it where a plugin mounts an application, so the application itself does, once for all routes;
the routes that FastAPI would add beside (its documentation) are left out.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from airflow.api_fastapi.core_api.security import get_user
from fastapi import Depends, FastAPI, HTTPException, Query, Request
from fastapi.responses import FileResponse, HTMLResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from exchange.errors import HechuanError, InvalidInputError
from stewards.deadline import alerts
from stewards.page.gather import SHOWN_ROWS, FeedState, batch_now, feeds_now
from stewards.page.words import language_of, words_in
from stewards.quality.pages import BATCH, STYLES, WINDOW, directory_of
from stewards.settings import load_settings

_ZONE: Final = ZoneInfo("Asia/Shanghai")
_HEADERS: Final = {
    # the page shows what a publisher wrote: nothing in it may run, or send anything anywhere
    "Content-Security-Policy": "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
    " form-action 'self'; frame-ancestors 'self'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_NAME = re.compile(r"[a-z0-9-]{1,64}")

app = FastAPI(
    title="Hechuan", dependencies=[Depends(get_user)], docs_url=None, redoc_url=None, openapi_url=None
)
_templates = Environment(
    loader=PackageLoader("stewards.page"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)
Language = Annotated[str | None, Query(alias="lang", max_length=8)]


@app.get("/")
def home(request: Request, lang: Language = None) -> HTMLResponse:
    """What to do next, every dataset, what is in quarantine."""
    settings = load_settings()
    feeds = feeds_now(settings, datetime.now(UTC))
    told = alerts(settings.pages)[:20]
    return _page(request, lang, "home.html", feeds=feeds, alerts=told, tasks=list(_tasks(feeds)))


@app.get("/batch")
def batch(
    request: Request, dataset: str, id: Annotated[str, Query(max_length=80)], lang: Language = None
) -> HTMLResponse:
    """One batch: its rejected rows with cell and rule, and the steward's findings."""
    settings = load_settings()
    try:
        found = batch_now(settings, dataset, id)
    except InvalidInputError as error:
        raise HTTPException(404, error.message) from None
    except HechuanError as error:
        return _page(request, lang, "away.html", status=503, error=error.message)
    if found is None:
        raise HTTPException(404, "there is no such batch")
    place = directory_of(settings.pages, dataset)
    docs = [name for name in (BATCH, WINDOW) if (place / name).exists()]
    return _page(request, lang, "batch.html", found=found, docs=docs, shown=SHOWN_ROWS)


@app.get("/pages/{jurisdiction}/{agency}/{contract}/{name}")
def pages(jurisdiction: str, agency: str, contract: str, name: str) -> Response:
    """Data Docs of one dataset."""
    if not all(_NAME.fullmatch(part) for part in (jurisdiction, agency, contract)) or name not in (
        BATCH,
        WINDOW,
    ):
        raise HTTPException(404)
    return _file(load_settings().pages / jurisdiction / agency / contract / name)


@app.get("/pages/" + STYLES)
def styles() -> Response:
    """The stylesheet of Data Docs."""
    return _file(load_settings().pages / STYLES)


def _file(path: Path) -> Response:
    if not path.is_file():
        raise HTTPException(404)
    return FileResponse(path, headers=_HEADERS)


def _tasks(feeds: list[FeedState]) -> Any:
    """The list at the top: the gravest first."""
    for feed in feeds:
        if feed.error:
            yield {"what": "unreachable", "feed": feed, "batch": None}
    for what, decision in (
        ("act_refer", "refer"),
        ("act_quarantine", "quarantined"),
        ("act_waiting", "waiting"),
    ):
        for feed in feeds:
            for each in feed.batches:
                if each.decision == decision:
                    yield {"what": what, "feed": feed, "batch": each}
    for feed in feeds:
        if feed.late:
            yield {"what": "act_late", "feed": feed, "batch": None}


def _page(request: Request, lang: str | None, name: str, status: int = 200, **values: Any) -> HTMLResponse:
    language = language_of(lang, request.headers.get("accept-language", ""))
    text = _templates.get_template(name).render(
        t=words_in(language), lang=language, root=request.scope.get("root_path", ""), local=_local, **values
    )
    return HTMLResponse(text, status, headers=_HEADERS)


def _local(moment: datetime | None) -> str:
    """For people: the mainland's time."""
    return "" if moment is None else f"{moment.astimezone(_ZONE):%Y-%m-%d %H:%M}"
