"""The pitch of synthesized notes."""

from __future__ import annotations

import numpy as np
import pytest

from latentd.offline.timbre import pitch
from latentd.offline.timbre.pitch import Track
from latentd.synth.amsynth import Array

RATE = 48000
C4_HZ = 261.6256
FRAMES = round(3.0 / pitch.STEP_S)


def _saw(hz: float, length_s: float = 2.0) -> Array:
    """A band-limited sawtooth."""
    t = np.arange(round(length_s * RATE)) / RATE
    return np.asarray(sum(np.sin(2 * np.pi * k * hz * t) / k for k in range(1, int(8000 / hz))))


def _steady(mono: Array) -> float:
    return pitch.steady_hz(pitch.track(mono, RATE))


@pytest.mark.parametrize("cents", [-60, -25, 0, 12, 40])
@pytest.mark.parametrize("note", [48, 60, 72])
def test_a_detuned_note_is_that_many_cents_off(note: int, cents: int) -> None:
    hz = 440.0 * 2 ** ((note - 69) / 12 + cents / 1200)
    assert pitch.cents_off(np.array([_steady(_saw(hz))]), note)[0] == pytest.approx(cents, abs=6.0)


def test_the_level_of_a_note_does_not_change_its_pitch() -> None:
    assert _steady(_saw(C4_HZ) * 1e-4) == pytest.approx(_steady(_saw(C4_HZ)), rel=1e-5)


def test_noise_and_silence_have_no_pitch() -> None:
    assert np.isnan(_steady(np.random.default_rng(0).normal(size=2 * RATE)))
    assert np.isnan(_steady(np.zeros(2 * RATE)))


def test_a_pitch_is_steady_if_half_of_the_frames_after_the_attack_are_voiced() -> None:
    hz, confidence = np.full(FRAMES, 440.0), np.zeros(FRAMES)
    first, last = round(0.3 / pitch.STEP_S), round(1.5 / pitch.STEP_S)
    confidence[:first] = confidence[last:] = 1.0  # before and after count for nothing
    middle = (first + last) // 2
    confidence[first : middle - 1] = 1.0
    assert np.isnan(pitch.steady_hz(Track(hz, confidence)))
    confidence[middle - 1 : middle + 1] = 1.0
    assert pitch.steady_hz(Track(hz, confidence)) == 440.0


def test_unvoiced_frames_do_not_count_for_the_pitch() -> None:
    hz, confidence = np.full(FRAMES, 440.0), np.ones(FRAMES)
    place = np.arange(FRAMES) % 10
    hz[place < 4], confidence[place < 4] = 1000.0, 0.49
    hz[place > 7] = 450.0
    assert pitch.steady_hz(Track(hz, confidence)) == 440.0  # the median of all frames is 450


def test_octaves_of_a_note_are_its_pitch_and_a_tritone_is_farthest() -> None:
    off = pitch.cents_off(C4_HZ * np.array([0.5, 1.0, 2.0, 2 ** (1 / 12), 2 ** (-1 / 12), 2**0.5, np.nan]), 60)
    np.testing.assert_allclose(off, [0.0, 0.0, 0.0, 100.0, -100.0, -600.0, np.nan], atol=0.01)
