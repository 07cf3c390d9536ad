"""Seven timbral descriptors, loudness, silence and onsets of a sound; see `describe`.

It needs numpy, scipy and pyloudnorm, and nothing of the synth:

    from latentd.offline.timbre import describe
    describe(samples, 48000).brightness

The descriptors are those of the AudioCommons timbral models 0.4 (A. Pearce, T. Brookes and R. Mason, Surrey), whose
package no longer installs. They are regressions on listening tests, so every step of the published models counts, odd
ones included: what they compute is kept, how they compute it is not.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from latentd.errors import LatentdError
from latentd.offline.descriptors import (
    bark,
    brightness,
    depth,
    envelope,
    hardness,
    loudness,
    mel,
    onsets,
    percussive,
    roughness,
    spectra,
    warmth,
)
from latentd.offline.descriptors.mel import distance as log_mel_distance
from latentd.offline.descriptors.spectra import Array, Array32

__all__ = ["DESCRIPTORS", "Description", "Undescribable", "describe", "log_mel_distance", "measure"]

DESCRIPTORS = ("hardness", "depth", "brightness", "roughness", "warmth", "sharpness", "boominess")

TARGET_LUFS = -24.0
_RATES = (8000, 384000)
_LOWEST_RATE = 44100  # the loudness model needs third octaves up to 12.5 kHz: slower clips are resampled to this
_CHANNELS = 5
_SHORTEST = 8192  # samples; shorter clips are as if silence followed
_STEP_S = 0.01
_FAINT = 10 ** (-60 / 20)  # of the loudest 10 ms
_NEAREST_START = 4096


class Undescribable(LatentdError):
    """Samples that have no description: none, not finite, or at a rate nobody uses."""


class Description(NamedTuple):
    """What `describe` says about a clip.

    The seven descriptors are as the regressions give them, around 0..100 but not clipped to it, and NaN where the sum
    of the channels is silent. Boominess is +inf where nothing is heard below 7 Bark.

    Attributes:
        lufs: loudness after EBU R 128; -inf for silence.
        peak: greatest absolute sample.
        clipped: samples at or beyond full scale.
        silent: True when no 400 ms of the clip reach -70 LUFS.
        start_s, end_s: from the first to the last 10 ms within 60 dB of the loudest; NaN for silence.
        onsets_s: where notes begin, as the models see it: a single one at the sound's start.
    """

    hardness: float
    depth: float
    brightness: float
    roughness: float
    warmth: float
    sharpness: float
    boominess: float
    lufs: float
    peak: float
    clipped: int
    silent: bool
    start_s: float
    end_s: float
    onsets_s: tuple[float, ...]


class _Seven(NamedTuple):
    hardness: float
    depth: float
    brightness: float
    roughness: float
    warmth: float
    sharpness: float
    boominess: float


def describe(samples: NDArray[np.floating], rate: int) -> Description:
    """Describe a clip.

    Args:
        samples: floats (n,) or (n, channels), full scale ±1; at most five channels.
        rate: in Hz.

    Raises:
        Undescribable: no samples, samples that are not finite numbers, a rate outside 8000..384000 Hz.
    """
    return _measured(samples, rate, wants_picture=False)[0]


def measure(samples: NDArray[np.floating], rate: int) -> tuple[Description, Array32]:
    """`describe`, and the clip's log-mel picture for `mel.distance` (empty where the descriptors are NaN)."""
    return _measured(samples, rate, wants_picture=True)


def _measured(samples: NDArray[np.floating], rate: int, wants_picture: bool) -> tuple[Description, Array32]:
    channels = _checked(samples, rate)
    weighted = loudness.weighted(channels, rate)
    lufs = loudness.integrated(weighted, rate)
    mono = channels.sum(axis=1) if channels.shape[1] < 3 else channels[:, :3].sum(axis=1)
    x = _levelled(mono, loudness.integrated(weighted[:, :3].sum(axis=1, keepdims=True), rate))
    if x is None:
        seven, starts, picture = _Seven(*[float("nan")] * 7), list[float](), np.empty((0, mel.BANDS), np.float32)
    else:
        seven, starts, picture = _analysed(*_resampled(x, rate), wants_picture)
    start_s, end_s = _extent(channels, rate)
    onsets_s = tuple(max(start, start_s) for start in starts)
    peak = np.abs(channels)
    facts = (float(peak.max()), int(np.count_nonzero(peak >= 1.0)), lufs == float("-inf"), start_s, end_s)
    return Description(*seven, lufs, *facts, onsets_s), picture


