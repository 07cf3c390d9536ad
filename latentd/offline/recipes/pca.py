"""A latent space of more than two dimensions on a pad of two: the plane on which the corpus spreads most."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latentd.model.decoder import Network
from latentd.synth.amsynth import Array


@dataclass(frozen=True)
class Plane:
    """Two directions (2, n), at right angles and of length 1, through `middle` (n,).

    `kept`: share of the corpus's latent variance that lies in the plane.
    """

    middle: Array
    directions: Array
    kept: float

    def decoder(self, network: Network) -> Network:
        """A decoder of latent points (n,) as one of points of the plane (2,)."""
        (weight, bias), *others = network.layers
        return _stored((weight @ self.directions.T, weight @ self.middle + bias), *others, slope=network.slope)

    def encoder(self, network: Network) -> Network:
        """An encoder to latent points (n,) as one to the nearest points of the plane (2,)."""
        *others, (weight, bias) = network.layers
        folded = self.directions @ weight, self.directions @ (bias - self.middle)
        return _stored(*others, folded, slope=network.slope)


def through(points: Array) -> Plane:
    """The plane of the two main directions of latent points (m, n).

    A direction and its opposite are as good as each other: of each, the one whose largest part is positive is taken.
    """
    middle = points.mean(axis=0)
    _, sizes, rows = np.linalg.svd(points - middle, full_matrices=False)
    directions = rows[:2]
    largest = np.abs(directions).argmax(axis=1)
    signs = np.sign(directions[[0, 1], largest])
    return Plane(middle, directions * signs[:, None], float((sizes[:2] ** 2).sum() / (sizes**2).sum()))


def _stored(*layers: tuple[Array, Array], slope: float) -> Network:
    """A network of such numbers as a bundle keeps, so that what is measured now is what is loaded later."""
    return Network(tuple((_single(weight), _single(bias)) for weight, bias in layers), slope)


def _single(numbers: Array) -> Array:
    return numbers.astype(np.float32).astype(np.float64)
