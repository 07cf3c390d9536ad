"""Envelopes of a signal, and the place and time of their attacks.

Algorithms: the AudioCommons timbral models (A. Pearce, 2018); the attack by least effort is from
G. Peeters, CUIDADO (2004).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from latentd.offline.timbre.descriptors.spectra import Array

_HOLD_S = 0.01
_EFFORT_LEVELS = 9  # between ten equal parts of the rise
_EFFORT_FACTOR = 3.0
_FIXED_START = 0.2
_SEARCH = 256  # samples searched at a time


def sample_and_hold(x: Array, rate: float, decay_s: float) -> Array:
    """The envelope of x: it follows every rise, holds a peak for 10 ms, then falls linearly, by the height of the
    loudest sample in `decay_s`, until the signal exceeds it.

    Each step of the loop is a peak or a fall, not a sample.
    """
    x = np.abs(x)
    slope = float(x.max() / (decay_s * rate))
    hold = int(np.ceil(_HOLD_S * rate))
    fall = slope * np.arange(1.0, _SEARCH + 1.0)
    away = _away(x, slope)
    out = np.empty_like(x)
    at = 0
    while at < len(x):
        at = _rise_and_hold(x, out, at, hold)
        while at < len(x) and out[at - 1] > x[at]:
            at = _fall(x, out, at, fall, away)
    return out


def _away(x: Array, slope: float) -> NDArray[np.bool_]:
    """True where the signal does not fall to the next sample, or falls more steeply than the line, and at the end."""
    step = np.diff(x)
    away = np.ones(len(x), np.bool_)
    np.less(step, -slope, out=away[:-1])
    away[:-1] |= step >= 0.0
    return away


def _rise_and_hold(x: Array, out: Array, at: int, hold: int) -> int:
    """Follow rises from `at` on, until a peak has been held for `hold` samples; returns the first sample after that."""
    while True:
        stretch = x[at : at + hold + 1]
        # The last of equal peaks counts: it is held longest.
        peak = len(stretch) - 1 - int(stretch[::-1].argmax())
        if peak == 0:
            out[at : at + len(stretch)] = stretch[0]
            return at + len(stretch)
        np.maximum.accumulate(stretch[: peak + 1], out=out[at : at + peak + 1])
        at += peak


def _fall(x: Array, out: Array, at: int, fall: Array, away: NDArray[np.bool_]) -> int:
    """Fall linearly from the sample before `at` to the signal, then follow it while it falls less steeply than the
    line; returns the first sample after that."""
    ahead = x[at : at + _SEARCH]
    line = out[at - 1] - fall[: len(ahead)]
    above = ahead >= line
    reached = int(above.argmax())
    end = at + (reached if above[reached] else len(ahead))
    out[at:end] = line[: end - at]
    if not above[reached] or x[end] >= out[end - 1]:
        return end
    after = end + 1 + int(away[end:].argmax())
    out[end:after] = x[end:after]
    return after


def rms(x: Array, size: int, hop: int) -> Array:
    """Root mean square of frames; the last frame has the remaining samples, at most `size`.

    `size` must be a multiple of `hop`.
    """
    count, parts = max(-(-(len(x) - size) // hop), 0), size // hop
    square = (x[: (count + parts - 1) * hop] ** 2).reshape(-1, hop).sum(axis=1) if count else np.empty(0)
    sums = np.sum([square[k : k + count] for k in range(parts)], axis=0)
    return np.asarray(np.sqrt(np.append(sums / size, np.mean(x[count * hop :] ** 2))))


class Attack(NamedTuple):
    """The rise to the peak of a segment: index of its first sample, and log10 of its duration in seconds."""

    start: int
    log_time: float


def attack_by_effort(segment: Array, rate: float, longest_s: float) -> Attack | None:
    """From the first to the last step between ten levels that takes at most three times the mean step.

    None if the segment has its peak at its first sample.
    """
    rise = _rise(segment)
    if rise is None:
        return None
    first, rising = rise
    levels = np.linspace(0.1, 0.9, _EFFORT_LEVELS) * (rising[-1] - rising.min()) + rising.min()
    crossed = np.argmax(rising >= levels[:, None], axis=1)
    effort = np.diff(crossed)
    limit = effort.mean() * _EFFORT_FACTOR
    start = int(np.argmax(effort <= limit))
    # The end is the step before one above the limit, or before the last one if there is none.
    end = start + (int(np.argmax(effort[start:] >= limit)) or len(effort) - start - 1)
    begun, ended = crossed[start], crossed[end]
    if begun == ended:
        begun, ended = crossed[0], crossed[-1]
    return Attack(first + int(begun), _log_time(ended - begun, rate, longest_s))


def attack_start_by_level(segment: Array) -> int | None:
    """The sample where the rise to the peak reaches 20 % of its height; None if the peak is at the start."""
    rise = _rise(segment)
    if rise is None:
        return None
    first, rising = rise
    low = rising.min()
    return first + int(np.argmax(rising >= _FIXED_START * (rising.max() - low) + low))


def _rise(segment: Array) -> tuple[int, Array] | None:
    """Index of the last lowest sample before the peak, and the samples from there to the peak, scaled to peak 1."""
    peak = int(np.argmax(segment))
    if peak == 0:
        return None
    before = segment[:peak]
    lowest = int(np.flatnonzero(before == before.min())[-1])
    return lowest, segment[lowest : peak + 1] / segment[peak]


def _log_time(samples: int, rate: float, longest_s: float) -> float:
    if samples == 0:
        return float(np.log10(1.0 / rate))
    if (samples + 1) / rate > longest_s:
        samples = int(rate * longest_s)
    return float(np.log10((samples + 1) / rate))
