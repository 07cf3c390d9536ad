"""Rows about playing while the point moves: random walks over the pad, with a held chord and with a melody."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from latentd.offline.evaluation.rows import QualityRow, mean, over
from latentd.offline.timbre import pitch
from latentd.offline.timbre.perform import BLOCKS_PER_S, HeldNote, Perform, Performance, Performed
from latentd.synth.amsynth import Array

WALKS = 30
LENGTH_S = 20.0
SPEED = 0.25  # sides of the pad in a second: the standard deviation in each direction
SILENT_LUFS = -45.0
IN_TUNE_CENTS = 20.0
_SEED = 9
_BLOCKS = round(LENGTH_S * BLOCKS_PER_S)
_VELOCITY = 100
_NOTE_S, _HELD_S = 0.5, 0.45
_SCALE = (60, 64, 67, 72, 71, 67, 65, 62)  # C major: c e g c' b g f d

CHORD: Performance = tuple(HeldNote(number, _VELOCITY, 0, _BLOCKS) for number in (48, 60, 64, 67))
MELODY: Performance = tuple(
    HeldNote(
        _SCALE[n % len(_SCALE)],
        _VELOCITY,
        round(n * _NOTE_S * BLOCKS_PER_S),
        round((n * _NOTE_S + _HELD_S) * BLOCKS_PER_S),
    )
    for n in range(round(LENGTH_S / _NOTE_S))
)


def paths(count: int = WALKS) -> list[Array]:
    """Random walks over the pad, points (blocks, 2) each: a new speed and direction every second, back at the edges.

    They start anywhere and are reflected by the edges, so each place is as likely as any other, at any time.
    """
    random = np.random.default_rng(_SEED)
    starts = random.uniform(size=(count, 2))
    speeds = random.normal(scale=SPEED, size=(count, round(LENGTH_S), 2))
    steps = np.repeat(speeds, _BLOCKS // round(LENGTH_S), axis=1) / BLOCKS_PER_S
    straight = starts[:, None] + np.cumsum(steps, axis=1)
    return list(1.0 - np.abs(np.mod(straight, 2.0) - 1.0))


def rows(patches: Sequence[Array], perform: Perform) -> dict[str, QualityRow]:
    """The rows, with intervals over the walks, from the patches (blocks, 41), in the synth's units, of each walk."""
    return {
        "melody": over(np.array([in_tune(one) for one in perform(patches, MELODY)]), mean),
        "held_walks": over(np.array([silent(one) for one in perform(patches, CHORD)]), mean),
    }


def in_tune(melody: Performed) -> float:
    """Share of all notes of the melody whose pitch is within 20 cents of an octave of the note."""
    off = pitch.cents_off(melody.hz, np.array([note.number for note in MELODY]))
    return mean(np.abs(off) <= IN_TUNE_CENTS)


def silent(chord: Performed) -> float:
    """Share of the time in which the momentary loudness is below -45 LUFS."""
    return mean(chord.lufs < SILENT_LUFS)
