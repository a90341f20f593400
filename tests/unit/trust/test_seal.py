"""Sealed columns: what opens, what does not, and that a cell is CCM as anybody has it."""

from __future__ import annotations

import base64
import json
import stat
from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from exchange.errors import (
    HechuanError,
    InvalidInputError,
    LimitExceededError,
    MalformedError,
    NotFoundError,
    SchemaMismatchError,
    SignatureInvalidError,
    UntrustedError,
)
from exchange.trust.seal import (
    BatchKey,
    Recipient,
    RecipientKey,
    new_batch_key,
    open_columns,
    seal_columns,
    unwrap_key,
    wrap_key,
)

DATASET = "500000/ecology/complaint"
BOUND = ["section", "at"]
TYPES = {"name": pa.string(), "phone": pa.string(), "born": pa.date32(), "level": pa.float64()}
AGREEMENT = "sha256:" + "ab" * 32


def plain(rows: int = 5, offset: int = 0) -> pa.Table:
    numbers = range(offset, offset + rows)
    return pa.table(
        {
            "section": [f"断面{at % 3}" for at in numbers],
            "at": pa.array([at * 1000 for at in numbers], pa.timestamp("us", "UTC")),
            "name": [None if at % 5 == 2 else "张三" * (at % 4) for at in numbers],
            "phone": [f"138{at:08d}" for at in numbers],
            "born": [date(1980, 1, 1 + at % 20) for at in numbers],
            "level": [None if at % 2 else at / 2 for at in numbers],
        }
    )


def key() -> BatchKey:
    return new_batch_key(DATASET, BOUND)


def test_round_trip() -> None:
    made = key()
    sealed = seal_columns(plain(), list(TYPES), made)
    assert [sealed.schema.field(name).type for name in TYPES] == [pa.binary()] * 4
    assert all(sealed[name].null_count == 0 for name in TYPES)
    assert sealed.select(BOUND).equals(plain().select(BOUND))
    assert open_columns(sealed, list(TYPES), TYPES, [made]).equals(plain())


def test_any_rows_of_any_batches_in_any_order() -> None:
    made = [key() for _ in range(3)]
    parts = [seal_columns(plain(40, 40 * at), list(TYPES), one) for at, one in enumerate(made)]
    every = pa.concat_tables(parts)
    some = every.take([100, 3, 41, 79, 0, 119, 2]).append_column("n", [list(range(7))])
    opened = open_columns(some, list(TYPES), TYPES, reversed(made))
    assert opened.drop_columns("n").equals(plain(120).take([100, 3, 41, 79, 0, 119, 2]))
    only = open_columns(some.drop_columns(["name", "born"]), ["phone"], TYPES, made)
    assert only["phone"].to_pylist() == opened["phone"].to_pylist()
    assert open_columns(every.slice(0, 0), list(TYPES), TYPES, made).equals(plain(0).cast(plain().schema))


def test_through_parquet_and_duckdb(tmp_path: Path) -> None:
    made, path = key(), tmp_path / "batch.parquet"
    pq.write_table(seal_columns(plain(50), ["name", "phone"], made), path)
    query = f"""SELECT * FROM '{path}' WHERE section = '断面1' ORDER BY "at" DESC"""
    with duckdb.connect() as session:
        session.execute("SET TimeZone = 'Asia/Shanghai'")
        found = session.sql(query).to_arrow_table()
    found = found.set_column(0, "section", found["section"].dictionary_encode())
    opened = open_columns(found, ["name", "phone"], TYPES, [made])
    rows = plain(50).filter(pc.field("section") == "断面1").sort_by([("at", "descending")])
    assert opened["name"].to_pylist() == rows["name"].to_pylist()
    assert opened["phone"].to_pylist() == rows["phone"].to_pylist()


def test_a_cell_is_plain_ccm() -> None:
    made = key()
    cell = seal_columns(plain(), ["phone"], made)["phone"][3].as_py()
    secret = base64.b64decode(json.loads(made.to_bytes())["key"])
    info = json.dumps(["hechuan seal 1", DATASET, BOUND, "phone", "string"], separators=(",", ":")).encode()
    own = AESCCM(HKDF(hashes.SHA256(), 32, salt=None, info=info).derive(secret), tag_length=16)
    section, moment = "断面0".encode(), (3000).to_bytes(8, "little")
    aad = len(section).to_bytes(4, "little") + section + (8).to_bytes(4, "little") + moment
    text = own.decrypt(bytes(3) + cell[8:16], cell[16:], aad)
    assert text == (11).to_bytes(4, "little") + b"13800000003" + bytes(1)
    assert cell[:16] == bytes.fromhex(made.keyid[7:23]) + (3).to_bytes(8, "big")
    assert (len(cell), len(text)) == (48, 16)


def test_equal_values_differ_and_null_does_not_show() -> None:
    rows = pa.table({"section": ["a"] * 4, "at": [0] * 4, "name": ["x", "x", None, ""]})
    cells = seal_columns(rows, ["name"], key())["name"].to_pylist()
    assert len({cell[16:] for cell in cells}) == 4
    assert {len(cell) for cell in cells} == {48}


