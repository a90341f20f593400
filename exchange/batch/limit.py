"""The bounds that codecs obey, and the one place where a library's exceptions become ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import pyarrow as pa

from exchange.errors import HechuanError, LimitExceededError, MalformedError, StorageError


class Limits(Protocol):
    """What foreign bytes may cost; `exchange.settings.Limit` is one."""

    @property
    def batch_rows(self) -> int: ...

    @property
    def columns(self) -> int: ...

    @property
    def nesting(self) -> int: ...

    @property
    def uncompressed_bytes(self) -> int: ...

    @property
    def row_group_bytes(self) -> int: ...

    @property
    def row_groups(self) -> int: ...


def bounded(what: str, value: int, most: int) -> None:
    """Raise LimitExceededError where value > most."""
    if value > most:
        raise LimitExceededError(f"{what}: {value} is more than {most}", detail={"limit": str(most)})


@contextmanager
def foreign(what: str) -> Iterator[None]:
    """Turn whatever a library makes of foreign bytes into MalformedError; a failing disk is a StorageError."""
    try:
        yield
    except HechuanError:
        raise
    except MemoryError as error:
        raise LimitExceededError(f"{what} needs more memory than there is") from error
    except OSError as error:
        if error.errno:
            raise StorageError(f"cannot read {what}") from error
        raise _malformed(what, error) from error
    except (pa.ArrowException, ValueError, LookupError, ArithmeticError, TypeError, RuntimeError) as error:
        raise _malformed(what, error) from error


def _malformed(what: str, error: Exception) -> MalformedError:
    text = " ".join(str(error).split())
    return MalformedError(f"{what} does not parse: {text[:300]}")
