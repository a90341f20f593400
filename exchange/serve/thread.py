"""Blocking work under the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from typing import Any, TypeVar

_T = TypeVar("_T")
_DONE: Any = object()


async def in_thread(source: Iterator[_T]) -> AsyncGenerator[_T, None]:
    """Drive a blocking iterator from the event loop, one step ahead of the reader and no further."""
    step = asyncio.create_task(asyncio.to_thread(next, source, _DONE))
    try:
        while (item := await step) is not _DONE:
            step = asyncio.create_task(asyncio.to_thread(next, source, _DONE))
            yield item
    finally:
        await asyncio.gather(step, return_exceptions=True)
        close = getattr(source, "close", None)
        if close:
            await asyncio.to_thread(close)
