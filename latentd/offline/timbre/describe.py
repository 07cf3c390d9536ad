"""Seven timbral descriptors, loudness, silence and onsets of a sound; see `describe`.

It needs only numpy, scipy and pyloudnorm, not the synth:

    from latentd.offline.timbre import describe
    describe(samples, 48000).brightness

The descriptors are those of the AudioCommons timbral models 0.4 (A. Pearce, T. Brookes and R. Mason, Surrey), whose
package no longer installs. They are regressions on listening tests, so every step of the published models matters, odd
ones included: the results are the same here, the implementation is not.

Sampling rates: the models work in samples, so the values of a sound depend on its rate: 30 amSynth clips at 44.1 and at
48 kHz differ by 0.7 in hardness, 1.2 in sharpness, 3 in boominess and at most 0.4 in the others (medians; at worst by
21, where a different onset or lowest partial is found). Compare sounds at one rate. Clips below 44.1 kHz are resampled
to that, without the high frequencies. Differences to the same clips at 44.1 kHz (median, and 90th percentile in
brackets):

    rate     hardness    depth       brightness  roughness   warmth      sharpness   boominess
    8 kHz    4.1 (16)    0.04 (3.4)  0.9 (6.4)   1.0 (13)    2.6 (11)    4.6 (16)    0.7 (4.1)
    16 kHz   0.5 (8.1)   0.01 (1.5)  0.03 (1.8)  0.01 (4.3)  2.5 (11)    0.3 (3.4)   0.03 (0.7)
    22 kHz   0.1 (4.9)   0.01 (0.4)  0.01 (1.5)  0 (1.5)     2.3 (8.1)   0.01 (1.1)  0.01 (0.2)
    32 kHz   0.04 (2.5)  0.01 (0.1)  0.01 (0.4)  0 (0.4)     1.6 (5.3)   0 (0.02)    0.01 (0.02)

So warmth is not reliable below 44.1 kHz, and at 8 kHz only depth and boominess are. Rates below 8 kHz are an error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from latentd.errors import LatentdError
from latentd.offline.timbre.descriptors import (
    bark,
    brightness,
    depth,
    envelope,
    filters,
    hardness,
    loudness,
    mel,
    onsets,
    percussive,
    roughness,
    spectra,
    warmth,
)
from latentd.offline.timbre.descriptors.mel import distance as log_mel_distance
from latentd.offline.timbre.descriptors.spectra import Array, Array32

__all__ = ["DESCRIPTORS", "Description", "InvalidAudio", "describe", "log_mel_distance", "measure"]

DESCRIPTORS = ("hardness", "depth", "brightness", "roughness", "warmth", "sharpness", "boominess")
_Analysis = tuple[dict[str, float], list[float], Array32]  # descriptors, onsets in seconds, log-mel spectrogram
_NOTHING: _Analysis = dict.fromkeys(DESCRIPTORS, float("nan")), [], np.empty((0, mel.BANDS), np.float32)

TARGET_LUFS = -24.0
_RATES = (8000, 384000)
_LOWEST_RATE = 44100  # the loudness model needs third octaves up to 12.5 kHz: slower clips are resampled to this
_CHANNELS = 5
_FRONT = 3  # channels that the descriptors use; the others are surround
_SHORTEST = 8192  # samples; shorter clips are padded with silence
_STEP_S = 0.01
_FAINT = 10 ** (-60 / 20)  # of the loudest 10 ms
_NEAREST_START = 4096


class InvalidAudio(LatentdError):
    """Samples that cannot be described: none, not finite numbers, or at an unusual rate."""


class Description(NamedTuple):
    """The description of a clip.

    The seven descriptors are the results of the regressions, about 0..100 but not clipped, and NaN if the sum of the
    channels is silent. A single one is NaN if its model has no input, such as the attack of a constant or the partials
    of a click. Boominess is +inf if nothing is audible below 7 Bark.

    Attributes:
        lufs: loudness after EBU R 128; -inf for silence.
        peak: greatest absolute sample.
        clipped: samples at or beyond full scale.
        silent: True when no 400 ms of the clip reach -70 LUFS.
        start_s, end_s: the first and the last 10 ms within 60 dB of the loudest; NaN for silence.
        onsets_s: onsets of notes, as the models find them; a single one is at the sound's start.
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


def describe(samples: NDArray[np.floating], rate: int) -> Description:
    """Describe a clip.

    Args:
        samples: floats (n,) or (n, channels), full scale ±1; at most five channels.
        rate: in Hz.

    Raises:
        InvalidAudio: no samples, samples that are not finite numbers, a rate outside 8000..384000 Hz.
    """
    return measure(samples, rate)[0]


