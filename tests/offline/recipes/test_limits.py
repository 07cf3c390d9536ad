"""The limits of a pad in musical units, against amSynth's own formulas and the real synth."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from latentd.model.decoder import Decoder
from latentd.offline.recipes import levels, limits
from latentd.offline.recipes.limits import PLAYABLE
from latentd.offline.recipes.surface import Surface
from latentd.offline.recipes.surrogate import LAYOUT
from latentd.offline.timbre import measure
from latentd.synth import amsynth
from latentd.synth.amsynth import Array

pytestmark = pytest.mark.offline

PARAMS = arrays(np.float64, (1, amsynth.COUNT), elements=st.floats(0, 1))
LOUD = amsynth.DEFAULT.copy()
LOUD[amsynth.INDEX["distortion_crunch"]] = 0.2


def _value(patch: Array, name: str) -> float:
    return float(patch[..., amsynth.INDEX[name]])


@pytest.mark.parametrize("end", [0, 1])
def test_a_limit_is_the_amount_that_amsynth_makes_of_it(end: int) -> None:
    patch = amsynth.to_patch(limits.ranges(PLAYABLE))[end]
    found = {
        "osc2_detune": 1200 * np.log2(1.25 ** _value(patch, "osc2_detune")),
        "freq_mod_amount": 1200 * np.log2(1 + _value(patch, "freq_mod_amount") ** 3 / 2),
        "amp_sustain": 20 * np.log10(_value(patch, "amp_sustain")),
        "amp_mod_amount": -20 * np.log10(1 - (_value(patch, "amp_mod_amount") + 1) / 2),
        "amp_vel_sens": -20 * np.log10(1 - _value(patch, "amp_vel_sens")),
        "distortion_crunch": 1 / (1 - _value(patch, "distortion_crunch")),
        "amp_attack": 0.0005 + _value(patch, "amp_attack") ** 3,
        "amp_release": 0.0005 + _value(patch, "amp_release") ** 3,
        "portamento_time": _value(patch, "portamento_time"),
        "filter_resonance": _value(patch, "filter_resonance"),
        "filter_kbd_track": _value(patch, "filter_kbd_track"),
    }
    assert found.keys() == PLAYABLE.keys()
    for name, limit in PLAYABLE.items():
        assert found[name] == pytest.approx(limit[end], rel=1e-3, abs=1e-3), name


@given(PARAMS)
def test_a_patch_within_the_limits_is_the_nearest_one(params: Array) -> None:
    low, high = limits.ranges(PLAYABLE)
    moved = limits.within(params, PLAYABLE)
    assert ((moved >= low) & (moved <= high)).all()
    np.testing.assert_allclose(limits.within(moved, PLAYABLE), moved, atol=1e-12)
    free = (params >= low) & (params <= high)
    free[:, [amsynth.INDEX["osc_mix"], amsynth.INDEX["osc2_pitch"]]] = False
    np.testing.assert_array_equal(moved[free], params[free])


@pytest.mark.parametrize(
    ("semitones", "sync", "moved_to", "mix"),
    [
        (7, 0, 7, -0.2),
        (-5, 0, -5, -0.2),
        (0, 0, 0, 0.9),
        (12, 0, 12, 0.9),
        (-12, 0, -12, 0.9),
        (7, 1, 7, 0.9),
        (-9, 0, -7, -0.2),
        (4, 0, 5, -0.2),
        (-1, 0, 0, 0.9),
        (11, 0, 12, 0.9),
        (-9, 1, -9, 0.9),
    ],
)
def test_an_oscillator_plays_a_usual_interval_softly_on_another_pitch_class(
    semitones: int, sync: int, moved_to: int, mix: float
) -> None:
    patch = amsynth.DEFAULT.copy()
    for name, value in (("osc2_pitch", semitones), ("osc2_sync", sync), ("osc_mix", 0.9)):
        patch[amsynth.INDEX[name]] = value
    moved = amsynth.to_patch(limits.within(amsynth.to_params(patch)[None], PLAYABLE))[0]
    assert _value(moved, "osc_mix") == pytest.approx(mix)
    assert _value(moved, "osc2_pitch") == moved_to


def test_every_point_of_a_surface_is_within_its_limits_however_it_was_trained() -> None:
    surface = Surface(6, 3.0, 16, 1, limits.ranges(PLAYABLE))
    with torch.no_grad():
        surface.last.weight *= 300
    low, high = limits.ranges(PLAYABLE)
    decoder = Decoder(LAYOUT, surface.network(), np.zeros(amsynth.COUNT), 1.0, limits.ranges(PLAYABLE))
    points = np.random.default_rng(1).uniform(-1, 1, (2000, 2))
    params = decoder.decode_many(points)
    assert (params >= low - 1e-12).all()
    assert (params <= high + 1e-12).all()
    with torch.no_grad():
        columns = surface.columns(surface(torch.from_numpy(points).float())).numpy()
    np.testing.assert_allclose(LAYOUT.encode(params), columns, atol=1e-4)


@given(PARAMS, st.floats(-60, 60))
def test_a_change_of_level_is_what_the_volume_allows(params: Array, gain: float) -> None:
    louder = levels.changed(params, np.array([gain]))
    others = np.arange(amsynth.COUNT) != amsynth.INDEX["master_vol"]
    np.testing.assert_array_equal(louder[:, others], params[:, others])
    reached = float(levels.gained(params, louder)[0])
    volume = louder[0, amsynth.INDEX["master_vol"]]
    assert (
        reached == pytest.approx(gain, abs=1e-6)
        or (volume == 1.0 and reached < gain)
        or (volume < 0.03 and reached > gain)
    )


@pytest.mark.real
@pytest.mark.parametrize("gain", [-9.0, 3.0])
def test_the_synth_gets_louder_by_as_much_through_saturation_too(gain: float) -> None:
    params = amsynth.to_params(np.stack([amsynth.DEFAULT, LOUD]))
    params[:, amsynth.INDEX["master_vol"]] = 0.2  # below the level at which amSynth's limiter acts
    louder = levels.changed(params, np.array([gain, gain]))
    lufs = measure.measure(amsynth.to_patch(np.concatenate([params, louder]))).lufs
    np.testing.assert_allclose(lufs[2:] - lufs[:2], gain, atol=0.3)
