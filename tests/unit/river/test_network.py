"""Two registries become one river: links, codes, days, and what cannot be."""

from __future__ import annotations

from datetime import date

import pyarrow as pa
import pytest

from exchange.errors import ConflictError, InvalidInputError, NotFoundError
from exchange.river.network import RiverNetwork, build_network
from exchange.river.reach import Place, Reach, fischer_dispersion, read_reaches
from tests.unit.river.waters import CHONGQING, DAY, LINKS, SICHUAN, SICHUAN_FLOW, flow, link, waters


def test_water_crosses_the_border() -> None:
    network = waters()
    assert [each.code for each in network.reaches] == ["SC-TB-01", "SC-XG-01", "CQ-TB-00", "CQ-TB-01"]
    assert network.edges == (("CQ-TB-00", "CQ-TB-01"), ("SC-TB-01", "CQ-TB-00"), ("SC-XG-01", "CQ-TB-00"))
    # one reach under the codes of both sides
    assert network.reach("SC-TB-02") is network.reach("CQ-TB-00")
    assert network.reach("SC-TB-02").codes == ("CQ-TB-00", "SC-TB-02")


def test_without_a_crosswalk_the_registries_stay_apart() -> None:
    with pytest.raises(NotFoundError, match="does not pass"):
        waters(links=None).path(Place("SC-TB-01", 3.0), Place("CQ-TB-01"))


def test_a_reach_may_continue_over_the_border() -> None:
    network = waters(links=[link("SC-TB-02", "CQ-TB-00", "continues")])
    assert ("SC-TB-02", "CQ-TB-00") in network.edges


def test_a_crosswalk_counts_on_its_days() -> None:
    ended = [link("SC-TB-02", "CQ-TB-00", "same", valid_to=date(2026, 3, 18))]
    assert len(waters(links=ended).reaches) == 5
    assert len(waters(links=ended, on=date(2026, 3, 18)).reaches) == 4
    assert waters(on=date(2025, 12, 31)).reaches == ()


def test_the_path_and_its_time() -> None:
    path = waters().path(Place("SC-TB-01", 3.6), Place("CQ-TB-01", 2.0))
    assert [(each.reach.code, each.length_km) for each in path] == [
        ("SC-TB-01", 3.6), ("CQ-TB-00", 10.0), ("CQ-TB-01", 10.0),
    ]  # fmt: skip
    # 3600 m at 0.4 m/s: 2.5 h
    assert path[0].hours == pytest.approx(2.5)
    [within] = waters().path(Place("CQ-TB-01", 5.0), Place("CQ-TB-01", 2.0))
    assert within.length_km == 3.0
    for source, target in (("CQ-TB-01", "SC-TB-01"), ("SC-XG-01", "SC-TB-01")):
        with pytest.raises(NotFoundError):
            waters().path(Place(source), Place(target))
    with pytest.raises(NotFoundError):
        waters().path(Place("CQ-TB-01", 2.0), Place("CQ-TB-01", 5.0))
    with pytest.raises(InvalidInputError, match="is not on"):
        waters().path(Place("CQ-TB-01", 13.0), Place("CQ-TB-01"))


def test_the_walk_upstream() -> None:
    found = waters().upstream(Place("CQ-TB-01", 12.0), hours=100)
    assert [each.reach.code for each in found] == ["CQ-TB-01", "CQ-TB-00", "SC-TB-01", "SC-XG-01"]
    # the place is the head of CQ-TB-01: the reach above ends there, 10 km at 0.45 m/s lie below those further up
    assert [each.km for each in found] == pytest.approx([-12, 0, 10, 10])
    assert found[1].hours == pytest.approx(0)
    assert found[2].hours == found[3].hours == pytest.approx(10_000 / 0.45 / 3600)
    near = waters().upstream(Place("CQ-TB-01", 12.0), hours=5)
    assert [each.reach.code for each in near] == ["CQ-TB-01", "CQ-TB-00"]


def test_circles_unknown_reaches_and_doubles_are_refused() -> None:
    one, two = (Reach(code, code, "河", "500000", 1, 1, 1, 1) for code in "AB")
    with pytest.raises(InvalidInputError, match="circle"):
        RiverNetwork([one, two], [("A", "B"), ("B", "A")])
    with pytest.raises(NotFoundError, match="no reach C"):
        RiverNetwork([one], [("A", "C")])
    registry, flows = pa.Table.from_pylist(SICHUAN), pa.Table.from_pylist(SICHUAN_FLOW)
    with pytest.raises(ConflictError, match="SC-TB-01"):
        build_network([registry, registry], [flows, flows], None, DAY)
    with pytest.raises(InvalidInputError, match="two rows"):
        read_reaches(registry, pa.concat_tables([flows, flows]), DAY)


def test_what_is_not_measured_is_estimated() -> None:
    # u = Q / (B h) = 4 / (20 · 0.5) = 0.4; u* = √(9.81 · 0.5 · 0.001) = 0.07004;
    # D = 0.011 · 0.16 · 400 / (0.5 · 0.07004) = 20.10
    rows = [flow("CQ-TB-01", None, velocity_ms=None, dispersion_m2s=None)]
    [reach] = read_reaches(pa.Table.from_pylist(CHONGQING), pa.Table.from_pylist(rows), DAY)
    assert reach.velocity_ms == pytest.approx(0.4)
    assert reach.dispersion_m2s == pytest.approx(20.10, abs=0.01)
    assert fischer_dispersion(0.4, 20, 0.5, 0.001) == reach.dispersion_m2s
    rows = [flow("CQ-TB-01", None, dispersion_m2s=None, slope=None)]
    with pytest.raises(InvalidInputError, match="lacks dispersion_m2s"):
        read_reaches(pa.Table.from_pylist(CHONGQING), pa.Table.from_pylist(rows), DAY)


def test_the_regime_of_the_day_counts() -> None:
    flows = pa.Table.from_pylist(
        [flow("CQ-TB-01", None), flow("CQ-TB-01", None, regime="high", velocity_ms=1.2)]
    )
    registry = pa.Table.from_pylist(CHONGQING)
    speeds = [
        read_reaches(registry, flows, DAY, regime)[0].velocity_ms for regime in ("low", "normal", "high")
    ]
    assert speeds == [0.4, 0.4, 1.2]
    with pytest.raises(InvalidInputError, match="regime"):
        read_reaches(registry, flows, DAY, "flood")


def test_order_of_rows_changes_nothing() -> None:
    turned = waters(links=[link(row["other_code"], row["reach_code"], row["relation"]) for row in LINKS])
    assert (turned.reaches, turned.edges) == (waters().reaches, waters().edges)
