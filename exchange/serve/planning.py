"""Tasks about plans beside the hub, each in a process that ends with its call; see `exchange.patrol.work`."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from importlib.util import find_spec
from typing import Any

from exchange.errors import FieldViolation, LimitExceededError, UnavailableError, kinds
from exchange.serve.slots import Slots
from exchange.settings import Patrol

Said = dict[str, Any]


class Planning:
    """So many tasks at once, none longer and none larger than the settings say. `most`: bytes of an answer."""

    def __init__(self, settings: Patrol, most: int) -> None:
        self._settings = settings
        self._most = most
        self._slots = Slots(settings.concurrent_plans, "plans")

    async def done(self, task: Mapping[str, Any]) -> Said:
        """What comes of a task; raises as `run`."""
        async with aclosing(self.run(task)) as said:
            async for each in said:
                if "done" in each:
                    found: Said = each["done"]
                    return found
        raise AssertionError("a task that does not fail is done")

    async def run(self, task: Mapping[str, Any]) -> AsyncGenerator[Said, None]:
        """Everything a task says, {"done": …} last. Raises what it failed with; LimitExceededError where it was ended;
        BusyError; UnavailableError where this hub cannot plan.
        """
        if find_spec("ortools") is None:
            raise UnavailableError(
                "this hub cannot plan; its operator may install the extra: hechuan[patrol]"
            )
        until = time.monotonic() + self._settings.seconds + self._settings.grace_seconds
        command = [sys.executable, "-m", "exchange.patrol.work", str(self._settings.memory_bytes)]
        with self._slots:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=PIPE, stdout=PIPE, limit=self._most
            )
            try:
                await _hand_over(process, json.dumps(task).encode())
                while "done" not in (said := await _next(process, until)):
                    yield said
                yield said
            finally:
                if process.returncode is None:
                    process.kill()
                await process.wait()


async def _hand_over(process: Process, task: bytes) -> None:
    assert process.stdin is not None
    with suppress(ConnectionError):  # it has ended already, and `_next` says so
        process.stdin.write(task)
        await process.stdin.drain()
    process.stdin.close()


async def _next(process: Process, until: float) -> Said:
    assert process.stdout is not None
    try:
        async with asyncio.timeout(until - time.monotonic()):
            line = await process.stdout.readline()
    except TimeoutError:
        raise LimitExceededError("planning took longer than this hub allows") from None
    except ValueError:
        raise LimitExceededError("the answer is larger than a message of this hub") from None
    if not line:
        status = await process.wait()
        raise LimitExceededError(
            f"planning ended with status {status}; the office may be too large for this hub"
        )
    said: Said = json.loads(line)
    if failed := said.get("failed"):
        wrong = [FieldViolation(*each) for each in failed["violations"]]
        raise kinds()[failed["code"]](failed["message"], violations=wrong)
    return said
