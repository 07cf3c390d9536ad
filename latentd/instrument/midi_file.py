"""The notes of a Standard MIDI File with their times in seconds, as one voice for one synth. Pure.

The format is that of the MIDI Association's RP-001. mido reads it, too, but takes 8 MB, which the daemon is spared.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from latentd.errors import UserError

MAX_BYTES = 1_000_000
MAX_MESSAGES = 50_000
# In any second: as many as a MIDI cable carries.
MAX_PER_S = 1000
PERCUSSION = 9  # channel 10, counted from 0: its keys are drums
_SUSTAIN = 64
_PEDAL = 128  # in place of a key
_TEMPO, _END = 0x51, 0x2F
_DEFAULT_TEMPO_US = 500_000
_STEP = "Export it again as a Standard MIDI File of format 0 or 1, or choose another file"


class Timed(NamedTuple):
    """A note or the sustain pedal: when (s), whether it begins, its key (128: the pedal) and velocity."""

    at_s: float
    on: bool
    key: int
    velocity: int

    def message(self, channel: int) -> tuple[int, int, int]:
        """The MIDI message for this channel, 1..16."""
        if self.key == _PEDAL:
            return 0xB0 | channel - 1, _SUSTAIN, 127 * self.on
        return (0x90 if self.on else 0x80) | channel - 1, self.key, self.velocity


class Song(NamedTuple):
    """What a file plays, in order, and when its last track ends (s)."""

    events: list[Timed]
    length_s: float


class _Raw(NamedTuple):
    """An event of a track: when (ticks), its status byte (a tempo's is `_TEMPO`), and its value or two data bytes."""

    tick: int
    status: int
    value: tuple[int, int]


def load(path: Path) -> Song:
    """The song in a file.

    Raises:
        UserError: it cannot be read, is no such file, is too large, or holds no notes.
    """
    try:
        if not path.is_file():
            raise UserError(f"{path}: there is no such file", "Check its name")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}", "Check the file's name and rights") from error
    try:
        return read(data)
    except ValueError as error:
        raise UserError(f"{path}: {error}", _STEP) from error


def read(data: bytes) -> Song:
    """The song in the bytes of a file. Percussion (channel 10) is left out, all other channels become one voice.

    Raises:
        ValueError: what is wrong with it.
    """
    if len(data) > MAX_BYTES:
        raise ValueError(f"is larger than {MAX_BYTES // 1000} kB")
    if data[:4] != b"MThd" or len(data) < 14:
        raise ValueError("is no Standard MIDI File")
    kind, _, division = struct.unpack_from(">HHh", data, 8)
    if kind > 1:
        raise ValueError(f"is of format {kind}, whose tracks are songs of their own")
    tracks = [_track(data, start, end) for start, end in _tracks(data)]
    raw = sorted((event for events, _ in tracks for event in events), key=lambda event: event.tick)
    seconds = _Seconds(division)
    events = list(_voice((seconds.at(event), event) for event in raw))
    length_s = seconds.at(_Raw(max((end for _, end in tracks), default=0), 0, (0, 0)))
    _check(events, length_s)
    return Song(events, length_s)


def _check(events: list[Timed], length_s: float) -> None:
    if not any(event.on and event.key != _PEDAL for event in events):
        raise ValueError("holds no notes, besides percussion (channel 10)")
    if length_s < 0.05:  # it would be played again and again without a pause
        raise ValueError("lasts no time")
    crowded = (b.at_s - a.at_s < 1.0 for a, b in zip(events, events[MAX_PER_S:], strict=False))
    if any(crowded) or len(events) > MAX_PER_S * length_s:
        raise ValueError(f"holds more than {MAX_PER_S} notes within a second")


