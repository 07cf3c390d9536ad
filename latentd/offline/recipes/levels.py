"""The level of a pad: about the same everywhere, by `master_vol`, with room for chords below full scale."""

from __future__ import annotations

import numpy as np
import torch

from latentd.synth import amsynth
from latentd.synth.amsynth import Array

TARGET_LUFS = -17.0  # of middle C at velocity 100; 19 of 20 presets of the banks can be as loud
_VOLUME, _CRUNCH = amsynth.INDEX["master_vol"], amsynth.INDEX["distortion_crunch"]
_LEAST_VOLUME = 0.02
_USUAL_SENSITIVITY = 0.45  # the middle of what `limits.PLAYABLE` allows for `amp_vel_sens`


def changed(params: Array, gain_db: Array) -> Array:
    """Params (n, 41) whose `master_vol` makes them louder by a gain (n,) in dB, as far as it reaches.

    The gain is the square of `master_vol`. The saturation after it raises a signal to the power of 1 - crunch, so that
    much of a dB is left; otherwise the sound stays the same, below the level at which amSynth's limiter acts.
    """
    left = 1 - params[:, _CRUNCH] * amsynth.SPAN[_CRUNCH]
    louder = params.copy()
    volume = np.maximum(params[:, _VOLUME], _LEAST_VOLUME) * 10 ** (gain_db / left / 40)
    louder[:, _VOLUME] = np.clip(volume, _LEAST_VOLUME, 1.0)
    return louder


def gained(before: Array, after: Array) -> Array:
    """By how many dB (n,) patches became louder through `master_vol` alone."""
    left = 1 - after[:, _CRUNCH] * amsynth.SPAN[_CRUNCH]
    old, new = (np.maximum(params[:, _VOLUME], _LEAST_VOLUME) for params in (before, after))
    gain: Array = left * 40 * np.log10(new / old)
    return gain


def expected(velocities: torch.Tensor) -> torch.Tensor:
    """The target levels (n,) in LUFS of notes at velocities (n,)."""
    softest = 1 - _USUAL_SENSITIVITY
    change = (softest + _USUAL_SENSITIVITY * velocities / 127) / (softest + _USUAL_SENSITIVITY * 100 / 127)
    return TARGET_LUFS + 20 * torch.log10(change)
