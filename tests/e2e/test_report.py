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

import io
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from html import unescape
from pathlib import Path

import docx
import duckdb
import openpyxl
import pyarrow as pa
import pytest

from demo.hub import HubProcess, fixed_ports, hechuan, introduce
from exchange.batch.manifest import Kind
from exchange.client import Client, connect
from exchange.client.accord import list_accords
from exchange.client.receipt import Receipts
from exchange.client.referral import get_referral, list_referrals
from exchange.client.report import draft_of, get_report, list_reports, remark_report
from exchange.client.report import state_of as state_of_report
from exchange.client.settlement import list_settlements, state_of
from exchange.errors import DigestMismatchError, ProofInvalidError, WrongStateError
from exchange.referral.move import Move
from exchange.report.document import Report
from exchange.report.form.webpage import html
from exchange.report.make import Made, make
from exchange.report.mark import MARKS
from exchange.report.period import Period
from exchange.report.scope import Scope
from exchange.report.signing import check_files, read_files
from exchange.report.trace import traced
from exchange.review.case import State as Reviewed
from exchange.settlement.case import State
from exchange.trust.envelope import Envelope
from exchange.v1 import patrol_pb2
from tests.e2e.test_two_hubs import eventually
from tests.libreoffice import LibreOffice
from tests.months import (
    A_RIGHT,
    LEFT,
    MARCH,
    OFFICE,
    PATIENT,
    RIGHT,
    Month,
    agreed,
    answered,
    handed_over,
    lived,
    planned,
    settled,
    values,
    write_scope,
)

pytestmark = pytest.mark.e2e
PERIOD = Period.parse("2026-03")
ACCEPTED = patrol_pb2.ACCORD_STATE_ACCEPTED
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
        clients = [connect(home) for home in homes]
        for client in clients:
            stack.enter_context(client)
        made = Month(root / "scope.yaml", *clients)
        lived(made)
        begun, accord, warning = settled(made), planned(made), handed_over(made)
        eventually(lambda: [each.id for each in list_settlements(made.right)] == [begun])
        eventually(lambda: [each.id for each in list_accords(made.right)] == [accord])
        agreed(made, begun, accord)
        eventually(lambda: any(each.id == warning.id for each in list_referrals(made.office)))
        [first] = get_referral(made.office, warning.id).moves
        answered(made, warning, Move.parse(Envelope.from_json_bytes(first.envelope).payload))
        eventually(lambda: [state_of(each) for each in list_settlements(made.office)] == [State.AGREED])
        eventually(lambda: [each.state for each in list_accords(made.office)] == [ACCEPTED])
        write_scope(root, patrols={"accord": accord})
        yield made


@pytest.fixture(scope="module")
def made(month: Month) -> Made:
    """The month's report as of now."""
    scope = Scope.parse(month.scope.read_bytes())
    return make(month.office, scope, PERIOD, datetime.now(UTC), month.scope.parent)


@pytest.fixture(scope="module")
def files(month: Month, made: Made) -> Mapping[str, bytes]:
    """What one command writes as of that moment."""
    home, target = month.office.profile.home.root, month.scope.parent / "report"
    moment = made.report.as_of.isoformat()
    hechuan("report", "make", month.scope, "2026-03", "--home", home, "--as-of", moment, "-o", target)
    return {path.name: path.read_bytes() for path in target.iterdir()}


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
        "accord",
    }
    assert opened == {source.key for source in report.sources}
    for id in ("mean.SC-SHANGHEBA.w21003", "problems.found", "compensation-chongqing.total", "patrols.done"):
        found = list(traced(month.office, report, report.figures[id]))
        assert [each.source.key for each in found] == list(report.figures[id].sources)
        assert all(each.by and each.algorithms for each in found if each.source.kind != "contract")
    [batch, settlement] = traced(month.office, report, report.figures[f"mean.{A_RIGHT}.w21003"])
    assert (batch.by, settlement.by) == (RIGHT, RIGHT)
    spoilt = Report.parse(report.to_bytes().replace(batch.source.digest.encode(), b"sha256:" + b"ab" * 32))
    with pytest.raises(ProofInvalidError):
        list(traced(month.office, spoilt, spoilt.figures[f"mean.{A_RIGHT}.w21003"]))
    contract = next(source for source in report.sources if source.kind == "contract")
    spoilt = Report.parse(report.to_bytes().replace(contract.digest.encode(), b"sha256:" + b"ab" * 32))
    with pytest.raises(DigestMismatchError):
        list(traced(month.office, spoilt, report.figures["compensation-chongqing.total"]))


