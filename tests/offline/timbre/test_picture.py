"""Pictures of synthesized sounds, and the time that they take to rise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from latentd.offline.timbre import picture
from latentd.synth import amsynth
from latentd.synth.amsynth import Array

RATE = 48000
TIME = np.arange(3 * RATE) / RATE


def _stereo(mono: Array) -> Array:
    return np.stack([mono, mono], axis=1)


def _tone(hz: float, level: float = 0.1) -> Array:
    return _stereo(level * np.sin(2 * np.pi * hz * TIME))


def _distance(a: Array, b: Array) -> float:
    return float(picture.distances(picture.picture(a, RATE)[None], picture.picture(b, RATE)[None])[0, 0])


def test_a_picture_has_twelve_times_that_grow_and_48_bands() -> None:
    click = np.zeros(3 * RATE)
    for part, at in ((0, 0.01), (4, 0.13), (11, 2.5)):
        click[:] = 0.0
        click[round(at * RATE) : round(at * RATE) + 480] = 0.5
        drawn = picture.picture(_stereo(click), RATE)
        assert drawn.shape == (12, 48)
        assert int(drawn.max(axis=1).argmax()) == part


def test_the_level_of_a_sound_does_not_change_its_picture() -> None:
    assert _distance(_tone(440.0), _tone(440.0, 0.01)) < 0.01


def test_what_is_60_db_below_the_greatest_is_the_floor() -> None:
    drawn = picture.picture(_tone(440.0), RATE)
    assert drawn.min() == pytest.approx(drawn.max() - 60.0)


def test_different_sounds_are_farther_apart_than_alike_ones() -> None:
    near, far = _distance(_tone(440.0), _tone(466.0)), _distance(_tone(440.0), _tone(3520.0))
    assert 0.0 < near < far


def test_silence_has_no_picture() -> None:
    silence = picture.picture(np.zeros((3 * RATE, 2)), RATE)
    assert np.isnan(silence).all()
    drawn = picture.picture(_tone(440.0), RATE)
    assert np.isnan(picture.distances(drawn[None], np.stack([drawn, silence]))).tolist() == [[False, True]]


@pytest.mark.parametrize("seconds", [0.1, 0.5, 1.5])
def test_a_linear_rise_reaches_90_percent_after_that_share_of_it(seconds: float) -> None:
    ramp = np.minimum(TIME / seconds, 1.0)
    assert picture.rise_s(_tone(1000.0) * ramp[:, None], RATE) == pytest.approx(0.9 * seconds, abs=0.015)


def test_a_struck_sound_has_risen_at_once_and_silence_too() -> None:
    assert picture.rise_s(_tone(1000.0) * np.exp(-TIME)[:, None], RATE) <= 0.01
    assert picture.rise_s(np.zeros((RATE, 2)), RATE) == 0.0


@pytest.mark.offline
def test_the_real_synth_rises_as_its_attack_and_comes_from_the_cache_unchanged(tmp_path: Path) -> None:
    patches = np.stack([amsynth.DEFAULT] * 3)
    patches[1, amsynth.INDEX["amp_attack"]] = 1.0  # 1 s
    patches[2, amsynth.INDEX["master_vol"]] = 0.0
    drawn = picture.draw(patches, jobs=1, cache=tmp_path)
    assert drawn.rise_s[0] < 0.1
    assert 0.4 < drawn.rise_s[1] < 1.1
    assert np.isnan(drawn.mel[2]).all()
    assert picture.distances(drawn.mel[:1], drawn.mel[1:2])[0, 0] > 3.0
    again = picture.draw(patches, jobs=1, cache=tmp_path)
    np.testing.assert_array_equal(again.mel, drawn.mel)
    np.testing.assert_array_equal(again.rise_s, drawn.rise_s)
