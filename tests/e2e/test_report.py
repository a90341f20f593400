"""A golden month at two hubs: figures worked out by hand, the same again from plain SQL, each traced to signatures.

The data are made (`tests.months`); what they come to:

Shangheba (target III): ammonia 0.80, 1.10, 1.40, the last settled at 1.25: mean (0.80 + 1.10 + 1.25) / 3 = 1.05 mg/L,
class IV (limit of III 1.0, of IV 1.5), 1.05 / 1.0 − 1 = 0.05 times above target. Permanganate 5.0 III, phosphorus
0.14 III. February 0.9: III. March 2025 1.6: V. 2025 (1.6 + 1.0) / 2 = 1.3: IV.
Lianmengqiao (III): 0.30 II, 3.5 II, 0.08 II: II. March 2025, and so 2025: permanganate 5.0, III.
Matou (II): phosphorus 0.15 III, 0.15 / 0.1 − 1 = 0.5 times above target. 2025: 0.15, III. New section: no data.
So 3 of 4 assessed, 1 on target (33.3 %), 2 of I to III (66.7 %).

Both banks at Shangheba: five items on three days, 15 pairs. 1.10 against 1.08 is 0.02 / 2.18 = 0.9 % apart, 1.40
against 0.80 is 0.60 / 2.20 = 27 %, where 10 % is allowed: 14 agree (93.3 %). On the 25th the class differs: IV, III.

Load: three samples are too few to weigh, so mean × mean: 1.05 g/m³ × 10 m³/s × 31 × 86 400 s = 28 123 200 g = 28.12 t.

Compensation (Chongqing 2018, in 10⁴ yuan): Shangheba off target −100, Lianmengqiao II after III +100, Matou off target
−100: together −100.

Patrols: Liangping planned 4, did 3 (one more in April), two of them joint, 3 problems found, 2 solved: 75 %; Dazhu
planned 2, did 1: 50 %.
Referrals: Liangping had one found on the 3rd and closed on the 9th, and one of February open until April; Dazhu one of
the 12th, due on the 19th, late; one case handed over; one warning of the 19th, acknowledged in ten minutes, open.
Works: 12 of 12 done; 5 of 12 and due on the 15th.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from demo.hub import HubProcess, fixed_ports, hechuan, introduce
from exchange.client import connect
from exchange.client.referral import get_referral, list_referrals
from exchange.client.settlement import list_settlements, state_of
from exchange.errors import DigestMismatchError, ProofInvalidError
from exchange.referral.move import Move
from exchange.report.document import Report
from exchange.report.make import Made, make
from exchange.report.period import Period
from exchange.report.scope import Scope
from exchange.report.trace import traced
from exchange.settlement.case import State
from exchange.trust.envelope import Envelope
from tests.e2e.test_two_hubs import eventually
from tests.months import (
    A_RIGHT,
    LEFT,
    PATIENT,
    RIGHT,
    Month,
    agreed,
    answered,
    handed_over,
    lived,
    settled,
    write_scope,
)

pytestmark = pytest.mark.e2e
MARCH = Period.parse("2026-03")
GOLDEN = {
    "quality.count": "4",
    "quality.assessed": "3",
    "quality.meets": "1",
    "quality.meets-share": "33.3",
    "quality.good": "2",
    "quality.good-share": "66.7",
    "quality.bad": "0",
    "section.SC-SHANGHEBA.class": "Ⅳ类",
    "section.SC-SHANGHEBA.before": "Ⅲ类",
    "section.SC-SHANGHEBA.year-ago": "Ⅴ类",
    "section.SC-SHANGHEBA.meets": "未达标",
    "section.CQ-LIANMENGQIAO.class": "Ⅱ类",
    "section.CQ-LIANMENGQIAO.year-ago": "Ⅲ类",
    "section.CQ-LIANMENGQIAO.meets": "达标",
    "section.SC-MATOU.class": "Ⅲ类",
    "section.CQ-NODATA.class": "—",
    "mean.SC-SHANGHEBA.w21003": "1.05",
    "excess.SC-SHANGHEBA.w21003": "0.05",
    "excess.SC-MATOU.w21011": "0.50",
    "comparison.pairs": "15",
    "comparison.agree": "14",
    "comparison.disagree": "1",
    "comparison.share": "93.3",
    "comparison.classes": "1",
    "comparison.settled": "1",
    "difference.1.used": "1.25",
    "flux.SC-SHANGHEBA.w21003": "28.12",
    "warnings.sent": "1",
    "warnings.acknowledged": "1",
    "warnings.open": "1",
    "problems.500000.found": "1",
    "problems.500000.closed": "1",
    "problems.500000.open": "1",
    "problems.500000.overdue": "0",
    "problems.510000.found": "1",
    "problems.510000.closed": "0",
    "problems.510000.overdue": "1",
    "problems.found": "2",
    "transfers.510000.found": "1",
    "patrols.500000.planned": "4",
    "patrols.500000.done": "3",
    "patrols.500000.joint": "2",
    "patrols.500000.found": "3",
    "patrols.500000.solved": "2",
    "patrols.500000.share": "75.0",
    "patrols.510000.share": "50.0",
    "works.500000.done": "1",
    "works.500000.late": "1",
    "compensation-chongqing.SC-SHANGHEBA.2026-03": "-100.00",
    "compensation-chongqing.CQ-LIANMENGQIAO.2026-03": "100.00",
    "compensation-chongqing.SC-MATOU.2026-03": "-100.00",
    "compensation-chongqing.total": "-100.00",
    "next.500000.visits": "1",
}


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Month]:
    root = tmp_path_factory.mktemp("month")
    hubs = [HubProcess(root, code, fixed_ports(), environment=PATIENT) for code in ("500000", "510000")]
    introduce(root, *hubs)
    with ExitStack() as stack:
        left, right = (stack.enter_context(hub) for hub in hubs)
        homes = left.enroll("joint-office"), left.enroll("ecology"), right.enroll("ecology")
        made = Month(write_scope(root), *(stack.enter_context(connect(home)) for home in homes))
        lived(made)
        begun, warning = settled(made), handed_over(made)
        eventually(lambda: [each.id for each in list_settlements(made.right)] == [begun])
        agreed(made, begun)
        eventually(lambda: any(each.id == warning.id for each in list_referrals(made.office)))
        [first] = get_referral(made.office, warning.id).moves
        answered(made, warning, Move.parse(Envelope.from_json_bytes(first.envelope).payload))
        eventually(lambda: [state_of(each) for each in list_settlements(made.office)] == [State.AGREED])
        yield made


@pytest.fixture(scope="module")
def made(month: Month) -> Made:
    """The month's report as of now."""
    scope = Scope.parse(month.scope.read_bytes())
    return make(month.office, scope, MARCH, datetime.now(UTC), month.scope.parent)