def test_the_same_numbers_in_every_form(made: Made, files: Mapping[str, bytes]) -> None:
    assert files["report.pdf"].startswith(b"%PDF-1.")
    page = files["report.html"].decode()
    assert not re.search(
        r"<(script|link|img|iframe)|https?://(?!www\.w3\.org|purl\.org|creativecommons)", page
    )
    cells = [
        unescape(re.sub(r"<[^>]*>", "", text)) for text in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", page)
    ]
    late = cells.index("上河坝上游排口溯源")
    assert cells[late + 1 : late + 4] == ["四川大竹", "2026-03-12", "2026-03-19"]
    document = docx.Document(io.BytesIO(files["report.docx"]))
    told = [cell.text for table in document.tables[:-1] for row in table.rows for cell in row.cells]
    assert told == cells
    heads = [each.text for each in document.paragraphs if each.style and each.style.name == "Heading 1"]
    assert heads[0] == "1　本期概要"
    assert heads[-1] == "签署"
    figures = made.report.figures
    shown = {id: unescape(text) for id, text in re.findall(r'data-figure="([^"]+)"[^>]*>(.*?)</td>', page)}
    assert len(shown) > 100
    for id, text in shown.items():
        level = figures[id].level
        assert text.split("\u00a0") == [figures[id].shown("zh"), *([MARKS[level]] if level else [])], id


def test_the_workbook_counts_by_itself(made: Made, files: Mapping[str, bytes]) -> None:
    data = files["report.xlsx"]
    live, kept = (openpyxl.load_workbook(io.BytesIO(data), data_only=kept) for kept in (False, True))
    sums = 0
    for sheet in live.worksheets:
        for cell in (cell for row in sheet.iter_rows() for cell in row if cell.data_type == "f"):
            value = kept[sheet.title][cell.coordinate].value
            found = re.fullmatch(r"=SUM\((\w+):(\w+)\)", cell.value)
            if found:
                column = [each.value or 0 for [each] in kept[sheet.title][f"{found[1]}:{found[2]}"]]
                assert sum(each for each in column if not isinstance(each, str)) == pytest.approx(value)
                sums += 1
    assert sums >= 15
    listed = {row[0].value: row[1].value for row in kept["全部数字"].iter_rows(min_row=2)}
    assert set(listed) == {figure.id for figure in made.report.figures}
    assert listed["flux.SC-SHANGHEBA.w21003"] == pytest.approx(28.1232)
    assert kept["逐断面比对结论"]["G4"].value == pytest.approx(1400 / 15)
    assert live["逐断面比对结论"]["G4"].value.startswith("=IF(")


def test_libreoffice_opens_both(files: Mapping[str, bytes], tmp_path: Path) -> None:
    office = LibreOffice(tmp_path)
    pages = office.converted(files["report.docx"], "report.docx", "pdf")
    assert 4 <= len(re.findall(rb"/Type ?/Page\b", pages)) <= 12
    fonts = re.findall(rb"/FontName ?/([^ /\r\n]+)", pages)
    assert fonts
    assert all(b"NotoSansCJK" in name for name in fonts), (
        "a glyph came out of another font than the one there is"
    )
    given = openpyxl.load_workbook(io.BytesIO(files["report.xlsx"]), data_only=True)
    again = office.converted(files["report.xlsx"], "report.xlsx", "xlsx")
    counted = openpyxl.load_workbook(io.BytesIO(again), data_only=True)
    assert counted.sheetnames == given.sheetnames
    for sheet in given.worksheets:
        for cell in (cell for row in sheet.iter_rows() for cell in row):
            value = counted[sheet.title][cell.coordinate].value
            if isinstance(cell.value, int | float):
                assert value == pytest.approx(cell.value, rel=1e-9, abs=1e-9), (sheet.title, cell.coordinate)
            else:
                assert (value or "") == (cell.value or ""), (sheet.title, cell.coordinate)