def test_a_key_seals_each_row_number_once() -> None:
    made = key()
    first, second = (seal_columns(plain(3, at), ["phone"], made)["phone"].to_pylist() for at in (0, 3))
    assert [int.from_bytes(cell[8:16], "big") for cell in first + second] == [0, 1, 2, 3, 4, 5]
    with pytest.raises(InvalidInputError, match="only a new batch key seals"):
        seal_columns(plain(), ["phone"], BatchKey.from_bytes(made.to_bytes()))


# --- attacks ---

Change = Callable[[pa.Table], pa.Table]


def cells(table: pa.Table, name: str, change: Callable[[list[bytes]], list[bytes | None]]) -> pa.Table:
    at = table.schema.get_field_index(name)
    return table.set_column(at, name, pa.array(change(table[name].to_pylist()), pa.binary()))


def flipped(at: int) -> Change:
    def change(each: list[bytes]) -> list[bytes | None]:
        cell = bytearray(each[3])
        cell[at] ^= 1
        return [*each[:3], bytes(cell), *each[4:]]

    return lambda table: cells(table, "phone", change)


def with_first(make: Callable[[list[bytes]], bytes | None]) -> Change:
    return lambda table: cells(table, "phone", lambda each: [make(each), *each[1:]])


def swapped_columns(table: pa.Table) -> pa.Table:
    names = [{"name": "phone", "phone": "name"}.get(name, name) for name in table.column_names]
    return table.rename_columns(names)


ATTACKS: list[tuple[str, Change, type[HechuanError], str]] = [
    ("bit of the key id", flipped(0), SignatureInvalidError, "not of one batch and row"),
    ("bit of the row number", flipped(15), SignatureInvalidError, "not of one batch and row"),
    ("bit of the ciphertext", flipped(16), SignatureInvalidError, "column phone: 1 cells do not open"),
    ("bit of the tag", flipped(-1), SignatureInvalidError, "the first in row 3"),
    ("cut short", with_first(lambda each: each[0][:-1]), MalformedError, "cut short"),
    ("a block less", with_first(lambda each: each[0][:-16]), MalformedError, "cut short"),
    ("a block more", with_first(lambda each: each[0] + bytes(16)), SignatureInvalidError, "do not open"),
    ("three blocks", with_first(lambda each: each[0] + bytes(32)), MalformedError, "or is none"),
    ("empty", with_first(lambda each: b""), MalformedError, "or is none"),
    ("null", with_first(lambda each: None), SignatureInvalidError, "a sealed cell is gone"),
    (
        "cell of another row",
        with_first(lambda each: each[1]),
        SignatureInvalidError,
        "not of one batch and row",
    ),
    ("columns swapped", swapped_columns, SignatureInvalidError, "do not open"),
    (
        "rows swapped in every sealed column",
        lambda table: cells(cells(table, "phone", lambda e: e[::-1]), "name", lambda e: e[::-1]),
        SignatureInvalidError,
        "do not open",
    ),
    (
        "primary key changed",
        lambda table: table.set_column(0, "section", pc.replace_substring(table["section"], "0", "1")),
        SignatureInvalidError,
        "do not open",
    ),
    (
        "primary key withheld",
        lambda table: table.drop_columns("at"),
        SchemaMismatchError,
        "column at is missing",
    ),
    (
        "handed out as text",
        lambda table: table.set_column(3, "phone", pa.array(["x"] * 5)),
        SchemaMismatchError,
        "sealed ones are binary",
    ),
]


@pytest.mark.parametrize(
    ("change", "error", "said"), [row[1:] for row in ATTACKS], ids=[row[0] for row in ATTACKS]
)
def test_attacks(change: Change, error: type[HechuanError], said: str) -> None:
    made = key()
    sealed = seal_columns(plain(), ["name", "phone"], made)
    with pytest.raises(error, match=said):
        open_columns(change(sealed), ["name", "phone"], TYPES, [made])


def test_other_keys_do_not_open() -> None:
    made = key()
    sealed = seal_columns(plain(), ["phone"], made)
    with pytest.raises(NotFoundError, match=f"no key for row 0, sealed under {made.keyid[:23]}"):
        open_columns(sealed, ["phone"], TYPES, [key()])
    secret = base64.b64decode(json.loads(made.to_bytes())["key"])
    for other in (BatchKey(secret, DATASET + "s", BOUND), BatchKey(secret, DATASET, ["at", "section"])):
        with pytest.raises(SignatureInvalidError, match="do not open"):
            open_columns(sealed, ["phone"], TYPES, [other])
    with pytest.raises(SignatureInvalidError, match="type or key"):
        open_columns(sealed, ["phone"], {"phone": pa.binary()}, [made])


def test_a_cell_of_an_older_batch_beside_newer_ones() -> None:
    old, new = key(), key()
    before, after = (seal_columns(plain(), ["name", "phone"], one) for one in (old, new))
    mixed = after.set_column(3, "phone", before["phone"])
    with pytest.raises(SignatureInvalidError, match="not of one batch and row"):
        open_columns(mixed, ["name", "phone"], TYPES, [old, new])


