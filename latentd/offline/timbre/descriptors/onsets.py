"""Onsets of notes: peaks of the spectral flux, moved back to the foot of the envelope's rise, without ripples.

Spectral flux and peak picking: S. Böck and G. Widmer (DAFx 2013), with the settings of librosa 0.9; the other steps are
those of the AudioCommons timbral models (A. Pearce, 2018).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from latentd.offline.timbre.descriptors import spectra
from latentd.offline.timbre.descriptors.spectra import FFT, HOP, Array, Array32

_DELTA = 0.07  # of the greatest flux: height of a peak above the mean around it
_LOOK_BACK_S = 0.02
_LOOK_BACK_FAR_S = 0.3
_RIPPLE = 0.1  # of the envelope's range
_APART_S = 0.1
_FLUX_OF_AN_ONSET = 3.0


def strength(x: Array32, rate: float) -> Array:
    """Onset strength of each frame of a signal."""
    return flux(spectra.mel_db(map(spectra.power, spectra.stft(x)), rate))


def flux(mel_db: Array32) -> Array:
    """Onset strength of each frame: mean rise in dB over the mel bands, shifted by the look-ahead of a frame."""
    rise = np.maximum(np.diff(mel_db.astype(np.float64), axis=0), 0.0).mean(axis=1)
    return np.pad(rise, (1 + FFT // (2 * HOP), 0))[: len(mel_db)]


def find(strength: Array, envelope: Array, rate: float, nearest_start: int) -> list[int]:
    """Sample indices of onsets; [0] if there are none.

    Args:
        strength: `flux` of the signal.
        envelope: its envelope, at the signal's rate.
        nearest_start: an onset moved back to before this sample is set to 0.
    """
    ripple = float(_RIPPLE * (envelope.max() - envelope.min()))
    picked = _moved_to_minima(_peaks(strength, rate), strength)
    found = _moved_to_feet(picked, envelope, rate, ripple, nearest_start)
    found = _without_ripples(found, envelope, ripple)
    found = _apart(found, _APART_S * rate)
    return _with_flux(found, strength) or [0]


def _peaks(strength: Array, rate: float) -> list[int]:
    """Frames with the maximum of the last 30 ms, above the mean of the 100 ms around, and 30 ms apart."""
    span = strength.max() - strength.min()
    if not span > 0.0:
        return []
    x = (strength - strength.min()) / span
    short, wide = int(0.03 * rate // HOP), int(0.1 * rate // HOP)
    recent = np.lib.stride_tricks.sliding_window_view(np.pad(x, (short, 0)), short + 1).max(axis=1)
    total = np.concatenate([[0.0], np.cumsum(x)])
    frame = np.arange(len(x))
    low, high = np.maximum(frame - wide, 0), np.minimum(frame + wide + 1, len(x))
    mean = (total[high] - total[low]) / (high - low)
    peaks: list[int] = []
    for n in np.flatnonzero((x == recent) & (x >= mean + _DELTA) & (x > 0.0)):
        if not peaks or n > peaks[-1] + short:
            peaks.append(int(n))
    return peaks


def _moved_to_minima(peaks: list[int], strength: Array) -> NDArray[np.intp]:
    """The sample of the last local minimum of the flux before each peak; the signal's start counts as one."""
    inner = strength[1:-1]
    minima = np.concatenate([[0], 1 + np.flatnonzero((inner <= strength[:-2]) & (inner < strength[2:]))])
    return np.asarray(minima[np.searchsorted(minima, peaks, side="right") - 1] * HOP, np.intp)


def _moved_to_feet(
    picked: NDArray[np.intp], envelope: Array, rate: float, ripple: float, nearest_start: int
) -> list[int]:
    """Onsets at the foot of their rises, without duplicates, and with 0 only as the first."""
    found: list[int] = []
    for onset in picked.tolist():
        if onset == 0:
            foot = 0
        elif found and onset + HOP > len(envelope):
            continue
        else:
            foot = _foot(onset, envelope, rate, ripple, nearest_start)
        if foot not in found and (foot > 0 or not found):
            found.append(foot)
    return found


def _foot(at: int, envelope: Array, rate: float, ripple: float, nearest_start: int) -> int:
    """Go back while the last 20 ms have a sample as low, or the last 300 ms a lower one with only a ripple between."""
    near, far = int(_LOOK_BACK_S * rate), int(_LOOK_BACK_FAR_S * rate)
    at = min(at, len(envelope) - 1)
    while True:
        # Near the signal's start all earlier samples are searched, and the index found is too large by the number of
        # missing ones: the reference does the same, and the regressions were fitted to it.
        before = envelope[at - near - 1 : at] if at > near else envelope[: max(at - 1, 1)]
        lowest = int(np.argmin(before))
        if before[lowest] <= envelope[at]:
            at += lowest - near - 1
            if at <= nearest_start:
                return 0
            continue
        start = max(at - far - 1, 0)
        lower = np.flatnonzero(envelope[start:at] < envelope[at])
        if not len(lower):
            return at
        between = envelope[start + lower[-1] : at]
        if between.max() - between.min() >= ripple:
            return at
        at = start + int(lower[-1])
        if at < nearest_start:
            return 0


def _without_ripples(found: list[int], envelope: Array, ripple: float) -> list[int]:
    """Drop, from the last to the first, onsets without a rise, or with only a ripple, before the next one."""
    if len(found) < 2:
        return found
    kept = list(found)
    for k in reversed(range(len(found))):
        segment = envelope[kept[k] :] if kept[k] == kept[-1] else envelope[kept[k] : kept[k + 1]]
        peak = int(np.argmax(segment)) if len(segment) > 1 else 0
        if peak == 0 or segment[peak] - segment[:peak].min() < ripple:
            del kept[k]
    return kept


def _apart(found: list[int], samples: float) -> list[int]:
    """Drop onsets that are too close to the previous one, until none is."""
    while True:
        kept = [onset for k, onset in enumerate(found) if k == 0 or abs(onset - found[k - 1]) >= samples]
        if len(kept) == len(found):
            return kept
        found = kept


def _with_flux(found: list[int], strength: Array) -> list[int]:
    """Keep, from the last to the first, onsets whose flux reaches 3 before the next kept one."""
    kept: list[int] = []
    frames = [onset // HOP for onset in found]
    for k in reversed(range(len(found))):
        segment = strength[frames[k] :] if frames[k] == frames[-1] else strength[frames[k] : frames[k + 1]]
        if len(segment) and segment.max() >= _FLUX_OF_AN_ONSET:
            kept.append(found[k])
        else:
            del frames[k]
    return sorted(kept)
