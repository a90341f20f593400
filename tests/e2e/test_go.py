"""The Merkle and note code of the Go checksum database, which knows nothing of us, checks what our ledger hands out.

Checkpoints, inclusion proofs from receipts, consistency proofs, witnesses' cosignatures: all of a real ledger, and the
same with one thing changed, which Go must refuse.
"""

from __future__ import annotations

import base64
import dataclasses
import itertools
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from exchange.flow.append import Appender, receipt_of
from exchange.ledger import (
    HASH_BYTES,
    Checkpoint,
    LogSigner,
    Receipt,
    SignatureType,
    TiledTree,
    VerifierKey,
    cosign,
)
from exchange.settings import Store
from exchange.store import open_ledger, open_objects
from exchange.store.sql import SqlLedgerStore
from exchange.trust.keys import SigningKey
from tests.ledgers import LOG, LOG_KEY, NOON, SteppedClock, draft

pytestmark = [pytest.mark.e2e, pytest.mark.go]
SOURCE = Path(__file__).parent / "go" / "main.go"
PACKAGES = Path("/usr/share/gocode")
SECONDS = 300
ENTRIES = 300  # more than one full tile
GROUP = 64
ML_DSA = SigningKey.generate("ml-dsa-44")
ML_DSA_LOG = VerifierKey(LOG.name, ML_DSA.verify_key.public, SignatureType.ML_DSA_44)
WITNESS = SigningKey.generate()
WITNESS_KEY = VerifierKey("hechuan/510000/witness", WITNESS.verify_key.public, SignatureType.COSIGNATURE)
TIME = 1_773_900_000

