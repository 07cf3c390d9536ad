"""Standard MIDI Files: what mido reads, we read; what nobody can play is one clear line."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mido
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentd.errors import UserError
from latentd.instrument import midi_file
from latentd.instrument.midi_file import MAX_MESSAGES, Song, Timed, read

Event = tuple[int, str, int, int, int]  # ticks since the last, kind, channel, key, value


def message(event: Event) -> mido.Message | mido.MetaMessage:
    ticks, kind, channel, key, value = event
    if kind == "tempo":
        return mido.MetaMessage("set_tempo", tempo=200_000 + 5000 * value, time=ticks)
    if kind == "name":
        return mido.MetaMessage("track_name", name="n" * key, time=ticks)
    if kind == "sysex":
        return mido.Message("sysex", data=[key, value], time=ticks)
    if kind == "program":
        return mido.Message("program_change", channel=channel, program=key, time=ticks)
    if kind == "cc":
        return mido.Message("control_change", channel=channel, control=64 if key % 2 else key, value=value, time=ticks)
    return mido.Message(kind, channel=channel, note=key, velocity=value, time=ticks)


def written(tracks: Sequence[Sequence[Event]], division: int = 480, kind: int = 1) -> bytes:
    file = mido.MidiFile(type=kind, ticks_per_beat=division)
    for events in tracks:
        file.tracks.append(mido.MidiTrack([message(event) for event in events]))
    data = io.BytesIO()
    file.save(file=data)
    return data.getvalue()


def beats(*events: Event, division: int = 480) -> bytes:
    return written([events], division)


def by_mido(data: bytes) -> tuple[list[tuple[float, bool, int]], float]:
    """When what begins and ends by mido, on one channel each, and the length."""
    at_s, events = 0.0, []
    for found in mido.MidiFile(file=io.BytesIO(data)):
        at_s += found.time
        if found.type in ("note_on", "note_off"):
            events.append((at_s, found.type == "note_on" and found.velocity > 0, found.note))
        elif found.type == "control_change" and found.control == 64:
            events.append((at_s, found.value >= 64, 128))
    return events, at_s


KINDS = st.sampled_from(["note_on", "note_on", "note_off", "tempo", "cc", "program", "sysex", "name"])
EVENTS = st.tuples(st.integers(0, 960), KINDS, st.just(2), st.integers(0, 127), st.integers(0, 127))


@given(st.lists(st.lists(EVENTS, max_size=20), min_size=1, max_size=3), st.sampled_from([24, 96, 480, 960]))
def test_what_mido_reads_is_read_with_the_same_times(tracks: list[list[Event]], division: int) -> None:
    data = written([[(0, "note_on", 2, 60, 1), (999, "note_off", 2, 60, 0)], *tracks], division)
    song = read(data)
    expected, length_s = by_mido(data)
    assert song.length_s == pytest.approx(length_s)
    sounding: set[int] = set()
    kept: list[tuple[Any, bool, int]] = []  # the end of what does not sound is nothing
    for at_s, on, key in expected:
        if on or key in sounding:
            kept.append((pytest.approx(at_s), on, key))
        (sounding.add if on else sounding.discard)(key)
    assert [(event.at_s, event.on, event.key) for event in song.events] == kept


@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda body: whole(body)))
def test_any_bytes_are_a_song_or_a_mistake(data: bytes) -> None:
    try:
        song = read(data)
    except ValueError as error:
        assert "\n" not in str(error)
    else:
        assert all(0 <= event.key <= 128 and 0 <= event.velocity <= 127 for event in song.events)
        assert all(0.0 <= event.at_s <= song.length_s for event in song.events)


def whole(*bodies: bytes, kind: int = 1, division: int = 480) -> bytes:
    """A file with these bytes in its tracks, whatever they are."""
    header = b"MThd" + struct.pack(">IHHH", 6, kind, len(bodies), division & 0xFFFF)
    return header + b"".join(b"MTrk" + struct.pack(">I", len(body)) + body for body in bodies)


NOTE = b"\x00\x90\x3c\x64\x83\x60\x3c\x00"  # middle C for a beat, its end by running status
END = b"\x00\xff\x2f\x00"


def test_running_status_goes_on_after_other_messages() -> None:
    song = read(whole(b"\x00\xff\x01\x02hi" + NOTE + b"\x00\xf0\x03\x01\x02\xf7" + b"\x00\x3e\x50" + END))
    assert song.events == [
        Timed(0.0, True, 60, 100), Timed(0.5, False, 60, 0), Timed(0.5, True, 62, 80),
    ]  # fmt: skip


def test_chunks_of_other_kinds_are_skipped_and_the_end_of_the_longest_track_is_the_end() -> None:
    alien = b"XFIH" + struct.pack(">I", 3) + b"abc"
    data = whole(NOTE + END, b"\x87\x40\xff\x2f\x00")
    assert read(data[:14] + alien + data[14:]).length_s == pytest.approx(1.0)


def test_frames_in_place_of_beats_keep_their_time_whatever_the_tempo() -> None:
    tempo = b"\x00\xff\x51\x03\x01\x00\x00"
    song = read(whole(tempo + NOTE + END, division=-25 << 8 | 40))
    assert song.length_s == pytest.approx(480 / 1000)
    assert read(whole(NOTE + END, division=-29 << 8 | 100)).length_s == pytest.approx(480 / (30000 / 1001 * 100))


def test_channels_become_one_voice_that_ends_with_the_last_of_them_and_percussion_is_left_out() -> None:
    song = read(
        beats(
            (0, "note_on", 0, 60, 90), (48, "note_on", 9, 36, 127), (0, "note_on", 1, 60, 70),
            (48, "note_off", 0, 60, 0), (48, "note_off", 1, 60, 0),
        )
    )  # fmt: skip
    assert [(event.on, event.key, event.velocity) for event in song.events] == [
        (True, 60, 90), (True, 60, 70), (False, 60, 0),
    ]  # fmt: skip


def test_messages_have_the_channel_that_is_asked_for() -> None:
    assert Timed(0.0, True, 60, 90).message(1) == (0x90, 60, 90)
    assert Timed(0.0, False, 60, 0).message(16) == (0x8F, 60, 0)
    assert [Timed(0.0, on, 128, 0).message(3) for on in (True, False)] == [(0xB2, 64, 127), (0xB2, 64, 0)]


CROWD = b"\x00\x90\x3c\x64" * 501 + b"\x84\x58\x3c\x64" + b"\x00\x3c\x64" * 500  # 501 notes, and 501 0.63 s later


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "is no Standard MIDI File"),
        (b"RIFF" + bytes(40), "is no Standard MIDI File"),
        (whole(NOTE + END)[:-3], "ends in the middle of a track"),
        (whole(NOTE[:-1]), "ends in the middle of a track"),
        (whole(NOTE + b"\x00\x90"), "ends in the middle of a track"),
        (whole(b"\x00\xc0"), "ends in the middle of a track"),
        (whole(b"\x00\x3c\x64" + END), "is damaged at byte"),
        (whole(b"\x00\x90\x3c\xff" + END), "is damaged at byte"),
        (whole(b"\xff\xff\xff\xff\x00" + NOTE), "is damaged at byte"),
        (whole(END), "holds no notes"),
        (whole(), "holds no notes"),
        (whole(NOTE.replace(b"\x90", b"\x99") + END), "holds no notes, besides percussion"),
        (whole(b"\x00\xb0\x40\x7f\x83\x60\x40\x00" + END), "holds no notes"),
        (whole(NOTE + END, kind=2), "is of format 2"),
        (whole(NOTE + END, division=0), "has no valid time division"),
        (whole(NOTE + END, division=-31 << 8 | 4), "has no valid time division"),
        (whole(b"\x00\x90\x3c\x64" + END), "lasts no time"),
        (whole(b"\x00\xff\x51\x03\0\0\0" + NOTE + END), "lasts no time"),
        (whole(CROWD + b"\x9c\x00" + END[1:]), "more than 1000 notes within a second"),
        (whole(b"\x00\x90\x3c\x64" + b"\x00\x3c\x64" * 100 + b"\x60\x3c\x00" + END), "more than 1000 notes within"),
        (whole(b"\x00\x90\x3c\x64" + b"\x60\x3c\x64" * MAX_MESSAGES + END), f"more than {MAX_MESSAGES} notes"),
        (whole(NOTE + b"\x00\xff\x01\x84\x80\x80\x00" + bytes(1 << 23)), "is larger than 1000 kB"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_played_says_why(data: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read(data)


def test_a_file_is_named_in_its_mistake_and_the_next_step_is_given(tmp_path: Path) -> None:
    path = tmp_path / "song.mid"
    with pytest.raises(UserError, match=r"song\.mid: there is no such file\. Check"):
        midi_file.load(path)
    path.write_bytes(b"no")
    with pytest.raises(UserError, match=r"song\.mid: is no Standard MIDI File\. Export"):
        midi_file.load(path)
    path.write_bytes(whole(NOTE + END))
    assert midi_file.load(path) == Song([Timed(0.0, True, 60, 100), Timed(0.5, False, 60, 0)], 0.5)
    with pytest.raises(UserError, match="no such file"):
        midi_file.load(Path("/dev/zero"))
