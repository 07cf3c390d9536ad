"""The ranges within which a pad plays, in a musician's units, and presets moved into them.

A pad keeps to these ranges at every point: they are part of its decoder. They come from what makes presets of the banks
hard to play: a second oscillator up to 386 cents off, notes that die while held, vibrato over half an octave, glides
between notes, saturation that no volume tames.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from latentd.synth import amsynth
from latentd.synth.amsynth import Array, Law


class Unit(NamedTuple):
    """A unit of music: its name, and the patch value of a parameter for an amount of it."""

    name: str
    patch_value: Callable[[float], float]


class Limit(NamedTuple):
    """The least and the greatest amount of a parameter."""

    low: float
    high: float
    unit: Unit


def _seconds(name: str) -> Unit:
    parameter = amsynth.PARAMETERS[amsynth.INDEX[name]]
    if parameter.law is Law.LINEAR:
        return Unit("s", lambda s: s)
    return Unit("s", lambda s: max(s - parameter.offset, 0.0) ** (1 / parameter.base))


# amSynth's formulas: `Parameter.cpp: getControlValue`, `VoiceBoard.cpp: ProcessSamplesMix`, `Distortion.cpp`.
_DETUNE = Unit("cents", lambda cents: cents / 1200 / math.log2(1.25))  # a factor of 1.25 at 1
_VIBRATO = Unit("cents", lambda cents: (2 * (2 ** (cents / 1200) - 1)) ** (1 / 3))  # a factor of 1 + value ** 3 / 2
_SUSTAIN = Unit("dB", lambda db: 10 ** (db / 20))
_DEPTH = Unit("dB", lambda db: 1 - 10 ** (-db / 20))  # how far the softest is below the loudest
_TREMOLO = Unit("dB", lambda db: 2 * _DEPTH.patch_value(db) - 1)
_RATIO = Unit(":1", lambda ratio: 1 - 1 / ratio)  # amSynth raises the signal to a power of 1 - crunch
_SHARE = Unit("of the range", lambda share: share)

# Held notes must be in tune, alive and about equally loud, and a melody must not slide.
PLAYABLE: dict[str, Limit] = {
    "amp_attack": Limit(0.0, 1.2, _seconds("amp_attack")),
    "amp_sustain": Limit(-33.0, 0.0, _SUSTAIN),
    "amp_release": Limit(0.0, 4.0, _seconds("amp_release")),
    "osc2_detune": Limit(-12.0, 12.0, _DETUNE),
    "freq_mod_amount": Limit(0.0, 25.0, _VIBRATO),
    "amp_mod_amount": Limit(0.0, 12.0, _TREMOLO),
    "distortion_crunch": Limit(1.0, 1.333, _RATIO),
    "portamento_time": Limit(0.0, 0.04, _seconds("portamento_time")),
    "filter_resonance": Limit(0.0, 0.92, _SHARE),
    "filter_kbd_track": Limit(0.5, 1.0, _SHARE),
    "amp_vel_sens": Limit(3.0, 8.0, _DEPTH),
}

_PADS = PLAYABLE | {
    "amp_attack": Limit(0.0, 2.5, _seconds("amp_attack")),
    "amp_release": Limit(0.0, 6.0, _seconds("amp_release")),
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
        ends = (limit.unit.patch_value(limit.low), limit.unit.patch_value(limit.high))
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
