"""ZIP files with one date and one order, so that the same content is the same bytes."""

from __future__ import annotations

import io
import zipfile
from typing import Final

_DATE: Final = (1980, 1, 1, 0, 0, 0)
_MODE: Final = 0o600 << 16


def settled(data: bytes) -> bytes:
    """The same files in their order, dated 1980 as the form's earliest, compressed anew."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as given, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name in given.namelist():
            entry = zipfile.ZipInfo(name, _DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = _MODE
            entry.create_system = 3
            made.writestr(entry, given.read(name))
    return out.getvalue()
