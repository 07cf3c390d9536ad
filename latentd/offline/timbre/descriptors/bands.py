"""Third-octave levels of short windows, by filters at decreasing sampling rates: the front end of the loudness model.

Bands from 25 Hz to 12.5 kHz, Butterworth of order 4. The four highest are filtered at the full rate; below, the signal
is low-passed and halved in rate for each octave, so that the same three filters serve every octave. Source: the
procedure of the AudioCommons timbral models, from C. Churchill's MATLAB code (Salford, 2004) for DIN 45631.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import fft, signal

from latentd.offline.timbre.descriptors.spectra import Array, Complex32, in_parts, single

COUNT = 28
_REFERENCE_DB = 100.0  # the level of a signal of rms 1
_HIGHEST_STEP = 11  # third octaves from 1 kHz to the highest band, 12.5 kHz
_UNDECIMATED = 4
_HIGHEST_EDGE = 1.0 - 1e-10  # upper edge of a band that extends beyond the Nyquist frequency

_RINGING_S = 0.02  # after that the narrowest filter at the full rate has decayed by 240 dB


def levels(windows: Array, rate: float) -> Array:
    """Levels in dB (window, band) of windows (window, sample), each filtered from rest; silence is -inf.

    The length of a window must be a multiple of 2⁸.
    """
    _, halving = _design(rate)
    powers = np.empty((len(windows), COUNT))
    powers[:, -_UNDECIMATED:] = _powers(windows, rate, _UNDECIMATED)
    x = windows
    for top in range(COUNT - _UNDECIMATED, 0, -3):
        x = signal.lfilter(*halving, x, axis=1)[:, 1::2]
        powers[:, top - 3 : top] = _powers(x, rate, 3)
    with np.errstate(divide="ignore"):
        return 10.0 * np.log10(powers) + _REFERENCE_DB


@lru_cache(maxsize=8)
def _design(rate: float) -> tuple[Array, tuple[Array, Array]]:
    """Impulse responses (4, sample) of the bands 6.3 to 12.5 kHz, and the low-pass before each halving of the rate."""
    steps = _HIGHEST_STEP + 1 + np.arange(-_UNDECIMATED, 0)
    centre = 1000.0 * 2.0 ** (steps / 3) / (rate / 2)
    edges = np.minimum(np.stack([centre * 2 ** (-1 / 6), centre * 2 ** (1 / 6)], axis=1), _HIGHEST_EDGE)
    impulse = signal.unit_impulse(int(_RINGING_S * rate))
    filters = [signal.butter(4, edge, "bandpass", output="sos") for edge in edges]
    return np.array([signal.sosfilt(sos, impulse) for sos in filters]), signal.cheby1(2, 0.1, 0.4)


def _powers(x: Array, rate: float, count: int) -> Array:
    """Mean squares (window, band) of each window through the first filters, truncated at the window's end."""
    length = x.shape[1]
    shapes, size = _shapes(rate, count, length)
    powers = []
    for part in in_parts(x):
        spectrum = fft.rfft(single(part), size, axis=1)
        results = [fft.irfft(spectrum * shape, size, axis=1)[:, :length] for shape in shapes]
        powers.append(np.stack([np.einsum("ij,ij->i", y, y) / length for y in results], axis=1))
    return np.concatenate(powers)


@lru_cache(maxsize=32)
def _shapes(rate: float, count: int, length: int) -> tuple[Complex32, int]:
    """Spectra (band, bin) of the first filters' responses, and their size, for windows of this length."""
    responses = _design(rate)[0][:count, :length].astype(np.float32)
    size = fft.next_fast_len(length + responses.shape[1] - 1, real=True)
    return fft.rfft(responses, size, axis=1), size
