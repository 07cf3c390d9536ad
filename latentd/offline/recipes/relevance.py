"""How much of each parameter can be heard in a patch: what is silent need not move when the pad does. Pure.

From amSynth's signal path: an oscillator that the mix leaves out takes its wave, pulse width and pitch with it, an LFO
that moves nothing its speed and wave, a dry reverb its room, a bypassed filter all of its settings, and so on.
"""

from __future__ import annotations

import numpy as np

from latentd.synth import amsynth
from latentd.synth.amsynth import Array

# Heard by the player, not in one held note: they count a little, so that the pad does not scatter them.
_NOT_IN_ONE_NOTE = 0.12
_SQUARE, _SAW, _NOISE, _NOISE_HOLD = 1, 2, 3, 4
_BYPASS = 4


def weights(params: Array) -> Array:
    """Weights (n, 41), 0 (silent) to 1 (heard), of params (n, 41)."""
    patch = amsynth.to_patch(params)
    value = {name: patch[:, i] for i, name in enumerate(amsynth.NAMES)}
    heard = {name: np.ones(len(params)) for name in amsynth.NAMES}
    _oscillators(value, heard)
    _modulation(value, heard)
    _filter(value, heard)
    _envelope_and_effects(value, heard)
    return np.stack([heard[name] for name in amsynth.NAMES], axis=1)


def _share(amount: Array, full: float, none: float = 0.0) -> Array:
    """0 at `none`, 1 from `full` on."""
    share: Array = np.clip((amount - none) / (full - none), 0.0, 1.0)
    return share


def _oscillators(value: dict[str, Array], heard: dict[str, Array]) -> None:
    ring, mix = value["osc_mix_mode"], value["osc_mix"]
    first = _share(np.maximum((1 - mix) / 2 * (1 - ring), ring), 0.25, 0.01)
    second = _share(np.maximum((1 + mix) / 2 * (1 - ring), ring), 0.25, 0.01)
    for number, level in (("1", first), ("2", second)):
        wave = value[f"osc{number}_waveform"]
        heard[f"osc{number}_waveform"] = level
        heard[f"osc{number}_pulsewidth"] = level * np.isin(wave, (_SQUARE, _SAW))
    pitched = second * (value["osc2_waveform"] != _NOISE)
    for name in ("osc2_detune", "osc2_range", "osc2_pitch"):
        heard[name] = pitched
    apart = (value["osc2_range"] != 0) | (value["osc2_pitch"] != 0) | (np.abs(value["osc2_detune"]) > 0.2)
    waves = (value["osc2_waveform"] < _NOISE) & (value["osc1_waveform"] < _NOISE)
    heard["osc2_sync"] = second * waves * np.where(apart, 1.0, 0.2)
    heard["osc_mix_mode"] = np.maximum(np.minimum(first, second), 0.5)


def _modulation(value: dict[str, Array], heard: dict[str, Array]) -> None:
    vibrato = _share(value["freq_mod_amount"], 0.15, 0.01)
    wah = _share((value["filter_mod_amount"] + 1) / 2, 0.25, 0.02) * (value["filter_type"] != _BYPASS)
    tremolo = _share((value["amp_mod_amount"] + 1) / 2, 0.25, 0.02)
    strongest = np.maximum(np.maximum(vibrato, wah), tremolo)
    heard["lfo_freq"] = heard["lfo_waveform"] = strongest
    heard["freq_mod_osc"] = vibrato
    heard["filter_mod_amount"] = np.where(value["filter_type"] != _BYPASS, 1.0, 0.0)


def _filter(value: dict[str, Array], heard: dict[str, Array]) -> None:
    on = np.where(value["filter_type"] != _BYPASS, 1.0, 0.0)
    envelope = on * _share(np.abs(value["filter_env_amount"]), 2.0, 0.1)
    for name in ("filter_resonance", "filter_env_amount", "filter_cutoff", "filter_slope"):
        heard[name] = on
    heard["filter_attack"] = heard["filter_sustain"] = envelope
    heard["filter_decay"] = envelope * _share(1 - value["filter_sustain"], 0.3)
    heard["filter_release"] = envelope * _NOT_IN_ONE_NOTE
    heard["filter_kbd_track"] = on * _NOT_IN_ONE_NOTE
    heard["filter_vel_sens"] = envelope * 2 * _NOT_IN_ONE_NOTE


def _envelope_and_effects(value: dict[str, Array], heard: dict[str, Array]) -> None:
    wet = _share(value["reverb_wet"], 0.3, 0.02)
    heard["reverb_roomsize"] = heard["reverb_damp"] = wet
    heard["reverb_width"] = 0.3 * wet
    heard["amp_decay"] = _share(1 - value["amp_sustain"], 0.3)
    for name in ("amp_release", "amp_vel_sens", "portamento_time", "portamento_mode", "keyboard_mode"):
        heard[name] = np.full_like(wet, _NOT_IN_ONE_NOTE)
    heard["master_vol"] = np.full_like(wet, 0.5)
