"""The read-only service over HTTP: GET and nothing else."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import quote

from adapters.sensorthings.address import VERSION, Address, parse
from adapters.sensorthings.view import Entity, View
from adapters.settings import limit
from exchange.client import Client
from exchange.errors import (
    HechuanError,
    InvalidInputError,
    LimitExceededError,
    NotFoundError,
    PermissionDeniedError,
)

_COLLECTIONS: Final = ("Things", "Locations", "Datastreams", "Observations", "ObservedProperties")


class Service(ThreadingHTTPServer):
    """Serves one pair of datasets of one hub until it is shut down."""

    daemon_threads = True

    def __init__(self, listen: tuple[str, int], client: Client, values: str, sections: str) -> None:
        super().__init__(listen, _Handler)
        host, port = self.server_address[:2]
        self.root = f"http://{host!s}:{port}/{VERSION}"
        self.view = View(client, values, sections, self.root)


class _Handler(BaseHTTPRequestHandler):
    server: Service
    protocol_version = "HTTP/1.1"
    server_version = "hechuan"

    def setup(self) -> None:
        super().setup()
        self.connection.settimeout(limit().served_idle_seconds)

    def do_GET(self) -> None:
        try:
            body, status = answer(self.server.view, parse(self.path)), 200
        except HechuanError as error:
            body, status = {"code": error.code, "message": error.message}, _status(error)
        data = json.dumps(body, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """The hub keeps the audit of reads."""


def _status(error: HechuanError) -> int:
    if isinstance(error, NotFoundError):
        return 404
    if isinstance(error, PermissionDeniedError):
        return 403
    if isinstance(error, (InvalidInputError, LimitExceededError)):
        return 400
    return 503 if error.retryable else 500


def answer(view: View, address: Address) -> Entity:
    """The JSON of a request; raises NotFoundError for a path that is none, and what the hub answers."""
    match address.steps:
        case ():
            links = [{"name": name, "url": f"{view.root}/{name}"} for name in _COLLECTIONS]
            return {"value": links, "serverSettings": {"conformance": []}}
        case (("Things", ""),):
            return _page(view, view.things(), address)
        case (("Things", code),):
            return view.thing(code)
        case (("Things", code), ("Datastreams", "")) if code:
            return _page(view, view.datastreams(code), address)
        case (("Things", code), ("Locations", "")) if code:
            return _page(view, view.locations(code), address)
        case (("Locations", ""),):
            return _page(view, view.locations(), address)
        case (("Datastreams", id),) if id:
            return view.datastream(id)
        case (("Datastreams", id), ("Observations", "")) if id:
            view.datastream(id)
            return _page(view, view.observations(id, address.since, address.until, address.newest), address)
        case (("ObservedProperties", ""),):
            return _page(view, view.properties(), address)
    raise NotFoundError("reach Datastreams through a Thing, and Observations through a Datastream")


def _page(view: View, found: list[Entity], address: Address) -> Entity:
    body: Entity = {"@iot.count": len(found)} if address.count else {}
    end = address.skip + address.top
    body["value"] = found[address.skip : end]
    if end < len(found):
        path = "/".join(f"{name}('{quote(id)}')" if id else name for name, id in address.steps)
        body["@iot.nextLink"] = f"{view.root}/{path}?{_options(address, end)}"
    return body


def _options(address: Address, skip: int) -> str:
    terms = [
        f"phenomenonTime {sign} {moment.isoformat()}"
        for sign, moment in (("ge", address.since), ("le", address.until))
        if moment is not None
    ]
    options = {"$top": str(address.top), "$skip": str(skip)}
    options |= {"$filter": " and ".join(terms)} if terms else {}
    options |= {"$orderby": "phenomenonTime desc"} if address.newest else {}
    return "&".join(f"{name}={quote(value)}" for name, value in options.items())
