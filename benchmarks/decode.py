"""Telemetry frames decoded, against what no decoder can do without: the CRC and the cuts, both in compiled code.

HJ 212's checksum is in no library; the floor computes CRC-16/MODBUS over the same bytes and splits them at every
separator. For SL 651 the floor knows beforehand where everything stands and cuts with one `struct`; ours reads
reports side by side, as the gateway does with a segment.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from fastcrc import crc16

from adapters.hj212.frame import Message
from adapters.hj212.frame import decode as decode_hj212
from adapters.hj212.frame import encode as encode_hj212
from adapters.sl651.batch import decode_many
from adapters.sl651.frame import Frame
from adapters.sl651.frame import encode as encode_sl651
from benchmarks.figure import Figure, bench

_FRAMES: Final = 20_000
_TURNS: Final = 7
_ALIKE: Final = bytes.maketrans(b",=", b";;")
_ITEMS: Final = ("w01010", "w01001", "w01009", "w01014", "w01003", "w01019", "w21011", "w21001", "w21003", "w20144",
                 "w20141", "w23002", "w21016", "w20143", "w20138")  # fmt: skip
_CUTS: Final = struct.Struct(">2xB5s2sBHB2s6s2s5sB2s5sBB3sBB3sBB4sBB2sB2s")


def _hj212(number: int) -> bytes:
    """An hourly report of fifteen items, as surface-water stations send it."""
    moment = f"202603{number % 28 + 1:02}{number % 24:02}0000"
    header = {
        "QN": f"{moment}{number % 1000:03}",
        "ST": "21",
        "CN": "2061",
        "PW": "123456",
        "MN": "NM100000_0005",
    }
    data = {"DataTime": moment}
    for at, item in enumerate(_ITEMS):
        data |= {f"{item}-Avg": f"{(number * 7 + at) % 900 / 100:.3f}", f"{item}-Flag": "N"}
    return encode_hj212(Message({**header, "Flag": "5"}, data))


def _sl651(number: int) -> bytes:
    """A timed report of rain, stage and voltage."""
    moment = f"2603{number % 28 + 1:02}{number % 24:02}"
    body = (
        f"{number % 10000:04}{moment}0000F1F1001122334448F0F0{moment}002019{number % 900:06}2619{number:06}"
    )
    body += f"3923{number % 99999999:08}3812{number % 1500:04}"
    return encode_sl651(Frame(1, "0011223344", "1234", 0x32, bytes.fromhex(body)))


def _seconds(work: Callable[[Sequence[bytes]], None], frames: Sequence[bytes]) -> float:
    """Best of some turns, this process's time: the machine's other work does not count."""
    found = []
    for _ in range(_TURNS):
        started = time.process_time()
        work(frames)
        found.append(time.process_time() - started)
    return min(found)


def _ours_hj212(frames: Sequence[bytes]) -> None:
    for frame in frames:
        decode_hj212(frame)


def _floor_hj212(frames: Sequence[bytes]) -> None:
    for frame in frames:
        crc16.modbus(frame[6:-6])
        frame[6:-6].translate(_ALIKE).split(b";")


def _ours_sl651(frames: Sequence[bytes]) -> None:
    columns, rest = decode_many(frames)
    if rest or sum(len(each.frames) for each in columns) != len(frames):
        raise AssertionError("frames of one layout are read side by side")


def _floor_sl651(frames: Sequence[bytes]) -> None:
    for frame in frames:
        crc16.modbus(frame[:-2])
        _CUTS.unpack(frame)


@bench("decode.hj212", "decode.sl651")
def decode(scratch: Path) -> Iterable[Figure]:
    """20,000 different frames of each protocol, bytes to records."""
    for name, make, ours, floor in (
        ("decode.hj212", _hj212, _ours_hj212, _floor_hj212),
        ("decode.sl651", _sl651, _ours_sl651, _floor_sl651),
    ):
        frames = [make(number) for number in range(_FRAMES)]
        rate, peer = _FRAMES / _seconds(ours, frames), _FRAMES / _seconds(floor, frames)
        # a sixth of the floor's rate is six times its time
        yield Figure(name, rate, "frames/s", "CRC and cuts, compiled", peer, 1 / 6, "higher")
