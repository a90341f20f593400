"""Another hub process on the same ledger: `python -m tests.behaviour.process COMMAND URL ARGUMENT…`.

It prints one word a line as it gets on, and commands that hold the turn wait for a line on standard input.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from exchange.errors import HechuanError
from exchange.ids import digest_of
from exchange.settings import Store
from exchange.store.posix import PosixObjectStore
from exchange.store.sql import SqlLedgerStore
from tests.behaviour.sample import append, batch, write_group

ROOT = Path(__file__).parent.parent.parent
SETTINGS = Store(sequence_wait_seconds=30.0, sequence_hold_seconds=1.0)


def say(word: object) -> None:
    """Tell the test."""
    print(word, flush=True)


def append_many(ledger: SqlLedgerStore, name: str, count: str) -> None:
    """Groups of one, two and three, as fast as they go."""
    say("ready")
    sys.stdin.readline()
    for at in range(int(count)):
        append(ledger, *(batch(f"{name}-{at}-{twin}") for twin in range(at % 3 + 1)))
        say(at)


def hold(ledger: SqlLedgerStore) -> None:
    """Take the turn, write, and do not let go before told to."""
    try:
        with ledger.sequence() as turn:
            write_group(turn, batch("held"))
            say("holding")
            sys.stdin.readline()
    except HechuanError as error:
        say(error.code)
    else:
        say("committed")


def publish(ledger: SqlLedgerStore, objects: str) -> None:
    """Store an object, write its entry, and wait before the commit."""
    store = PosixObjectStore(Path(objects), Store())
    store.put_bytes(b"object", digest_of(b"object"))
    hold(ledger)


@contextmanager
def started(command: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Run a command of this module in a process of its own; it is gone when the context ends."""
    line = [sys.executable, "-m", "tests.behaviour.process", command, *map(str, arguments)]
    pipe = subprocess.PIPE
    with subprocess.Popen(line, stdin=pipe, stdout=pipe, text=True, cwd=ROOT) as process:
        try:
            yield process
        finally:
            process.kill()


def heard(process: subprocess.Popen[str]) -> str:
    """The next word it says."""
    assert process.stdout
    return process.stdout.readline().strip()


def tell(process: subprocess.Popen[str]) -> None:
    """Let it go on."""
    assert process.stdin
    process.stdin.write("\n")
    process.stdin.flush()


COMMANDS: dict[str, Callable[..., None]] = {"append": append_many, "hold": hold, "publish": publish}

if __name__ == "__main__":
    _, command, url, *arguments = sys.argv
    COMMANDS[command](SqlLedgerStore.open(url, SETTINGS), *arguments)
