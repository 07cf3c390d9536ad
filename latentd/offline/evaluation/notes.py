"""The row about presets found on the pad and played over the keyboard, softly and loudly."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from latentd.model.decoder import Indices
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
    """The row, with its interval over the presets; the error of each note, and that of one place for all of them.

    Args:
        pad: patches (n, 41) in the synth's units, among which a preset is looked up by sound.
        presets: params (n, 41) in a random order; the first `count` are used.
    """
    chosen = amsynth.to_patch(presets[:count])
    sounds = [tuple(evaluate.clip_sounds(measure(patches, note)) for patches in (chosen, pad)) for note in NOTES]
    errors = np.stack([_errors(real, table, metrics.look_up(real, table)[0]) for real, table in sounds], axis=1)
    extra = {f"notes_{n.number}_{n.velocity}": float(np.nanmean(errors[:, k])) for k, n in enumerate(NOTES)}
    place = metrics.look_up_together(*zip(*sounds, strict=True))
    extra["notes_one_place"] = float(np.nanmean([_errors(real, table, place) for real, table in sounds]))
    return over(np.nanmean(errors[~np.isnan(errors).all(axis=1)], axis=1), mean), extra


def _errors(real: ClipSounds, table: ClipSounds, nearest: Indices) -> Array:
    """Timbre error (n,) of the table's sound that each preset has; NaN for a silent preset."""
    return np.asarray(metrics.timbre_errors(real.descriptors, table.descriptors[nearest]).mean(axis=1))