def _checked(samples: NDArray[np.floating], rate: int) -> Array:
    if not _RATES[0] <= rate <= _RATES[1] or int(rate) != rate:
        raise Undescribable(f"A rate of {rate} Hz; a whole number {_RATES[0]}..{_RATES[1]} is allowed")
    if not np.issubdtype(samples.dtype, np.floating):
        raise Undescribable(f"Samples are {samples.dtype}; floats of full scale ±1 are needed", "Scale them first")
    channels = (samples[:, None] if samples.ndim == 1 else samples).astype(np.float64)
    if channels.ndim != 2 or channels.size == 0 or channels.shape[1] > _CHANNELS:
        raise Undescribable(f"Samples of shape {samples.shape}; (n,) or (n, 1..{_CHANNELS}) with n > 0 is needed")
    if not np.isfinite(channels).all():
        raise Undescribable("Samples are not all finite numbers")
    return channels


def _levelled(mono: Array, lufs: float) -> Array | None:
    """The signal at -24 LUFS, or at peak 1 where that is less; None for silence."""
    if lufs == float("-inf"):
        return None
    x = mono * 10 ** ((TARGET_LUFS - lufs) / 20)
    return x / max(1.0, float(np.abs(x).max()))


def _resampled(x: Array, rate: int) -> tuple[Array, int]:
    if rate < _LOWEST_RATE:
        x, rate = signal.resample_poly(x, _LOWEST_RATE, rate), _LOWEST_RATE
    return np.pad(x, (0, max(_SHORTEST - len(x), 0))), rate


def _analysed(x: Array, rate: int, wants_picture: bool) -> tuple[_Seven, list[float], Array32]:
    """The seven, the onsets in seconds, and the log-mel picture (empty if not wanted) of a levelled signal."""
    held = envelope.sample_and_hold(x, rate, 0.1)
    spectrum = spectra.stft(x)
    strength = onsets.flux(spectra.mel_db(spectrum, rate))
    starts = onsets.find(strength, held, rate, _NEAREST_START)
    starts = starts if len(starts) > 1 else [0]
    sound = bark.loudness(x, rate)
    audible = _filtered(x, 20.0, "high", rate)
    audible /= np.abs(audible).max()
    low_2000, low_500, high_2000, high_100 = (
        _filtered(audible, hz, kind, rate)
        for hz, kind in ((2000.0, "low"), (500.0, "low"), (2000.0, "high"), (100.0, "high"))
    )
    seven = _Seven(
        hardness=hardness.value(x, held, rate, sound.weighted(70, 140), percussive.ratio(x, spectrum)),
        depth=depth.value(audible, low_2000, low_500, rate),
        brightness=brightness.value(audible, high_2000, high_100, rate),
        roughness=roughness.value(x, rate),
        warmth=warmth.value(x, starts, rate, sound.mean(10, 40), sound.weighted(80, 240)),
        sharpness=bark.sharpness(sound),
        boominess=bark.boominess(sound),
    )
    picture = mel.picture(spectrum, rate) if wants_picture else np.empty((0, mel.BANDS), np.float32)
    return seven, [start / rate for start in starts], picture


def _filtered(x: Array, hz: float, kind: str, rate: int) -> Array:
    return np.asarray(signal.sosfilt(_sections(hz, kind, rate), x))


@lru_cache(maxsize=32)
def _sections(hz: float, kind: str, rate: int) -> Array:
    """Three Butterworth filters of second order in a row: 36 dB an octave, and -9 dB at the corner."""
    return np.repeat(signal.butter(2, hz, kind, fs=rate, output="sos"), 3, axis=0)


def _extent(channels: Array, rate: int) -> tuple[float, float]:
    step = int(_STEP_S * rate)
    power = np.add.reduceat(np.einsum("ij,ij->i", channels, channels), np.arange(0, len(channels), step))
    if not power.max() > 0.0:
        return float("nan"), float("nan")
    heard = np.flatnonzero(power >= power.max() * _FAINT**2)
    return float(heard[0] * step / rate), float(min((heard[-1] + 1) * step, len(channels)) / rate)
