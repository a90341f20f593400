"""Where both banks meet: tours of two sides that share their joint reaches."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from exchange.patrol.crew import Tours
from exchange.patrol.model import Office


def meeting_keys(office: Office, tours: Sequence[Tours]) -> list[NDArray[np.int64]]:
    """A number for the set of joint reaches of each tour, 0 for none; equal sets have equal numbers. Shapes
    as of `tours`.
    """
    joint = np.array([reach.joint for reach in office.reaches] + [False])
    base = len(office.reaches) + 1
    found = []
    for each in tours:
        members = np.sort(np.where(joint[each.stops], each.stops, -1), axis=1).astype(np.int64)
        key = np.zeros(len(each), np.int64)
        for column in members.T:
            key = key * base + column + 1
        found.append(key)
    _, number = np.unique(np.concatenate([np.zeros(1, np.int64), *found]), return_inverse=True)
    ends = np.cumsum([1, *map(len, found)])
    return [number[begin:end] for begin, end in pairwise(ends)]
