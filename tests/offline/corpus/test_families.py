"""Each family: a patch on each side of its border."""

from __future__ import annotations

import numpy as np
import pytest

from latentd.offline.corpus import families
from latentd.synth import amsynth
from latentd.synth.amsynth import Array

# Family -> the values of a member, and changes of one value, each of which ends the membership.
BORDERS: dict[str, tuple[dict[str, float], dict[str, float]]] = {
    "slow attack": ({"amp_attack": 0.67}, {"amp_attack": 0.66}),  # 0.301 and 0.288 s
    "long release": ({"amp_release": 1.01}, {"amp_release": 0.99}),
    "noise": ({"osc1_waveform": 3, "osc_mix": 0.58}, {"osc1_waveform": 2, "osc_mix": 0.62}),
    "sync": (
        {"osc2_sync": 1, "osc_mix": -0.58, "osc1_waveform": 2, "osc2_waveform": 2},
        {"osc2_sync": 0, "osc_mix": -0.62, "osc1_waveform": 3, "osc2_waveform": 4},
    ),
    "ring modulation": ({"osc_mix_mode": 0.51}, {"osc_mix_mode": 0.49}),
    "LFO shapes": ({"lfo_waveform": 1, "amp_mod_amount": -0.18}, {"lfo_waveform": 0, "amp_mod_amount": -0.22}),
    "fourths and fifths": ({"osc2_pitch": -7, "osc_mix": 0.58}, {"osc2_pitch": -6, "osc_mix": 0.62}),
    "octave stacks": ({"osc2_range": -1, "osc_mix": -0.58}, {"osc2_range": 0, "osc_mix": -0.62}),
    "sines": ({"osc2_waveform": 0, "osc_mix": -0.58}, {"osc2_waveform": 1, "osc_mix": -0.62}),
    "other filters": ({"filter_type": 3}, {"filter_type": 4}),
    "12 dB filters": ({"filter_slope": 0}, {"filter_slope": 1}),
    "mono or legato": ({"keyboard_mode": 1}, {"keyboard_mode": 0}),
    "plucks": ({"amp_sustain": 0.11, "amp_decay": 0.79}, {"amp_sustain": 0.13, "amp_decay": 0.8}),  # 0.4935, 0.5125 s
    "distortion": ({"distortion_crunch": 0.51}, {"distortion_crunch": 0.49}),
    "resonance": ({"filter_resonance": 0.71}, {"filter_resonance": 0.69}),
}


def _patch(**values: float) -> Array:
    """amSynth's defaults, which belong to no family, with these values."""
    patch = amsynth.DEFAULT.copy()
    for name, value in values.items():
        patch[amsynth.INDEX[name]] = value
    return patch[None]


def test_there_are_fifteen_and_each_has_a_border_here() -> None:
    assert list(BORDERS) == list(families.FAMILIES)
    assert len(BORDERS) == 15
    assert not any(mask[0] for mask in families.members(_patch()).values())


@pytest.mark.parametrize("name", BORDERS)
def test_a_family_ends_at_its_border(name: str) -> None:
    inside, changes = BORDERS[name]
    assert families.members(_patch(**inside))[name].tolist() == [True]
    for parameter, value in changes.items():
        assert families.members(_patch(**{**inside, parameter: value}))[name].tolist() == [False], parameter


@pytest.mark.parametrize(
    ("name", "value"), [("freq_mod_amount", 0.94), ("filter_mod_amount", -0.18), ("amp_mod_amount", -0.18)]
)
def test_an_lfo_works_on_pitch_filter_or_level(name: str, value: float) -> None:
    assert families.members(_patch(lfo_waveform=2, **{name: value}))["LFO shapes"][0]
    assert not families.members(_patch(lfo_waveform=2, **{name: value - 0.04}))["LFO shapes"][0]


def test_a_batch_is_judged_patch_by_patch() -> None:
    patches = np.concatenate([_patch(osc_mix_mode=1.0), _patch(), _patch(osc_mix_mode=0.6, keyboard_mode=2)])
    found = families.members(patches)
    assert found["ring modulation"].tolist() == [True, False, True]
    assert found["mono or legato"].tolist() == [False, False, True]
