"""fsck and backup on real files: every kind of damage is found and named, nothing else is."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from exchange.errors import ConflictError, MalformedError, NotFoundError
from exchange.flow.append import Appender, LogSigner
from exchange.flow.backup import back_up, restore_backup, restore_hub
from exchange.flow.entry import record_of
from exchange.flow.fsck import Report, check
from exchange.flow.recheck import Fault
from exchange.ids import digest_of
from exchange.settings import Store
from exchange.store import open_ledger, open_objects
from tests.ledgers import LOG, LOG_KEY, SteppedClock, draft

COUNT = 300
GONE = b"rows 7"
# too large to be a row of objects.sqlite
LARGE = b"rows 8" * (100 << 10)


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hub's state with 300 batches in groups of various sizes."""
    state = tmp_path_factory.mktemp("state")
    with closing(open_ledger(Store(), state)) as ledger, closing(open_objects(Store(), state)) as objects:
        appender = Appender(ledger, objects, LogSigner(LOG, LOG_KEY.sign), "500000", SteppedClock(), 64)
        waiting = [
            appender.submit(lambda at=at: draft(f"key {at}", LARGE if at == 8 else f"rows {at}".encode()))  # type: ignore[misc]
            for at in range(COUNT)
        ]
        for future in waiting:
            future.result()
        appender.close()
    return state


@pytest.fixture
def state(pristine: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(pristine, tmp_path / "state"))


def checked(state: Path, sweep: bool = False, grace: float = 3600, kept: Iterable[str] = ()) -> Report:
    with closing(open_ledger(Store(), state)) as ledger, closing(open_objects(Store(), state)) as objects:
        return check(
            ledger, objects, [LOG], record_of, sweep=sweep, grace=timedelta(seconds=grace), kept=kept
        )


def file_of(state: Path, data: bytes) -> Path:
    name = digest_of(data).removeprefix("sha256:")
    return state / "objects" / name[:2] / name[2:4] / name


def sql(statement: str, file: str = "ledger.sqlite") -> Callable[[Path], None]:
    def change(state: Path) -> None:
        with closing(sqlite3.connect(state / file)) as connection, connection:
            connection.execute("PRAGMA foreign_keys = OFF")
            assert connection.execute(statement).rowcount > 0

    return change


def flip(state: Path) -> None:
    path = file_of(state, LARGE)
    path.chmod(0o600)
    path.write_bytes(LARGE[:-1] + b"9")


DAMAGE: dict[str, tuple[Callable[[Path], None], Fault, str]] = {
    "a small object is gone": (
        sql("DELETE FROM object WHERE data = CAST('rows 7' AS BLOB)", "objects.sqlite"),
        Fault.MISSING_OBJECT, digest_of(GONE),
    ),
    "a small object is changed": (
        sql("UPDATE object SET data = CAST('rows 9' AS BLOB) WHERE data = CAST('rows 7' AS BLOB)", "objects.sqlite"),
        Fault.DAMAGED_OBJECT, digest_of(GONE),
    ),
    "a large object is gone": (
        lambda state: file_of(state, LARGE).unlink(), Fault.MISSING_OBJECT, digest_of(LARGE),
    ),
    "a large object is changed": (flip, Fault.DAMAGED_OBJECT, digest_of(LARGE)),
    "an entry is changed": (
        sql(
            "UPDATE entry SET data = CAST(replace(CAST(data AS TEXT), 'accepted', 'rejected') AS BLOB) WHERE idx = 7"
        ),
        Fault.ENTRY, "7",
    ),
    "an entry is gone": (sql("DELETE FROM entry WHERE idx = 7"), Fault.ENTRY, "7"),
    "an entry is backdated": (sql("UPDATE entry SET recorded_at = 1 WHERE idx = 7"), Fault.ENTRY, "7"),
    "a full tile is changed": (
        sql("UPDATE tile SET hashes = zeroblob(length(hashes)) WHERE level = 0 AND idx = 0"), Fault.TILE, "0/0",
    ),
    "the last tile is gone": (sql("DELETE FROM tile WHERE level = 0 AND idx = 1"), Fault.TILE, "0/1"),
    "a checkpoint is gone": (
        sql("DELETE FROM checkpoint WHERE size = (SELECT max(size) FROM checkpoint)"), Fault.CHECKPOINT, str(COUNT),
    ),
    "an index row says more": (
        sql("UPDATE batch SET accepted = accepted + 1 WHERE idx = 7"), Fault.INDEX, "batch at 7",
    ),
    "an index row is gone": (sql("DELETE FROM batch WHERE idx = 7"), Fault.INDEX, "batch at 7"),
    "a dataset's sums are off": (
        sql("UPDATE dataset SET batches = 1"), Fault.INDEX, "dataset 500000/ecology/water-quality",
    ),
}  # fmt: skip


def test_a_whole_ledger_is_clean(state: Path) -> None:
    report = checked(state)
    assert report.clean
    assert (report.entries, report.objects, report.orphans, report.recent) == (COUNT, COUNT, (), 0)


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_found_where_it_is(name: str, state: Path) -> None:
    damage, fault, subject = DAMAGE[name]
    damage(state)
    report = checked(state)
    assert not report.clean
    assert (fault, subject) in {(problem.fault, problem.subject) for problem in report.problems}
    assert len(report.problems) < 10


