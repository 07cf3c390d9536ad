"""The parameter table: its rules, and the values that the real synth holds."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from latentd.synth import amsynth
from latentd.synth.amsynth import Kind, Motion

# 60 presets of all of Debian's banks, with the values that amSynth 1.13.2 holds after loading them.
PATCHES = Path(__file__).parents[1] / "data" / "patches.csv"
PARAMS = arrays(np.float64, amsynth.COUNT, elements=st.floats(-1, 2))


def _patches() -> tuple[list[str], amsynth.Array]:
    with PATCHES.open(newline="") as file:
        reader = csv.reader(file)
        names = next(reader)[3:]
        return names, np.array([[float(value) for value in row[3:]] for row in reader])


def test_the_table_has_the_synths_names_in_the_synths_order() -> None:
    assert _patches()[0] == list(amsynth.NAMES)
    assert amsynth.COUNT == len(set(amsynth.NAMES)) == 41


def test_patches_that_the_synth_holds_are_valid_and_unchanged_by_conversion() -> None:
    _, patches = _patches()
    assert (patches >= amsynth.MINIMUM - 1e-6).all()
    assert (patches <= amsynth.MAXIMUM + 1e-6).all()
    np.testing.assert_allclose(amsynth.to_patch(amsynth.to_params(patches)), patches, atol=1e-6)


def test_each_row_is_consistent() -> None:
    for p in amsynth.PARAMETERS:
        assert p.minimum <= p.default <= p.maximum, p.name
        assert p.step == 0.0 or p.count == (p.maximum - p.minimum) / p.step + 1, p.name
        assert (p.kind is Kind.CONTINUOUS) == (p.step == 0.0), p.name
        assert p.kind is not Kind.CATEGORY or len(p.labels) == p.count, p.name
        assert p.step == 0.0 or p.motion is Motion.SWITCH, p.name


def test_stepped_parameters_are_those_that_amsynth_steps() -> None:
    steps = {p.name: p.count for p in amsynth.PARAMETERS if p.step}
    assert steps == {
        "osc1_waveform": 5, "osc2_waveform": 5, "lfo_waveform": 7, "osc2_range": 8, "osc2_sync": 2,
        "keyboard_mode": 3, "osc2_pitch": 25, "filter_type": 5, "filter_slope": 2, "freq_mod_osc": 3,
    }  # fmt: skip


def test_the_parameters_that_amsynth_smooths_are_marked() -> None:
    assert {p.name for p in amsynth.PARAMETERS if p.motion is Motion.SMOOTHED} == {
        "master_vol", "osc_mix", "osc_mix_mode", "amp_mod_amount", "amp_sustain", "filter_sustain",
        "distortion_crunch", "amp_vel_sens",
    }  # fmt: skip


@given(PARAMS)
def test_any_params_become_a_patch_within_range_and_on_its_steps(params: amsynth.Array) -> None:
    patch = amsynth.to_patch(params)
    assert (patch >= amsynth.MINIMUM).all()
    assert (patch <= amsynth.MAXIMUM).all()
    stepped = patch[amsynth.STEPPED]
    assert np.array_equal(stepped, np.rint(stepped))
    np.testing.assert_allclose(amsynth.to_patch(amsynth.to_params(patch)), patch, atol=1e-9)


@given(PARAMS)
def test_a_cc_is_the_nearest_of_128(params: amsynth.Array) -> None:
    cc = amsynth.nearest_cc(params)
    assert ((cc >= 0) & (cc <= 127)).all()
    assert np.abs(cc / 127.0 - np.clip(params, 0, 1)).max() <= 0.5 / 127 + 1e-12


def test_the_arrays_of_the_table_are_read_only() -> None:
    for array in (amsynth.MINIMUM, amsynth.SPAN, amsynth.DEFAULT, amsynth.STEPPED, amsynth.PARAMS_STEP):
        assert not array.flags.writeable
