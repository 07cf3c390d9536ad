"""The ranges within which a pad plays, in a musician's units, and presets moved into them.

A pad keeps to these ranges at every point: they are part of its decoder. They come from what makes presets of the banks
hard to play: a second oscillator up to 386 cents off, notes that die while held, vibrato over half an octave, glides
between notes, saturation that no volume tames.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from latentd.synth import amsynth, units
from latentd.synth.amsynth import Array


class Limit(NamedTuple):
    """The least and the greatest amount of a parameter, in its musical unit (`synth/units.py`)."""

    low: float
    high: float


# Held notes must be in tune, alive and about equally loud, and a melody must not slide.
PLAYABLE: dict[str, Limit] = {
    "amp_attack": Limit(0.0, 1.2),
    "amp_sustain": Limit(-33.0, 0.0),
    "amp_release": Limit(0.0, 4.0),
    "osc2_detune": Limit(-12.0, 12.0),
    "freq_mod_amount": Limit(0.0, 25.0),
    "amp_mod_amount": Limit(0.0, 12.0),
    "distortion_crunch": Limit(1.0, 1.333),
    "portamento_time": Limit(0.0, 0.04),
    "filter_resonance": Limit(0.0, 0.92),
    "filter_kbd_track": Limit(0.5, 1.0),
    "amp_vel_sens": Limit(3.0, 8.0),
}

_PADS = PLAYABLE | {
    "amp_attack": Limit(0.0, 2.5),
    "amp_release": Limit(0.0, 6.0),
}
# Percussion dies, and effects have no pitch: they keep only to the limits of level.
_NOISE = {name: PLAYABLE[name] for name in ("amp_release", "distortion_crunch", "filter_resonance", "amp_vel_sens")}

# Oscillator 2 plays one of these intervals, and where that is another pitch class, oscillator 1 is louder by
# 3.5 dB, so that the note keeps its pitch.
_INTERVALS = np.array([-12.0, -7.0, -5.0, 0.0, 5.0, 7.0, 12.0])
_OCTAVES = (-12.0, 0.0, 12.0)
_OTHER_PITCH_MIX = -0.2


def of(family: str) -> Mapping[str, Limit]:
    """The limits of a pad of a family of sounds, or of all."""
    return {"pads": _PADS, "noise": _NOISE}.get(family, PLAYABLE)


def patch_ranges(limits: Mapping[str, Limit]) -> dict[str, tuple[float, float]]:
    """Least and greatest values in the synth's units."""
    found = {}
    for name, limit in limits.items():
        parameter = amsynth.PARAMETERS[amsynth.INDEX[name]]
        patch_value = units.unit(name).patch_value
        ends = (patch_value(limit.low), patch_value(limit.high))
        low, high = (round(min(max(end, parameter.minimum), parameter.maximum), 6) for end in ends)
        found[name] = (low, high)
    return found


def ranges(limits: Mapping[str, Limit]) -> Array:
    """Least and greatest params (2, 41) within the limits: 0 and 1 for parameters without one."""
    low, high = amsynth.MINIMUM.copy(), amsynth.MAXIMUM.copy()
    for name, ends in patch_ranges(limits).items():
        low[amsynth.INDEX[name]], high[amsynth.INDEX[name]] = ends
    return amsynth.to_params(np.stack([low, high]))


def within(params: Array, limits: Mapping[str, Limit]) -> Array:
    """Params (n, 41), each at the nearest value within the limits; where detune is limited, so are other intervals."""
    low, high = ranges(limits)
    moved: Array = np.clip(params, low, high)
    return _in_tune(moved) if "osc2_detune" in limits else moved


def _in_tune(params: Array) -> Array:
    """Params (n, 41) whose second oscillator plays a usual interval, softly if it is another pitch class."""
    pitch, mix, sync = (amsynth.INDEX[name] for name in ("osc2_pitch", "osc_mix", "osc2_sync"))
    patch = amsynth.to_patch(params)
    free = patch[:, sync] == 0  # synchronised, it follows oscillator 1
    nearest = _INTERVALS[np.abs(patch[:, pitch, None] - _INTERVALS).argmin(axis=1)]
    patch[:, pitch] = np.where(free, nearest, patch[:, pitch])
    softer = free & ~np.isin(patch[:, pitch], _OCTAVES)
    patch[softer, mix] = np.minimum(patch[softer, mix], _OTHER_PITCH_MIX)
    moved = params.copy()
    moved[:, [pitch, mix]] = amsynth.to_params(patch)[:, [pitch, mix]]
    return moved
