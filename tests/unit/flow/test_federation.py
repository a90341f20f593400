"""Who counts: trust/ alone, a roster over it, and a roster that has expired."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import pytest

from exchange.errors import (
    FederationExpiredError,
    InvalidInputError,
    MalformedError,
    NotFoundError,
    UnauthenticatedError,
)
from exchange.flow.federation import Standing
from exchange.ids import AgencyId
from exchange.trust.authority import Authority
from exchange.trust.identity import Peer
from exchange.trust.roster import Denied, Roster
from tests.federations import START, entry

AUTHORITIES = {name: Authority.create(name, 3650, START) for name in ("500000", "510000", "520000")}
PEMS = {name: authority.certificate_pem for name, authority in AUTHORITIES.items()}
LATER = START + timedelta(days=1)


def roster(denied: Denied | None = None, hubs: Iterable[str] = ("500000", "510000")) -> Roster:
    entries = {name: entry(name, authority=AUTHORITIES[name]) for name in hubs}
    return Roster(entries, denied or Denied(), 1, LATER)


def peer(agency: str) -> Peer:
    return Peer(AgencyId.parse(agency), "1f", LATER)


def test_without_a_federation_every_file_counts() -> None:
    standing = Standing("500000", lambda: PEMS)
    assert set(standing.bundle.authorities) == set(PEMS)
    standing.check(peer("520000/water"), START)
    assert standing.denied_keys() == frozenset()


def test_in_a_federation_the_roster_counts_for_others() -> None:
    standing = Standing("500000", lambda: PEMS)
    standing.accept(roster())
    assert set(standing.bundle.authorities) == {"500000", "510000"}
    kept = standing.bundle
    standing.accept(roster())
    assert standing.bundle is kept
    standing.accept(roster(hubs=("500000", "510000", "520000")))
    assert set(standing.bundle.authorities) == set(PEMS)


def test_files_are_read_again() -> None:
    files = {"500000": PEMS["500000"]}
    standing = Standing("500000", lambda: dict(files))
    kept = standing.bundle
    standing.reread()
    assert standing.bundle is kept
    files["510000"] = PEMS["510000"]
    standing.reread()
    assert set(standing.bundle.authorities) == {"500000", "510000"}
    for junk, error in ((b"junk", MalformedError), (PEMS["520000"], InvalidInputError)):
        files["510000"] = junk
        with pytest.raises(error):
            standing.reread()
        assert set(standing.bundle.authorities) == {"500000", "510000"}
    with pytest.raises(NotFoundError):
        Standing("520000", lambda: files)


DENIED = Denied(
    serials=frozenset({("510000", "1f")}),
    agencies=frozenset({AgencyId.parse("500000/deaf")}),
    hubs=frozenset({"520000"}),
)


@pytest.mark.parametrize(
    ("denied", "agency", "now", "error"),
    [
        (Denied(), "510000/water", START, None),
        (Denied(), "510000/water", LATER - timedelta(seconds=1), None),
        (Denied(), "510000/water", LATER, FederationExpiredError),
        (Denied(), "500000/ecology", LATER + timedelta(days=400), None),
        (DENIED, "510000/water", START, UnauthenticatedError),
        (DENIED, "500000/deaf", START, UnauthenticatedError),
        (DENIED, "500000/deaf", LATER, UnauthenticatedError),
        (DENIED, "520000/hub", START, UnauthenticatedError),
        (DENIED, "500000/ecology", START, None),
    ],
)
def test_who_is_let_in(denied: Denied, agency: str, now: datetime, error: type[Exception] | None) -> None:
    standing = Standing("500000", lambda: PEMS, roster(denied))
    if error is None:
        standing.check(peer(agency), now)
        return
    with pytest.raises(error):
        standing.check(peer(agency), now)


def test_denied_keys() -> None:
    keys = frozenset({"ed25519:" + "0" * 32})
    assert Standing("500000", lambda: PEMS, roster(Denied(keys=keys))).denied_keys() == keys
