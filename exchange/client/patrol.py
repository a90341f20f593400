"""Plans made at one's own hub: for machines that have no planner."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import TYPE_CHECKING, Final

import grpc

from exchange.client.call import error_of, retried
from exchange.errors import UnavailableError
from exchange.v1 import patrol_pb2

if TYPE_CHECKING:
    from exchange.client.session import Session

_TIMEOUT: Final = 120
Tell = Callable[[patrol_pb2.PlanProgress], None]


def plan_at_hub(
    client: Session, office: bytes, seconds: float = 60.0, tell: Tell | None = None
) -> patrol_pb2.MadePlan:
    """A plan of an office (JSON), looked for so many seconds. `tell` hears how far it is.

    Raises what the office is refused with, LimitExceededError, BusyError. Not tried again: a hub that is busy says so.
    """
    request = patrol_pb2.PlanPatrolsRequest(office=office, seconds=seconds)
    try:
        for response in client.patrol.PlanPatrols(request, timeout=seconds + _TIMEOUT):
            if response.HasField("made"):
                return response.made
            if tell is not None:
                tell(response.progress)
    except grpc.RpcError as error:
        raise error_of(error) from None
    raise UnavailableError("the hub ended the call without a plan")


def replan_at_hub(
    client: Session,
    office: bytes,
    plan: bytes,
    cancelled: Iterable[tuple[str, date]] = (),
    seconds: float = 4.0,
) -> patrol_pb2.ReplanPatrolsResponse:
    """A plan mended: (team, day) that does not go."""
    gone = [patrol_pb2.Cancellation(team=team, date=day.isoformat()) for team, day in cancelled]
    request = patrol_pb2.ReplanPatrolsRequest(office=office, plan=plan, cancelled=gone, seconds=seconds)
    return retried(lambda: client.patrol.ReplanPatrols(request, timeout=seconds + _TIMEOUT))


def explain_at_hub(client: Session, office: bytes, plan: bytes) -> patrol_pb2.ExplainPlanResponse:
    """What a plan breaks or leaves undone, and what would help."""
    request = patrol_pb2.ExplainPlanRequest(office=office, plan=plan)
    return retried(lambda: client.patrol.ExplainPlan(request, timeout=_TIMEOUT))


def calendars_at_hub(client: Session, office: bytes, plan: bytes, begins: str = "") -> dict[str, bytes]:
    """Team → iCalendar; `begins` as 08:30, Asia/Shanghai."""
    request = patrol_pb2.GetCalendarsRequest(office=office, plan=plan, begins=begins)
    response = retried(lambda: client.patrol.GetCalendars(request, timeout=_TIMEOUT))
    return {each.team: each.ics for each in response.calendars}


def record_at_hub(
    client: Session, office: bytes, plan: bytes, records: Sequence[patrol_pb2.PatrolRecord]
) -> patrol_pb2.RecordPatrolsResponse:
    """Which visits were made by what is recorded, and which problems are left."""
    request = patrol_pb2.RecordPatrolsRequest(office=office, plan=plan, records=records)
    return retried(lambda: client.patrol.RecordPatrols(request, timeout=_TIMEOUT))
