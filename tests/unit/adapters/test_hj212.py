"""HJ 212: checksum, frames, streams, parts, answers, encryption, and rows under the contract."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.gateway.dialect import Answer, Entry
from adapters.hj212.adapter import Hj212Dialect
from adapters.hj212.conversation import State, request
from adapters.hj212.crc import crc
from adapters.hj212.frame import Message, decode, encode, wrap
from adapters.hj212.sealed import seal
from adapters.hj212.stream import Splitter
from adapters.telemetry.fault import Fault
from adapters.telemetry.station import StationMap, load_stations
from demo.gateway import report
from exchange.errors import MalformedError
from tests.conftest import SHARED

NOW = datetime(2026, 3, 19, 1, 30, tzinfo=UTC)
FRAMES = SHARED / "data" / "telemetry_frames.json"
FUZZED = int(os.environ.get("HECHUAN_FUZZED_FRAMES", "4000"))
OFFICIAL = (
    b"QN=20160801085857223;ST=32;CN=1062;PW=100000;MN=010000A8900016F000169DC0;Flag=5;CP=&&RtdInterval=30&&"
)
MAPPING = """
protocol: hj212
commands: ["2061", "2011"]
items: {w20115: {unit: mg/L}}
stations:
  S1: {section: CQ-ZHUTUO, items: {w21003: {detection_limit: 0.025}}}
  S2: {section: CQ-WANMU, password: "secret"}