class _Seconds:
    """Ticks to seconds, event by event, by the tempo so far."""

    def __init__(self, division: int) -> None:
        if division > 0:
            self._ticks_per_beat, self._tick_s = division, _DEFAULT_TEMPO_US * 1e-6 / division
        else:  # frames a second (29 stands for 30000/1001) and ticks a frame
            frames, ticks = -(division >> 8), division & 0xFF
            if frames not in (24, 25, 29, 30) or not ticks:
                raise ValueError("has no valid time division")
            self._ticks_per_beat, self._tick_s = 0, 1.0 / (ticks * (30000 / 1001 if frames == 29 else frames))
        self._tick, self._s = 0, 0.0

    def at(self, event: _Raw) -> float:
        """When the event is; a tempo counts from there on."""
        self._s += (event.tick - self._tick) * self._tick_s
        self._tick = event.tick
        if event.status == _TEMPO and self._ticks_per_beat:
            self._tick_s = event.value[0] * 1e-6 / self._ticks_per_beat
        return self._s


def _voice(events: Iterator[tuple[float, _Raw]]) -> Iterator[Timed]:
    """All channels on one: what two of them hold ends with the second one."""
    holders: dict[int, set[int]] = {}
    for at_s, (_, status, (data1, data2)) in events:
        if status == _TEMPO:
            continue
        kind, channel = status & 0xF0, status & 0x0F
        key = _PEDAL if kind == 0xB0 else data1
        on = data2 >= 64 if kind == 0xB0 else kind == 0x90 and data2 > 0
        held = holders.setdefault(key, set())
        if on:
            held.add(channel)
            yield Timed(at_s, True, key, data2)
        elif channel in held:
            held.discard(channel)
            if not held:
                yield Timed(at_s, False, key, 0)


def _tracks(data: bytes) -> Iterator[tuple[int, int]]:
    """Where the tracks are; chunks of other kinds are skipped, as the format demands."""
    at = 8 + int.from_bytes(data[4:8], "big")
    while at + 8 <= len(data):
        name, end = data[at : at + 4], at + 8 + int.from_bytes(data[at + 4 : at + 8], "big")
        if name == b"MTrk":
            if end > len(data):
                raise ValueError("ends in the middle of a track")
            yield at + 8, end
        at = end


def _track(data: bytes, at: int, end: int) -> tuple[list[_Raw], int]:
    """The notes, pedals and tempos between two offsets, and the tick of the track's end."""
    events: list[_Raw] = []
    tick, status = 0, 0
    try:
        while at < end:
            ticks, at = _number(data, at)
            tick += ticks
            if data[at] >= 0x80:
                status_now, at = data[at], at + 1
                status = status_now if status_now < 0xF0 else status
            else:
                status_now = status
            if status_now >= 0xF0:
                kind, at = (data[at], at + 1) if status_now == 0xFF else (0, at)
                size, at = _number(data, at)
                if status_now == 0xFF and kind == _TEMPO and size == 3:
                    events.append(_Raw(tick, _TEMPO, (int.from_bytes(data[at : at + 3], "big"), 0)))
                at += size
                if status_now == 0xFF and kind == _END:
                    break
                continue
            size = 1 if status_now & 0xE0 == 0xC0 else 2
            if status_now < 0x80 or max(data[at : at + size], default=0) > 0x7F:
                raise ValueError(f"is damaged at byte {at}")
            if _counts(status_now, data[at]):
                events.append(_Raw(tick, status_now, (data[at], data[at + 1])))
            at += size
            if len(events) > MAX_MESSAGES:
                raise ValueError(f"holds more than {MAX_MESSAGES} notes")
    except IndexError:
        at = len(data) + 1
    if at > end:
        raise ValueError("ends in the middle of a track")
    return events, tick


def _counts(status: int, data1: int) -> bool:
    kind = status & 0xF0
    return status & 0x0F != PERCUSSION and (kind in (0x80, 0x90) or (kind == 0xB0 and data1 == _SUSTAIN))


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A number of variable length, and where it ends."""
    value = 0
    for _ in range(4):
        byte, at = data[at], at + 1
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at
    raise ValueError(f"is damaged at byte {at}")
