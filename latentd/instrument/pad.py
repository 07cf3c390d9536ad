"""The pad: from a pad point (x right, y up, 0..1) to latent z and back, and the model's landmarks. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from latentd.synth.amsynth import Array

XY = tuple[float, float]
CENTRE: XY = (0.5, 0.5)


def clip(value: float) -> float:
    """A coordinate brought into the pad's 0..1."""
    return 0.0 if value < 0.0 else 1.0 if value > 1.0 else value


class Pad:
    """The latent box under the pad, and the model's named points on it.

    Args:
        box: (2, 2) latent coordinates `[[z0_low, z1_low], [z0_high, z1_high]]` of the pad's corners (0, 0) and (1, 1).
        landmarks: the model's own named pad points, for `nearest`.
    """

    def __init__(self, box: Array, landmarks: Sequence[tuple[str, float, float]] = ()) -> None:
        self._low = (float(box[0, 0]), float(box[0, 1]))
        self._span = (float(box[1, 0] - box[0, 0]), float(box[1, 1] - box[0, 1]))
        self._names = [name for name, _, _ in landmarks]
        self._places = np.array([[x, y] for _, x, y in landmarks]).reshape(-1, 2)

    def to_z(self, xy: XY) -> tuple[float, float]:
        """Latent z under a pad point."""
        return self._low[0] + xy[0] * self._span[0], self._low[1] + xy[1] * self._span[1]

    def to_pad(self, z: Sequence[float] | Array) -> XY:
        """Pad point above latent z (2,); outside 0..1 where z lies outside the box."""
        return ((float(z[0]) - self._low[0]) / self._span[0], (float(z[1]) - self._low[1]) / self._span[1])

    def nearest(self, xy: XY) -> str:
        """The name of the model's landmark nearest to a pad point; empty when it has none."""
        if not self._names:
            return ""
        return self._names[int(np.argmin(np.square(self._places - xy).sum(axis=1)))]
