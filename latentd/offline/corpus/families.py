"""Families of sounds, as conditions on a patch's parameters in musical units.

Times are seconds, as amSynth computes them from its parameters (`Parameter.cpp`: the cube of the value and 0.5 ms). An
oscillator counts if its share of the mix is at least 0.2 (`VoiceBoard.cpp`: (1 - osc_mix) / 2 and (1 + osc_mix) / 2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from latentd.synth import amsynth
from latentd.synth.amsynth import Array

Mask = NDArray[np.bool_]

PRESENT = 0.01  # share of a pad from which a family is on it
_AUDIBLE = 0.2  # share of the mix
_LFO_DEPTH = 0.4  # of the greatest
_SINE, _NOISE = 0, 3  # waveforms; those from noise on have no pitch
_FIFTHS = (5, 7)  # semitones
_HIGH, _BAND, _NOTCH = 1, 2, 3  # filter types


class Family(NamedTuple):
    """A family: its definition for readers, and the condition on patches (n, 41) in the synth's units."""

    definition: str
    contains: Callable[[Array], Mask]


def members(patches: Array) -> dict[str, Mask]:
    """Family -> which of the patches (n, 41), in the synth's units, belong to it; a patch may belong to several."""
    return {name: family.contains(patches) for name, family in FAMILIES.items()}


def value(patches: Array, name: str) -> Array:
    """One parameter (n,) of patches (n, 41), in the synth's units."""
    return np.asarray(patches[:, amsynth.INDEX[name]])


def seconds(patches: Array, name: str) -> Array:
    """A time of the envelopes (n,), s."""
    return np.asarray(value(patches, name) ** 3 + 0.0005)


def _audible(patches: Array) -> tuple[Mask, Mask]:
    """Which patches have oscillator 1, and oscillator 2, in their mix."""
    mix = value(patches, "osc_mix")
    return (1.0 - mix) / 2.0 >= _AUDIBLE, (1.0 + mix) / 2.0 >= _AUDIBLE


def _both(patches: Array) -> Mask:
    first, second = _audible(patches)
    return first & second


def _either(patches: Array, waveform: Callable[[Array], Mask]) -> Mask:
    """Which patches have an audible oscillator with such a waveform."""
    first, second = _audible(patches)
    return (waveform(value(patches, "osc1_waveform")) & first) | (waveform(value(patches, "osc2_waveform")) & second)


def _sync(patches: Array) -> Mask:
    """Oscillator 2 is synchronised, audible, and both have cycles."""
    cycles = (value(patches, "osc1_waveform") < _NOISE) & (value(patches, "osc2_waveform") < _NOISE)
    return np.asarray((value(patches, "osc2_sync") == 1) & cycles & _audible(patches)[1])


def _lfo_shape(patches: Array) -> Mask:
    """The LFO is not a sine and modulates pitch, filter or level (`VoiceBoard.cpp` for the depths, 0..1)."""
    depths = (
        value(patches, "freq_mod_amount") ** 3 / 2.0,
        (value(patches, "filter_mod_amount") + 1.0) / 2.0,
        (value(patches, "amp_mod_amount") + 1.0) / 2.0,
    )
    return np.asarray((value(patches, "lfo_waveform") != _SINE) & (np.max(depths, axis=0) >= _LFO_DEPTH))


FAMILIES: Mapping[str, Family] = {
    "slow attack": Family("amp attack > 0.3 s", lambda p: seconds(p, "amp_attack") > 0.3),
    "long release": Family("amp release > 1 s", lambda p: seconds(p, "amp_release") > 1.0),
    "noise": Family("an audible noise oscillator", lambda p: _either(p, lambda wave: wave >= _NOISE)),
    "sync": Family("oscillator 2 synchronised and audible, no noise", _sync),
    "ring modulation": Family("osc_mix_mode > 0.5", lambda p: value(p, "osc_mix_mode") > 0.5),
    "LFO shapes": Family("an LFO other than sine, at a depth of at least 0.4", _lfo_shape),
    "fourths and fifths": Family(
        "both oscillators audible, 5 or 7 semitones apart",
        lambda p: np.isin(np.abs(value(p, "osc2_pitch")), _FIFTHS) & _both(p),
    ),
    "octave stacks": Family(
        "both oscillators audible, in different octaves", lambda p: (value(p, "osc2_range") != 0) & _both(p)
    ),
    "sines": Family("an audible sine oscillator", lambda p: _either(p, lambda wave: wave == _SINE)),
    "other filters": Family(
        "high pass, band pass or notch", lambda p: np.isin(value(p, "filter_type"), (_HIGH, _BAND, _NOTCH))
    ),
    "12 dB filters": Family("a slope of 12 dB / octave", lambda p: value(p, "filter_slope") == 0),
    "mono or legato": Family("keyboard mode mono or legato", lambda p: value(p, "keyboard_mode") > 0),
    "plucks": Family(
        "amp sustain < 0.12 and decay < 0.5 s",
        lambda p: (value(p, "amp_sustain") < 0.12) & (seconds(p, "amp_decay") < 0.5),
    ),
    "distortion": Family("distortion_crunch > 0.5", lambda p: value(p, "distortion_crunch") > 0.5),
    "resonance": Family("filter_resonance > 0.7", lambda p: value(p, "filter_resonance") > 0.7),
}
