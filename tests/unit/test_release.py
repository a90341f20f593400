import shutil
from pathlib import Path

import pytest

from tools.generate import drift
from tools.release import ROOT, check, keep, newest


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with this one's protos and no release yet."""
    shutil.copytree(ROOT / "protos", tmp_path / "protos", ignore=shutil.ignore_patterns("released"))
    for name in ("buf.yaml", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def change(root: Path, before: str, after: str) -> None:
    proto = root / "protos" / "exchange" / "v1" / "exchange.proto"
    text = proto.read_text(encoding="utf-8")
    assert before in text
    proto.write_text(text.replace(before, after), encoding="utf-8")


def test_newest_goes_by_number(tmp_path: Path) -> None:
    for name in ("v0.9.0", "v0.10.0", "v0.1.12"):
        (tmp_path / f"{name}.binpb").touch()
    assert newest(tmp_path) == tmp_path / "v0.10.0.binpb"


def test_without_a_release_nothing_is_proved(root: Path) -> None:
    assert newest(root) is None
    assert check(root) == 1


def test_an_addition_passes_and_a_break_fails(root: Path) -> None:
    assert keep(root) == 0
    change(root, "message PublishRequest {", "message PublishRequest {\n  string added = 999;")
    assert check(root) == 0
    change(root, "bytes envelope = 1;", "bytes envelope = 998;")
    assert check(root) != 0


def test_a_release_is_kept_once(root: Path) -> None:
    assert keep(root) == 0
    assert keep(root) == 1


def test_drift_names_missing_left_over_and_changed_files(tmp_path: Path) -> None:
    fresh, committed = tmp_path / "fresh", tmp_path / "committed"
    for folder, files in {fresh: "abc", committed: "bcd"}.items():
        folder.mkdir()
        for name in files:
            (folder / f"{name}_pb2.py").write_text(name)
    (committed / "b_pb2.py").write_text("edited")
    assert drift(fresh, committed) == ["a_pb2.py", "b_pb2.py", "d_pb2.py"]
