"""SL 651: frames of both forms, layouts, series, parts, acknowledgements, and rows under the contracts. SZY 206."""

from __future__ import annotations

import contextlib
import json
import os
import random
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.gateway.dialect import Answer, Entry
from adapters.sl651 import code, report, text
from adapters.sl651.adapter import Sl651Dialect
from adapters.sl651.batch import decode_many
from adapters.sl651.frame import ETB, ETX, NAK, SYN, Frame, decode, encode
from adapters.sl651.stream import Splitter
from adapters.szy206 import frame as szy206
from adapters.szy206.adapter import Szy206Dialect, dated
from adapters.telemetry.station import StationMap, load_stations
from exchange.errors import MalformedError
from tests.conftest import SHARED

NOW = datetime(2026, 3, 19, 1, 30, tzinfo=UTC)
FRAMES = SHARED / "data" / "telemetry_frames.json"
FUZZED = int(os.environ.get("HECHUAN_FUZZED_FRAMES", "4000"))
HEAD = bytes.fromhex("0001260319093000")
WHERE = bytes.fromhex("F1F1006010540048F0F02603190805")
HOURLY = HEAD + WHERE + bytes.fromhex(
    "F460050000FF0000000000000000F5C0000C000CFFFF00310031003100310031003100310031002A"
    "F0F02603190900392300196420272B000312000020190000052619FF00013812110345200000000147110085"
)  # fmt: skip
MAPPING = """
protocol: sl651
stations:
  "0060105400": {section: CQ-ZHUTUO, stage_datum: "1985", stage_base_m: 196, rain: F4, discharge_method: rating}
"""


def mapped(tmp_path: Path, protocol: str = "sl651", content: str = MAPPING) -> StationMap:
    path = tmp_path / "stations.yaml"
    path.write_text(content, encoding="utf-8")
    return load_stations(path, protocol)


def hourly(body: bytes = HOURLY, function: int = 0x34) -> Frame:
    return Frame(1, "0060105400", "1234", function, body)


@pytest.mark.skipif(
    not FRAMES.exists(), reason="../shared is not here: its frames are no part of the project"
)
def test_all_frames_say_what_their_checksum_says() -> None:
    frames = [each for each in json.loads(FRAMES.read_text()) if not each["protocol"].startswith("HJ212")]
    assert len(frames) == 11
    for each in frames:
        data = bytes.fromhex(each["frame"])
        known = szy206.decode if each["protocol"] == "SZY206" else decode
        try:
            known(data)
        except MalformedError:
            assert not each["crc_ok"]
        else:
            assert each["crc_ok"]


ADDRESSES = st.binary(min_size=5, max_size=5).map(lambda each: each.hex().upper())
FRAMES_OF_ANY_KIND = st.builds(
    Frame,
    st.integers(0, 255),
    ADDRESSES,
    st.binary(min_size=2, max_size=2).map(lambda each: each.hex().upper()),
    st.integers(0, 255),
    st.binary(max_size=300),
    st.sampled_from([ETX, ETB]),
    st.integers(2, 40).flatmap(lambda total: st.tuples(st.integers(1, total), st.just(total)))
    | st.just((1, 1)),
    st.just(True),
    st.booleans(),
)


@given(FRAMES_OF_ANY_KIND)
def test_what_is_encoded_decodes_to_itself(frame: Frame) -> None:
    data = encode(frame)
    assert decode(data) == frame
    assert decode(encode(frame._replace(up=False, end=NAK))) == frame._replace(up=False, end=NAK)
    assert list(Splitter().feed(data)) == [(data, frame)]


def test_reports_are_what_was_sent() -> None:
    found = report.decode(0x34, HOURLY)
    assert report.encode(found) == HOURLY
    assert (found.station, found.kind) == ("0060105400", 0x48)
    numbers = found.numbers()
    assert numbers[:3] == [("2603190805", 0xF4, 0.5), ("2603190810", 0xF4, 0.0), ("2603190815", 0xF4, 0.0)]
    assert ("2603190820", 0xF4, None) in numbers
    assert ("2603190815", 0xF5, None) in numbers
    assert ("2603190900", 0xF5, 0.42) in numbers
    assert numbers[-6:] == [
        ("2603190900", 0x39, 196.42),
        ("2603190900", 0x27, 3120.0),
        ("2603190900", 0x20, 0.5),
        ("2603190900", 0x26, -0.1),
        ("2603190900", 0x38, 11.03),
        ("2603190900", 0x47, 8.5),
    ]


def test_many_are_read_as_one_by_one() -> None:
    alike = HEAD + WHERE + bytes.fromhex("392300196420272B000312000038121103")
    frames = [encode(hourly(alike[:-1] + bytes([number % 10]), 0x32)) for number in range(8)]
    negative = encode(hourly(alike.replace(bytes.fromhex("00196420"), bytes.fromhex("FF000420")), 0x32))
    broken = bytearray(frames[0])
    broken[40] ^= 1
    given_frames = [*frames, negative, bytes(broken), encode(hourly())]
    columns, rest = decode_many(given_frames)
    assert rest == [8, 9, 10]
    [found] = columns
    for place, times, numbers in zip(found.frames, found.times.tolist(), found.numbers.tolist(), strict=True):
        frame = decode(given_frames[place])
        said = [(f"{time:010}", *pair) for time, *pair in zip(times, found.elements, numbers, strict=True)]
        assert said == report.decode(frame.function, frame.body).numbers()


