"""What a pad sounds like, point by point, and where on it a given sound is found again. numpy only. Pure."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latentd.synth.amsynth import Array

DESCRIPTORS = 7
PICTURE = (8, 32)  # times and bands of a small log-mel picture
UNIT = 13.5  # of a descriptor: about what two random presets differ by
MEL_WEIGHT = 0.25  # of a dB, in these units
LEVEL_DB = 0.5  # a step of a stored level
LOWEST_DB = -80.0

Floats = NDArray[np.floating]


def small(pictures: Floats) -> Array:
    """Pictures (n, 8, 32) of log-mel pictures (n, time, 64): means over equal times and over pairs of bands."""
    times = np.linspace(0, pictures.shape[1], PICTURE[0] + 1).astype(int)
    parts = [pictures[:, a:b].astype(np.float64).mean(axis=1) for a, b in itertools.pairwise(times)]
    stacked: Array = np.stack(parts, axis=1)
    halved: Array = stacked.reshape(len(pictures), *PICTURE, -1).mean(axis=3)
    return halved


def to_levels(pictures: Floats) -> NDArray[np.uint8]:
    """Levels in dB as bytes: steps of half a dB from -80 dB up."""
    levels: NDArray[np.uint8] = np.clip(np.rint((pictures - LOWEST_DB) / LEVEL_DB), 0, 255).astype(np.uint8)
    return levels


@dataclass(frozen=True)
class Sounds:
    """The sound of `size` x `size` pad points, both edges included: x runs fastest, row 0 is the pad's lower edge.

    Attributes:
        descriptors: (size * size, 7), NaN in silence.
        lufs: (size * size,), -inf in silence.
        levels: (size * size, 256) bytes, as `to_levels` makes them of small pictures.
    """

    descriptors: Array
    lufs: Array
    levels: NDArray[np.uint8]

    @property
    def size(self) -> int:
        """Points a side."""
        return math.isqrt(len(self.lufs))

    def places(self, descriptors: Array, pictures: Array) -> Array:
        """Pad points (n, 2) that sound most like n sounds: descriptors (n, 7) and small pictures (n, 8, 32).

        Nearest is what has the smallest sum over the descriptors (0..100) of |difference| / 13.5, plus a quarter of the
        mean difference of the pictures in dB. Silent points are never chosen.
        """
        theirs = np.clip(self.descriptors, 0.0, 100.0) / UNIT
        silent = ~(np.isfinite(theirs).all(axis=1) & np.isfinite(self.lufs))
        ours = np.clip(descriptors, 0.0, 100.0) / UNIT
        levels = self.levels.astype(np.float32)
        wanted = ((pictures - LOWEST_DB) / LEVEL_DB).reshape(len(pictures), -1).astype(np.float32)
        places = np.empty((len(ours), 2))
        for n, (seven, picture) in enumerate(zip(ours, wanted, strict=True)):
            far = np.abs(theirs - seven).sum(axis=1) + MEL_WEIGHT * LEVEL_DB * np.abs(levels - picture).mean(axis=1)
            row, column = divmod(int(np.where(silent, np.inf, far).argmin()), self.size)
            places[n] = column, row
        return places / (self.size - 1)
