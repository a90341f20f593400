"""The roster: what is written is read back, and nothing else is."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.errors import HechuanError, InvalidInputError, LimitExceededError, MalformedError
from exchange.ids import AgencyId
from exchange.trust.authority import Authority, new_key_and_csr
from exchange.trust.canonical import canonical
from exchange.trust.identity import Peer, identify
from exchange.trust.roster import MAX_DENIED, MAX_ROSTER_BYTES, Denied, Roster
from tests.federations import START, entry

AUTHORITY = Authority.create("500000", 3650, START)
CHONGQING, SICHUAN = entry("500000", authority=AUTHORITY), entry("510000")
KEY = "ed25519:" + "0" * 32
DENIED = Denied(
    serials=frozenset({("510000", "1f"), ("500000", "a0")}),
    keys=frozenset({KEY}),
    agencies=frozenset({AgencyId.parse("510000/deaf"), AgencyId.parse("500000/passing")}),
    hubs=frozenset({"520000"}),
)
HUBS = {"510000": SICHUAN, "500000": replace(CHONGQING, extra={"hpke_key": "x"})}
ROSTER = Roster(HUBS, DENIED, 7, START)
DATA = ROSTER.to_bytes()


def test_it_is_read_back() -> None:
    again = Roster.parse(DATA, 7, START)
    assert (again.hubs, again.denied, again.version, again.expires_at) == (HUBS, DENIED, 7, START)
    assert again.to_bytes() == DATA


def test_its_authorities_vouch_for_their_own_only() -> None:
    bundle = ROSTER.bundle()
    assert bundle is ROSTER.bundle()
    agency = AgencyId.parse("500000/ecology")
    chain = AUTHORITY.sign_agency(new_key_and_csr(agency)[1], agency, 30, START)
    assert identify(chain, bundle, START).agency == agency
    new = Authority.create("500000", 3650, START).certificate_pem.decode()
    both = Roster({"500000": replace(CHONGQING, authorities=CHONGQING.authorities + new)}, Denied(), 1, START)
    assert len(both.bundle().authorities["500000"]) == 2
    assert identify(chain, both.bundle(), START).agency == agency


@pytest.mark.parametrize(
    ("agency", "serial", "what"),
    [
        ("510000/water", "1f", "serial"),
        ("500000/water", "1f", None),
        ("510000/deaf", "2", "agency"),
        ("520000/hub", "2", "hub"),
        ("520000/any", "2", "hub"),
        ("500000/ecology", "2", None),
    ],
)
def test_who_is_denied(agency: str, serial: str, what: str | None) -> None:
    peer = Peer(AgencyId.parse(agency), serial, START + timedelta(days=1))
    assert ROSTER.denies(peer) == what


def test_denied_adds_and_lets_go() -> None:
    hubs = Denied(hubs=frozenset({"520000"}))
    assert (DENIED - hubs) | hubs == DENIED


def first(value: Any) -> Any:
    return value["hubs"][0]


CHANGES: list[tuple[str, Callable[[Any], object]]] = [
    ("another kind", lambda v: v.update(kind="hechuan-hub-card")),
    ("another version", lambda v: v.update(v=2)),
    ("a version that only equals one", lambda v: v.update(v=True)),
    ("a member more", lambda v: v.update(note="")),
    ("a member less", lambda v: v.pop("denied")),
    ("hubs as object", lambda v: v.update(hubs={})),
    ("hub as text", lambda v: v.update(hubs=["500000"])),
    ("hubs in no order", lambda v: v["hubs"].reverse()),
    ("a hub twice", lambda v: v["hubs"].append(v["hubs"][0])),
    ("address of another", lambda v: first(v).update(address=v["hubs"][1]["address"])),
    ("address that is none", lambda v: first(v).update(address="hub/../x")),
    ("jurisdiction that is none", lambda v: first(v).update(jurisdiction="../etc")),
    ("jurisdiction of another's keys", lambda v: first(v).update(jurisdiction="520000")),
    ("no name", lambda v: first(v).update(name_zh="")),
    ("name that moves the cursor", lambda v: first(v).update(name_en="\x1b[2J")),
    ("name as number", lambda v: first(v).update(name_en=1)),
    ("no authority", lambda v: first(v).update(authorities="")),
    ("authority that is none", lambda v: first(v).update(authorities="-----BEGIN CERTIFICATE-----")),
    ("authority of another", lambda v: first(v).update(authorities=v["hubs"][1]["authorities"])),
    ("log key of another", lambda v: first(v).update(log_key=v["hubs"][1]["log_key"])),
    ("witness key as log key", lambda v: first(v).update(log_key=first(v)["witness_key"])),
    ("log key as witness key", lambda v: first(v).update(witness_key=first(v)["log_key"])),
    ("key id that does not fit", lambda v: first(v).update(log_key="hechuan/500000+00000000+" + "A" * 44)),
    ("statement key that is none", lambda v: first(v).update(statement_key="")),
    ("extra as list", lambda v: first(v).update(extra=[])),
    ("extra that is no text", lambda v: first(v)["extra"].update(a=1)),
    ("extra name that is a path", lambda v: first(v)["extra"].update({"../a": ""})),
    ("extra too long", lambda v: first(v)["extra"].update(a="a" * 5000)),
    ("extra too many", lambda v: first(v)["extra"].update({f"a{n}": "" for n in range(40)})),
    ("serial in capitals", lambda v: v["denied"]["serials"][0].update(serial="A0")),
    ("serial with a zero in front", lambda v: v["denied"]["serials"][0].update(serial="0a")),
    ("serial of nobody", lambda v: v["denied"]["serials"][0].pop("jurisdiction")),
    ("key that is none", lambda v: v["denied"]["keys"].append("x")),
    ("key twice", lambda v: v["denied"]["keys"].append(KEY)),
    ("agency that is none", lambda v: v["denied"]["agencies"].append("510000")),
    ("agencies in no order", lambda v: v["denied"]["agencies"].reverse()),
    ("hub that is none", lambda v: v["denied"]["hubs"].append("52")),
    ("denied as null", lambda v: v.update(denied=None)),
    ("number as hub", lambda v: v["denied"]["hubs"].append(520000)),
]


@pytest.mark.parametrize("change", [change for _, change in CHANGES], ids=[name for name, _ in CHANGES])
def test_anything_else_is_refused(change: Callable[[Any], object]) -> None:
    value = json.loads(DATA)
    change(value)
    with pytest.raises(InvalidInputError):
        Roster.parse(canonical(value), 7, START)


def test_another_layout_is_refused() -> None:
    with pytest.raises(MalformedError):
        Roster.parse(json.dumps(json.loads(DATA), indent=1).encode(), 7, START)


def test_limits() -> None:
    with pytest.raises(LimitExceededError):
        Roster.parse(b" " * (MAX_ROSTER_BYTES + 1), 7, START)
    keys = frozenset(f"ed25519:{n:032x}" for n in range(MAX_DENIED + 1))
    with pytest.raises(LimitExceededError):
        Denied(keys=keys)


@given(st.binary(max_size=300))
def test_hostile_bytes(data: bytes) -> None:
    with pytest.raises(HechuanError):
        Roster.parse(data, 1, START)


@given(st.integers(0, len(DATA) - 1), st.integers(0, 255))
def test_one_byte_changed(at: int, byte: int) -> None:
    changed = DATA[:at] + bytes([byte]) + DATA[at + 1 :]
    try:
        roster = Roster.parse(changed, 7, START)
    except HechuanError:
        return
    assert roster.to_bytes() == changed
