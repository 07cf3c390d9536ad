"""Presets with what they sound like: what the recipes learn from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latentd.errors import UserError
from latentd.offline.corpus.corpus import Corpus
from latentd.offline.recipes import surrogate
from latentd.offline.recipes.surrogate import Examples
from latentd.offline.timbre.measure import Measure, Measured
from latentd.synth import amsynth
from latentd.synth.amsynth import Array

OnProgress = Callable[[str, int, int], None]  # part of the work, steps done, of how many


_PAD_WEIGHT = 2.0  # of an example from the newest pad, against a preset's 1; from older pads


_OLD_PAD_WEIGHT = 1.0


_FEWEST = 50  # presets


@dataclass(frozen=True)
class AudiblePatches:
    """Measured presets, silent ones left out: `params` (n, 41), and what they sound like."""

    params: Array
    descriptors: Array
    lufs: Array
    mel: NDArray[np.float16]

    def sounds(self) -> NDArray[np.float32]:
        """As the proxy learns them."""
        return surrogate.targets(self.descriptors, self.lufs, self.mel)


def measure_presets(rows: Corpus, measure: Measure) -> AudiblePatches:
    """Measure distinct presets.

    Raises:
        UserError: too few that are heard.
    """
    presets = measure_audible(np.unique(rows.params, axis=0), measure)
    if len(presets.params) < _FEWEST:
        raise UserError(f"{len(presets.params)} distinct presets are heard, {_FEWEST} are needed", "Name more banks")
    return presets


def measure_audible(params: Array, measure: Measure) -> AudiblePatches:
    """Measure params (n, 41)."""
    return audible_only(params, measure(amsynth.to_patch(params)))


def audible_only(params: Array, measured: Measured) -> AudiblePatches:
    """Those of the measured params (n, 41) that make any sound."""
    audible = np.isfinite(measured.descriptors).all(axis=1) & np.isfinite(measured.lufs)
    seven = np.clip(measured.descriptors[audible], 0.0, 100.0)
    return AudiblePatches(params[audible], seven, measured.lufs[audible], measured.mel[audible])


def examples(sets: list[AudiblePatches]) -> Examples:
    """Presets first, then pads, the newest last."""
    weights = [1.0, *[_OLD_PAD_WEIGHT] * (len(sets) - 2), _PAD_WEIGHT][: len(sets)]
    return Examples(
        np.concatenate([heard.params for heard in sets]),
        np.concatenate([heard.sounds() for heard in sets]),
        np.concatenate([np.full(len(heard.params), w) for heard, w in zip(sets, weights, strict=True)]),
    )
