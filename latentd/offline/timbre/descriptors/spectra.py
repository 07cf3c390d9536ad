"""Frames, spectra and mel bands of a mono signal: the transforms that the descriptors share.

All spectra are single precision: every descriptor uses energies within 80 dB of the loudest, single precision has
140 dB, and it halves the time. Axis order is (frame, bin), so that a frame is contiguous in memory. Sums of products
are `einsum`, not `@`: for such small ones the threads of a matrix library would take as long as everything else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import fft, signal, sparse

Array = NDArray[np.float64]
Array32 = NDArray[np.float32]
Complex32 = NDArray[np.complex64]
T = TypeVar("T", np.float32, np.float64)
S = TypeVar("S", bound=np.generic)

FFT = 2048  # of the mel and harmonic-percussive spectra, with a hop of a quarter
HOP = 512
_MEL_BANDS = 128
_TOP_DB = 80.0
_AT_ONCE = 1 << 16  # samples transformed at a time, so that they and their spectra stay in the processor's cache


def frames(x: NDArray[T], size: int, hop: int) -> NDArray[T]:
    """All whole frames (count, size) of a signal, as a view."""
    return np.lib.stride_tricks.sliding_window_view(x, size)[::hop]


def in_parts(cut: NDArray[S]) -> Iterator[NDArray[S]]:
    """Frames (count, size) in parts, to be processed one at a time."""
    step = max(_AT_ONCE // cut.shape[1], 1)
    return (cut[k : k + step] for k in range(0, len(cut), step))


def single(x: Array) -> Array32:
    """A signal in single precision. Values 300 dB below full scale become 0, which is faster."""
    result = x.astype(np.float32)
    result[np.abs(result) < 1e-15] = 0.0
    return result


def power(spectrum: Complex32) -> Array32:
    """|spectrum|², without the square root of `abs`."""
    return np.asarray(spectrum.real**2 + spectrum.imag**2)


@lru_cache(maxsize=32)
def window(name: str | tuple[str, float], size: int) -> Array:
    """A periodic window, read-only because it is shared."""
    values: Array = signal.get_window(name, size)
    values.flags.writeable = False
    return values


def spectrogram(x: Array, name: str, size: int, hop: int) -> Iterator[Array32]:
    """Power (frame, bin) of windowed frames without their means; unscaled and one-sided.

    Bins between 0 Hz and the Nyquist frequency are doubled, so that a frame's sum is the energy of the whole spectrum.
    The frames come in parts.
    """
    shape = window(name, size).astype(np.float32)
    for cut in in_parts(frames(single(x), size, hop)):
        windowed = cut - cut.mean(axis=1, keepdims=True)
        windowed *= shape
        result = power(fft.rfft(windowed, axis=1))
        result[:, 1 : -1 if size % 2 == 0 else None] *= 2.0
        yield result


def energies(x: Array, name: str, size: int, hop: int) -> Array:
    """The sum over bins of `spectrogram` for each frame, by Parseval's theorem, without a transform.

    `size` must be a multiple of `hop`: the weighted sums of hop-sized blocks are then shared by all frames.
    """
    parts = size // hop
    weights = window(name, size).reshape(parts, hop)
    blocks = x[: len(x) // hop * hop].reshape(-1, hop)

    def weighted(values: Array, by: Array) -> Array:
        sums = np.einsum("ij,kj->ik", values, by)
        count = len(sums) - parts + 1
        return np.asarray(np.sum([sums[k : k + count, k] for k in range(parts)], axis=0))

    mean = weighted(blocks, np.ones_like(weights)) / size
    energy = weighted(blocks**2, weights**2) - 2 * mean * weighted(blocks, weights**2) + mean**2 * np.sum(weights**2)
    return np.asarray(size * np.maximum(energy, 0.0))


def stft(x: Array32) -> Iterator[Complex32]:
    """Hann-windowed transforms (frame, bin) every 512 samples, centred: the ends are padded with silence.

    The frames come in parts.
    """
    hann = window("hann", FFT).astype(np.float32)
    for cut in in_parts(frames(np.pad(x, FFT // 2), FFT, HOP)):
        yield fft.rfft(cut * hann, axis=1)


def overlap_add(spectrum: Iterable[Complex32], count: int) -> Array32:
    """The signal of an `stft` of `count` frames, in parts or whole: 512 samples for each frame except the first."""
    hann = window("hann", FFT).astype(np.float32)
    inner = slice(FFT // 2, -(FFT // 2))
    return _added((fft.irfft(part, axis=1) * hann for part in spectrum), count)[inner] / _weight(count)[inner]


@lru_cache(maxsize=8)
def _weight(count: int) -> Array32:
    """The sum of the squared windows of `count` frames."""
    hann = window("hann", FFT).astype(np.float32)
    return _added([np.broadcast_to(hann**2, (count, FFT))], count)


def _added(parts: Iterable[Array32], count: int) -> Array32:
    """The sum of pieces of a signal, each 512 samples after the previous one."""
    total = np.zeros((count + FFT // HOP - 1, HOP), np.float32)
    start = 0
    for pieces in parts:
        for k in range(FFT // HOP):
            total[start + k : start + k + len(pieces)] += pieces[:, k * HOP : (k + 1) * HOP]
        start += len(pieces)
    return total.ravel()


def mel_db(powers: Iterable[Array32], rate: float) -> Array32:
    """Levels in dB (frame, band), in 128 mel bands, of the powers of an `stft`, in parts or whole.

    Values more than 80 dB below the loudest are raised to that floor.
    """
    filters = mel_filters(rate, _MEL_BANDS)
    level = 10.0 * np.log10(np.maximum(np.concatenate([(filters @ part.T).T for part in powers]), 1e-10))
    return np.asarray(np.maximum(level, level.max() - _TOP_DB))


@lru_cache(maxsize=8)
def mel_filters(rate: float, bands: int) -> sparse.csr_array:
    """Triangular filters (band, bin) of equal area on Slaney's mel scale, up to the Nyquist frequency.

    Source: M. Slaney, Auditory Toolbox (1998): linear to 1 kHz (200/3 Hz per mel), then 27 mels per factor of 6.4.
    """
    edges = _from_mel(np.linspace(0.0, _to_mel(rate / 2), bands + 2))
    frequency = np.linspace(0.0, rate / 2, FFT // 2 + 1)
    rising = (frequency - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - frequency) / np.diff(edges)[1:, None]
    height = 2.0 / (edges[2:] - edges[:-2])
    triangles = np.maximum(0.0, np.minimum(rising, falling)) * height[:, None]
    return sparse.csr_array(triangles.astype(np.float32))


def _to_mel(hz: float) -> float:
    return hz * 3 / 200 if hz < 1000.0 else 15.0 + 27.0 * np.log(hz / 1000.0) / np.log(6.4)


def _from_mel(mel: Array) -> Array:
    return np.where(mel < 15.0, mel * 200 / 3, 1000.0 * np.exp((mel - 15.0) * np.log(6.4) / 27.0))
