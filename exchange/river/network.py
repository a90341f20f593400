"""Reaches as a graph that water runs through, across the border: both registries, joined by the crosswalk."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

import pyarrow as pa

from exchange.errors import ConflictError, InvalidInputError, NotFoundError
from exchange.river.extra import load
from exchange.river.reach import Place, Reach, read_reaches, valid_rows

SAME: Final = ("same", "opposite-bank")
CONTINUES: Final = "continues"


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a reach that water passes through."""

    reach: Reach
    length_km: float

    @property
    def hours(self) -> float:
        """Mean travel time."""
        return self.length_km / self.reach.velocity_ms / 3.6


@dataclass(frozen=True, slots=True)
class Upstream:
    """A reach above a place: from its end to there `km` and `hours` at mean velocity."""

    reach: Reach
    km: float
    hours: float


class RiverNetwork:
    """A directed graph without cycles; an edge leads to where the water goes. Any code of a reach names it."""

    def __init__(self, reaches: Iterable[Reach], edges: Iterable[tuple[str, str]]) -> None:
        """Raises InvalidInputError (a cycle, an edge from a reach to itself), NotFoundError (an unknown reach)."""
        networkx = load("networkx")
        self._names: dict[str, str] = {}
        self._graph: Any = networkx.DiGraph()
        for reach in reaches:
            self._graph.add_node(reach.code, reach=reach)
            self._names |= dict.fromkeys((*reach.codes, reach.code), reach.code)
        for above, below in edges:
            self._graph.add_edge(self._name(above), self._name(below))
        if not networkx.is_directed_acyclic_graph(self._graph):
            ring = " → ".join(edge[0] for edge in networkx.find_cycle(self._graph))
            raise InvalidInputError(f"河段首尾相接成环 / reaches run in a circle: {ring}")
        for above, below, edge in self._graph.edges(data=True):
            edge["hours"], edge["km"] = self.reach(below).hours, self.reach(below).length_km
            edge["above"] = above

    @property
    def reaches(self) -> tuple[Reach, ...]:
        """All reaches, upstream before downstream."""
        order = load("networkx").lexicographical_topological_sort(self._graph)
        return tuple(self._graph.nodes[code]["reach"] for code in order)

    @property
    def edges(self) -> tuple[tuple[str, str], ...]:
        """Pairs of codes, upstream first."""
        return tuple(sorted(self._graph.edges))

    def reach(self, code: str) -> Reach:
        """A reach by any of its codes; raises NotFoundError."""
        found: Reach = self._graph.nodes[self._name(code)]["reach"]
        return found

    def check(self, place: Place) -> Place:
        """The place under the reach's first code; raises NotFoundError, InvalidInputError (beyond the reach)."""
        reach = self.reach(place.reach)
        if not 0 <= place.km_to_end <= reach.length_km:
            raise InvalidInputError(
                f"距河段终点 {place.km_to_end} km 不在 {reach.code} 之内 / {place.km_to_end} km is not on {reach.code}"
            )
        return replace(place, reach=reach.code)

    def path(self, source: Place, target: Place) -> tuple[Stretch, ...]:
        """The stretches from one place to another, the quickest where a river divides.

        Raises NotFoundError where the water does not go there.
        """
        source, target = self.check(source), self.check(target)
        if source.reach == target.reach and source.km_to_end >= target.km_to_end:
            return (Stretch(self.reach(source.reach), source.km_to_end - target.km_to_end),)
        networkx = load("networkx")
        try:
            codes = networkx.shortest_path(self._graph, source.reach, target.reach, weight="hours")
        except networkx.NetworkXNoPath:
            codes = []
        if len(codes) < 2:
            raise NotFoundError(
                f"{source.reach} 的水不流经 {target.reach} / water from {source.reach} does not pass {target.reach}"
            )
        first, last = self.reach(codes[0]), self.reach(codes[-1])
        between = [Stretch(self.reach(code), self.reach(code).length_km) for code in codes[1:-1]]
        return (
            Stretch(first, source.km_to_end),
            *between,
            Stretch(last, last.length_km - target.km_to_end),
        )

    def upstream(self, place: Place, hours: float) -> tuple[Upstream, ...]:
        """The reaches whose end lies within so many hours of travel above a place, nearest first, and its own.

        Of the own reach `km` and `hours` are negative: the place lies above its end.
        """
        place = self.check(place)
        own = self.reach(place.reach)
        offset_km, offset = place.km_to_end, place.km_to_end / own.velocity_ms / 3.6
        networkx = load("networkx")
        backwards = self._graph.reverse(copy=False)
        lengths, paths = networkx.single_source_dijkstra(
            backwards, place.reach, cutoff=hours + offset, weight=lambda _, __, edge: edge["hours"]
        )
        found = [Upstream(own, -offset_km, -offset)]
        for code, path in paths.items():
            if code != place.reach:
                passed = [self.reach(each).length_km for each in path[:-1]]
                found.append(Upstream(self.reach(code), sum(passed) - offset_km, lengths[code] - offset))
        return tuple(sorted(found, key=lambda each: (each.hours, each.reach.code)))

    def _name(self, code: str) -> str:
        try:
            return self._names[code]
        except KeyError:
            raise NotFoundError(f"河网中没有河段 {code[:60]} / no reach {code[:60]} in the network") from None


def build_network(
    registries: Sequence[pa.Table],
    hydraulics: Sequence[pa.Table],
    crosswalk: pa.Table | None,
    on: date,
    regime: str = "normal",
) -> RiverNetwork:
    """The network of a day from the tables of all provinces.

    `registries`: `river-reach`; `hydraulics`: `reach-hydraulics`, whose `downstream_code` says where the water goes;
    `crosswalk`: `reach-crosswalk`, where `same` and `opposite-bank` make two codes one reach, and `continues` leads
    over the border. Links to reaches without hydraulics on that day are left out. Raises as RiverNetwork and
    `read_reaches`, and ConflictError where registries give one code to two reaches.
    """
    reaches: dict[str, Reach] = {}
    edges: list[tuple[str, str]] = []
    for registry, flow in zip(registries, hydraulics, strict=True):
        for reach in read_reaches(registry, flow, on, regime):
            if reach.code in reaches:
                raise ConflictError(f"河段编码 {reach.code} 重复 / two registries hold a reach {reach.code}")
            reaches[reach.code] = reach
        edges += [
            (row["reach_code"], row["downstream_code"])
            for row in valid_rows(flow, on)
            if row.get("downstream_code")
        ]
    rows = [] if crosswalk is None else valid_rows(crosswalk, on)
    edges += [(row["reach_code"], row["other_code"]) for row in rows if row["relation"] == CONTINUES]
    pairs = [(row["reach_code"], row["other_code"]) for row in rows if row["relation"] in SAME]
    merged = _merged(reaches, pairs)
    names = {code: reach.code for reach in merged for code in reach.codes}
    linked = {(names[a], names[b]) for a, b in edges if a in names and b in names and names[a] != names[b]}
    return RiverNetwork(merged, sorted(linked))


def _merged(reaches: dict[str, Reach], pairs: Iterable[tuple[str, str]]) -> list[Reach]:
    """One reach for all codes that are the same; the first code in order gives it its name and flow."""
    alike = load("networkx").Graph()
    alike.add_nodes_from(reaches)
    alike.add_edges_from(pairs)
    found = []
    for group in load("networkx").connected_components(alike):
        known = sorted(code for code in group if code in reaches)
        if known:
            found.append(replace(reaches[known[0]], codes=tuple(sorted(group))))
    return sorted(found, key=lambda reach: reach.code)
