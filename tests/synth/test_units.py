"""Musical units of amSynth's parameters, against figures computed from amSynth's formulas by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentd.synth import units
from latentd.synth.amsynth import INDEX, MAXIMUM, MINIMUM, NAMES, SPAN


@pytest.mark.parametrize(
    ("name", "patch", "amount", "unit"),
    [
        ("osc2_detune", 1.0, 386.314, "cents"),  # a factor of 1.25 is a just third
        ("osc2_detune", -0.0310628, -12.0, "cents"),
        ("osc2_range", -2.0, -2.0, "octaves"),
        ("osc2_pitch", 7.0, 7.0, "semitones"),
        ("amp_attack", 1.0, 1.0005, "s"),
        ("amp_release", 0.5, 0.1255, "s"),
        ("portamento_time", 0.25, 0.25, "s"),
        ("lfo_freq", 3.0, 9.0, "Hz"),
        ("filter_cutoff", 0.5, 2.0, "octaves"),
        ("freq_mod_amount", 1.25992105, 1200.0, "cents"),  # up to twice the frequency
        ("freq_mod_amount", 0.5, 104.955, "cents"),
        ("amp_sustain", 0.1, -20.0, "dB"),
        ("master_vol", 0.5, -12.0412, "dB"),
        ("amp_mod_amount", 0.0, 6.0206, "dB"),  # half the amplitude
        ("amp_vel_sens", 0.5, 6.0206, "dB"),
        ("distortion_crunch", 0.75, 4.0, ":1"),
        ("filter_resonance", 0.5, 0.5, ""),
    ],
)
def test_amounts_are_those_of_the_synths_formulas(name: str, patch: float, amount: float, unit: str) -> None:
    kind = units.unit(name)
    assert kind.name == unit
    assert kind.amount(patch) == pytest.approx(amount, rel=1e-4)
    assert kind.patch_value(amount) == pytest.approx(patch, rel=1e-4, abs=1e-6)


@given(st.sampled_from(NAMES), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_a_range_comes_back_as_the_amounts_that_it_was_given_as(name: str, one: float, other: float) -> None:
    low, high = sorted((one, other))
    ends = units.amounts(name, low, high)
    least, greatest = units.params_range(name, *ends)
    assert 0.0 <= least <= greatest <= 1.0
    assert (least, greatest) == pytest.approx(
        (low, high), abs=3e-3
    )  # near its start a time hardly depends on the value


def test_an_end_beyond_the_parameter_is_its_own_end_and_a_range_without_ends_is_all_of_it() -> None:
    assert units.params_range("osc2_detune", -1000.0, 0.0) == (0.0, 0.5)
    assert units.params_range("amp_sustain", None, 0.0) == (0.0, 1.0)
    for name in NAMES:
        assert units.params_range(name, None, None) == (0.0, 1.0)
        assert units.amounts(name, 0.0, 1.0) == (None, None)
        index = INDEX[name]
        ends = [units.unit(name).amount(MINIMUM[index] + share * SPAN[index]) for share in (0.0, 0.5, 1.0)]
        assert ends == sorted(set(ends)), f"{name} does not rise from {MINIMUM[index]} to {MAXIMUM[index]}"


@pytest.mark.parametrize("name", NAMES)
def test_every_range_that_is_given_comes_back_as_finite_amounts(name: str) -> None:
    """JSON, in which the status is answered, has no infinity."""
    for low, high in ((1e30, None), (None, -1e30), (1e4, 1e4), (-1e4, -1e4)):
        try:
            ends = units.params_range(name, low, high)
        except ValueError:
            continue  # beyond the parameter's range
        shown = units.amounts(name, *ends)
        assert all(amount is None or math.isfinite(amount) for amount in shown)
        assert units.params_range(name, *shown) == pytest.approx(ends, abs=1e-9)


@pytest.mark.parametrize(
    ("name", "low", "high", "why"),
    [
        ("osc2_detune", 12.0, -12.0, "12 is above -12; write the lower end first"),
        ("osc2_detune", 400.0, 500.0, "osc2_detune goes from -386.3 to 386.3 cents"),
        ("amp_sustain", 1.0, 3.0, "amp_sustain goes from -inf to 0 dB"),
        ("filter_resonance", -2.0, -1.0, "filter_resonance goes from 0 to 0.97"),
    ],
)
def test_an_empty_range_is_refused_with_what_there_is(name: str, low: float, high: float, why: str) -> None:
    with pytest.raises(ValueError) as caught:
        units.params_range(name, low, high)
    assert str(caught.value) == why
