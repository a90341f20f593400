"""A golden month, made and labelled so: March 2026 at four sections of both banks; what it comes to is in its tests.

Rivers and places are real, every number is made.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from exchange import wire
from exchange.accord.matter import Matter as Plans
from exchange.accord.move import Act as Planning
from exchange.client import Client
from exchange.client.accord import move_accord, propose_plan
from exchange.client.settlement import move_settlement, propose_settlement
from exchange.ids import AgencyId, ContractRef, DatasetId
from exchange.referral.move import Act, Move
from exchange.referral.order import Kind, Order
from exchange.settlement.matter import Matter
from exchange.settlement.move import Act as Settling
from exchange.trust.canonical import canonical
from exchange.trust.workday import SHANGHAI
from exchange.v1 import referral_pb2

# a hub that takes steps as if signed long ago, so that a month that is over can be lived through
PATIENT: Final = {"HECHUAN_LIMIT_CLOCK_SKEW_SECONDS": "315360000"}
OFFICE, LEFT, RIGHT = "500000/joint-office", "500000/ecology", "510000/ecology"
A_LEFT, A_RIGHT, B, C, D = "CQ-TONGBO-LP", "SC-SHANGHEBA", "CQ-LIANMENGQIAO", "SC-MATOU", "CQ-NODATA"
STATION: Final = "60100001"
DAYS: Final = (5, 15, 25)

SCOPE: Final = {
    "title": {"zh": "铜钵河、任市河跨界断面", "en": "Boundary sections of the Tongbo and Renshi rivers"},
    "about": {"kind": "boundary", "name": "大竹—梁平"},
    "made": True,
    "left": {
        "jurisdiction": "500000",
        "name": {"zh": "重庆梁平", "en": "Liangping, Chongqing"},
        "signatory": OFFICE,
        "datasets": {
            "water-quality": f"{LEFT}/water-quality",
            "monitoring-section": f"{LEFT}/monitoring-section",
            "patrol-record": f"{LEFT}/patrol-record",
            "river-plan": f"{LEFT}/river-plan",
        },
    },
    "right": {
        "jurisdiction": "510000",
        "name": {"zh": "四川大竹", "en": "Dazhu, Sichuan"},
        "signatory": RIGHT,
        "datasets": {
            "water-quality": f"{RIGHT}/water-quality",
            "monitoring-section": f"{RIGHT}/monitoring-section",
            "hydrology": f"{RIGHT}/hydrology",
            "patrol-record": f"{RIGHT}/patrol-record",
            "enforcement-case": f"{RIGHT}/enforcement-case",
        },
    },
    "prefer": "manual",
    "sections": [
        {
            "name": {"zh": "上河坝", "en": "Shangheba"},
            "river": "铜钵河",
            "left": A_LEFT,
            "right": A_RIGHT,
            "from": "right",
            "upstream": "right",
            "station": STATION,
            "flux": ["w21003"],
        },
        {"name": {"zh": "联盟桥", "en": "Lianmengqiao"}, "river": "任市河", "left": B, "upstream": "right"},
        {"name": {"zh": "码头", "en": "Matou"}, "river": "铜钵河", "right": C, "upstream": "right"},
        {"name": {"zh": "新设断面", "en": "New section"}, "river": "铜钵河", "left": D, "upstream": "right"},
    ],
    "compensation": [{"contract": "compensation-chongqing", "sections": [A_RIGHT, B, C]}],
    "next": [{"zh": "联合排查上河坝上游排口。", "en": "Survey the outfalls above Shangheba together."}],
}
PATROLS: Final = {
    "office": {
        "start": "2026-03-01",
        "end": "2026-04-30",
        "reaches": [
            {"code": "R1", "name": "铜钵河", "river": "铜钵河", "sides": ["500000", "510000"], "place": [107.5, 30.6],
             "minutes": 60, "visits": 4},
        ],
        "teams": [
            {"code": "T1", "name": "梁平队", "side": "500000", "home": "LP", "place": [107.8, 30.6]},
            {"code": "T2", "name": "大竹队", "side": "510000", "home": "DZ", "place": [107.2, 30.7]},
        ],
        "travel": {"speed_kmh": 45},
    },
    # Liangping four times in March and once in April, Dazhu twice in March
    "plan": {
        "start": "2026-03-01",
        "tours": [
            *(
                {"team": "T1", "date": day, "stops": [{"reach": "R1", "start": 60}]}
                for day in ("2026-03-04", "2026-03-11", "2026-03-18", "2026-03-25", "2026-04-08")
            ),
            *(
                {"team": "T2", "date": day, "stops": [{"reach": "R1", "start": 60}]}
                for day in ("2026-03-04", "2026-03-18")
            ),
        ],
    },
}  # fmt: skip


def noon(day: int, month: int = 3, year: int = 2026) -> datetime:
    """12:00 in Shanghai."""
    return datetime(year, month, day, 12, tzinfo=SHANGHAI).astimezone(UTC)


def values(section: str, at: Sequence[datetime], **items: Sequence[float]) -> list[dict[str, Any]]:
    """Rows of `water-quality`: per item a value at each instant, taken by hand."""
    return [
        {
            "section_code": section,
            "sampled_at": instant,
            "item_code": item,
            "monitoring_mode": "manual",
            "value": value,
            "unit": "1" if item == "w01001" else "mg/L",
            "data_flag": "N",
        }
        for item, found in items.items()
        for instant, value in zip(at, found, strict=True)
    ]


MARCH: Final = tuple(noon(day) for day in DAYS)
_SAME: Final = {
    "w01001": (7.6,) * 3,
    "w01009": (8.0,) * 3,
    "w01019": (4.0, 5.0, 6.0),
    "w21011": (0.10, 0.14, 0.18),
}
LEFT_VALUES: Final = [
    *values(A_LEFT, MARCH, w21003=(0.80, 1.08, 0.80), **_SAME),
    *values(B, MARCH, w21003=(0.30,) * 3, w01019=(3.5,) * 3, w21011=(0.08,) * 3),
    *values(B, [noon(15, 3, 2025)], w01019=(5.0,)),
]
RIGHT_VALUES: Final = [
    *values(A_RIGHT, MARCH, w21003=(0.80, 1.10, 1.40), **_SAME),
    *values(A_RIGHT, [noon(15, 2)], w21003=(0.9,), w01019=(5.0,)),
    *values(A_RIGHT, [noon(15, 3, 2025), noon(15, 9, 2025)], w21003=(1.6, 1.0)),
    *values(C, MARCH, w21011=(0.14, 0.15, 0.16), w01019=(3.0,) * 3),
    *values(C, [noon(15, 3, 2025)], w21011=(0.15,)),
]


def register(code: str, name: str, river: str, province: str, target: str) -> dict[str, Any]:
    """A row of `monitoring-section`."""
    return {
        "section_code": code,
        "section_name": name,
        "river_name": river,
        "province_code": province,
        "target_class": target,
    }


def patrol(code: str, day: int, month: int, joint: bool, found: int, solved: int) -> dict[str, Any]:
    """A row of `patrol-record`."""
    at = noon(day, month)
    return {
        "patrol_code": code,
        "reach_code": "CQ-TB-01",
        "chief_level": "county",
        "role": "chief",
        "started_at": at,
        "ended_at": at + timedelta(hours=2),
        "is_joint": joint,
        "partner_code": ("510000" if code.startswith("CQ") else "500000") if joint else None,
        "joint_number": f"J-{day}" if joint else None,
        "problems_found": found,
        "problems_solved": solved,
    }


def work(code: str, done: float, due: str) -> dict[str, Any]:
    """A row of `river-plan`: twelve of something."""
    days = {
        name: datetime.fromisoformat(text).date()
        for name, text in (("due_on", due), ("valid_from", "2026-01-01"))
    }
    return {
        "plan_code": "CQ-PLAN-TB",
        "plan_version": "2026",
        "task_code": code,
        "level": "county",
        "river_name": "铜钵河",
        "reach_code": "CQ-TB-01",
        "measure": "pollution",
        "indicator": "整治排污口",
        "unit": "个",
        "target_value": 12.0,
        "done_value": done,
        "responsible_agency": LEFT,
        **days,
    }


def published(
    client: Client, contract: str, rows: Sequence[dict[str, Any]], kind: str = "observation"
) -> None:
    """Publish, and see that every row counts."""
    done = client.publish(contract, pa.Table.from_pylist(list(rows)))
    assert done.batch.verdict.accepted == len(rows), done.batch.verdict


@dataclass(frozen=True)
class Month:
    """Both hubs and their agencies; `scope` is the joint office's file."""

    scope: Path
    office: Client
    left: Client
    right: Client


