"""Tasks about plans in processes of their own: they answer, and end with their time, their memory and their caller."""

from __future__ import annotations

import asyncio
import json
import os
from contextlib import aclosing, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from exchange.errors import BusyError, HechuanError, LimitExceededError, MalformedError
from exchange.serve.planning import Planning
from exchange.settings import Patrol
from tests.offices import spread

SETTINGS = Patrol(seconds=30, concurrent_plans=1)
OFFICE = json.dumps(spread(reaches=30, teams=6))
PLAN = {"task": "plan", "office": OFFICE, "seconds": 30.0, "tours": 10_000_000}


def at_work() -> bool:
    """Whether a child of this process does a task."""
    for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
        with suppress(OSError):
            if b"exchange.patrol.work" in Path(f"/proc/{pid}/cmdline").read_bytes():
                return True
    return False


async def left_alone() -> None:
    planning = Planning(SETTINGS, 1 << 20)
    async with aclosing(planning.run(PLAN)) as said:
        assert (await anext(said))["progress"]["stage"] == "first"
        assert at_work()
        with pytest.raises(BusyError):
            await planning.done(PLAN)
    assert not at_work()
    waiting = asyncio.ensure_future(planning.done(PLAN))
    while not at_work():
        await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not at_work()


def test_a_task_that_nobody_waits_for_ends() -> None:
    asyncio.run(left_alone())


@pytest.mark.parametrize(
    ("settings", "task", "most", "kind", "text"),
    [
        (replace(SETTINGS, seconds=0.1, grace_seconds=0.1), PLAN, 1 << 20, LimitExceededError, "longer"),
        (replace(SETTINGS, memory_bytes=64 << 20), PLAN, 1 << 20, LimitExceededError, "ended with status"),
        (SETTINGS, {**PLAN, "tours": 50}, 1 << 20, LimitExceededError, "more than 50 tours"),
        (SETTINGS, {**PLAN, "seconds": 1.0}, 200, LimitExceededError, "message"),
        (SETTINGS, {**PLAN, "office": "{}"}, 1 << 20, MalformedError, "office"),
        (SETTINGS, {"task": "explain", "office": OFFICE, "plan": "[]"}, 1 << 20, MalformedError, "plan"),
    ],
)
def test_a_task_that_goes_wrong_says_why(
    settings: Patrol, task: dict[str, object], most: int, kind: type[HechuanError], text: str
) -> None:
    with pytest.raises(kind, match=text):
        asyncio.run(Planning(settings, most).done(task))
