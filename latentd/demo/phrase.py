"""The notes of the demo: sixteen slow beats with four chords, repeated. Pure."""

from __future__ import annotations

from typing import NamedTuple

BEATS_PER_MINUTE = 66.0
BEATS = 16
NOTE_OFF, NOTE_ON = 0x80, 0x90


class Note(NamedTuple):
    """One note: start and length in beats, MIDI key and velocity."""

    start: float
    length: float
    key: int
    velocity: int


def _bar(start: float, bass: int, chord: tuple[int, int, int], melody: tuple[int, int]) -> list[Note]:
    """Four beats: a bass note, a chord whose notes start one after another, two notes above it."""
    notes = [Note(start, 3.8, bass, 80)]
    notes += [Note(start + 0.5 * i, 3.6 - 0.5 * i, key, 62) for i, key in enumerate(chord)]
    notes += [Note(start + 2.0 + i, 0.9, key, 78) for i, key in enumerate(melody)]
    return notes


# A minor 9, F major 7, C major, G sus 4: no voice moves far, so one listens to the sound and not to the harmony.
PHRASE: tuple[Note, ...] = (
    *_bar(0.0, 45, (60, 64, 67), (71, 72)),
    *_bar(4.0, 41, (60, 64, 65), (69, 67)),
    *_bar(8.0, 48, (60, 64, 67), (76, 74)),
    *_bar(12.0, 43, (60, 62, 67), (74, 71)),
)


def length_frames(rate_hz: int) -> int:
    """Length of the phrase in frames."""
    return round(BEATS * 60.0 / BEATS_PER_MINUTE * rate_hz)


def events(rate_hz: int) -> list[tuple[int, bytes]]:
    """The MIDI messages of the phrase with their frames, in order; at one frame a note off precedes a note on."""
    beat = 60.0 / BEATS_PER_MINUTE * rate_hz
    found = []
    for note in PHRASE:
        found.append((round(note.start * beat), bytes((NOTE_ON, note.key, note.velocity))))
        found.append((round((note.start + note.length) * beat), bytes((NOTE_OFF, note.key, 0))))
    return sorted(found)
