"""Which encoding a text file has. GB 18030 contains GBK and GB 2312, so one decoder reads all three."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from exchange.errors import MalformedError

_SAMPLE: Final = 1 << 20
_CHUNK: Final = 2 << 20
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def encoding_of(path: Path, said: str | None = None) -> str:
    """`utf-8-sig`, `utf-8`, `gb18030` or `utf-16`; raises MalformedError where it is none of them.

    A file without a byte order mark that is UTF-8 from end to end is UTF-8: text in GB 18030 hardly ever is.
    """
    with path.open("rb") as file:
        start = file.read(4)
    for mark, name in _MARKS:
        if start.startswith(mark):
            return name
    if said is not None:
        return said
    if _decodes(path, "utf-8"):
        return "utf-8"
    if _decodes(path, "gb18030"):
        return "gb18030"
    with path.open("rb") as file:
        guess = _guess(file.read(_SAMPLE))
    hint = f"；像是 {guess} / it looks like {guess}" if guess else ""
    raise MalformedError(f"{path.name} 既非 UTF-8 也非 GB 18030 / is neither UTF-8 nor GB 18030{hint}")


def utf8_of(path: Path, encoding: str) -> Iterator[bytes]:
    """The file's text in UTF-8 without a mark, a chunk at a time; raises UnicodeDecodeError.

    What is said to be UTF-8 comes as it is, unlooked at.
    """
    with path.open("rb") as file:
        if encoding in ("utf-8", "utf-8-sig"):
            file.seek(len(codecs.BOM_UTF8) if encoding == "utf-8-sig" else 0)
            yield from iter(lambda: file.read(_CHUNK), b"")
            return
        decoder = codecs.getincrementaldecoder(encoding)()
        while chunk := file.read(_CHUNK):
            yield decoder.decode(chunk).encode()
        yield decoder.decode(b"", final=True).encode()


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _guess(sample: bytes) -> str | None:
    from charset_normalizer import from_bytes

    best = from_bytes(sample).best()
    return best.encoding if best else None