def test_in_english(made: Made, tmp_path: Path) -> None:
    page = html(made, {}, "en").decode()
    words = re.sub(r"<style>.*?</style>|<[^>]*>", " ", page, flags=re.DOTALL)
    # what the two sides call things themselves stays as they call it
    own = {"铜钵河", "任市河", "大竹—梁平", "上河坝上游排口溯源", "上河坝氨氮超标预警", "环办〔", "〕", "号"}
    for name in sorted(own, key=len, reverse=True):
        words = words.replace(name, "")
    assert re.findall(r"[\u4e00-\u9fff]+", words) == []
    assert "off target: upstream pays" in words


def test_one_command(
    month: Month, made: Made, files: Mapping[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    assert set(files) == {f"report.{kind}" for kind in ("json", "pdf", "docx", "xlsx", "html")}
    assert files["report.json"] == made.report.to_bytes()
    document, home = month.scope.parent / "report" / "report.json", month.office.profile.home.root
    hechuan("report", "show", document)
    assert "flux.SC-SHANGHEBA.w21003" in capsys.readouterr().out
    hechuan("trace", document, "problems.510000.overdue", "--home", home)
    said = capsys.readouterr().out
    assert "500000/joint-office" in said
    assert "ed25519" in said


def test_reviewed_signed_by_both_and_corrected(
    month: Month,
    made: Made,
    files: Mapping[str, bytes],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    office, right = (client.profile.home.root for client in (month.office, month.right))
    written, corrected = tmp_path / "report", tmp_path / "erratum"
    written.mkdir()
    for name, data in files.items():
        (written / name).write_bytes(data)
    hechuan("report", "submit", written, "--home", office)
    [begun] = list_reports(month.office)
    reached(month.right, begun.id)
    hechuan("report", "remark", begun.id, "第二章补充说明断面采用值来源", "--home", right)
    eventually(lambda: [each.text for each in get_report(month.office, begun.id).remarks] != [])
    (written / "report.html").write_bytes(html(made, {}, "en"))
    hechuan("report", "submit", written, "--revises", begun.id, "--home", office)
    eventually(lambda: get_report(month.right, begun.id).version == 2)
    # both at once: neither has seen the other's signature
    for home in (office, right):
        hechuan("report", "sign", begun.id, written, "--person", "王处长", "--home", home)
    for client in (month.office, month.right):
        eventually(lambda client=client: state_of_report(get_report(client, begun.id)) is Reviewed.SIGNED)  # type: ignore[misc]
        signed = get_report(client, begun.id)
        assert {each.agency for each in signed.signatures} == {OFFICE, RIGHT}
        assert draft_of(signed).digest == made.report.digest
        for each in signed.signatures:
            assert Receipts(client).step(each.move).entry["kind"] == "report"
    with pytest.raises(WrongStateError):
        remark_report(month.right, begun.id, "太迟")
    (written / "report.html").write_bytes(b"changed")
    with pytest.raises(DigestMismatchError):
        check_files(draft_of(begun), read_files(written))

    mine = ("--home", office)
    hechuan("report", "verify", written / "report.json", *mine)
    row = values(A_RIGHT, MARCH[:1], w21003=(0.50,))
    month.right.publish("water-quality", pa.Table.from_pylist(row), kind=Kind.CORRECTION)
    eventually(lambda: len(list(month.office.batches(f"{RIGHT}/water-quality"))) == 2)
    hechuan("report", "erratum", written / "report.json", begun.id, "-o", corrected, *mine)
    # (0.50 + 1.10 + 1.25) / 3 = 0.95: on target, better than 2025's IV, so +100 in place of −100
    erratum = Report.parse((corrected / "report.json").read_bytes())
    found = {change.figure: (change.before, change.after) for change in erratum.changes}
    assert found["mean.SC-SHANGHEBA.w21003"] == ("1.05", "0.95")
    assert found["section.SC-SHANGHEBA.meets"] == ("no", "yes")
    assert found["compensation-chongqing.total"] == ("-100", "100")
    hechuan("report", "submit", corrected, "--home", office)
    later = next(each for each in list_reports(month.office) if each.id != begun.id)
    assert draft_of(later).corrects == begun.id
    eventually(lambda: list(get_report(month.right, begun.id).errata) == [later.id])
    capsys.readouterr()
    hechuan("report", "status", begun.id, "--home", right)
    assert later.id in capsys.readouterr().out


def reached(client: Client, report: str) -> None:
    """Wait until the agency's hub knows the report."""
    eventually(lambda: get_report(client, report).id == report)
