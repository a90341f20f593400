"""The federation's metadata: published by enough founders, read back, kept for others."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.errors import (
    ConflictError,
    FederationExpiredError,
    FederationUntrustedError,
    HechuanError,
    InvalidInputError,
    MalformedError,
    NotFoundError,
    UnavailableError,
    UntrustedError,
)
from exchange.store.tuf import (
    FederationDirectory,
    Holder,
    HolderKeys,
    LastRoster,
    Proposal,
    RosterClient,
    Thresholds,
    check_path,
    fetch_from,
)
from exchange.trust.roster import Denied
from tests.federations import START, Founders, entry


@pytest.fixture
def founders(tmp_path: Path) -> Founders:
    return Founders(tmp_path)


def test_what_is_published_is_read(founders: Founders) -> None:
    roster = founders.reader("a").refresh()
    assert set(roster.hubs) == {"500000", "510000", "520000"}
    assert roster.version == 1
    assert roster.expires_at == START + timedelta(hours=24)


def test_a_hub_is_added_and_replaced(founders: Founders) -> None:
    reader = founders.reader("a")
    reader.refresh()
    founders.repository.propose(START, hubs=[entry("420000")])
    founders.sign_and_publish("500000", "510000")
    assert set(reader.refresh().hubs) == {"420000", "500000", "510000", "520000"}
    moved = entry("420000", port=9000)
    founders.repository.propose(START, hubs=[moved])
    founders.sign_and_publish("520000", "510000")
    assert reader.refresh().hubs["420000"] == moved


def test_changes_that_wait_are_signed_together(founders: Founders) -> None:
    founders.repository.propose(START, hubs=[entry("420000")])
    founders.repository.propose(START, deny=Denied(hubs=frozenset({"520000"})))
    roster = founders.sign_and_publish("500000", "510000")
    assert roster.version == 2
    assert "420000" in roster.hubs
    assert roster.denied.hubs == {"520000"}
    founders.repository.propose(START, allow=Denied(hubs=frozenset({"520000"})))
    assert not founders.sign_and_publish("500000", "520000").denied.hubs


def test_one_signature_of_two_is_not_enough_and_may_follow(founders: Founders) -> None:
    founders.repository.propose(START, deny=Denied(keys=frozenset({"ed25519:" + "0" * 32})))
    with pytest.raises(FederationUntrustedError, match="1 of 2: 510000"):
        founders.sign_and_publish("510000")
    assert founders.sign_and_publish("510000", "500000").version == 2


def test_a_stranger_cannot_sign(founders: Founders, tmp_path: Path) -> None:
    stranger = HolderKeys(tmp_path / "stranger")
    stranger.make("510000")
    proposal = founders.repository.propose(START, hubs=[entry("420000")])
    with pytest.raises(UntrustedError):
        proposal.sign(stranger, "510000", founders.repository.root().signed)
    with pytest.raises(UntrustedError):
        proposal.sign(founders.keys("510000"), "500000", founders.repository.root().signed)
    founders.signed("500000", "510000")
    with pytest.raises(FederationUntrustedError, match="online key"):
        founders.repository.publish([founders.signed("500000", "510000")], stranger, START)


def test_copies_of_different_proposals_do_not_merge(founders: Founders) -> None:
    founders.repository.propose(START, hubs=[entry("420000")])
    old = founders.signed("500000")
    founders.repository.propose(START, deny=Denied(hubs=frozenset({"420000"})))
    with pytest.raises(ConflictError):
        founders.repository.publish([old], founders.keys("500000"), START)


def test_timestamp_and_snapshot_are_signed_anew_in_time(founders: Founders) -> None:
    reader = founders.reader("a")
    for _ in range(30 * 4):
        founders.pass_time(hours=6)
        founders.resign()
        roster = reader.refresh()
    assert roster.version == 1
    assert founders.repository.snapshot().signed.version > 4
    founders.pass_time(days=61)
    founders.resign()
    with pytest.raises(FederationExpiredError):
        reader.refresh()
    founders.repository.propose(founders.clock.time, renew=True)
    founders.sign_and_publish("500000", "510000")
    assert reader.refresh().version == 2


def test_a_lost_key_is_replaced_by_the_others(founders: Founders, tmp_path: Path) -> None:
    reader = founders.reader("a")
    reader.refresh()
    lost, fresh = founders.keys("520000").directory, HolderKeys(tmp_path / "fresh")
    founders.repository.propose(START, holder=fresh.make("520000"))
    with pytest.raises(FederationUntrustedError, match="root is signed by 1 of 2"):
        founders.sign_and_publish("500000")
    founders.sign_and_publish("500000", "510000")
    assert reader.refresh().version == 2
    founders.repository.propose(START, hubs=[entry("420000")])
    with pytest.raises(UntrustedError):
        founders.signed("520000")
    lost.rename(tmp_path / "lost")
    fresh.directory.rename(lost)
    founders.sign_and_publish("520000", "510000")
    assert "420000" in reader.refresh().hubs
    assert "420000" in founders.reader("late").refresh().hubs


def test_a_publication_that_was_cut_off_goes_on(founders: Founders, tmp_path: Path) -> None:
    founders.repository.propose(START, renew=True)
    signed = founders.signed("500000", "510000")
    assert signed.root is not None
    path = founders.repository.directory / "metadata/2.root.json"
    path.write_bytes(signed.root.to_bytes())
    founders.repository.publish([signed], founders.keys("500000"), START)
    assert founders.reader("a").refresh().version == 2


def test_a_mirror_serves_as_well_as_the_repository(founders: Founders) -> None:
    first = founders.reader("first")
    first.refresh()
    mirror = FederationDirectory(founders.root / "reader-first").mirror
    second = founders.reader("second", mirror)
    assert second.refresh().version == 1
    for version in range(2, 8):
        founders.repository.propose(START, hubs=[entry("420000", port=9000 + version)])
        founders.sign_and_publish("500000", "510000")
        first.refresh()
        assert second.refresh().version == version
    assert len(list(mirror.glob("targets/*"))) == 3
    assert founders.reader("late", mirror).refresh().version == 7


def test_a_second_keeper_takes_over_what_the_first_published(founders: Founders) -> None:
    founders.reader("first").refresh()
    mirror = FederationDirectory(founders.root / "reader-first").mirror
    assert not founders.repository.adopt(mirror)
    copy = Founders(founders.root / "other").repository
    founders.pass_time(hours=13)
    founders.resign()
    founders.reader("first").refresh()
    assert copy.adopt(mirror)
    assert copy.timestamp().signed.version == 2
    assert not copy.adopt(mirror)


def test_the_last_roster_is_kept(founders: Founders) -> None:
    last = LastRoster(FederationDirectory(founders.root / "reader-a").last)
    reader = founders.reader("a")
    assert last.read() is None
    roster = reader.refresh()
    kept = last.read()
    assert kept is not None
    assert (kept.to_bytes(), kept.version, kept.expires_at) == (
        roster.to_bytes(),
        roster.version,
        roster.expires_at,
    )


def test_a_peer_that_does_not_answer(founders: Founders) -> None:
    reader = founders.reader("a")
    reader.refresh()

    def silent(path: str) -> bytes | None:
        raise UnavailableError("no answer")

    for fetch in (silent, lambda path: None):
        with pytest.raises(UnavailableError):
            RosterClient(founders.root / "reader-a", fetch, founders.clock).refresh()
    assert reader.refresh().version == 1


def test_a_root_is_pinned_once(founders: Founders, tmp_path: Path) -> None:
    reader = founders.reader("a")
    other = Founders(tmp_path / "other")
    root = (other.repository.directory / "metadata/1.root.json").read_bytes()
    with pytest.raises(ConflictError):
        reader.pin(root)
    with pytest.raises(MalformedError):
        RosterClient(tmp_path / "b", fetch_from(tmp_path), founders.clock).pin(b"{}")
    with pytest.raises(NotFoundError):
        RosterClient(tmp_path / "b", fetch_from(tmp_path), founders.clock).refresh()


@pytest.mark.parametrize(
    ("thresholds", "names"),
    [
        (Thresholds(root=1), ("500000", "510000")),
        (Thresholds(root=1), ("500000", "510000", "520000")),
        (Thresholds(root=4), ("500000", "510000", "520000")),
        (Thresholds(targets=1), ("500000", "510000")),
        (Thresholds(targets=0), ("500000",)),
        (Thresholds(), ()),
    ],
)
def test_thresholds_that_are_no_protection(
    tmp_path: Path, thresholds: Thresholds, names: tuple[str, ...]
) -> None:
    with pytest.raises(InvalidInputError):
        Founders(tmp_path, names, thresholds=thresholds)


def test_one_key_counts_once(tmp_path: Path) -> None:
    keys = HolderKeys(tmp_path / "keys")
    first = keys.make("500000")
    with pytest.raises(InvalidInputError):
        Holder("500000", first.root, first.root, first.online)
    founders = Founders(tmp_path / "f")
    again = founders.keys("500000").make("510000")
    with pytest.raises(InvalidInputError):
        founders.repository.propose(START, holder=again)


def test_files_are_read_back(founders: Founders) -> None:
    holder = founders.keys("500000").make("500000")
    assert Holder.parse(holder.to_bytes()) == holder
    founders.repository.propose(START, renew=True)
    proposal = founders.signed("500000")
    again = Proposal.parse(proposal.to_bytes())
    assert again.to_bytes() == proposal.to_bytes()
    assert again.signed_by(founders.repository.root().signed) == ["500000"]


@given(st.binary(max_size=200) | st.from_regex(rb'\{"kind":"hechuan-federation-(keys|proposal)".{0,80}\}'))
def test_hostile_files(data: bytes) -> None:
    for parse in (Holder.parse, Proposal.parse):
        with pytest.raises(HechuanError):
            parse(data)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "metadata/../root.json",
        "metadata/root.json",
        "metadata/0.root.json",
        "metadata/01.root.json",
        "/metadata/1.root.json",
        "metadata/1.root.json\n",
        "metadata/1.mirrors.json",
        "targets/federation.json",
        "targets/" + "g" * 64 + ".federation.json",
        "keys/root.key",
        "metadata/1.root.json" + "\0",
        "metadata/" + "9" * 400 + ".root.json",
    ],
)
def test_paths_that_are_none(path: str) -> None:
    with pytest.raises(MalformedError):
        check_path(path)
