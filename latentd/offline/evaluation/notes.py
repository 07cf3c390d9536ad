"""The row about presets found on the pad and played over the keyboard, softly and loudly."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from latentd.offline.evaluation import evaluate, metrics
from latentd.offline.evaluation.metrics import ClipSounds
from latentd.offline.evaluation.rows import QualityRow, mean, over
from latentd.offline.timbre.measure import Measured
from latentd.offline.timbre.play import Note
from latentd.synth import amsynth
from latentd.synth.amsynth import Array

NOTES = tuple(Note(number, velocity) for number in (36, 60, 84) for velocity in (40, 100))  # C2, C4, C6
PRESETS = 100

MeasureNote = Callable[[Array, Note], Measured]  # patches (n, 41) in the synth's units


def row(pad: Array, presets: Array, measure: MeasureNote, count: int = PRESETS) -> tuple[QualityRow, dict[str, float]]:
    """The row, with its interval over the presets, and the error of each note.

    Args:
        pad: patches (n, 41) in the synth's units, among which a preset is looked up by sound.
        presets: params (n, 41) in a random order; the first `count` are used.
    """
    chosen = amsynth.to_patch(presets[:count])
    errors = np.stack([_errors(*(evaluate.clip_sounds(measure(p, n)) for p in (chosen, pad))) for n in NOTES], axis=1)
    each = {f"notes_{n.number}_{n.velocity}": float(np.nanmean(errors[:, k])) for k, n in enumerate(NOTES)}
    return over(np.nanmean(errors[~np.isnan(errors).all(axis=1)], axis=1), mean), each


def _errors(real: ClipSounds, table: ClipSounds) -> Array:
    """Timbre error (n,) of each preset's nearest sound; NaN for a silent preset."""
    nearest, _ = metrics.look_up(real, table)
    return np.asarray(metrics.timbre_errors(real.descriptors, table.descriptors[nearest]).mean(axis=1))
