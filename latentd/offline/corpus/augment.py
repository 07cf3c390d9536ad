"""More patches to listen to than there are presets: sections of one preset in another, and some knobs turned."""

from __future__ import annotations

import numpy as np

from latentd.synth import amsynth
from latentd.synth.amsynth import Array

_SECTIONS = ("osc1", "osc2", "osc_mix", "filter", "amp", "lfo", "freq_mod", "reverb")  # what is left is one section
_TURNED = 0.5  # share of the patches in which knobs are turned
_TURN = 0.15  # standard deviation of a turn, share of the range
_KNOBS = 0.3  # share of the knobs that are turned
_CONTINUOUS = amsynth.STEP == 0


def crossed(params: Array, count: int, seed: int) -> Array:
    """`count` new patches, params (count, 41), from presets (n, 41): each section from one of two presets."""
    random = np.random.default_rng(seed)
    first, second = params[random.integers(len(params), size=(2, count))]
    sections = np.array([_section(name) for name in amsynth.NAMES])
    swapped = random.random((count, len(_SECTIONS) + 1)) < 0.5
    mixed = np.where(swapped[:, sections], second, first)
    turned = (random.random((count, 1)) < _TURNED) & (random.random(mixed.shape) < _KNOBS) & _CONTINUOUS
    moved = mixed + turned * random.normal(0.0, _TURN, mixed.shape)
    made: Array = np.clip(moved, 0.0, 1.0)
    return made


def _section(name: str) -> int:
    found = [i for i, section in enumerate(_SECTIONS) if name.startswith(section)]
    return found[-1] if found else len(_SECTIONS)