def planned(month: Month) -> str:
    """The office proposes the plan; its accord."""
    terms = month.office.contract("patrol-plan")
    about = Plans(
        (AgencyId.parse(OFFICE), AgencyId.parse(RIGHT)),
        date(2026, 3, 1),
        date(2026, 4, 30),
        ContractRef.parse(str(terms.ref)),
        terms.digest,
    )
    office, plan = (canonical(PATROLS[name]) for name in ("office", "plan"))
    return propose_plan(month.office, about, office, plan).accord.id


def write_scope(directory: Path, **changed: Any) -> Path:
    """The office's file."""
    path = directory / "scope.yaml"
    path.write_text(json.dumps({**SCOPE, **changed}, ensure_ascii=False), encoding="utf-8")  # JSON is YAML
    return path


def lived(month: Month) -> None:
    """Both sides publish, and settle one value: 1.25 on the 25th."""
    sections = [
        register(A_LEFT, "铜钵河梁平", "铜钵河", "500000", "III"),
        register(B, "联盟桥", "任市河", "500000", "III"),
    ]
    published(
        month.left, "monitoring-section", [*sections, register(D, "新设断面", "铜钵河", "500000", "III")]
    )
    theirs = [
        register(A_RIGHT, "上河坝", "铜钵河", "510000", "III"),
        register(C, "码头", "铜钵河", "510000", "II"),
    ]
    published(month.right, "monitoring-section", theirs)
    published(month.left, "water-quality", LEFT_VALUES)
    published(month.right, "water-quality", RIGHT_VALUES)
    gauged = [
        {"station_code": STATION, "observed_at": at, "discharge_m3s": 10.0, "quality": "compiled"}
        for at in (noon(1), noon(10), noon(20), noon(31))
    ]
    published(month.right, "hydrology", gauged)
    found = [("CQ-P1", 4, 3, True, 1, 1), ("CQ-P2", 12, 3, False, 0, 0), ("CQ-P3", 18, 3, True, 2, 1)]
    ours = [patrol(*each) for each in (*found, ("CQ-P4", 2, 4, False, 5, 5))]
    published(month.left, "patrol-record", ours)
    published(month.right, "patrol-record", [patrol("SC-P1", 4, 3, True, 0, 0)])
    published(month.left, "river-plan", [work("TB-01", 12, "2026-03-10"), work("TB-02", 5, "2026-03-15")])