@np.errstate(divide="ignore", invalid="ignore")  # NaN and infinity are answers here
def measure(samples: NDArray[np.floating], rate: int) -> tuple[Description, Array32]:
    """`describe`, and the clip's log-mel spectrogram for `mel.distance` (empty if the descriptors are NaN)."""
    channels = _checked(samples, rate)
    weighted = loudness.weighted(channels, rate)
    lufs = loudness.integrated(weighted, rate)
    mono, mono_weighted = channels[:_FRONT].sum(axis=0), weighted[:_FRONT].sum(axis=0, keepdims=True)
    x = _levelled(mono, loudness.integrated(mono_weighted, rate))
    seven, starts, spectrogram = _NOTHING if x is None else _analysed(*_resampled(x, rate))
    start_s, end_s = _extent(channels, rate)
    return Description(
        **seven,
        lufs=lufs,
        peak=float(max(channels.max(), -channels.min())),
        clipped=int(np.count_nonzero(channels >= 1.0) + np.count_nonzero(channels <= -1.0)),
        silent=lufs == float("-inf"),
        start_s=start_s,
        end_s=end_s,
        onsets_s=tuple(max(start, start_s) for start in starts),
    ), spectrogram


def _checked(samples: NDArray[np.floating], rate: int) -> Array:
    """The samples as (channels, n)."""
    if not _RATES[0] <= rate <= _RATES[1] or int(rate) != rate:
        raise InvalidAudio(f"The rate is {rate} Hz; a whole number {_RATES[0]}..{_RATES[1]} is allowed", "Resample it")
    if not np.issubdtype(samples.dtype, np.floating):
        raise InvalidAudio(f"Samples are {samples.dtype}; floats of full scale ±1 are needed", "Scale them first")
    channels = np.array(np.atleast_2d(samples.T), np.float64, order="C")
    if channels.ndim != 2 or channels.size == 0 or len(channels) > _CHANNELS:
        raise InvalidAudio(f"Samples of shape {samples.shape}; (n,) or (n, 1..{_CHANNELS}) with n > 0 is allowed")
    if not np.isfinite(channels).all():
        raise InvalidAudio("Samples are not all finite numbers")
    return channels


def _levelled(mono: Array, lufs: float) -> Array | None:
    """The signal at -24 LUFS, or at peak 1 if that is quieter; None for silence."""
    if lufs == float("-inf"):
        return None
    x = mono * 10 ** ((TARGET_LUFS - lufs) / 20)
    return x / max(1.0, float(np.abs(x).max()))


def _resampled(x: Array, rate: int) -> tuple[Array, int]:
    if rate < _LOWEST_RATE:
        x, rate = signal.resample_poly(x, _LOWEST_RATE, rate), _LOWEST_RATE
    return np.pad(x, (0, max(_SHORTEST - len(x), 0))), rate


def _analysed(x: Array, rate: int) -> _Analysis:
    """Descriptors, onsets and spectrogram of a levelled signal."""
    held = envelope.sample_and_hold(x, rate, 0.1)
    single = spectra.single(x)
    spectrum = np.concatenate(list(spectra.stft(single)))
    power = spectra.power(spectrum)
    starts = onsets.find(onsets.flux(spectra.mel_db([power], rate)), held, rate, _NEAREST_START)
    starts = starts if len(starts) > 1 else [0]
    sound = bark.loudness(x, rate)
    audible = filters.above(x, 20.0, rate)
    audible /= np.abs(audible).max()
    percussion = percussive.ratio(x, spectrum, power)
    models: dict[str, Callable[[], float]] = {
        "hardness": lambda: hardness.value(x, single, held, rate, sound.weighted(70, 140), percussion),
        "depth": lambda: depth.value(audible, rate),
        "brightness": lambda: brightness.value(audible, rate),
        "roughness": lambda: roughness.value(single, rate),
        "warmth": lambda: warmth.value(x, starts, rate, sound.mean(10, 40), sound.weighted(80, 240)),
        "sharpness": lambda: bark.sharpness(sound),
        "boominess": lambda: bark.boominess(sound),
    }
    seven = {name: _defined(model) for name, model in models.items()}
    return seven, [start / rate for start in starts], mel.spectrogram(power, rate)


def _defined(model: Callable[[], float]) -> float:
    """The result of a model; NaN if it has no input, as with a constant, a click or one sample."""
    try:
        return model()
    except (ZeroDivisionError, ValueError, IndexError):
        return float("nan")


def _extent(channels: Array, rate: int) -> tuple[float, float]:
    step = int(_STEP_S * rate)
    length = channels.shape[1]
    power = np.sum([np.add.reduceat(x * x, np.arange(0, length, step)) for x in channels], axis=0)
    if not power.max() > 0.0:
        return float("nan"), float("nan")
    audible = np.flatnonzero(power >= power.max() * _FAINT**2)
    return float(audible[0] * step / rate), float(min((audible[-1] + 1) * step, length) / rate)