def test_the_golden_month(made: Made) -> None:
    figures = made.report.figures
    assert {id: figures[id].shown("zh") for id in GOLDEN} == GOLDEN
    low, high = (figures[f"flux.SC-SHANGHEBA.w21003.{end}"].number for end in ("low", "high"))
    assert low is not None
    assert high is not None
    assert 0 <= low < 28.1232 < high
    assert made.report.absent == ((f"{RIGHT}/enforcement-case", "NOT_FOUND"),)


def test_plain_sql_finds_the_same(month: Month, made: Made) -> None:
    rows = {side: month.office.query(f"{side}/water-quality").table() for side in (LEFT, RIGHT)}
    with duckdb.connect() as session:
        for name, table in (("ours", rows[LEFT]), ("theirs", rows[RIGHT])):
            session.register(name, table)
        found = session.execute(
            """
            SELECT section_code, item_code, avg(CASE WHEN value = 1.4 THEN 1.25 ELSE value END), count(*)
            FROM (FROM theirs UNION ALL FROM ours WHERE section_code <> 'CQ-TONGBO-LP')
            WHERE sampled_at >= TIMESTAMPTZ '2026-03-01 00:00:00+08'
              AND sampled_at < TIMESTAMPTZ '2026-04-01 00:00:00+08'
            GROUP BY ALL ORDER BY ALL
            """
        ).fetchall()
    assert len(found) == 5 + 3 + 2
    figures = made.report.figures
    for section, item, mean, samples in found:
        assert float(figures[f"mean.{section}.{item}"].number or 0) == pytest.approx(mean)
        assert figures[f"samples.{section}.{item}"].number == samples


def test_every_figure_leads_to_signatures(month: Month, made: Made) -> None:
    report = Report.parse(made.report.to_bytes())
    opened = {key for figure in report.figures for key in figure.sources}
    assert {source.kind for source in report.sources} == {
        "batch",
        "settlement",
        "referral",
        "contract",
        "file",
    }
    assert opened == {source.key for source in report.sources}
    for id in ("mean.SC-SHANGHEBA.w21003", "problems.found", "compensation-chongqing.total", "patrols.done"):
        found = list(traced(month.office, report, report.figures[id]))
        assert [each.source.key for each in found] == list(report.figures[id].sources)
        assert all(
            each.by and each.algorithms for each in found if each.source.kind not in ("contract", "file")
        )
    [batch, settlement] = traced(month.office, report, report.figures[f"mean.{A_RIGHT}.w21003"])
    assert (batch.by, settlement.by) == (RIGHT, RIGHT)
    for change, error in ((("ab" * 32), ProofInvalidError),):
        spoilt = report.to_bytes().replace(batch.source.digest.encode(), f"sha256:{change}".encode())
        other = Report.parse(spoilt)
        with pytest.raises(error):
            list(traced(month.office, other, other.figures[f"mean.{A_RIGHT}.w21003"]))
    contract = next(source for source in report.sources if source.kind == "contract")
    spoilt = report.to_bytes().replace(contract.digest.encode(), b"sha256:" + b"ab" * 32)
    with pytest.raises(DigestMismatchError):
        list(traced(month.office, Report.parse(spoilt), report.figures["compensation-chongqing.total"]))


def test_one_command_and_the_same_bytes_twice(
    month: Month, made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = month.office.profile.home.root
    again = ("--home", home, "--as-of", made.report.as_of.isoformat(), "-o", tmp_path / "report")
    hechuan("report", "make", month.scope, "2026-03", *again)
    written = (tmp_path / "report" / "report.json").read_bytes()
    assert written == made.report.to_bytes()
    hechuan("trace", tmp_path / "report" / "report.json", "problems.510000.overdue", "--home", home)
    said = capsys.readouterr().out
    assert "500000/joint-office" in said
    assert "ed25519" in said
