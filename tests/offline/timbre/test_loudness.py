"""Loudness of the reference signals of ITU-R BS.1770 and EBU Tech 3341."""

from __future__ import annotations

import numpy as np
import pytest

from latentd.offline.timbre.descriptors import loudness
from latentd.synth.amsynth import Array

RATE = 48000


def _sine(level_db: float, length_s: float = 3.0) -> Array:
    """A sine of 1 kHz."""
    t = np.arange(round(length_s * RATE)) / RATE
    return np.asarray(10 ** (level_db / 20) * np.sin(2 * np.pi * 1000.0 * t))


def _weighted(*channels: Array) -> Array:
    return loudness.weighted(np.stack(channels), RATE)


def test_a_sine_at_full_scale_in_one_channel_has_minus_3_01_lufs() -> None:
    tone = _sine(0.0)
    assert loudness.integrated(_weighted(tone), RATE) == pytest.approx(-3.01, abs=0.05)
    assert loudness.integrated(_weighted(tone * 0.0, tone), RATE) == pytest.approx(-3.01, abs=0.05)


def test_a_sine_in_both_channels_has_its_level_in_lufs() -> None:
    tone = _sine(-23.0)
    weighted = _weighted(tone, tone)
    assert loudness.integrated(weighted, RATE) == pytest.approx(-23.0, abs=0.05)
    momentary = loudness.momentary(weighted, RATE)
    assert len(momentary) == 27  # every 100 ms of 3 s, in whole blocks of 400 ms
    np.testing.assert_allclose(momentary[1:], -23.0, atol=0.05)


def test_what_is_10_lu_below_the_rest_does_not_count_for_the_integrated_loudness() -> None:
    tone = np.concatenate([_sine(-36.0, 10.0), _sine(-23.0, 60.0), _sine(-36.0, 10.0)])
    assert loudness.integrated(_weighted(tone, tone), RATE) == pytest.approx(-23.0, abs=0.1)


def test_momentary_loudness_follows_a_pause() -> None:
    tone = np.concatenate([_sine(-20.0, 1.0), np.zeros(RATE), _sine(-20.0, 1.0)])
    momentary = loudness.momentary(_weighted(tone, tone), RATE)
    assert momentary[12] < -80.0
    assert momentary[3] == pytest.approx(momentary[24], abs=0.05)
    assert (loudness.momentary(np.zeros((2, RATE)), RATE) == -np.inf).all()
