"""The sound of a pad at a square of points, and which point is nearest to a given sound. numpy only. Pure."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latentd.synth.amsynth import Array

DESCRIPTORS = 7
PICTURE = (8, 32)  # times and bands of a small log-mel spectrogram
UNIT = 13.5  # of a descriptor: about the difference of two random presets
MEL_WEIGHT = 0.25  # of a dB, in these units
LEVEL_DB = 0.5  # step of a stored level
LOWEST_DB = -80.0

Floats = NDArray[np.floating]


def small(pictures: Floats) -> Array:
    """Log-mel spectrograms (n, time, 64) reduced to (n, 8, 32): means over equal times and over pairs of bands."""
    times = np.linspace(0, pictures.shape[1], PICTURE[0] + 1).astype(int)
    parts = [pictures[:, a:b].astype(np.float64).mean(axis=1) for a, b in itertools.pairwise(times)]
    stacked: Array = np.stack(parts, axis=1)
    halved: Array = stacked.reshape(len(pictures), *PICTURE, -1).mean(axis=3)
    return halved


def to_levels(pictures: Floats) -> NDArray[np.uint8]:
    """Levels in dB as bytes: steps of 0.5 dB from -80 dB."""
    levels: NDArray[np.uint8] = np.clip(np.rint((pictures - LOWEST_DB) / LEVEL_DB), 0, 255).astype(np.uint8)
    return levels


@dataclass(frozen=True)
class Sounds:
    """The sound of `size` x `size` pad points from edge to edge, row by row from the lower left corner.

    Attributes:
        descriptors: (size * size, 7), NaN in silence.
        lufs: (size * size,), -inf in silence.
        levels: (size * size, 256) bytes: small spectrograms through `to_levels`.
    """

    descriptors: Array
    lufs: Array
    levels: NDArray[np.uint8]

    @property
    def size(self) -> int:
        """Points on each side."""
        return math.isqrt(len(self.lufs))

    def nearest(self, descriptors: Array, pictures: Array) -> Array:
        """The pad points (n, 2) that sound most like n sounds: descriptors (n, 7), small spectrograms (n, 8, 32).

        The distance is the sum of |difference| / 13.5 over the descriptors (0..100), plus a quarter of the mean
        difference of the spectrograms in dB. Silent points are never chosen.
        """
        pad = np.clip(self.descriptors, 0.0, 100.0) / UNIT
        silent = ~(np.isfinite(pad).all(axis=1) & np.isfinite(self.lufs))
        given = np.clip(descriptors, 0.0, 100.0) / UNIT
        levels = self.levels.astype(np.float32)
        wanted = ((pictures - LOWEST_DB) / LEVEL_DB).reshape(len(pictures), -1).astype(np.float32)
        points = np.empty((len(given), 2))
        for n, (seven, picture) in enumerate(zip(given, wanted, strict=True)):
            distance = np.abs(pad - seven).sum(axis=1) + MEL_WEIGHT * LEVEL_DB * np.abs(levels - picture).mean(axis=1)
            row, column = divmod(int(np.where(silent, np.inf, distance).argmin()), self.size)
            points[n] = column, row
        return points / (self.size - 1)
