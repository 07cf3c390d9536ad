"""How audible each parameter is in a patch: inaudible ones need not change across the pad. Pure.

From amSynth's signal path: the waveform, pulse width and pitch of an oscillator are inaudible if the mix excludes it,
the LFO's rate and waveform if it modulates nothing, the reverb's room if it is dry, all settings of a bypassed filter,
and so on.
"""

from __future__ import annotations

import numpy as np

from latentd.synth import amsynth
from latentd.synth.amsynth import Array

# Audible when playing, but not in one held note: a small weight, so that they vary little across the pad.
_NOT_IN_ONE_NOTE = 0.12
_RELEASE = 0.5  # is heard after every note
_SQUARE, _SAW, _NOISE, _NOISE_HOLD = 1, 2, 3, 4
_BYPASS = 4


def weights(params: Array) -> Array:
    """Weights (n, 41) from 0 (inaudible) to 1 (audible) of params (n, 41)."""
    patch = amsynth.to_patch(params)
    value = {name: patch[:, i] for i, name in enumerate(amsynth.NAMES)}
    weight = {name: np.ones(len(params)) for name in amsynth.NAMES}
    _oscillators(value, weight)
    _modulation(value, weight)
    _filter(value, weight)
    _envelope_and_effects(value, weight)
    return np.stack([weight[name] for name in amsynth.NAMES], axis=1)


def _share(amount: Array, full: float, none: float = 0.0) -> Array:
    """0 up to `none`, 1 from `full`, linear in between."""
    share: Array = np.clip((amount - none) / (full - none), 0.0, 1.0)
    return share


def _oscillators(value: dict[str, Array], weight: dict[str, Array]) -> None:
    ring, mix = value["osc_mix_mode"], value["osc_mix"]
    first = _share(np.maximum((1 - mix) / 2 * (1 - ring), ring), 0.25, 0.01)
    second = _share(np.maximum((1 + mix) / 2 * (1 - ring), ring), 0.25, 0.01)
    for number, level in (("1", first), ("2", second)):
        wave = value[f"osc{number}_waveform"]
        weight[f"osc{number}_waveform"] = level
        weight[f"osc{number}_pulsewidth"] = level * np.isin(wave, (_SQUARE, _SAW))
    pitched = second * (value["osc2_waveform"] != _NOISE)
    for name in ("osc2_detune", "osc2_range", "osc2_pitch"):
        weight[name] = pitched
    apart = (value["osc2_range"] != 0) | (value["osc2_pitch"] != 0) | (np.abs(value["osc2_detune"]) > 0.2)
    waves = (value["osc2_waveform"] < _NOISE) & (value["osc1_waveform"] < _NOISE)
    weight["osc2_sync"] = second * waves * np.where(apart, 1.0, 0.2)
    weight["osc_mix_mode"] = np.maximum(np.minimum(first, second), 0.5)


def _modulation(value: dict[str, Array], weight: dict[str, Array]) -> None:
    vibrato = _share(value["freq_mod_amount"], 0.15, 0.01)
    wah = _share((value["filter_mod_amount"] + 1) / 2, 0.25, 0.02) * (value["filter_type"] != _BYPASS)
    tremolo = _share((value["amp_mod_amount"] + 1) / 2, 0.25, 0.02)
    strongest = np.maximum(np.maximum(vibrato, wah), tremolo)
    weight["lfo_freq"] = weight["lfo_waveform"] = strongest
    weight["freq_mod_osc"] = vibrato
    weight["filter_mod_amount"] = np.where(value["filter_type"] != _BYPASS, 1.0, 0.0)


def _filter(value: dict[str, Array], weight: dict[str, Array]) -> None:
    on = np.where(value["filter_type"] != _BYPASS, 1.0, 0.0)
    envelope = on * _share(np.abs(value["filter_env_amount"]), 2.0, 0.1)
    for name in ("filter_resonance", "filter_env_amount", "filter_cutoff", "filter_slope"):
        weight[name] = on
    weight["filter_attack"] = weight["filter_sustain"] = envelope
    weight["filter_decay"] = envelope * _share(1 - value["filter_sustain"], 0.3)
    weight["filter_release"] = envelope * _NOT_IN_ONE_NOTE
    weight["filter_kbd_track"] = on * _NOT_IN_ONE_NOTE
    weight["filter_vel_sens"] = envelope * 2 * _NOT_IN_ONE_NOTE


def _envelope_and_effects(value: dict[str, Array], weight: dict[str, Array]) -> None:
    wet = _share(value["reverb_wet"], 0.3, 0.02)
    weight["reverb_roomsize"] = weight["reverb_damp"] = wet
    weight["reverb_width"] = 0.3 * wet
    weight["amp_decay"] = _share(1 - value["amp_sustain"], 0.3)
    weight["amp_release"] = np.full_like(wet, _RELEASE)
    for name in ("amp_vel_sens", "portamento_time", "portamento_mode", "keyboard_mode"):
        weight[name] = np.full_like(wet, _NOT_IN_ONE_NOTE)
    weight["master_vol"] = np.full_like(wet, 0.5)
