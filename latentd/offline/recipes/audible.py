"""Measured patches that can be heard: the training data of the recipes with an audio loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latentd.errors import UserError
from latentd.offline.corpus.corpus import Corpus
from latentd.offline.recipes import surrogate
from latentd.offline.recipes.surrogate import Examples
from latentd.offline.render.clip_spec import USUAL, ClipSpec
from latentd.offline.timbre.measure import Measured
from latentd.synth import amsynth
from latentd.synth.amsynth import Array

OnProgress = Callable[[str, int, int], None]  # part of the work, steps done, steps in all
MeasureNote = Callable[[Array, ClipSpec], Measured]  # patches (n, 41) in the synth's units, and the note to play

MIN_PRESETS = 50  # distinct and audible
# Weight of an example, where that of a preset is 1.
_NEWEST_PAD_WEIGHT = 2.0
_OLDER_PAD_WEIGHT = 1.0


@dataclass(frozen=True)
class AudiblePatches:
    """Measured patches without the silent ones: `params` (n, 41), and their sounds.

    `played` (n, 2): what was played on each, from `surrogate.played`.
    """

    params: Array
    descriptors: Array
    lufs: Array
    mel: NDArray[np.float16]
    played: NDArray[np.float32]

    def sounds(self) -> NDArray[np.float32]:
        """Sounds (n, WIDTH) as the surrogate learns them."""
        return surrogate.targets(self.descriptors, self.lufs, self.mel)


def measure_presets(rows: Corpus, measure: MeasureNote) -> AudiblePatches:
    """Measure distinct presets.

    Raises:
        UserError: too few that can be heard.
    """
    presets = measure_audible(np.unique(rows.params, axis=0), measure)
    if len(presets.params) < MIN_PRESETS:
        found = f"{len(presets.params)} of {rows.distinct()} distinct presets can be heard"
        raise UserError(f"{found}, at least {MIN_PRESETS} are needed", "Name more banks")
    return presets


def measure_audible(params: Array, measure: MeasureNote, spec: ClipSpec = USUAL) -> AudiblePatches:
    """Measure params (n, 41) at one note and velocity."""
    return audible_only(params, measure(amsynth.to_patch(params), spec), spec)


def audible_only(params: Array, measured: Measured, spec: ClipSpec = USUAL) -> AudiblePatches:
    """The measured params (n, 41) that can be heard."""
    audible = np.isfinite(measured.descriptors).all(axis=1) & np.isfinite(measured.lufs)
    seven = np.clip(measured.descriptors[audible], 0.0, 100.0)
    played = surrogate.played(spec, int(audible.sum()))
    return AudiblePatches(params[audible], seven, measured.lufs[audible], measured.mel[audible], played)


def examples(presets: Sequence[AudiblePatches], pads: Sequence[AudiblePatches]) -> Examples:
    """Training examples from presets, then pads, the newest last."""
    sets = [*presets, *pads]
    older = [_OLDER_PAD_WEIGHT] * (len(pads) - 1)
    weights = [1.0] * len(presets) + ([*older, _NEWEST_PAD_WEIGHT] if pads else [])
    return Examples(
        np.concatenate([patches.params for patches in sets]),
        np.concatenate([patches.sounds() for patches in sets]),
        np.concatenate([np.full(len(patches.params), w) for patches, w in zip(sets, weights, strict=True)]),
        np.concatenate([patches.played for patches in sets]),
    )
