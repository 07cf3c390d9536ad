"""Hardness: bandwidth, centroid, flux and duration of the attacks, percussive share, and level from 7 to 14 Bark.

Regression: A. Pearce, T. Brookes and R. Mason, AudioCommons deliverable D5.8 (2019), timbral models 0.4.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from latentd.offline.timbre.descriptors import envelope, onsets, spectra
from latentd.offline.timbre.descriptors.spectra import Array, Array32

PADDING = 4097  # samples of silence before the sound, so that an attack at its start is found
_START = 4096
_SIZE, _HOP = 4096, 128
_ROLL_OFF = 10 ** (-75 / 20)
_LONGEST_ATTACK_S = 0.1
_CENTROID_S = 0.125
_SHORTEST_CENTROID = 512
_NUMBERS = np.arange(1, _SIZE // 2 + 2, dtype=np.int16)  # of the bins, from 1
_LOWEST_HZ = 20.0
_ROLL_ON = 0.05
_LOWEST_CENTROID = 200.0
_LOWEST_BANDWIDTH_HZ = 512.0


class _Attacks(NamedTuple):
    bandwidth: float
    centroid: float
    flux: float
    log_time: float


def value(x: Array, single: Array32, held: Array, rate: float, midband: float, percussive: float) -> float:
    """Hardness of a signal.

    Args:
        x: the signal, without padding.
        single: the same in single precision.
        held: its envelope (`sample_and_hold` with a decay of 0.1 s).
        midband: its rms-weighted loudness between 7 and 14 Bark.
        percussive: its percussive share, 0..1.
    """
    attacks = _attacks(np.pad(x, (PADDING, 0)), np.pad(single, (PADDING, 0)), np.pad(held, (PADDING, 0)), rate)
    return float(
        12.079781720638145 * np.log10(attacks.bandwidth)
        + 18.52100377170042 * np.log10(attacks.centroid)
        + 14.139883645260355 * np.log10(midband)
        + 5.567690321917516 * np.log10(percussive)
        + 3.9346817690405635 * np.log10(attacks.flux)
        - 4.326890461087848 * attacks.log_time
        - 85.60352209068202
    )


def _attacks(x: Array, single: Array32, held: Array, rate: float) -> _Attacks:
    """The mean attack of a padded signal."""
    strength = onsets.strength(single, rate)
    found = onsets.find(strength, held, rate, _START)
    if len(found) == 1:
        found = [0]
    bandwidth = _bandwidth(single, rate)
    bands, band_weights, centroids, fluxes, times = [], [], [], [], []
    starts = [max(onset - _START, 0) // _HOP for onset in found]
    for k, onset in enumerate(found):
        end = found[k + 1] if onset != found[-1] else len(x)
        flux = strength[onset // spectra.HOP : None if onset == found[-1] else end // spectra.HOP].max()
        fluxes.append(flux)
        widest = _widest(bandwidth[starts[k] : None if starts[k] == starts[-1] else starts[k + 1]], rate)
        if widest is not None:
            bands.append(widest)
            band_weights.append(flux)
        attack = envelope.attack_by_effort(held[onset:end], rate, _LONGEST_ATTACK_S)
        times.append(attack.log_time if attack else -np.log10(rate))
        begun = onset + (attack.start if attack else 0)
        piece = x[begun : min(begun + int(_CENTROID_S * rate), end)]
        if len(piece) > _SHORTEST_CENTROID and np.any(piece):
            centroids.append(_centroid(piece, rate))
    mean = float(np.average(bands, weights=band_weights)) if bands else 0.0
    return _Attacks(
        bandwidth=mean if mean > _LOWEST_BANDWIDTH_HZ else rate / 512.0,
        centroid=max(float(np.mean(centroids)) if centroids else 0.0, _LOWEST_CENTROID),
        flux=float(np.mean(fluxes)),
        log_time=float(np.mean(times)),
    )


def _bandwidth(x: Array32, rate: float) -> Array:
    """Hz from 5 % of the summed magnitude to the last bin above -75 dB, in frames above a tenth of the greatest sum."""
    limit = _ROLL_OFF * np.sqrt(rate * _SIZE)
    parts = [_chunk(part, limit) for part in spectra.in_parts(spectra.frames(x, _SIZE, _HOP))]
    sums, low, high = (np.concatenate(part) for part in zip(*parts, strict=True))
    loud = sums > 0.1 * (sums.max() - sums.min()) + sums.min()
    return np.where(loud & (high >= 0), (high - low) * (rate / _SIZE), 0.0)


def _chunk(cut: Array32, limit: float) -> tuple[Array32, NDArray[np.intp], NDArray[np.intp]]:
    """Summed magnitude, bin where 5 % of it is reached, and last bin above the limit (-1: none), of some frames."""
    spectrum = fft.rfft(cut, axis=1)
    spectrum[:, 0] = 0.0  # as if each frame's mean were subtracted
    magnitude = np.sqrt(spectra.power(spectrum))
    sums = magnitude.sum(axis=1)
    # The greatest number of these bins: faster than a search from the end.
    last = np.max((magnitude >= limit) * _NUMBERS, axis=1).astype(np.intp) - 1
    return sums, _roll_on(magnitude, sums), last


def _roll_on(magnitude: Array32, sums: Array32) -> NDArray[np.intp]:
    """The bin of each frame where 5 % of its magnitude is reached, mostly among the lowest 64 of 2049."""
    part = np.cumsum(magnitude[:, :64], axis=1) >= _ROLL_ON * sums[:, None]
    reached = np.argmax(part, axis=1)
    late = np.flatnonzero(~part[:, -1])
    reached[late] = np.argmax(np.cumsum(magnitude[late], axis=1) >= _ROLL_ON * sums[late, None], axis=1)
    return np.asarray(reached)


def _widest(bandwidth: Array, rate: float) -> float | None:
    """The greatest bandwidth of an attack; None if there is no attack."""
    if not len(bandwidth) or bandwidth.max() <= 0.0:
        return None
    start = envelope.attack_start_by_level(bandwidth)
    if start is None:
        return None
    longest = int(_LONGEST_ATTACK_S * rate / _HOP)
    if len(bandwidth) - start > start + longest:
        return float(bandwidth[start : start + longest].max())
    return float(bandwidth[start:].max())


def _centroid(piece: Array, rate: float) -> float:
    """Spectral centroid in Hz, of magnitudes from 20 Hz."""
    size = 1 << (len(piece) - 1).bit_length()
    magnitude = np.abs(fft.rfft(piece, size))
    hz = np.arange(len(magnitude)) * rate / size
    used = hz >= _LOWEST_HZ
    return float(np.sum(magnitude[used] * hz[used]) / magnitude[used].sum())
