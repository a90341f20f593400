"""Problems, warnings and transferred cases, as the signed steps up to the report's moment leave them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from exchange.client import Client
from exchange.client.referral import list_referrals
from exchange.referral.case import Referral, Role, State
from exchange.referral.history import fold
from exchange.referral.move import Act, Move
from exchange.referral.order import Kind
from exchange.report.period import Period
from exchange.report.scope import Scope
from exchange.report.source import Sources
from exchange.trust.envelope import Envelope


@dataclass(frozen=True, slots=True)
class Known:
    """A referral as it stood at the period's end, or at the moment if that was earlier; `source`: its last step."""

    referral: Referral
    source: str
    until: datetime

    @property
    def side(self) -> str:
        """The jurisdiction of whoever handles it."""
        return self.referral.desks[Role.HANDLER].jurisdiction

    @property
    def closed_at(self) -> datetime | None:
        """When it was approved as done."""
        return self.referral.moves[-1].at if self.referral.state is State.APPROVED else None

    @property
    def open(self) -> bool:
        """Whether it still waits for somebody."""
        return not self.referral.state.final

    @property
    def overdue(self) -> bool:
        """Open beyond its last day."""
        return self.open and self.referral.due <= self.until

    @property
    def acknowledged_in_time(self) -> bool:
        """Whether its handler said in time that it has it."""
        received = [move.at for move in self.referral.moves if move.act is Act.RECEIVE]
        return bool(received) and received[0] < self.referral.order.acknowledge_by


@dataclass(frozen=True, slots=True)
class Handled:
    """Referrals that matter for a period: begun in it, closed in it, or open at its end."""

    problems: tuple[Known, ...]
    warnings: tuple[Known, ...]
    transfers: tuple[Known, ...]
    period: Period

    def found(self, known: Sequence[Known], side: str = "") -> list[Known]:
        """Begun in the period."""
        return [each for each in _of(known, side) if self._within(each.referral.order.at)]

    def closed(self, known: Sequence[Known], side: str = "") -> list[Known]:
        """Ended in the period."""
        return [each for each in _of(known, side) if each.closed_at and self._within(each.closed_at)]

    def open(self, known: Sequence[Known], side: str = "") -> list[Known]:
        """Waiting at its end."""
        return [each for each in _of(known, side) if each.open]

    def overdue(self, known: Sequence[Known], side: str = "") -> list[Known]:
        """Waiting at its end, and late."""
        return [each for each in _of(known, side) if each.overdue]

    def _within(self, at: datetime) -> bool:
        return self.period.start <= at < self.period.end


def handled(client: Client, scope: Scope, period: Period, moment: datetime, sources: Sources) -> Handled:
    """What the calling agency has a part in, between the two sides, on the scope's rivers or on none in particular."""
    until = min(period.end, moment)
    hub = client.profile.card.jurisdiction
    listed: list[Known] = []
    for each in list_referrals(client, closed=True, moves=True):
        moves = (Move.parse(Envelope.from_json_bytes(move.envelope).payload) for move in each.moves)
        standing = fold([move for move in moves if move.at < until]).standing
        if standing is None or standing.state is State.WITHDRAWN or not _concerns(standing, scope):
            continue
        source = sources.step("referral", hub, standing.moves[-1].digest, standing.id)
        known = Known(standing, source, until)
        if known.open or (known.closed_at and known.closed_at >= period.start):
            listed.append(known)
    listed.sort(key=lambda known: (known.referral.order.at, known.referral.id))
    warnings = tuple(each for each in listed if each.referral.order.kind is Kind.WARNING)
    transfers = tuple(each for each in listed if each.referral.order.kind is Kind.CASE_TRANSFER)
    rest = tuple(each for each in listed if each not in warnings and each not in transfers)
    return Handled(rest, warnings, transfers, period)


def _concerns(referral: Referral, scope: Scope) -> bool:
    """Whether both its desks are of the two sides, and its river is one of the scope's."""
    inside = {desk.jurisdiction for desk in referral.desks.values()} <= set(scope.jurisdictions)
    return inside and (not referral.order.river or referral.order.river in scope.rivers)


def _of(known: Sequence[Known], side: str) -> list[Known]:
    return [each for each in known if not side or each.side == side]