def test_equal_intervals_repeat_their_data() -> None:
    body = HEAD + WHERE + bytes.fromhex("041800000539230019642000196430FFFFFFFF")
    assert report.decode(code.UNIFORM, body).numbers() == [
        ("2603190805", 0x39, 196.42),
        ("2603190810", 0x39, 196.43),
        ("2603190815", 0x39, None),
    ]


def test_the_ascii_form() -> None:
    body = (
        b"0001260319093000ST 0060105400 H TT 2603190900 DRN05 Z 196.42 196.43 PJ 0.5 DRP "
        + b"05"
        + b"00" * 10
        + b"FF"
    )
    found = text.numbers(body)
    assert found[:3] == [
        ("2603190900", 0x39, 196.42),
        ("2603190905", 0x39, 196.43),
        ("2603190900", 0x20, 0.5),
    ]
    assert found[3] == ("2603190900", 0xF4, 0.5)
    assert found[-1] == ("2603190955", 0xF4, None)


@pytest.mark.parametrize(
    "body",
    ["00", "0001260319093000F1F0", "0001260319093000392300", "0001260319093000F460", "0001260319093000FF"],
)
def test_bodies_that_break_off(body: str) -> None:
    with pytest.raises(MalformedError):
        report.decode(0x34, bytes.fromhex(body)).numbers()


def test_fuzzed_frames_raise_nothing_but_our_errors() -> None:
    chance = random.Random(20260319)
    seeds = [
        encode(hourly()),
        encode(hourly(function=0x31)),
        encode(hourly(HOURLY.hex().encode())._replace(text=True)),
    ]
    splitter = Splitter()
    for _ in range(FUZZED):
        data = bytearray(chance.choice(seeds))
        for _ in range(chance.randrange(1, 6)):
            data[chance.randrange(14, len(data))] = chance.randrange(256)
        body, function = bytes(data[14:-3]), data[10]
        with contextlib.suppress(MalformedError):
            report.decode(function, body).numbers()
        with contextlib.suppress(MalformedError):
            text.numbers(body)
        list(splitter.feed(bytes(data)))
        assert splitter.held < 8192


def test_parts_are_joined_and_missing_ones_asked_for(tmp_path: Path) -> None:
    stations = mapped(tmp_path)
    session = Sl651Dialect().sessions(stations)()
    first = encode(hourly(HOURLY[:50])._replace(part=(1, 2), end=ETB))
    second = encode(hourly(HOURLY[50:])._replace(part=(2, 2)))
    assert first[13] == SYN
    [asked] = session.feed(second, NOW)
    assert isinstance(asked, Answer)
    assert (decode(asked.data).end, decode(asked.data).part) == (NAK, (1, 2))
    [entry] = session.feed(first, NOW)
    assert isinstance(entry, Entry)
    whole = Sl651Dialect().rows([encode(hourly())], stations).batches["hydrology"]
    assert Sl651Dialect().rows([entry.data], stations).batches["hydrology"] == whole


def test_rows(tmp_path: Path) -> None:
    found = Sl651Dialect().rows([encode(hourly())], mapped(tmp_path))
    water = found.batches["hydrology"].to_pylist()
    assert len(water) == 12
    [last] = [row for row in water if row["observed_at"] == NOW.replace(minute=0)]
    assert (last["station_code"], last["stage_m"], last["stage_datum"]) == ("60105400", 196.42, "1985")
    assert (last["discharge_m3s"], last["discharge_method"]) == (3120.0, "rating")
    assert (last["rainfall_mm"], last["interval_minutes"]) == (0.0, 5)
    [oxygen] = found.batches["water-quality"].to_pylist()
    assert (oxygen["item_code"], oxygen["value"], oxygen["section_code"]) == ("w01009", 8.5, "CQ-ZHUTUO")
    assert found.counts["conflicting"] == 0


SZY206_FRAMES = st.builds(
    szy206.Frame,
    st.integers(0, 255).map(lambda each: each & ~0x40),
    ADDRESSES,
    st.integers(0, 255),
    st.binary(max_size=200),
    st.just(0),
)


@given(SZY206_FRAMES)
def test_szy206_encoded_decodes_to_itself(frame: szy206.Frame) -> None:
    assert szy206.decode(szy206.encode(frame)) == frame


def test_szy206_rows(tmp_path: Path) -> None:
    mapping = 'protocol: szy206\nstations:\n  "5001550001": {station_code: "60105400", stage_datum: "1985"}\n'
    stations = mapped(tmp_path, "szy206", mapping)
    data = bytes.fromhex("20641900000000000000091900")
    sent = szy206.encode(szy206.Frame(0x82, "5001550001", szy206.REPORT, data))
    [entry] = Szy206Dialect().sessions(stations)().feed(sent, NOW)
    assert isinstance(entry, Entry)
    assert szy206.decode(entry.answers[0]).data == b"\0"
    [row] = Szy206Dialect().rows([entry.data], stations).batches["hydrology"].to_pylist()
    assert (row["stage_m"], row["observed_at"]) == (196.42, NOW.replace(minute=0))
    with pytest.raises(MalformedError):
        szy206.decode(sent[:-2] + b"\0\x16")


def test_days_without_a_month() -> None:
    assert dated(date(2026, 3, 2), 28) == date(2026, 2, 28)
    assert dated(date(2026, 3, 2), 31) == date(2026, 1, 31)
    assert dated(date(2026, 2, 28), 1) == date(2026, 3, 1)
