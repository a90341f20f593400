"""The page's routes. Every one of them, pages of Data Docs included, asks for Airflow's own login.

Airflow does not ask for it where a plugin mounts an application, so the application itself does, once for all routes;
the routes that FastAPI would add beside (its documentation) are left out.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import get_user
from fastapi import Depends, FastAPI, Form, HTTPException, Query, Request
from fastapi.responses import FileResponse, HTMLResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from exchange.errors import HechuanError, InvalidInputError
from stewards.alert import alerts
from stewards.compare.difference import ask_kept, kept, title_of
from stewards.hook import HubHook
from stewards.objection import object_to
from stewards.page.gather import SHOWN_ROWS, batch_now, feeds_now, referrals_now
from stewards.page.todo import tasks
from stewards.page.words import language_of, words_in
from stewards.quality.pages import BATCH, STYLES, WINDOW, directory_of
from stewards.settings import load_settings

# who may start its runs may send objections
_GATE: Final = "validate_batches"
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
    compared, referrals = kept(settings.pages), referrals_now(settings)
    return _page(
        request,
        lang,
        "home.html",
        feeds=feeds,
        alerts=alerts(settings.pages)[:20],
        tasks=list(tasks(feeds, compared, referrals)),
        referrals=referrals,
        compared=compared,
        quarantined=[batch for feed in feeds for batch in feed.batches if batch.rejected],
        docs={each.dataset: _docs(settings.pages, each.dataset) for each in feeds},
    )


@app.get("/differences")
def differences(request: Request, kind: str, name: str, lang: Language = None) -> HTMLResponse:
    """One comparison: what differs, side by side, each with its cause."""
    settings = load_settings()
    found = _compared(settings.pages, kind, name)
    subject = f"{kind}:{name}"
    open_one = next((each for each in referrals_now(settings) if each["subject"] == subject), None)
    return _page(request, lang, "differences.html", found=found, title_of=title_of, open_one=open_one)


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
    docs = _docs(settings.pages, dataset)
    return _page(request, lang, "batch.html", found=found, docs=docs, shown=SHOWN_ROWS)


def _sender(request: Request, user: Annotated[BaseUser, Depends(get_user)]) -> BaseUser:
    """Somebody who may start validations, at a form of the page itself."""
    if request.headers.get("origin", "") != f"{request.url.scheme}://{request.url.netloc}":
        raise HTTPException(403, "this form is sent from the page itself")
    details = DagDetails(id=_GATE)
    if not get_auth_manager().is_authorized_dag(
        method="POST", access_entity=DagAccessEntity.RUN, details=details, user=user
    ):
        raise HTTPException(403, "your role may look, not send")
    return user


Sender = Annotated[BaseUser, Depends(_sender)]


@app.post("/objection")
def objection(
    request: Request,
    dataset: Annotated[str, Form(max_length=200)],
    id: Annotated[str, Form(max_length=80)],
    user: Sender,
    lang: Language = None,
) -> Response:
    """The one button: send a 数据异议 about a batch to its publisher."""
    settings = load_settings()
    found = batch_now(settings, dataset, id)
    if found is None:
        raise HTTPException(404, "there is no such batch")
    with HubHook(settings.connection_of(dataset)).get_conn() as client:
        object_to(client, dataset, id, found.findings or found.broken_rules(), user.get_name())
    return _back(request, "batch", dataset=dataset, id=id, lang=lang or "")


@app.post("/objection/differences")
def objection_to_differences(
    request: Request,
    kind: Annotated[str, Form(max_length=80)],
    name: Annotated[str, Form(max_length=80)],
    user: Sender,
    lang: Language = None,
) -> Response:
    """The same button about what a comparison found."""
    settings = load_settings()
    found = _compared(settings.pages, kind, name)
    with HubHook(found["connection"]).get_conn() as client:
        ask_kept(client, settings.pages, kind, name, user.get_name())
    return _back(request, "differences", kind=kind, name=name, lang=lang or "")


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


def _compared(pages: Path, kind: str, name: str) -> dict[str, Any]:
    found = next((each for each in kept(pages) if (each["kind"], each["name"]) == (kind, name)), None)
    if found is None:
        raise HTTPException(404, "there is no such comparison, or it has not run yet")
    return found


def _back(request: Request, page: str, **query: str) -> Response:
    location = f"{_root(request)}/{page}?{urlencode(query)}"
    return Response(status_code=303, headers={**_HEADERS, "Location": location})


def _docs(pages: Path, dataset: str) -> list[str]:
    """The pages of Data Docs that a dataset has."""
    place = directory_of(pages, dataset)
    return [name for name in (BATCH, WINDOW) if (place / name).is_file()]


def _file(path: Path) -> Response:
    if not path.is_file():
        raise HTTPException(404)
    return FileResponse(path, headers=_HEADERS)


def _page(request: Request, lang: str | None, name: str, status: int = 200, **values: Any) -> HTMLResponse:
    language = language_of(lang, request.headers.get("accept-language", ""))
    text = _templates.get_template(name).render(
        t=words_in(language), lang=language, root=_root(request), local=_local, **values
    )
    return HTMLResponse(text, status, headers=_HEADERS)


def _root(request: Request) -> str:
    """Where the page is mounted."""
    return str(request.scope.get("root_path", ""))


def _local(moment: datetime | str | None) -> str:
    """For people: the mainland's time. Text is an instant in ISO 8601."""
    if not moment:
        return ""
    at = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return f"{at.astimezone(_ZONE):%Y-%m-%d %H:%M}"
