"""Tables as departments keep them: encodings, titles, merged cells, units in headings, marks for what was not found."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import yaml
from typer.testing import CliRunner

from adapters.mapping.document import shipped
from adapters.protocol import Tally
from adapters.tabular import adapter
from adapters.tabular.propose import propose
from exchange.cli.main import app
from exchange.errors import HechuanError, InvalidInputError, LimitExceededError, MalformedError, NotFoundError
from tests.workbooks import xls

MAPPING: dict[str, Any] = {
    "mapping": 1,
    "title": "手工监测 / Manual monitoring",
    "tables": [
        {
            "contract": "water-quality",
            "columns": {
                "section_code": {"from": "断面编码"},
                "sampled_at": {"from": "采样时间"},
                "monitoring_mode": {"value": "manual"},
                "data_flag": {"value": "N"},
            },
            "items": {
                "code": "item_code",
                "value": "value",
                "unit": "unit",
                "qualifier": "qualifier",
                "limit": "detection_limit",
                "failed": {"column": "data_flag", "instead_of": "N", "is": "D"},
                "headings": {
                    "氨氮": {"code": "w21003"},
                    "总磷": {"code": "101"},
                    "汞": {"code": "w20111", "limit": 0.01},
                },
            },
        }
    ],
}
HEADER = ["断面编码", "采样时间", "氨氮（毫克/升）", "总磷 mg/L", "汞(μg/L)"]
ROWS = [
    ["CQ-A", "2026-03-19 09:00", "0.42", "<0.01", "0.05"],
    ["CQ-B", "2026/3/19 24:00", "0.025L", "--", "未检出"],
    ["CQ-C", "2026年3月19日 8时", "1,200", "*", "a lot"],
    ["CQ-D", "2026-02-30 08:00", ">9.5", "", "０．０２"],
]
EXPECTED = [
    ("CQ-A", "w21003", 0.42, None, None, "N"),
    ("CQ-A", "w21011", 0.01, "<", 0.01, "N"),
    ("CQ-A", "w20142", 0.00005, None, None, "N"),
    ("CQ-B", "w21003", 0.025, "<", 0.025, "N"),
    ("CQ-B", "w21011", None, None, None, "D"),
    ("CQ-B", "w20142", 0.00001, "<", 0.00001, "N"),
    ("CQ-C", "w21003", 1200.0, None, None, "N"),
    ("CQ-C", "w20142", None, None, None, "N"),
    ("CQ-D", "w21003", 9.5, ">", None, "N"),
    ("CQ-D", "w20142", 0.00002, None, None, "N"),
]


def mapping(tmp_path: Path, **source: Any) -> Path:
    path = tmp_path / "mapping.yaml"
    path.write_text(
        yaml.safe_dump({**MAPPING, "source": source}, allow_unicode=True, sort_keys=False), encoding="utf-8"
    )
    return path


def read(path: Path, form: Path) -> tuple[list[dict[str, Any]], Tally]:
    reading = adapter.read(str(path), form)
    return [row for piece in reading.pieces() for row in piece.rows.to_pylist()], reading.tally


def told(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    names = ("section_code", "item_code", "value", "qualifier", "detection_limit", "data_flag")
    return [
        tuple(float(f"{row[name]:.12g}") if isinstance(row[name], float) else row[name] for name in names)
        for row in rows
    ]


def text(rows: list[list[str]], delimiter: str = ",") -> str:
    quoted = [[f'"{cell}"' if "," in cell else cell for cell in row] for row in rows]
    return "".join(delimiter.join(row) + "\r\n" for row in quoted)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_text_in_every_encoding(encoding: str, delimiter: str, tmp_path: Path) -> None:
    path = tmp_path / "manual.csv"
    path.write_bytes(text([["某区监测站"], HEADER, *ROWS], delimiter).encode(encoding))
    rows, tally = read(path, mapping(tmp_path))
    assert told(rows) == EXPECTED
    at = {row["section_code"]: row["sampled_at"] for row in rows}
    assert at == {
        "CQ-A": datetime(2026, 3, 19, 1, tzinfo=UTC),
        "CQ-B": datetime(2026, 3, 19, 16, tzinfo=UTC),
        "CQ-C": datetime(2026, 3, 19, 0, tzinfo=UTC),
        "CQ-D": None,
    }
    assert [(cell.place, cell.text) for cell in tally.unread] == [("B6", "2026-02-30 08:00"), ("E5", "a lot")]
    counts = +tally.counts
    assert counts["below_limit"] == 3
    assert (counts["values"], counts["failed"], counts["not_measured"], counts["empty"]) == (4, 1, 1, 1)


def test_a_workbook_with_titles_units_below_and_merged_cells(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.title = "说明"
    sheet = book.create_sheet("结果")
    sheet.append(["某区手工监测结果表"])
    sheet.merge_cells("A1:E1")
    sheet.append(["断面编码", "采样时间", "氨氮", "总磷", "汞"])
    sheet.append([None, None, "mg/L", "mg/L", "μg/L"])
    sheet.append(["CQ-A", datetime(2026, 3, 19, 9), 0.42, "<0.01", 0.05])
    sheet.append([None, datetime(2026, 3, 19, 13), 0.5, 0.02, "*"])
    sheet.merge_cells("A4:A5")
    path = tmp_path / "manual.xlsx"
    book.save(path)
    rows, _ = read(path, mapping(tmp_path, header={"row": 2, "rows": 2}, sheet="结果"))
    assert told(rows) == [
        *EXPECTED[:3],
        ("CQ-A", "w21003", 0.5, None, None, "N"),
        ("CQ-A", "w21011", 0.02, None, None, "N"),
    ]
    assert rows[3]["sampled_at"] == datetime(2026, 3, 19, 5, tzinfo=UTC)
    rows, _ = read(path, mapping(tmp_path, header={"rows": 2}))
    assert len(rows) == 5
    with pytest.raises(NotFoundError, match="说明, 结果"):
        read(path, mapping(tmp_path, sheet="数据"))


def test_an_old_workbook(tmp_path: Path) -> None:
    path = tmp_path / "manual.xls"
    cells: list[list[str | float | None]] = [
        [*HEADER],
        ["CQ-A", 46100.375, 0.42, "<0.01", 0.05],
        [None, 46100.5, "--", 0.02, 7],
    ]
    path.write_bytes(xls(cells, merged=[(1, 2, 0, 0)], dates=frozenset({1})))
    rows, _ = read(path, mapping(tmp_path))
    assert told(rows)[:3] == EXPECTED[:3]
    assert rows[0]["sampled_at"] == datetime(2026, 3, 19, 1, tzinfo=UTC)
    assert [row["section_code"] for row in rows] == ["CQ-A"] * 6


@pytest.mark.parametrize(
    ("name", "data", "error"),
    [
        ("a.xlsx", b"PK\x03\x04 no", MalformedError),
        ("a.xls", b"\xd0\xcf\x11\xe0 no", MalformedError),
        ("a.csv", b"", MalformedError),
        ("a.csv", b"\xff\xff\xff", MalformedError),
        ("a.csv", ",".join(HEADER).encode() + b"\n" + b"x" * (9 << 20) + b",,,,\n", LimitExceededError),
        ("a.docx", b"", InvalidInputError),
    ],
)
def test_what_is_no_table_is_refused(
    name: str, data: bytes, error: type[HechuanError], tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(error):
        read(path, mapping(tmp_path))


def test_a_column_without_unit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        text([["断面编码", "采样时间", "氨氮", "总磷(mg/L)", "汞(ug/L)"], *ROWS]), encoding="utf-8"
    )
    with pytest.raises(InvalidInputError, match=r"氨氮 .* unit"):
        read(path, mapping(tmp_path))


def test_rows_are_numbered_as_in_the_file_across_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.tabular.encoding._CHUNK", 4096)
    lines = [[f"CQ-{number}", "2026-03-19 09:00", "0.1", "0.1", "0.1"] for number in range(2000)]
    lines[1500][2] = "?"
    lines.insert(700, ["odd"])
    path = tmp_path / "a.csv"
    path.write_text(text([HEADER, *lines]), encoding="utf-8")
    rows, tally = read(path, mapping(tmp_path))
    assert len(rows) == 6000
    assert [cell.place for cell in tally.unread] == ["row 702", "C1503"]


def test_a_proposed_mapping_reads_the_file(tmp_path: Path) -> None:
    path = tmp_path / "手工_2026-03.csv"
    path.write_text(text([HEADER, *ROWS[:2]]), encoding="utf-8")
    found = propose(path, shipped()["water-quality"])
    assert (found.unknown, found.lacking) == ((), ())
    form = tmp_path / "proposed.yaml"
    form.write_text(found.text, encoding="utf-8")
    rows, _ = read(path, form)
    assert [row["item_code"] for row in rows] == [row[1] for row in EXPECTED[:6]]


def run(*words: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "200"})
    if isinstance(result.exception, HechuanError):
        raise result.exception
    return result.exit_code, result.output


def test_try_names_row_and_cell(tmp_path: Path) -> None:
    path = tmp_path / "manual.csv"
    path.write_text(
        text([HEADER, *ROWS[:2], ["CQ-E", "2026-03-19 09:00", "-1", "0.1", "0.1"]]), encoding="utf-8"
    )
    code, said = run("try", "tabular", path, "--contract", "water-quality", "--mapping", mapping(tmp_path))
    assert code == 0
    assert "rows 行数       9 · accepted 将接收 8 · rejected 将隔离 1" in said
    assert "C4 · value_negative · item_code=w21003, value=-1" in said
    assert "只有枢纽能查" in said
    code, said = run("try", "tabular", path, "--contract", "water-quality")
    assert "映射由表头推断" in said
    for name, given in (("geo", "--mapping"), ("tabular", "--contract")):
        with pytest.raises(InvalidInputError, match=given):
            run("try", name, path, *(["--contract", "water-quality"] if name == "geo" else []))
    with pytest.raises(NotFoundError, match="absent"):
        run("try", "tabular", tmp_path / "absent.csv", "--contract", "water-quality")
    with pytest.raises(NotFoundError, match="tabular"):
        run("try", "nothing", path, "--contract", "water-quality")


def test_a_cell_that_many_rows_lack_is_named_once(tmp_path: Path) -> None:
    path = tmp_path / "manual.csv"
    path.write_text(text([HEADER, ROWS[0], ["CQ-E", "2026-02-30 09:00", "1", "*", "2"]]), encoding="utf-8")
    _, said = run("try", "tabular", path, "--contract", "water-quality", "--mapping", mapping(tmp_path))
    assert [line.strip() for line in said.splitlines() if "sampled_at.required ·" in line] == [
        "B3 · sampled_at.required · 空 empty · ×2"
    ]


def test_sections_without_codes_get_some_in_a_proposal(tmp_path: Path) -> None:
    path = tmp_path / "手工_2026-03.csv"
    header = ["省份", "流域", "断面名称", *HEADER[1:]]
    path.write_text(text([header, ["重庆市", "长江", "朱沱", *ROWS[0][1:]]]), encoding="utf-8")
    found = propose(path, shipped()["water-quality"])
    assert (found.unknown, found.lacking, found.made) == ((), (), ("section_code",))
    form = tmp_path / "proposed.yaml"
    form.write_text(found.text, encoding="utf-8")
    rows, _ = read(path, form)
    assert {row["section_code"][:9] for row in rows} == {"LOCAL-50-"}


@pytest.mark.parametrize("merged", [False, True])
def test_units_below_their_names_are_proposed(merged: bool, tmp_path: Path) -> None:
    path = tmp_path / "手工.csv"
    above = ["断面编码", "采样时间", "氨氮", "汞"]
    below = [*(above[:2] if merged else ["", ""]), "(mg/L)", "(ug/L)"]
    path.write_text(text([above, below, ["CQ-A", "2026-03-19 09:00", "0.1", "0.05"]]), encoding="utf-8")
    found = propose(path, shipped()["water-quality"])
    assert found.presumed == ()
    form = tmp_path / "proposed.yaml"
    form.write_text(found.text, encoding="utf-8")
    rows, _ = read(path, form)
    assert [row["value"] for row in rows] == pytest.approx([0.1, 0.05e-3])


def test_a_unit_that_is_presumed_is_said(tmp_path: Path) -> None:
    path = tmp_path / "手工.csv"
    path.write_text(
        text([["断面编码", "采样时间", "汞"], ["CQ-A", "2026-03-19 09:00", "0.05"]]), encoding="utf-8"
    )
    found = propose(path, shipped()["water-quality"])
    assert found.presumed == ("汞",)
    assert "# 未注明单位，请核对 no unit is given, check it: 汞" in found.text


def test_it_is_found_by_its_entry_point() -> None:
    (found,) = entry_points(group="hechuan.adapters", name="tabular")
    assert found.load() is adapter