def test_orphans_are_swept_past_their_grace(state: Path) -> None:
    with closing(open_objects(Store(), state)) as objects:
        for data in (b"old", b"young", LARGE + b"old", LARGE + b"young"):
            objects.put_bytes(data, digest_of(data))
    old = file_of(state, LARGE + b"old")
    os.utime(old, (1_000_000, 1_000_000))
    sql("UPDATE object SET put_at = 1 WHERE data = CAST('old' AS BLOB)", "objects.sqlite")(state)
    left = state / "incoming" / "left-behind"
    left.write_bytes(b"half of something")
    os.utime(left, (1_000_000, 1_000_000))
    report = checked(state)
    assert report.clean
    orphans = tuple(sorted(digest_of(data) for data in (b"old", LARGE + b"old")))
    assert (report.orphans, report.recent) == (orphans, 2)
    assert old.exists()
    checked(state, sweep=True, kept=orphans)
    assert old.exists()
    checked(state, sweep=True)
    assert not old.exists()
    assert not left.exists()
    assert file_of(state, LARGE + b"young").exists()
    assert checked(state, sweep=True).objects == COUNT + 2


@pytest.fixture
def backup(state: Path, tmp_path: Path) -> Path:
    target = tmp_path / "backup"
    with closing(open_ledger(Store(), state)) as ledger, closing(open_objects(Store(), state)) as objects:
        made = back_up(ledger, objects, target, target.parent / "hub", record_of)
        assert (made.entries, made.objects) == (COUNT, COUNT)
        with pytest.raises(ConflictError):
            back_up(ledger, objects, target, target.parent / "hub", record_of)
    return target


def restored(backup: Path, state: Path) -> Report:
    state.mkdir()
    with closing(open_ledger(Store(), state)) as ledger, closing(open_objects(Store(), state)) as objects:
        return restore_backup(backup, ledger, objects, [LOG], record_of)


def test_what_was_backed_up_comes_back(backup: Path, state: Path, tmp_path: Path) -> None:
    report = restored(backup, tmp_path / "new")
    assert report.clean
    assert (report.entries, report.objects) == (COUNT, COUNT)
    with closing(open_ledger(Store(), state)) as old, closing(open_ledger(Store(), tmp_path / "new")) as new:
        assert list(old.entries(0, COUNT)) == list(new.entries(0, COUNT))
        assert old.head() == new.head()
    with (
        closing(open_ledger(Store(), state)) as full,
        closing(open_objects(Store(), state)) as objects,
        pytest.raises(ConflictError),
    ):
        restore_backup(backup, full, objects, [LOG], record_of)


def test_an_unfinished_or_damaged_backup_is_refused(backup: Path, tmp_path: Path) -> None:
    seal = backup / "backup.json"
    kept = seal.read_bytes()
    seal.unlink()
    with pytest.raises(NotFoundError, match="no finished backup"):
        restored(backup, tmp_path / "one")
    seal.write_bytes(kept)
    stored = next((backup / "objects").glob("*/*"))
    stored.write_bytes(b"other")
    with pytest.raises(MalformedError, match="another digest"):
        restored(backup, tmp_path / "two")
    with (backup / "ledger.sqlite").open("ab") as file:
        file.write(b"x")
    with pytest.raises(MalformedError, match="ledger was changed"):
        restored(backup, tmp_path / "three")


FILES = {
    "hub.toml": b"[hub]",
    "keys/log.key": b"secret",
    "federation/keys/root.key": b"secret",
    "federation/root.json": b"pinned",
    "federation/mirror/metadata/1.root.json": b"root",
    "trust/510000.pem": b"authority",
    "trust/peers/510000.json": b"card",
    "state/spool/left": b"bytes",
}


@pytest.mark.parametrize("with_keys", [False, True])
def test_what_a_hub_knows_of_others_is_in_a_backup(state: Path, tmp_path: Path, with_keys: bool) -> None:
    root, target, new = tmp_path / "hub", tmp_path / "backup", tmp_path / "restored"
    for name, data in FILES.items():
        (root / name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    with closing(open_ledger(Store(), state)) as ledger, closing(open_objects(Store(), state)) as objects:
        back_up(ledger, objects, target, root, record_of, with_keys)
    expected = {name for name in FILES if "state" not in name and (with_keys or FILES[name] != b"secret")}
    expected -= set() if with_keys else {"hub.toml"}
    assert restore_hub(target, new) == len(expected)
    found = {path.relative_to(new).as_posix(): path.read_bytes() for path in new.rglob("*") if path.is_file()}
    assert found == {name: FILES[name] for name in expected}
    assert all(not path.stat().st_mode & 0o077 for path in new.rglob("*"))
    (new / "trust/510000.pem").unlink()
    assert restore_hub(target, new) == 0, "whom the operator no longer trusts does not come back"


@pytest.mark.parametrize("name", ["../hub.toml", "/etc/passwd", "state/ledger.sqlite"])
def test_a_backup_puts_nothing_beside_a_hub(backup: Path, tmp_path: Path, name: str) -> None:
    seal = backup / "backup.json"
    value = json.loads(seal.read_bytes())
    seal.write_bytes(json.dumps({**value, "hub": {name: digest_of(b"")}}).encode())
    with pytest.raises(MalformedError, match="none of a hub's"):
        restore_hub(backup, tmp_path / "deep" / "hub")


def test_a_changed_file_of_the_hub_is_refused(tmp_path: Path, state: Path) -> None:
    root, target = tmp_path / "hub", tmp_path / "backup"
    (root / "trust").mkdir(parents=True)
    (root / "trust/510000.pem").write_bytes(b"authority")
    with closing(open_ledger(Store(), state)) as ledger, closing(open_objects(Store(), state)) as objects:
        back_up(ledger, objects, target, root, record_of)
    (target / "hub/trust/510000.pem").write_bytes(b"another")
    with pytest.raises(MalformedError, match="another digest"):
        restore_hub(target, tmp_path / "new")
