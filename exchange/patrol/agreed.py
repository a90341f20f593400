"""A plan that two sides agree on: what is proposed has been checked, and so has what is accepted.

Whoever proposes or accepts runs the checker on the very office and plan that are signed, and holds the plan's weights
against the contract version that the accord names.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from exchange.accord.case import Accord
from exchange.accord.matter import Matter
from exchange.accord.move import Act, Move
from exchange.client.accord import Agreed, folded, get_accord, move_accord, propose_plan
from exchange.errors import FieldViolation, InvalidInputError, NotFoundError
from exchange.ids import AgencyId
from exchange.patrol.check import breaches
from exchange.patrol.document import office_from_json, plan_from_json, weights_of
from exchange.patrol.model import Office, Plan
from exchange.patrol.terms import CONTRACT, read_terms
from exchange.trust.canonical import canonical

if TYPE_CHECKING:
    from exchange.client.session import Session


@dataclass(frozen=True, slots=True)
class Proposal:
    """An office and its plan, as they were signed: the documents, and what they say."""

    office_text: bytes
    plan_text: bytes
    office: Office
    plan: Plan

    @classmethod
    def of(cls, move: Move) -> Proposal:
        """What a proposal carries; raises NotFoundError, MalformedError, LimitExceededError."""
        if move.office is None or move.plan is None:
            raise NotFoundError("the step carries no plan")
        office, plan = move.office.document(), move.plan.document()
        return cls(office, plan, office_from_json(office), plan_from_json(plan))


def propose(
    client: Session, office_text: bytes, plan_text: bytes, other: AgencyId, reason: str = ""
) -> Agreed:
    """Propose a plan to the other side; raises InvalidInputError for one that breaks a rule."""
    office, plan = office_from_json(office_text), plan_from_json(plan_text)
    contract = client.contract(CONTRACT)
    sides = tuple(sorted((client.profile.agency, other)))
    matter = Matter(sides, office.start, office.date_of(office.days - 1), contract.ref, contract.digest)
    canonical_office = canonical(json.loads(office_text))
    proposal = Proposal(canonical_office, canonical(json.loads(plan_text)), office, plan)
    _require_sound(client, matter, proposal)
    return propose_plan(client, matter, proposal.office_text, proposal.plan_text, reason)


def accept(client: Session, accord: str, reason: str = "") -> Agreed:
    """Countersign what is proposed; raises InvalidInputError where it breaks a rule."""
    known = folded(get_accord(client, accord))
    _require_sound(client, known.matter, Proposal.of(known.proposed))
    return move_accord(client, accord, Act.ACCEPT, reason)


def ask(client: Session, accord: str, reason: str) -> Agreed:
    """Say what should change."""
    return move_accord(client, accord, Act.ASK, reason)


def standing(client: Session, accord: str) -> tuple[Accord, Proposal]:
    """The plan that both have accepted; raises NotFoundError where there is none."""
    known = folded(get_accord(client, accord))
    if known.standing is None:
        raise NotFoundError(f"双方尚未会签 / no plan of accord {accord} has been accepted by both")
    return known, Proposal.of(known.standing)


def _require_sound(client: Session, matter: Matter, proposal: Proposal) -> None:
    office = proposal.office
    wrong = [FieldViolation("plan", each.rule, each.what) for each in breaches(office, proposal.plan)]
    sides = {side for reach in office.reaches for side in reach.sides} | {team.side for team in office.teams}
    if not sides <= {side.jurisdiction for side in matter.sides}:
        wrong.append(FieldViolation("office", "sides", f"{', '.join(sorted(sides))} are not the two sides"))
    if (office.start, office.date_of(office.days - 1)) != (matter.start, matter.end):
        wrong.append(FieldViolation("office", "period", "期间不符 / the office has another period"))
    contract = client.contract(str(matter.terms))
    if contract.digest != matter.terms_digest:
        wrong.append(
            FieldViolation("terms", "digest", f"{matter.terms} 内容不同 / is another text at this hub")
        )
    agreed = read_terms(contract).weights
    if office.weights != agreed or weights_of(proposal.plan_text) != agreed:
        wrong.append(
            FieldViolation("weights", "terms", f"权重与 {matter.terms} 不符 / weights are not the contract's")
        )
    if wrong:
        raise InvalidInputError(
            f"计划不成立 / the plan is not sound: {wrong[0].description}", violations=wrong
        )