"""


def written(crc_of: bytes) -> int:
    """The loop of annex A."""
    state = 0xFFFF
    for byte in crc_of:
        state = state >> 8 ^ byte
        for _ in range(8):
            state = state >> 1 ^ 0xA001 if state & 1 else state >> 1
    return state


def mapped(tmp_path: Path, text: str = MAPPING) -> StationMap:
    path = tmp_path / "stations.yaml"
    path.write_text(text, encoding="utf-8")
    return load_stations(path, "hj212")


def message(station: str = "S1", command: str = "2061", flag: str = "5", **data: str) -> Message:
    header = {"QN": "20260319093000123", "ST": "21", "CN": command, "PW": "1", "MN": station, "Flag": flag}
    return Message(header, {name.replace("_", "-"): value for name, value in data.items()})


def test_the_official_example() -> None:
    assert crc(OFFICIAL) == 0x1C80
    assert decode(b"##0101" + OFFICIAL + b"1C80\r\n").data == {"RtdInterval": "30"}


@given(st.binary(max_size=1200))
def test_the_checksum_is_the_loop_of_annex_a(data: bytes) -> None:
    assert crc(data) == written(data)


@pytest.mark.skipif(
    not FRAMES.exists(), reason="../shared is not here: its frames are no part of the project"
)
def test_all_frames_say_what_their_checksum_says() -> None:
    frames = [each for each in json.loads(FRAMES.read_text()) if each["protocol"].startswith("HJ212")]
    assert len(frames) == 11
    for each in frames:
        try:
            decode(each["frame"].encode())
        except MalformedError:
            assert not each["crc_ok"]
        else:
            assert each["crc_ok"]


WORDS = st.text(st.sampled_from("abcXYZ0123456789.-:_ 氨氮"), min_size=1, max_size=12)
MESSAGES = st.builds(
    Message,
    st.dictionaries(st.sampled_from(["QN", "ST", "CN", "PW", "MN"]), WORDS, min_size=1),
    st.dictionaries(WORDS, WORDS, max_size=12),
)


@given(MESSAGES)
def test_what_is_encoded_decodes_to_itself(given_message: Message) -> None:
    assert decode(encode(given_message)) == given_message


@given(st.lists(MESSAGES, max_size=4), st.lists(st.integers(0, 400), max_size=8))
def test_reads_may_cut_anywhere(messages: list[Message], cuts: list[int]) -> None:
    data, splitter = b"".join(map(encode, messages)), Splitter(4096)
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    pieces = [data[a:b] for a, b in itertools.pairwise(places)]
    found = [each for piece in pieces for each in splitter.feed(piece)]
    assert [decode(each) for each in found if isinstance(each, bytes)] == messages
    assert splitter.held == 0


def test_a_broken_frame_costs_no_other() -> None:
    good = encode(message(DataTime="20260319090000"))
    broken = good.replace(b"S1", b"S7")
    found = list(Splitter().feed(b"noise" + broken + good + b"##00x1" + good))
    assert [each for each in found if isinstance(each, bytes)] == [good, good]
    assert Fault.CHECKSUM in found
    assert Fault.LENGTH in found


def test_fuzzed_frames_raise_nothing_but_our_errors() -> None:
    chance = random.Random(20260319)
    seeds = [encode(message(DataTime="20260319090000", w21003_Avg="0.35", w21003_Flag="N")), wrap(OFFICIAL)]
    splitter = Splitter()
    for _ in range(FUZZED):
        data = bytearray(chance.choice(seeds))
        for _ in range(chance.randrange(1, 6)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        segment = bytes(data[6:-6])
        for frame in (bytes(data), wrap(segment)):
            with contextlib.suppress(MalformedError):
                decode(frame)
        list(splitter.feed(bytes(data)))
        assert splitter.held < 2048


def test_rows(tmp_path: Path) -> None:
    entries = [
        encode(message(DataTime="20260319090000", w21003_Avg="0.01", w21003_Flag="N", w20111_Avg="0.05",
                       w20111_Flag="M", w20115_Avg="0.001", w20115_Flag="N")),
        encode(message(command="2011", DataTime="20260319093000", w21003_Rtd="x", w21003_Flag="P")),
    ]  # fmt: skip
    found = Hj212Dialect().rows([*entries, entries[0]], mapped(tmp_path))
    rows = found.batches["water-quality"].to_pylist()
    said = [(row["item_code"], row["value"], row["unit"], row["data_flag"], row["qualifier"]) for row in rows]
    assert said == [
        ("w21003", 0.01, "mg/L", "N", "<"),
        ("w20142", 5e-05, "mg/L", "M", None),
        ("w20143", 0.001, "mg/L", "N", None),
        ("w21003", None, "mg/L", "D", None),
    ]
    assert {row["sampled_at"] for row in rows} == {NOW.replace(minute=0), NOW}
    assert "2061" in rows[0]["remark"]
    assert rows[3]["remark"] is None
    assert (found.counts["identical"], found.counts["unread"], found.counts["conflicting"]) == (3, 1, 0)


def test_answers_wait_for_the_disk(tmp_path: Path) -> None:
    session = Hj212Dialect().sessions(mapped(tmp_path))()
    [entry] = session.feed(encode(message(DataTime="20260319090000")), NOW)
    assert isinstance(entry, Entry)
    told = decode(entry.answers[0])
    assert (told.command, told.header["ST"], told.header["QN"]) == ("9014", "91", "20260319093000123")
    assert list(session.feed(encode(message("S9")), NOW)) == [Fault.STATION]
    assert list(session.feed(encode(message("S2")), NOW)) == [Fault.PASSWORD]
    [quiet] = session.feed(encode(message(flag="4", DataTime="20260319090000")), NOW)
    assert isinstance(quiet, Entry)
    assert quiet.answers == ()


def test_heartbeats_are_answered_and_not_kept(tmp_path: Path) -> None:
    [answered] = (
        Hj212Dialect().sessions(mapped(tmp_path))().feed(encode(message(command="9015", flag="9")), NOW)
    )
    assert isinstance(answered, Answer)
    assert decode(answered.data).flag == 8


def test_the_time_is_told_and_told_again(tmp_path: Path) -> None:
    session = Hj212Dialect().sessions(mapped(tmp_path))()
    notice, asked = session.feed(encode(message(command="1013")), NOW)
    assert isinstance(notice, Answer)
    assert isinstance(asked, Answer)
    assert decode(notice.data).command == "9013"
    told = decode(asked.data)
    assert (told.command, told.data["SystemTime"]) == ("1012", "20260319093000")
    assert list(session.due(NOW + timedelta(seconds=9))) == []
    assert [decode(each.data) for each in session.due(NOW + timedelta(seconds=11))] == [told]
    accepted = Message({**message(command="9011").header, "QN": told.header["QN"]}, {"QnRtn": "1"})
    done = Message({**accepted.header, "CN": "9012"}, {"ExeRtn": "1"})
    assert list(session.feed(encode(accepted) + encode(done), NOW)) == []
    assert list(session.due(NOW + timedelta(hours=1))) == []


def test_requests_move_as_the_standard_says() -> None:
    asked = request(message(), "1012", {}, NOW, timedelta(seconds=10), 1)
    asked.heard(Message({"CN": "9012"}, {"ExeRtn": "1"}), NOW)
    assert asked.state is State.DONE
    other = request(message(), "1012", {}, NOW, timedelta(seconds=10), 1)
    other.heard(Message({"CN": "9011"}, {"QnRtn": "3"}), NOW)
    assert (other.state, other.reason) == (State.FAILED, "wrong password")
    late = request(message(), "1012", {}, NOW, timedelta(seconds=10), 1)
    assert late.late(NOW + timedelta(seconds=10)) is not None
    assert late.late(NOW + timedelta(seconds=20)) is None
    assert late.state is State.FAILED


def test_parts_can_be_read_alone(tmp_path: Path) -> None:
    def part(number: int, **data: str) -> bytes:
        given_message = message(flag="7", **data)
        return encode(Message({**given_message.header, "PNUM": "2", "PNO": str(number)}, given_message.data))

    stations = mapped(tmp_path)
    session = Hj212Dialect().sessions(stations)()
    first = part(1, DataTime="20260319090000", w21003_Avg="0.35", w21003_Flag="N")
    second = part(2, w01001_Avg="7.8", w01001_Flag="N")
    assert list(session.feed(second, NOW)) == [Fault.ORPHAN]
    entries = [each for each in session.feed(first + second, NOW) if isinstance(each, Entry)]
    assert decode(entries[1].answers[0]).header["PNO"] == "2"
    rows = Hj212Dialect().rows([each.data for each in entries], stations).batches["water-quality"].to_pylist()
    assert [(row["item_code"], row["value"]) for row in rows] == [("w21003", 0.35), ("w01001", 7.8)]
    assert {row["sampled_at"] for row in rows} == {NOW.replace(minute=0)}


def test_encrypted_fields_open_with_the_station_s_key(tmp_path: Path) -> None:
    key = bytes(range(16))
    (tmp_path / "s1.key").write_text(key.hex())
    (tmp_path / "s1.key").chmod(0o600)
    stations = mapped(
        tmp_path, "protocol: hj212\nstations:\n  S1: {section: CQ-ZHUTUO, sm4_key_file: s1.key}\n"
    )
    plain = b"DataTime=20260319090000;w21003-Avg=0.35,w21003-Flag=N"
    head = b"QN=20260319093000123;ST=21;CN=2061;PW=1;MN=S1;Flag=9;CP=&&"
    frame = wrap(head + seal(plain, key) + b"&&")
    [entry] = Hj212Dialect().sessions(stations)().feed(frame, NOW)
    assert isinstance(entry, Entry)
    [row] = Hj212Dialect().rows([entry.data], stations).batches["water-quality"].to_pylist()
    assert row["value"] == 0.35
    other = wrap(head + seal(plain, bytes(16)) + b"&&")
    assert list(Hj212Dialect().sessions(stations)().feed(other, NOW)) == [Fault.MALFORMED]


def test_a_file_of_frames_is_read_as_a_connection_is(tmp_path: Path) -> None:
    from adapters.hj212 import adapter

    mapped(tmp_path)
    log = tmp_path / "log.txt"
    log.write_bytes(report("S1", 1) + b"rubbish\n" + report("S1", 2))
    reading = adapter.read(str(log), tmp_path / "stations.yaml")
    [piece] = reading.pieces()
    assert (piece.contract, piece.rows.num_rows) == ("water-quality", 4)
    assert "noise 1" in reading.tally.notes[0].en


def test_stations_that_the_mapping_lacks_are_named(tmp_path: Path) -> None:
    from adapters.hj212 import adapter

    mapped(tmp_path)
    log = tmp_path / "log.txt"
    log.write_bytes(report("S1", 1) + report("S8", 2) + report("S9", 2))
    reading = adapter.read(str(log), tmp_path / "stations.yaml")
    assert [piece.rows.num_rows for piece in reading.pieces()] == [2]
    assert "2 stations that sent frames: S8, S9" in reading.tally.notes[1].en
    log.write_bytes(report("S9", 2))
    with pytest.raises(MalformedError, match="does not list 1 stations that sent frames: S9"):
        list(adapter.read(str(log), tmp_path / "stations.yaml").pieces())
