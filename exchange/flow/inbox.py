"""What lies on an agency's desk, in the order of its deadlines, kept so as moves come in."""

from __future__ import annotations

from bisect import bisect_left, insort
from datetime import datetime

from exchange.ids import AgencyId
from exchange.referral.case import Referral

_Place = tuple[datetime, str]


class Inbox:
    """One agency's referrals. A desk may hold ten thousand: a move finds its place among them, and sorts nothing."""

    def __init__(self, agency: AgencyId) -> None:
        self._agency = agency
        self._all: dict[str, Referral] = {}
        self._open: list[_Place] = []
        self._awaited: list[_Place] = []

    def __contains__(self, id: str) -> bool:
        return id in self._all

    def put(self, id: str, standing: Referral) -> None:
        """Take in how a referral stands now."""
        before = self._all.get(id)
        self._all[id] = standing
        views = zip(
            (self._open, self._awaited), self._lies(id, before), self._lies(id, standing), strict=True
        )
        for places, was, now in views:
            if was != now:
                if was is not None:
                    del places[bisect_left(places, was)]
                if now is not None:
                    insort(places, now)

    def listed(self, awaited: bool, closed: bool) -> list[Referral]:
        """By deadline, the nearest first: those that wait for this agency, or all open ones, or `closed` as well."""
        places = self._awaited if awaited else self._open
        if closed and not awaited:
            places = sorted(_place(id, each) for id, each in self._all.items())
        return [self._all[id] for _, id in places]

    def _lies(self, id: str, referral: Referral | None) -> tuple[_Place | None, _Place | None]:
        """Where among the open ones, and where among those that wait."""
        if referral is None or referral.state.final:
            return None, None
        place = _place(id, referral)
        return place, place if self._agency in referral.awaited else None


def _place(id: str, referral: Referral) -> _Place:
    return referral.deadline or referral.due, id
