"""Rows about notes played on the pad: pitch, level, and what is left of a held note.

`rows` takes the notes of any batch of patches, so a training run can use it on decoded patches of its own:

    playing.rows(playing.notes(patches, play.play))
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from latentd.offline.evaluation.rows import QualityRow, mean, over
from latentd.offline.timbre import pitch
from latentd.offline.timbre.play import Note, Play, Played
from latentd.synth.amsynth import Array

PITCHES = (48, 60, 72)  # C3, C4, C5
VELOCITY = 100
C4 = Note(60, VELOCITY)
LEVELS = tuple(Note(number, velocity) for number in (36, 60, 84) for velocity in (40, 100, 127))  # C2, C4, C6
_PITCHED = tuple(Note(number, VELOCITY) for number in PITCHES)
_OTHERS = tuple(note for note in LEVELS if note not in _PITCHED)
NOTES = (*_PITCHED, *_OTHERS)

IN_TUNE_CENTS = 25.0
OTHER_PITCH_CENTS = 60.0
HELD_DB = -45.0
LOUD_LUFS = -9.0
_SILENCE_LUFS = -70.0  # the absolute gate of BS.1770: what is quieter has no loudness


class Tuning(NamedTuple):
    """How well notes of n patches are in tune: shares of the pitched ones, and of all that are pitched."""

    in_tune: float
    pitched: float
    other_pitch: float


def notes(patches: Array, play: Play) -> dict[Note, Played]:
    """All notes of the rows, played on patches (n, 41) in the synth's units."""
    found = [*play(patches, _PITCHED, pitch=True), *play(patches, _OTHERS, pitch=False)]
    return dict(zip(NOTES, found, strict=True))


def rows(played: Mapping[Note, Played]) -> dict[str, QualityRow]:
    """The rows, with intervals over the patches."""
    cents, lufs = cents_off(played), levels(played)
    c4 = lufs[:, LEVELS.index(C4)]
    return {
        "in_tune": over(cents, lambda c: tuning(c).in_tune),
        "pitched": over(cents, lambda c: tuning(c).pitched),
        "other_pitch": over(cents, lambda c: tuning(c).other_pitch),
        "held_silent": over(played[C4].end_db < HELD_DB, mean),
        "level": over(c4, level_range),
        "level_all": over(lufs, lambda n: float(max(level_range(one) for one in n.T))),
        "too_loud": over(lufs > LOUD_LUFS, lambda n: float(n.mean(axis=0).max())),
    }


def cents_off(played: Mapping[Note, Played]) -> Array:
    """Cents (n, 3) of C3, C4 and C5 from the note's pitch class; NaN without a steady pitch."""
    return np.stack([pitch.cents_off(played[Note(p, VELOCITY)].hz, p) for p in PITCHES], axis=1)


def tuning(cents: Array) -> Tuning:
    """From cents (n, notes), NaN where a note has no steady pitch."""
    pitched = ~np.isnan(cents)
    off = np.abs(cents[pitched])
    if not len(off):
        return Tuning(0.0, 0.0, 0.0)
    return Tuning(mean(off <= IN_TUNE_CENTS), mean(pitched), mean(off > OTHER_PITCH_CENTS))


def levels(played: Mapping[Note, Played]) -> Array:
    """LUFS (n, 9) of the notes `LEVELS`; silence is -70."""
    return np.stack([played[spec].lufs.clip(_SILENCE_LUFS) for spec in LEVELS], axis=1)


def level_range(lufs: Array) -> float:
    """From the 5th to the 95th percentile, in LU."""
    return float(np.subtract(*np.percentile(lufs, (95.0, 5.0))))
