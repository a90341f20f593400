"""PatrolService: tasks in, plans out; moves in, accords out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from exchange import wire
from exchange.accord.case import Accord
from exchange.accord.move import Move
from exchange.errors import InvalidInputError, LimitExceededError, MalformedError, PermissionDeniedError
from exchange.flow.accord import AccordBook
from exchange.flow.statement import Statements
from exchange.ids import parse_jurisdiction
from exchange.serve.caller import Gate
from exchange.serve.cases import Cases, Context
from exchange.serve.planning import Planning
from exchange.serve.status import answers, streams
from exchange.settings import Limit, Patrol
from exchange.trust.canonical import canonical
from exchange.v1 import patrol_pb2, patrol_pb2_grpc


class PatrolServicer(patrol_pb2_grpc.PatrolServiceServicer):
    """Each party sees its own accords; members of this hub have plans made here, which costs it time."""

    def __init__(
        self, gate: Gate, statements: Statements, book: AccordBook, hub: str, settings: Patrol, limit: Limit
    ) -> None:
        self._gate = gate
        self._hub = hub
        self._settings = settings
        self._planning = Planning(settings, limit.message_bytes)
        self._cases = Cases(gate, statements, book, told, lambda each: (each.awaited,), limit.page)

    @answers
    async def MoveAccord(
        self, request: patrol_pb2.MoveAccordRequest, context: Context
    ) -> patrol_pb2.MoveAccordResponse:
        after, appended = await self._cases.moved(request.envelope, context)
        return patrol_pb2.MoveAccordResponse(
            accord=after, receipt=appended.receipt, duplicate=appended.duplicate
        )

    @answers
    async def GetAccord(
        self, request: patrol_pb2.GetAccordRequest, context: Context
    ) -> patrol_pb2.GetAccordResponse:
        return patrol_pb2.GetAccordResponse(accord=await self._cases.one(request.id, context))

    @answers
    async def ListAccords(
        self, request: patrol_pb2.ListAccordsRequest, context: Context
    ) -> patrol_pb2.ListAccordsResponse:
        found, token = await self._cases.page(request, context)
        return patrol_pb2.ListAccordsResponse(accords=found, next_page_token=token)

    @streams
    async def PlanPatrols(
        self, request: patrol_pb2.PlanPatrolsRequest, context: Context
    ) -> AsyncIterator[patrol_pb2.PlanPatrolsResponse]:
        task = self._task("plan", request, context)
        task |= {"seconds": self._seconds(request.seconds, 60.0), "tours": self._settings.tours}
        async for said in self._gate.while_welcome(context, self._planning.run(task)):
            if "done" in said:
                yield patrol_pb2.PlanPatrolsResponse(made=made_of(said["done"]))
            else:
                yield patrol_pb2.PlanPatrolsResponse(progress=progress_of(said["progress"]))

    @answers
    async def ReplanPatrols(
        self, request: patrol_pb2.ReplanPatrolsRequest, context: Context
    ) -> patrol_pb2.ReplanPatrolsResponse:
        task = self._task("replan", request, context)
        task["cancelled"] = [{"team": each.team, "date": each.date} for each in request.cancelled]
        task["seconds"] = self._seconds(request.seconds, 4.0)
        done = await self._planning.done(task)
        return patrol_pb2.ReplanPatrolsResponse(made=made_of(done), visits=done["visits"], kept=done["kept"])

    @answers
    async def ExplainPlan(
        self, request: patrol_pb2.ExplainPlanRequest, context: Context
    ) -> patrol_pb2.ExplainPlanResponse:
        done = await self._planning.done(self._task("explain", request, context))
        return patrol_pb2.ExplainPlanResponse(breaches=done["breaches"], unmet=done["unmet"])

    @answers
    async def GetCalendars(
        self, request: patrol_pb2.GetCalendarsRequest, context: Context
    ) -> patrol_pb2.GetCalendarsResponse:
        done = await self._planning.done(
            {**self._task("calendars", request, context), "begins": request.begins}
        )
        return patrol_pb2.GetCalendarsResponse(
            calendars=[
                patrol_pb2.TeamCalendar(team=each["team"], name=each["name"], ics=each["ics"].encode())
                for each in done["calendars"]
            ]
        )

    @answers
    async def RecordPatrols(
        self, request: patrol_pb2.RecordPatrolsRequest, context: Context
    ) -> patrol_pb2.RecordPatrolsResponse:
        task = self._task("record", request, context)
        if len(request.records) > self._settings.records:
            raise LimitExceededError(f"a call has at most {self._settings.records} records")
        done = await self._planning.done({**task, "records": records_of(request)})
        return patrol_pb2.RecordPatrolsResponse(visits=done["visits"], problems=done["problems"])

    def _task(self, name: str, request: Any, context: Context) -> dict[str, Any]:
        """A task with the documents that its request carries; raises PermissionDeniedError, MalformedError and
        LimitExceededError.
        """
        peer = self._gate.peer(context)
        if peer.is_hub or peer.agency.jurisdiction != self._hub:
            raise PermissionDeniedError(
                f"{peer.agency} plans at the hub of its own jurisdiction", detail={"reason": "NOT_ITS_HUB"}
            )
        task = {"task": name, "office": _text(request.office, "office", self._settings.office_bytes)}
        if name != "plan":
            task["plan"] = _text(request.plan, "plan", self._settings.plan_bytes)
        return task

    def _seconds(self, asked: float, otherwise: float) -> float:
        """How long to look; raises InvalidInputError."""
        seconds = asked or min(otherwise, self._settings.seconds)
        if not 0 < seconds <= self._settings.seconds:
            raise InvalidInputError(f"seconds are more than 0 and at most {self._settings.seconds:g}")
        return seconds


def made_of(done: Mapping[str, Any]) -> patrol_pb2.MadePlan:
    """A plan as a task told it."""
    return patrol_pb2.MadePlan(
        plan=done["plan"].encode(),
        cost=patrol_pb2.PlanCost(**done["cost"]),
        bound=done["bound"],
        first_seconds=done["first_seconds"],
        unmet=done["unmet"],
    )


def progress_of(said: Mapping[str, Any]) -> patrol_pb2.PlanProgress:
    """How far a task is."""
    stage = patrol_pb2.PlanStage.Value(f"PLAN_STAGE_{said['stage'].upper()}")
    return patrol_pb2.PlanProgress(stage=stage, seconds=said["seconds"], value=said["value"])


def records_of(request: patrol_pb2.RecordPatrolsRequest) -> dict[str, list[dict[str, Any]]]:
    """Rows as `patrol-record` has them, by side; raises MalformedError, InvalidInputError."""
    found: dict[str, list[dict[str, Any]]] = {}
    for each in request.records:
        found.setdefault(parse_jurisdiction(each.side), []).append(
            {
                "patrol_code": each.patrol,
                "reach_code": each.reach,
                "started_at": wire.instant(each.started_at).isoformat(),
                "problems_found": each.problems_found,
                "problems_solved": each.problems_solved,
            }
        )
    return found


def _text(document: bytes, name: str, most: int) -> str:
    if len(document) > most:
        raise LimitExceededError(f"{name} has at most {most} bytes")
    try:
        text = document.decode()
    except UnicodeDecodeError:
        text = ""
    if not text:
        raise MalformedError(f"{name} is missing, or no UTF-8 text")
    return text


def told(found: Accord) -> patrol_pb2.Accord:
    """Its wire form, without moves."""
    state = patrol_pb2.AccordState.Value(f"ACCORD_STATE_{found.state.name}")
    return patrol_pb2.Accord(
        id=found.id,
        state=state,
        matter=canonical(found.matter.to_json()),
        proposed=_plan(found.proposed),
        standing=_plan(found.standing),
        awaited=str(found.awaited or ""),
        head=found.head,
        moved_at=wire.timestamp(found.moves[-1].at),
    )


def _plan(move: Move | None) -> str:
    return move.plan.digest if move and move.plan else ""
