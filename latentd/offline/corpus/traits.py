"""Fifteen traits that many presets of the banks have, read from their parameters: families of sounds. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from latentd.synth import amsynth
from latentd.synth.amsynth import Array

Mask = NDArray[np.bool_]
_Values = Mapping[str, Array]  # parameter -> values (n,) in the synth's units

_SINE, _NOISE, _BYPASS = 0, 3, 4
_AUDIBLE = 0.25  # share of an oscillator in the mix


def _seconds(value: Array) -> Array:
    """Envelope times as amSynth computes them."""
    seconds: Array = value**3
    return seconds


def _first(v: _Values) -> Mask:
    heard: Mask = np.maximum((1 - v["osc_mix"]) / 2, v["osc_mix_mode"]) >= _AUDIBLE
    return heard


def _second(v: _Values) -> Mask:
    heard: Mask = np.maximum((1 + v["osc_mix"]) / 2, v["osc_mix_mode"]) >= _AUDIBLE
    return heard


def _wave(v: _Values, test: Callable[[Array], Mask]) -> Mask:
    """Where an audible oscillator has such a waveform."""
    return (_first(v) & test(v["osc1_waveform"])) | (_second(v) & test(v["osc2_waveform"]))


def _modulated(v: _Values) -> Mask:
    """Where the LFO changes pitch, filter or level."""
    filter_on = v["filter_type"] != _BYPASS
    found: Mask = (
        (v["freq_mod_amount"] > 0.1) | ((v["filter_mod_amount"] > -0.8) & filter_on) | (v["amp_mod_amount"] > -0.8)
    )
    return found


def _interval(v: _Values) -> Mask:
    """Where both oscillators sound, at different pitches."""
    found: Mask = _first(v) & _second(v) & (v["osc2_waveform"] < _NOISE) & (v["osc1_waveform"] < _NOISE)
    return found


TRAITS: Mapping[str, Callable[[_Values], Mask]] = {
    "slow attack": lambda v: _seconds(v["amp_attack"]) > 0.3,
    "long release": lambda v: _seconds(v["amp_release"]) > 1.0,
    "noise": lambda v: _wave(v, lambda wave: wave >= _NOISE),
    "sync": lambda v: (v["osc2_sync"] == 1) & _second(v) & np.isin(v["osc1_waveform"], (0, 2)),
    "ring modulation": lambda v: v["osc_mix_mode"] > 0.5,
    "lfo shape": lambda v: _modulated(v) & (v["lfo_waveform"] != _SINE),
    "fifths": lambda v: _interval(v) & np.isin(v["osc2_pitch"], (-7, -5, 5, 7)),
    "octaves": lambda v: _interval(v) & (v["osc2_range"] != 0) & (v["osc2_pitch"] == 0),
    "sine": lambda v: _wave(v, lambda wave: wave == _SINE),
    "filter type": lambda v: np.isin(v["filter_type"], (1, 2, 3)),
    "12 dB slope": lambda v: (v["filter_slope"] == 0) & (v["filter_type"] != _BYPASS),
    "mono": lambda v: v["keyboard_mode"] > 0,
    "pluck": lambda v: (v["amp_sustain"] < 0.12) & (_seconds(v["amp_decay"]) < 0.5),
    "crunch": lambda v: v["distortion_crunch"] > 0.5,
    "resonance": lambda v: v["filter_resonance"] > 0.7,
}


def of(params: Array) -> Mask:
    """Which of params (n, 41) have which trait (n, 15), in the order of `TRAITS`."""
    patch = amsynth.to_patch(params)
    values = {name: patch[..., i] for i, name in enumerate(amsynth.NAMES)}
    return np.stack([test(values) for test in TRAITS.values()], axis=-1)
