"""The descriptors against the values of the published models, and for unusual clips."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pyloudnorm
import pytest
import scipy.ndimage
import soundfile
from click.testing import CliRunner
from scipy import signal

from latentd.cli.timbre import command
from latentd.offline.render.pool import render
from latentd.offline.timbre import describe
from latentd.offline.timbre.descriptors import envelope, loudness, medians
from tests.offline import reference

pytestmark = pytest.mark.offline

RATE = 48000


def _tone(seconds: float, rate: int = RATE, hz: float = 330.0) -> np.ndarray:
    """Two notes with overtones."""
    t = np.arange(int(seconds * rate)) / rate
    note = sum(np.sin(2 * np.pi * hz * k * t) / k for k in range(1, 12)) * np.exp(-3.0 * (t % (seconds / 2)))
    return np.asarray(0.2 * note)


def test_every_descriptor_agrees_with_the_published_models() -> None:
    ours = np.array([describe.describe(audio, RATE)[:7] for audio in render(reference.patches())])
    assert np.abs(ours - reference.values()).max() < 0.05
    assert np.median(np.abs(ours - reference.values())) < 0.001


def test_silence_is_silent_and_has_no_descriptors() -> None:
    found = describe.describe(np.zeros((RATE, 2)), RATE)
    assert found.silent and found.lufs == -np.inf and np.isnan(found[:7]).all() and found.onsets_s == ()
    assert np.isnan([found.start_s, found.end_s]).all()


def test_channels_that_cancel_have_loudness_but_no_descriptors() -> None:
    found = describe.describe(np.stack([_tone(1.0), -_tone(1.0)], axis=1), RATE)
    assert not found.silent and np.isfinite(found.lufs) and np.isnan(found[:7]).all()


@pytest.mark.parametrize("samples", [1, 100, 2000, 5000, 20000])
def test_a_very_short_clip_has_finite_values_or_is_silent(samples: int) -> None:
    found = describe.describe(_tone(1.0)[:samples], RATE)
    assert found.silent or np.isfinite(found[:7]).all()


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 96000])
def test_a_sound_has_similar_descriptors_at_any_rate(rate: int) -> None:
    # All its partials are below 4 kHz, so that every rate contains them.
    assert np.allclose(describe.describe(_tone(2.0, rate), rate)[:7], describe.describe(_tone(2.0), RATE)[:7], atol=6.0)


# Limits of the median difference between sounds at a lower rate and at 44.1 kHz. High frequencies are missing; warmth
# is most sensitive, because it fits a line to the whole spectrum in dB.
LOW_RATES = {
    8000: (8.0, 3.0, 3.0, 3.0, 6.0, 9.0, 2.0),
    16000: (2.0, 0.1, 1.0, 0.5, 5.0, 1.5, 0.3),
    22050: (1.0, 0.1, 0.5, 0.1, 6.0, 0.1, 0.1),
    32000: (0.3, 0.1, 0.1, 0.1, 4.0, 0.1, 0.1),
}


@pytest.mark.parametrize("rate", LOW_RATES)
def test_a_clip_of_a_low_rate_is_similar_to_the_clip_at_44100(rate: int) -> None:
    originals = [
        signal.resample_poly(audio.astype(np.float64), 147, 160, axis=0) for audio in render(reference.patches())
    ]
    common = math.gcd(rate, 44100)
    low = [signal.resample_poly(clip, rate // common, 44100 // common, axis=0) for clip in originals]
    apart = [
        np.subtract(describe.describe(a, rate)[:7], describe.describe(b, 44100)[:7])
        for a, b in zip(low, originals, strict=True)
    ]
    assert np.isfinite(apart).all()
    assert (np.median(np.abs(apart), axis=0) <= LOW_RATES[rate]).all()


def test_mono_and_twice_the_same_channel_sound_alike() -> None:
    mono = describe.describe(_tone(1.0), RATE)
    stereo = describe.describe(np.stack([_tone(1.0)] * 2, axis=1), RATE)
    assert np.allclose(mono[:7], stereo[:7], atol=1e-6)


def test_level_does_not_matter_and_clipping_is_counted() -> None:
    soft, loud = describe.describe(_tone(1.0) * 0.01, RATE), describe.describe(np.clip(_tone(1.0) * 50, -1, 1), RATE)
    assert np.allclose(soft[:7], describe.describe(_tone(1.0), RATE)[:7], atol=0.01)
    assert soft.clipped == 0 and loud.clipped > 1000 and loud.peak == 1.0


def test_the_sound_s_extent_and_onsets_are_found() -> None:
    clip = np.concatenate([np.zeros(RATE // 2), _tone(2.0), np.zeros(RATE)])
    found = describe.describe(clip, RATE)
    assert abs(found.start_s - 0.5) < 0.02 and abs(found.end_s - 2.5) < 0.1
    assert np.allclose(found.onsets_s, (0.5, 1.5), atol=0.06)


@pytest.mark.parametrize(
    ("samples", "rate"),
    [
        (np.zeros((0, 2)), RATE),
        (np.full(RATE, np.nan), RATE),
        (np.full(RATE, np.inf), RATE),
        (np.zeros(RATE, np.int16), RATE),
        (np.zeros((RATE, 6)), RATE),
        (np.zeros(RATE), 100),
    ],
)
def test_invalid_audio_is_an_error(samples: np.ndarray, rate: int) -> None:
    with pytest.raises(describe.InvalidAudio):
        describe.describe(samples, rate)


@pytest.mark.parametrize("rate", [44100, 48000])
def test_loudness_is_pyloudnorm_s(rate: int) -> None:
    rng = np.random.default_rng(1)
    clip = rng.normal(size=(rate * 3, 2)) * np.linspace(0.001, 0.3, rate * 3)[:, None]
    assert loudness.integrated(loudness.weighted(clip.T, rate), rate) == pytest.approx(
        pyloudnorm.Meter(rate).integrated_loudness(clip), abs=1e-6
    )


@pytest.mark.parametrize("length", [1, 17, 90, 91, 92, 93])
def test_the_fast_median_is_the_median(length: int) -> None:
    levels = np.random.default_rng(2).integers(-200, 200, (length, 37)).astype(np.int16)
    expected = scipy.ndimage.median_filter(levels, size=(31, 1), mode="reflect")
    assert np.array_equal(medians.of_31(levels), expected)


def test_the_fast_envelope_equals_the_one_made_sample_by_sample() -> None:
    rng = np.random.default_rng(3)
    x = _tone(0.5) + rng.normal(size=RATE // 2) * np.linspace(0, 0.1, RATE // 2)
    x[RATE // 4 :] *= np.exp(-np.arange(RATE // 4) / 2000)
    fall, held, before = np.abs(x).max() / (0.1 * RATE), 0, 0.0
    expected = []
    for sample in np.abs(x):
        if sample >= before:
            before, held = sample, 0
        elif held < 0.01 * RATE:
            held += 1
        else:
            before = max(before - fall, sample)
        expected.append(before)
    assert np.allclose(envelope.sample_and_hold(x, RATE, 0.1), expected, atol=1e-9)


def test_a_clip_has_no_distance_to_itself_and_some_to_another() -> None:
    tone, noise = _tone(1.0), np.random.default_rng(4).normal(size=RATE) * 0.1
    a, b = (describe.measure(clip, RATE)[1] for clip in (tone, noise))
    assert describe.log_mel_distance(a, a) == 0.0 and describe.log_mel_distance(a, b) > 10.0


def test_the_command_prints_one_json_object_per_file(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", _tone(1.0), RATE, subtype="FLOAT")
    soundfile.write(tmp_path / "b.wav", np.zeros(RATE), RATE)
    done = CliRunner().invoke(command, [str(tmp_path / "a.wav"), str(tmp_path / "b.wav"), "--json"])
    tone, silence = map(json.loads, done.stdout.splitlines())
    assert set(describe.DESCRIPTORS) | {"file", "lufs", "silent"} <= set(tone)
    assert silence["silent"] and silence["hardness"] is None and silence["lufs"] is None


def test_the_command_names_each_file_it_cannot_read_and_continues(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("no sound")
    soundfile.write(tmp_path / "a.wav", _tone(1.0), RATE)
    files = [str(tmp_path / name) for name in ("text.wav", "missing.wav", "a.wav")]
    done = CliRunner().invoke(command, [*files, "--json"])
    assert done.exit_code == 2 and len(done.stdout.splitlines()) == 1
    assert "text.wav" in done.stderr and "missing.wav" in done.stderr and len(done.stderr.splitlines()) == 2


SECOND = np.zeros(48_000)
STRANGE = {
    "a constant": np.full(48_000, 0.5),
    "a click at the end": np.r_[SECOND[:-1], 0.9],
    "a late burst": np.r_[SECOND, SECOND[:-200], np.random.default_rng(1).normal(0.0, 0.2, 200)],
    "one sample": np.array([0.5]),
    "an impulse": np.r_[1.0, SECOND],
    "a tone at half the rate": 0.3 * (-1.0) ** np.arange(48_000),
    "a low tone": 0.5 * np.sin(2.0 * np.pi * 30.0 * np.arange(48_000) / 48_000),
    "full scale": np.sign(np.sin(2.0 * np.pi * 100.0 * np.arange(48_000) / 48_000)),
}


@pytest.mark.parametrize("name", STRANGE)
def test_unusual_sounds_are_described_as_far_as_possible(name: str) -> None:
    described = describe.describe(STRANGE[name], 48_000)
    assert described.peak == pytest.approx(np.abs(STRANGE[name]).max())
    seven = [getattr(described, descriptor) for descriptor in describe.DESCRIPTORS]
    assert any(np.isfinite(seven)) or described.silent