Case = dict[str, Any]
Check = Callable[[Sequence[Case]], list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Made:
    """A ledger that several groups were appended to, and the sizes it had on the way."""

    ledger: SqlLedgerStore
    sizes: tuple[int, ...]

    def note(self, size: int) -> str:
        return self.ledger.checkpoint(size)

    def consistency(self, size1: int, size2: int) -> Case:
        path = TiledTree(size2, self.ledger.tile).consistency_path(size1)
        encoded = [base64.b64encode(item).decode() for item in path]
        return _case("consistency", old=self.note(size1), new=self.note(size2), path=encoded)


def _case(kind: str, **members: object) -> Case:
    return {"kind": kind, "log": str(LOG), **members}


@pytest.fixture(scope="module")
def check(tmp_path_factory: pytest.TempPathFactory) -> Check:
    """The Go program, built from its one file and Debian's copy of golang.org/x/mod."""
    go = shutil.which("go")
    if go is None or not (PACKAGES / "src" / "golang.org" / "x" / "mod" / "sumdb" / "note").is_dir():
        pytest.skip("Go and golang.org/x/mod are not installed (Debian: golang-go, golang-golang-x-mod-dev)")
    root = tmp_path_factory.mktemp("go")
    environment = os.environ | {
        "GO111MODULE": "off",
        "GOPATH": str(PACKAGES),
        "GOCACHE": str(root / "cache"),
        "GOFLAGS": "",
        "CGO_ENABLED": "0",
    }
    program = root / "check"
    subprocess.run(
        [go, "build", "-o", str(program), str(SOURCE)], check=True, timeout=SECONDS, env=environment
    )

    def run(cases: Sequence[Case]) -> list[dict[str, Any]]:
        done = subprocess.run(
            [str(program)], input=json.dumps(cases), capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        found: list[dict[str, Any]] = json.loads(done.stdout)
        assert len(found) == len(cases)
        return found

    return run


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    root = tmp_path_factory.mktemp("ledger")
    ledger, objects = open_ledger(Store(), root), open_objects(Store(), root)
    signer = LogSigner(LOG, LOG_KEY.sign, ((ML_DSA_LOG, ML_DSA.sign),))
    appender = Appender(ledger, objects, signer, "500000", SteppedClock(), GROUP)
    waiting = [appender.submit(lambda key=f"batch-{number}": draft(key)) for number in range(ENTRIES)]
    for one in waiting:
        one.result()
    appender.close()
    sizes = {entry.checkpoint_size for entry in ledger.entries(0, ENTRIES)}
    assert len(sizes) >= ENTRIES // GROUP
    yield Made(ledger, tuple(sorted(sizes)))
    ledger.close()


def accepted(found: Sequence[dict[str, Any]]) -> bool:
    return not any(one["refused"] for one in found)


def refused(found: Sequence[dict[str, Any]]) -> bool:
    return all(one["refused"] for one in found)


def test_go_opens_our_checkpoints_and_passes_over_ml_dsa(check: Check, made: Made) -> None:
    found = check([_case("checkpoint", note=made.note(size)) for size in made.sizes])
    assert found == [{"refused": "", "size": size, "unknown": 1} for size in made.sizes]


def test_go_refuses_checkpoints_that_were_changed(check: Check, made: Made) -> None:
    size = made.sizes[-1]
    note = made.note(size)
    stranger = VerifierKey(LOG.name, WITNESS.verify_key.public)
    head, ed25519, ml_dsa, _ = note.rsplit("\n", 3)
    changes = [
        note.replace(f"\n{size}\n", f"\n{size + 1}\n"),
        note.replace(LOG.name, "hechuan/510000"),
        "\n".join((head, _changed(ed25519, -9), ml_dsa, "")),
        "\n".join((head, ml_dsa, "")),
        note.replace("\n\n", "\nextension\n\n"),
    ]
    cases = [_case("checkpoint", note=changed) for changed in changes]
    assert refused(check([*cases, _case("checkpoint", note=note) | {"log": str(stranger)}]))


def test_go_finds_every_entry_in_the_tree(check: Check, made: Made) -> None:
    receipts = [receipt_of(made.ledger, index) for index in range(ENTRIES)]
    found = check([_case("receipt", receipt=receipt) for receipt in receipts])
    assert [one["size"] for one in found] == [
        entry.checkpoint_size for entry in made.ledger.entries(0, ENTRIES)
    ]
    assert accepted(found)


def test_go_finds_entries_under_later_checkpoints(check: Check, made: Made) -> None:
    size = made.sizes[-1]
    tree, note = TiledTree(size, made.ledger.tile), made.note(size)
    receipts = [
        Receipt(index, tuple(tree.inclusion_path(index)), note, made.ledger.entry(index).data)
        for index in (0, 1, 127, 128, 255, 256, 257, size - 1)
    ]
    found = check([_case("receipt", receipt=str(receipt)) for receipt in receipts])
    assert accepted(found)
    assert {one["size"] for one in found} == {size}


def test_go_refuses_receipts_that_were_changed(check: Check, made: Made) -> None:
    good = Receipt.parse(receipt_of(made.ledger, ENTRIES - 1))
    assert len(good.path) > 1
    other = made.note(made.sizes[0])
    swapped = (good.path[1], good.path[0], *good.path[2:])
    bad = [
        dataclasses.replace(good, extra=good.extra[:-1] + b" "),
        dataclasses.replace(good, index=good.index - 1),
        dataclasses.replace(good, index=good.index + 1),
        dataclasses.replace(good, path=good.path[:-1]),
        dataclasses.replace(good, path=(*good.path, good.path[0])),
        dataclasses.replace(good, path=swapped),
        *(
            dataclasses.replace(good, path=(*good.path[:at], _flipped(good.path[at]), *good.path[at + 1 :]))
            for at in range(len(good.path))
        ),
        dataclasses.replace(good, checkpoint=other),
    ]
    assert accepted(check([_case("receipt", receipt=str(good))]))
    assert refused(check([_case("receipt", receipt=str(receipt)) for receipt in bad]))


def test_go_sees_that_each_checkpoint_continues_the_one_before(check: Check, made: Made) -> None:
    pairs = list(itertools.combinations_with_replacement(made.sizes, 2))
    found = check([made.consistency(*pair) for pair in pairs])
    assert accepted(found)
    assert [one["size"] for one in found] == [size2 for _, size2 in pairs]


def test_go_refuses_consistency_proofs_that_were_changed(check: Check, made: Made) -> None:
    pairs = list(itertools.combinations(made.sizes, 2))
    good = made.consistency(*pairs[-1])
    path = [base64.b64decode(item) for item in good["path"]]
    assert path
    bad = [
        good | {"old": good["new"], "new": good["old"]},
        good | {"path": good["path"][:-1]},
        good | {"path": [*good["path"], good["path"][0]]},
        *(
            good
            | {
                "path": [
                    *good["path"][:at],
                    base64.b64encode(_flipped(path[at])).decode(),
                    *good["path"][at + 1 :],
                ]
            }
            for at in range(len(path))
        ),
        good | {"old": _forked(made, pairs[-1][0])},
    ]
    assert accepted(check([good]))
    assert refused(check(bad))


def test_go_checks_when_a_witness_cosigned(check: Check, made: Made) -> None:
    note = cosign(made.note(made.sizes[-1]), WITNESS_KEY, TIME, WITNESS.sign)
    good = _case("cosignature", note=note, witness=str(WITNESS_KEY), time=TIME)
    assert check([good]) == [{"refused": "", "size": made.sizes[-1], "unknown": 1}]
    head, line, _ = note.rsplit("\n", 2)
    other = VerifierKey(WITNESS_KEY.name, SigningKey.generate().verify_key.public, SignatureType.COSIGNATURE)
    later = cosign(made.note(made.sizes[-1]), WITNESS_KEY, TIME + 1, WITNESS.sign)
    plain = cosign(made.note(made.sizes[-1]), WITNESS_KEY, TIME, lambda message: WITNESS.sign(head.encode()))
    assert refused(
        check(
            [
                good | {"note": "\n".join((head, _changed(line, -9), ""))},
                good | {"note": "\n".join((head, _later(line), "")), "time": TIME + 1},
                good | {"note": later},
                good | {"note": plain},
                good | {"note": made.note(made.sizes[-1])},
                good | {"witness": str(other)},
                good | {"witness": str(LOG)},
            ]
        )
    )


def _flipped(data: bytes) -> bytes:
    assert len(data) == HASH_BYTES
    return bytes([data[0] ^ 1]) + data[1:]


def _changed(line: str, at: int) -> str:
    """The line with one character of its base64 another."""
    return line[:at] + ("B" if line[at] == "A" else "A") + line[at + 1 :]


def _later(line: str) -> str:
    """A cosignature whose time was set a second later without the key."""
    dash, name, encoded = line.split(" ")
    blob = bytearray(base64.b64decode(encoded))
    blob[4:12] = (TIME + 1).to_bytes(8, "big")
    return f"{dash} {name} {base64.b64encode(bytes(blob)).decode()}"


def _forked(made: Made, size: int) -> str:
    """A checkpoint that the log signed for another tree of the same size."""
    return LogSigner(LOG, LOG_KEY.sign).note(Checkpoint(LOG.name, size, b"\7" * HASH_BYTES), NOON)
