"""The notes of the demo: sixteen slow beats with four chords, repeated."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

BEATS_PER_MINUTE = 66.0
BEATS = 16
_TICKS_PER_BEAT = 480


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


def write(path: Path) -> None:
    """Write the phrase as a Standard MIDI File, for the daemon to play in a loop."""
    import mido

    changes = [(note.start, note.key, note.velocity) for note in PHRASE]
    changes += [(note.start + note.length, note.key, 0) for note in PHRASE]
    track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(BEATS_PER_MINUTE))])
    before = 0
    for beat, key, velocity in sorted(changes, key=lambda change: (change[0], change[2])):  # ends come first
        tick = round(beat * _TICKS_PER_BEAT)
        track.append(mido.Message("note_on", note=key, velocity=velocity, time=tick - before))
        before = tick
    track.append(mido.MetaMessage("end_of_track", time=BEATS * _TICKS_PER_BEAT - before))
    mido.MidiFile(tracks=[track], ticks_per_beat=_TICKS_PER_BEAT).save(path)
