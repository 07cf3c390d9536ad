"""Data augmentation: new patches from sections of two presets, with some parameters shifted at random."""

from __future__ import annotations

import numpy as np

from latentd.synth import amsynth
from latentd.synth.amsynth import Array

_SECTIONS = ("osc1", "osc2", "osc_mix", "filter", "amp", "lfo", "freq_mod", "reverb")  # the rest is one section
_PATCHES_SHIFTED = 0.5  # share of the patches with shifted parameters
_PARAMETERS_SHIFTED = 0.3  # share of the continuous parameters of such a patch
_SHIFT = 0.15  # standard deviation, as a share of the range
_CONTINUOUS = amsynth.STEP == 0


def crossed(params: Array, count: int, seed: int) -> Array:
    """Params (count, 41) of new patches from presets (n, 41): each section comes from one of two presets."""
    random = np.random.default_rng(seed)
    first, second = params[random.integers(len(params), size=(2, count))]
    sections = np.array([_section(name) for name in amsynth.NAMES])
    swapped = random.random((count, len(_SECTIONS) + 1)) < 0.5
    mixed = np.where(swapped[:, sections], second, first)
    some = (random.random((count, 1)) < _PATCHES_SHIFTED) & (random.random(mixed.shape) < _PARAMETERS_SHIFTED)
    shifted = mixed + (some & _CONTINUOUS) * random.normal(0.0, _SHIFT, mixed.shape)
    clipped: Array = np.clip(shifted, 0.0, 1.0)
    return clipped


def _section(name: str) -> int:
    found = [i for i, section in enumerate(_SECTIONS) if name.startswith(section)]
    return found[-1] if found else len(_SECTIONS)