def settled(month: Month) -> str:
    """Both sides agree on 1.25 mg/L on the 25th, where one has 0.80 and the other 1.40."""
    terms = month.left.contract("boundary-comparison")
    about = Matter(
        left_dataset=DatasetId.parse(f"{LEFT}/water-quality"),
        right_dataset=DatasetId.parse(f"{RIGHT}/water-quality"),
        arbiter=AgencyId.parse(OFFICE),
        left_section=A_LEFT,
        right_section=A_RIGHT,
        item="w21003",
        unit="mg/L",
        left_at=MARCH[2],
        right_at=MARCH[2],
        left_value="0.8",
        right_value="1.4",
        terms=ContractRef.parse(str(terms.ref)),
        terms_digest=terms.digest,
        cause="true_difference",
    )
    return propose_settlement(month.left, about, "1.25").settlement.id


def agreed(month: Month, settlement: str, accord: str) -> None:
    """The other side countersigns the value, and accepts the plan."""
    move_settlement(month.right, settlement, Settling.ACCEPT)
    move_accord(month.right, accord, Planning.ACCEPT)


def referred(
    client: Client, kind: Kind, handler: str, supervisor: str, day: datetime, days: int, title: str
) -> tuple[Order, Move]:
    """Hand something over on a day of the past; its order and first step."""
    asked = referral_pb2.PlanReferralRequest(
        kind=wire.referral_kind_number(kind), days=days, at=wire.timestamp(day)
    )
    plan = client.referral.PlanReferral(asked, timeout=30)
    order = Order(
        kind=kind,
        issuer=client.profile.agency,
        handler=AgencyId.parse(handler),
        supervisor=AgencyId.parse(supervisor),
        title=title,
        text="",
        matter="",
        river="铜钵河",
        subject=A_RIGHT,
        parent="",
        at=day,
        acknowledge_by=wire.instant(plan.acknowledge_by),
        days=plan.days,
        due=wire.instant(plan.due_at),
    )
    parties = tuple(sorted(order.parties))
    first = Move(order.id, Act.SEND, client.profile.agency, parties, day, None, order)
    _submit(client, first)
    return order, first


def moved(client: Client, order: Order, before: Move, act: Act, at: datetime, person: str = "") -> Move:
    """The next step, on a day of the past."""
    parties = tuple(sorted(order.parties))
    step = Move(order.id, act, client.profile.agency, parties, at, before.digest, person=person)
    _submit(client, step)
    return step


def _submit(client: Client, step: Move) -> None:
    envelope = step.signed(client.profile.signing_key()).to_json_bytes()
    client.referral.MoveReferral(referral_pb2.MoveReferralRequest(envelope=envelope), timeout=30)


def handed_over(month: Month) -> Order:
    """Three problems and a transferred case; the warning of the 19th is answered by whoever gets it."""
    closed, step = referred(month.office, Kind.ASSIGNMENT, LEFT, OFFICE, noon(3), 5, "清理河道垃圾")
    for act in (Act.RECEIVE, Act.ACCEPT, Act.START, Act.REPORT):
        step = moved(month.left, closed, step, act, step.at + timedelta(hours=1))
    moved(month.office, closed, step, Act.APPROVE, noon(9), "王河长")
    referred(month.office, Kind.ASSIGNMENT, RIGHT, OFFICE, noon(12), 5, "上河坝上游排口溯源")
    referred(month.office, Kind.SUPERVISION, LEFT, OFFICE, noon(20, 2), 35, "农村生活污水管网补建")
    referred(month.left, Kind.CASE_TRANSFER, RIGHT, OFFICE, noon(22), 20, "某养殖场粪污直排案")
    warning, _ = referred(month.right, Kind.WARNING, OFFICE, RIGHT, noon(19), 15, "上河坝氨氮超标预警")
    return warning


def answered(month: Month, warning: Order, first: Move) -> None:
    """The office says within ten minutes that it has the warning."""
    moved(month.office, warning, first, Act.RECEIVE, first.at + timedelta(minutes=10))
