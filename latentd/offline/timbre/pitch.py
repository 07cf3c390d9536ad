"""The pitch of a note, by SwiftF0: a small network whose package carries its weights.

Lars Nieradzik, "SwiftF0: Fast and Accurate Monophonic Pitch Detection", 2025 (arXiv 2508.18440). It finds pitches
between 46.9 and 2093.8 Hz, a pitch and a confidence for every 16 ms.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from scipy import signal

from latentd.offline.timbre.descriptors.spectra import Array

STEP_S = 0.016
VOICED = 0.5  # confidence from which the tracker calls a frame voiced; it is calibrated for this
_RATE = 16000
_PEAK = 0.5
_STEADY_S = (0.3, 1.5)  # after the attack, before most notes have decayed


class Track(NamedTuple):
    """Pitch over time, a value every 16 ms: `hz` (n,), and `confidence` (n,) in 0..1 that there is one."""

    hz: Array
    confidence: Array


def track(mono: Array, rate: int) -> Track:
    """The pitch of a mono signal, at a rate that is a multiple of 16 kHz. Levels do not matter, except 0."""
    assert rate % _RATE == 0, rate
    x = signal.resample_poly(mono, 1, rate // _RATE)
    found = _tracker().detect((x * (_PEAK / max(float(np.abs(x).max(initial=0.0)), 1e-9))).astype(np.float32), _RATE)
    return Track(found.pitch_hz, found.confidence)


def steady_hz(found: Track) -> float:
    """The median pitch from 0.3 to 1.5 s, see `median_hz`."""
    return median_hz(found, *_STEADY_S)


def median_hz(found: Track, start_s: float, end_s: float) -> float:
    """The median pitch of the voiced frames; NaN if fewer than half are voiced."""
    first, last = (round(at / STEP_S) for at in (start_s, end_s))
    voiced = found.confidence[first:last] >= VOICED
    return float(np.median(found.hz[first:last][voiced])) if voiced.mean() >= 0.5 else float("nan")


def cents_off(hz: Array, note: int | Array) -> Array:
    """Cents from the nearest octave of a MIDI note, -600..600; NaN stays."""
    cents = 1200.0 * np.log2(hz / 440.0) - 100.0 * (np.asarray(note) - 69.0)
    return np.asarray((cents + 600.0) % 1200.0 - 600.0)


@lru_cache(maxsize=1)
def _tracker() -> Any:
    import swift_f0

    return swift_f0.SwiftF0(threads=1, spin=False)  # the parallelism is one process per core