@pytest.mark.parametrize(
    ("columns", "error"),
    [
        (["section"], InvalidInputError),
        (["nothing"], SchemaMismatchError),
        (["phone", "phone"], InvalidInputError),
        (["list"], InvalidInputError),
        (["long"], LimitExceededError),
    ],
)
def test_what_cannot_be_sealed(columns: list[str], error: type[HechuanError]) -> None:
    table = plain(1).append_column("list", [[[1]]]).append_column("long", [["x" * ((1 << 20) + 1)]])
    with pytest.raises(error):
        seal_columns(table, columns, key())


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b'{"bound":[1],"dataset":"a","key":"AA=="}', b'{"bound":["a"],"dataset":"a","key":"*"}'],
)
def test_what_is_no_batch_key(data: bytes) -> None:
    with pytest.raises(InvalidInputError):
        BatchKey.from_bytes(data)


# --- recipients ---

ALGORITHMS = ["x25519", "mlkem768-x25519"]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_key_for_a_reader(algorithm: str, tmp_path: Path) -> None:
    reader, made = RecipientKey.generate(algorithm), key()
    reader.save(tmp_path / "key")
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    wrapped = wrap_key(made, Recipient.parse(str(reader.recipient)), AGREEMENT)
    assert wrapped != wrap_key(made, reader.recipient, AGREEMENT)
    found = unwrap_key(wrapped, RecipientKey.load(tmp_path / "key"), made.keyid, DATASET, AGREEMENT)
    assert (found.keyid, found.dataset, found.bound) == (made.keyid, DATASET, tuple(BOUND))
    sealed = seal_columns(plain(), ["phone"], made)
    assert open_columns(sealed, ["phone"], TYPES, [found])["phone"].equals(plain()["phone"])
    for keyid, dataset, agreement in (
        (key().keyid, DATASET, AGREEMENT),
        (made.keyid, DATASET + "s", AGREEMENT),
        (made.keyid, DATASET, ""),
    ):
        with pytest.raises(SignatureInvalidError, match="does not open"):
            unwrap_key(wrapped, reader, keyid, dataset, agreement)
    with pytest.raises(SignatureInvalidError, match="another reader"):
        unwrap_key(wrapped, RecipientKey.generate(algorithm), made.keyid, DATASET, AGREEMENT)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_hostile_wrapped_keys(algorithm: str) -> None:
    reader, made = RecipientKey.generate(algorithm), key()
    wrapped = wrap_key(made, reader.recipient, AGREEMENT)
    bits = [wrapped[:at] + bytes((wrapped[at] ^ 1,)) + wrapped[at + 1 :] for at in range(0, len(wrapped), 7)]
    for hostile in [
        b"",
        b"\x00",
        wrapped[:1],
        wrapped[:40],
        wrapped[:-1],
        wrapped + b"\x00",
        bytes(157),
        *bits,
    ]:
        with pytest.raises((MalformedError, SignatureInvalidError)):
            unwrap_key(hostile, reader, made.keyid, DATASET, AGREEMENT)
    small = wrapped[:1] + bytes(32) + wrapped[33:]  # a point of small order
    with pytest.raises(SignatureInvalidError):
        unwrap_key(small, reader, made.keyid, DATASET, AGREEMENT)


def test_a_point_of_small_order_gets_no_key() -> None:
    with pytest.raises((InvalidInputError, MalformedError)):
        wrap_key(key(), Recipient("x25519", bytes(32)), AGREEMENT)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x25519",
        "x25519:" + "0" * 32 + " " + base64.b64encode(bytes(range(32))).decode(),
        "rsa:" + "0" * 32 + " AAAA",
        "x25519:" + "0" * 32 + " AAAA",
        "x25519:" + "0" * 32 + " A",
        "mlkem768-x25519:" + "0" * 32 + " AAAA",
    ],
)
def test_what_is_no_recipient(text: str) -> None:
    with pytest.raises(InvalidInputError):
        Recipient.parse(text)


def test_private_files(tmp_path: Path) -> None:
    path = tmp_path / "key"
    for content in (b"", b"hechuan-recipient-1 x25519 A\n", b"hechuan-recipient-1 rsa AAAA\n", b"x" * 100):
        path.write_bytes(content)
        path.chmod(0o600)
        with pytest.raises(InvalidInputError):
            RecipientKey.load(path)
    path.chmod(0o644)
    with pytest.raises(UntrustedError):
        RecipientKey.load(path)


def test_secrets_do_not_show() -> None:
    made, reader = key(), RecipientKey.generate()
    assert repr(made) == f"BatchKey({made.keyid}, {DATASET})"
    assert repr(reader) == f"RecipientKey({reader.keyid})"
    assert reader.keyid.startswith("x25519:")


def test_names_of_a_batch_key() -> None:
    for dataset, bound in ((DATASET, []), ("", BOUND), (DATASET, ["a", "a"]), (DATASET, ["x" * 300])):
        with pytest.raises(InvalidInputError):
            new_batch_key(dataset, bound)
