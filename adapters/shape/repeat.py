"""Rows that repeat an earlier one, over a whole source, in 32 bytes a row.

A row is known by two 64-bit hashes (DuckDB's) of its content and its key together; that two different rows share both
is as likely as a disk's undetected error. What is left out is counted, so nothing is lost unseen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

Hashes = npt.NDArray[np.uint64]
Bools = npt.NDArray[np.bool_]
_SALT: Final = "key"


class HashSet:
    """Pairs of hashes in runs sorted by the first, each at least twice as long as the next."""

    def __init__(self) -> None:
        self._runs: list[tuple[Hashes, Hashes]] = []
        self._unsorted: list[tuple[Hashes, Hashes]] = []

    def __len__(self) -> int:
        return sum(len(run[0]) for run in (*self._runs, *self._unsorted))

    def put(self, first: Hashes, second: Hashes) -> None:
        """Take pairs that are known to be new; they are sorted once somebody asks."""
        self._unsorted.append((first, second))

    def add(self, first: Hashes, second: Hashes) -> Bools:
        """Take pairs; tells which were there already, earlier in the same call included."""
        self._sort()
        order = np.argsort(first)
        known = np.zeros(len(first), np.bool_)
        if (np.diff(first[order]) == 0).any():
            order = np.lexsort((second, first))
            known[1:] = (np.diff(first[order]) == 0) & (np.diff(second[order]) == 0)
        first, second = first[order], second[order]
        for run in self._runs:
            known |= _within(run, first, second)
        fresh = ~known
        self._keep(first[fresh], second[fresh])
        found = np.empty(len(first), np.bool_)
        found[order] = known
        return found

    def _sort(self) -> None:
        if self._unsorted:
            first, second = map(np.concatenate, zip(*self._unsorted, strict=True))
            self._unsorted.clear()
            order = np.argsort(first)
            self._keep(first[order], second[order])

    def _keep(self, first: Hashes, second: Hashes) -> None:
        while self._runs and len(self._runs[-1][0]) < 2 * len(first):
            run = self._runs.pop()
            first, second = np.concatenate([run[0], first]), np.concatenate([run[1], second])
            order = np.argsort(first, kind="stable")  # two sorted runs: stable sorting only merges them
            first, second = first[order], second[order]
        self._runs.append((first, second))


def _within(run: tuple[Hashes, Hashes], first: Hashes, second: Hashes) -> Bools:
    """Whether pairs are in a run; equal first halves with other second halves are looked through one by one."""
    at = np.searchsorted(run[0], first)
    found = np.zeros(len(first), np.bool_)
    open_ = at < len(run[0])
    while open_.any():
        here = np.minimum(at, len(run[0]) - 1)
        open_ &= (at < len(run[0])) & (run[0][here] == first)
        found |= open_ & (run[1][here] == second)
        open_ &= ~found
        at = at + 1
    return found


@dataclass(frozen=True, slots=True)
class Repeated:
    """Of each row: whether it repeats another whole, or only its key."""

    identical: Bools
    conflicting: Bools


class Repeats:
    """Watches rows go by."""

    def __init__(self) -> None:
        self._rows = HashSet()
        self._names = HashSet()
        self._session = duckdb.connect()
        self._session.execute("SET threads = 1")

    @property
    def keys(self) -> int:
        """How many different keys there were."""
        return len(self._names)

    def feed(self, batch: pa.RecordBatch, keys: Sequence[int], named: Bools | None = None) -> Repeated:
        """Look at the next rows. `keys` are the places of what names a row; who is not `named` has none."""
        names = [f"c{at}" for at in range(batch.num_columns)]
        lines = pa.RecordBatch.from_arrays([_plain(array) for array in batch.columns], names=names)
        self._session.register("lines", lines)
        key = ", ".join(names[at] for at in keys)
        asked = f"hash({', '.join(names)}) AS a, hash({key}) AS k, hash('{_SALT}', {key}) AS s"
        found: dict[str, Any] = self._session.execute(f"SELECT {asked} FROM lines").fetchnumpy()
        self._session.unregister("lines")
        whole, first, second = (np.asarray(found[name], np.uint64) for name in "aks")
        has = np.ones(batch.num_rows, np.bool_) if named is None else named
        known = np.zeros(batch.num_rows, np.bool_)
        known[has] = self._names.add(first[has], second[has])
        if has.all() and not known.any():  # a row with a new key repeats no other
            self._rows.put(whole, first)
            return Repeated(known, known)
        identical = self._rows.add(whole, first)
        return Repeated(identical, known & ~identical)


def _plain(array: pa.Array) -> pa.Array:
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array
