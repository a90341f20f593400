"""A page of a web service, bounded in size and time; redirects to other schemes are refused."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path
from typing import Final

from adapters.settings import limit
from exchange.errors import InvalidInputError, LimitExceededError, NotFoundError, UnavailableError


class _SameScheme(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req, fp, code, msg, headers, newurl):  # type: ignore[no-untyped-def]
        """Follow only http and https."""
        if not newurl.startswith(("http://", "https://")):
            return None
        return super().redirect_request(req, fp, code, msg, headers, newurl)


_OPENER: Final = urllib.request.build_opener(_SameScheme)


def fetch(source: str) -> bytes:
    """The bytes of an http(s) URL or of a file; raises NotFoundError, UnavailableError, LimitExceededError."""
    if not source.startswith(("http://", "https://")):
        path = Path(source)
        if not path.is_file():
            raise NotFoundError(f"没有文件 {source} / no file {source}")
        with path.open("rb") as file:
            return _bounded(file.read(limit().page_bytes + 1), source)
    try:
        with _OPENER.open(source, timeout=limit().page_seconds) as response:
            return _bounded(response.read(limit().page_bytes + 1), source)
    except urllib.error.HTTPError as error:
        with error:
            if error.code >= 500 or error.code in (408, 429):
                raise UnavailableError(f"{source}: HTTP {error.code}") from None
            raise InvalidInputError(f"{source}: HTTP {error.code}") from None
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise UnavailableError(f"{source} 不可达 / is not reached: {error}") from None


def _bounded(data: bytes, source: str) -> bytes:
    if len(data) > (most := limit().page_bytes):
        raise LimitExceededError(f"{source}: 超过 {most} 字节 / more than {most} bytes")
    return data
