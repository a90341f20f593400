"""Whether a file is the UTF-8 text it should be, and, where it is not, what it looks like instead."""

from __future__ import annotations

import codecs
from typing import BinaryIO, Final

from exchange.errors import MalformedError

BOM: Final = codecs.BOM_UTF8
_BLOCK: Final = 1 << 20
_SAMPLE: Final = 1 << 10
_CHINESE: Final = 0.5
_MAGIC: Final = {
    b"PK\x03\x04": ("Excel 工作簿或 ZIP", "an Excel workbook or a ZIP archive"),
    b"\xd0\xcf\x11\xe0": ("旧版 Excel 工作簿", "an old Excel workbook"),
    b"PAR1": ("Parquet", "Parquet"),
    b"ARROW1": ("Arrow 文件", "an Arrow file"),
    b"\x1f\x8b": ("gzip 压缩文件", "gzip"),
    codecs.BOM_UTF16_LE: ("UTF-16 文本", "UTF-16 text"),
    codecs.BOM_UTF16_BE: ("UTF-16 文本", "UTF-16 text"),
}


def check_utf8(file: BinaryIO) -> int:
    """Read the file to its end, a block at a time; the number of quotation marks in it.

    Raises MalformedError for an empty file, for another encoding or format (named where it can be told), and for
    bytes that are not UTF-8 (RFC 3629), with byte offset and line.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    offset = line = quotes = 0
    while block := file.read(_BLOCK):
        if not offset:
            _check_start(block)
        pending = len(decoder.getstate()[0])
        try:
            decoder.decode(block)
        except UnicodeDecodeError as error:
            at = offset - pending + error.start
            raise _foreign(error.object, error.start, at, line) from None
        zero = block.find(b"\0")
        if zero >= 0:
            number = line + block.count(b"\n", 0, zero) + 1
            raise MalformedError(
                f"第 {number} 行有零字节，文件不是文本，请另存为 UTF-8 / "
                f"byte {offset + zero} is zero: the file is no text; save it as UTF-8"
            )
        offset += len(block)
        line += block.count(b"\n")
        quotes += block.count(b'"')
    if decoder.getstate()[0]:
        raise MalformedError(f"文件在一个字符中间结束 / the file ends within a character, at byte {offset}")
    if not offset:
        raise MalformedError("文件是空的 / the file is empty")
    return quotes


def _check_start(block: bytes) -> None:
    for magic, (zh, en) in _MAGIC.items():
        if block.startswith(magic):
            raise MalformedError(
                f"文件像是 {zh}，请另存为 UTF-8 文本 / the file looks like {en}; save it as UTF-8 text"
            )


def _foreign(data: bytes, start: int, offset: int, before: int) -> MalformedError:
    line = before + data.count(b"\n", 0, start) + 1
    if _looks_like_gbk(data[start : start + _SAMPLE]):
        return MalformedError(
            f"文件像是 GBK 编码（第 {line} 行），请另存为 UTF-8 / "
            f"the file looks like GBK (line {line}, byte {offset}); save it as UTF-8"
        )
    return MalformedError(
        f"第 {line} 行有非 UTF-8 字节 0x{data[start]:02X}，请另存为 UTF-8 / "
        f"byte 0x{data[start]:02X} at offset {offset}, line {line}, is not UTF-8; save the file as UTF-8"
    )


def _looks_like_gbk(sample: bytes) -> bool:
    # Some byte pairs of GBK are the latter half of one character and the former of the next: only text tells.
    try:
        text = codecs.getincrementaldecoder("gbk")().decode(sample)
    except UnicodeDecodeError:
        return False
    wide = [char for char in text if not char.isascii()]
    common = sum("\u4e00" <= char <= "\u9fff" or "\u3000" <= char <= "\u303f" for char in wide)
    return bool(wide) and common >= _CHINESE * len(wide)
