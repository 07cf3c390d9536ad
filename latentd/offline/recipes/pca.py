"""The plane of the first two principal components, for a latent space of more than two dimensions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latentd.model.decoder import Network
from latentd.synth.amsynth import Array


@dataclass(frozen=True)
class Plane:
    """Two orthonormal directions (2, n) through `middle` (n,).

    `kept`: share of the corpus's latent variance within the plane.
    """

    middle: Array
    directions: Array
    kept: float

    def decoder(self, network: Network) -> Network:
        """The decoder of points of the plane (2,), from a decoder of latent points (n,)."""
        (weight, bias), *others = network.layers
        return _stored((weight @ self.directions.T, weight @ self.middle + bias), *others, slope=network.slope)

    def encoder(self, network: Network) -> Network:
        """The encoder to the nearest points of the plane (2,), from an encoder to latent points (n,)."""
        *others, (weight, bias) = network.layers
        folded = self.directions @ weight, self.directions @ (bias - self.middle)
        return _stored(*others, folded, slope=network.slope)


def through(points: Array) -> Plane:
    """The plane of the first two principal components of latent points (m, n).

    Their signs are arbitrary: the largest element of each is made positive.
    """
    middle = points.mean(axis=0)
    _, sizes, rows = np.linalg.svd(points - middle, full_matrices=False)
    directions = rows[:2]
    largest = np.abs(directions).argmax(axis=1)
    signs = np.sign(directions[[0, 1], largest])
    return Plane(middle, directions * signs[:, None], float((sizes[:2] ** 2).sum() / (sizes**2).sum()))


def _stored(*layers: tuple[Array, Array], slope: float) -> Network:
    """A network with weights in a bundle's single precision, so that measurements hold for the loaded model."""
    return Network(tuple((_single(weight), _single(bias)) for weight, bias in layers), slope)


def _single(numbers: Array) -> Array:
    return numbers.astype(np.float32).astype(np.float64)
