"""From a latent point to a patch and back: two small networks and the layout of their columns. numpy only. Pure.

A patch is learned as columns: first one for each continuous parameter (its value 0..1 in the synth's range), then for
each category one column a class (one-hot). Parameters that are not learned have constants.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latentd.model.pad_sounds import DESCRIPTORS, PICTURE, Sounds
from latentd.synth import amsynth
from latentd.synth.amsynth import Array, Kind

Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Layout:
    """Which parameter each column belongs to, as indices into `amsynth.PARAMETERS`.

    A parameter with ordered steps may be either: one continuous column, or one column for each step.

    Raises:
        ValueError: a parameter is in it twice, or is of the wrong kind.
    """

    continuous: tuple[int, ...]
    categories: tuple[int, ...]

    def __post_init__(self) -> None:
        learned = self.continuous + self.categories
        if len(set(learned)) != len(learned):
            raise ValueError("a parameter is in the columns twice")
        for i in learned:
            parameter = amsynth.PARAMETERS[i]
            if parameter.kind is (Kind.CONTINUOUS if i in self.categories else Kind.CATEGORY):
                raise ValueError(f"{parameter.name} is of kind {parameter.kind.value}, and its columns are not")

    @property
    def classes(self) -> tuple[int, ...]:
        """Number of classes of each category."""
        return tuple(amsynth.PARAMETERS[i].count for i in self.categories)

    @property
    def starts(self) -> tuple[int, ...]:
        """First column of each category."""
        ends = np.cumsum([len(self.continuous), *self.classes])
        return tuple(int(end) for end in ends[:-1])

    @property
    def width(self) -> int:
        """Number of columns."""
        return len(self.continuous) + sum(self.classes)

    def slices(self) -> list[slice]:
        """The columns of each category."""
        return [slice(start, start + n) for start, n in zip(self.starts, self.classes, strict=True)]

    def class_of(self, params: Array) -> Indices:
        """The class (..., categories) of each category in params (..., 41)."""
        chosen = list(self.categories)
        return np.rint(params[..., chosen] / amsynth.PARAMS_STEP[chosen]).astype(np.intp)

    def encode(self, params: Array) -> Array:
        """Params (n, 41) as columns (n, width): values 0..1, then one-hot."""
        columns = np.zeros((len(params), self.width))
        columns[:, : len(self.continuous)] = params[:, list(self.continuous)]
        rows = np.arange(len(params))[:, None]
        columns[rows, np.array(self.starts, dtype=np.intp) + self.class_of(params)] = 1.0
        return columns


@dataclass(frozen=True)
class Network:
    """Dense layers, each `(weight (out, in), bias (out,))`, with a leaky ReLU between them.

    With `waves` (k, 2) the first layer sees a point and the sines and cosines of k plane waves at that point: with them
    a network learns finer detail over the plane than from two numbers.
    """

    layers: tuple[tuple[Array, Array], ...]
    slope: float  # of the leaky ReLU below zero, 0..1
    waves: Array | None = None

    @property
    def inputs(self) -> int:
        """Width of the input."""
        return int(self.layers[0][0].shape[1]) if self.waves is None else int(self.waves.shape[1])

    @property
    def outputs(self) -> int:
        """Width of the last layer's output."""
        return int(self.layers[-1][0].shape[0])

    def __call__(self, x: Array) -> Array:
        """(n, inputs) to (n, outputs); the last layer is linear."""
        *hidden, (weight, bias) = self.layers
        if self.waves is not None:
            phase = x @ self.waves.T
            x = np.concatenate([np.sin(phase), np.cos(phase), x], axis=1)
        for w, b in hidden:
            x = x @ w.T + b
            x = np.maximum(x, self.slope * x)
        return x @ weight.T + bias


class Encoder:
    """Finds the latent points of patches from their parameters."""

    def __init__(self, layout: Layout, network: Network) -> None:
        self.layout = layout
        self._network = network

    def encode(self, params: Array) -> Array:
        """Params (n, 41) to latent points (n, 2)."""
        return self._network(self.layout.encode(params))


class SoundEncoder:
    """Finds the points where the pad sounds most like given patches, whose sound a network predicts."""

    def __init__(self, layout: Layout, network: Network, sounds: Sounds, box: Array) -> None:
        """`network`: columns to seven descriptors and a small spectrogram of 8 x 32 levels in dB."""
        self.layout = layout
        self._network = network
        self._sounds = sounds
        self._box = box

    def encode(self, params: Array) -> Array:
        """Params (n, 41) to latent points (n, 2), all of them on the pad."""
        predicted = self._network(self.layout.encode(params))
        pictures = predicted[:, DESCRIPTORS:].reshape(-1, *PICTURE)
        points = self._sounds.nearest(predicted[:, :DESCRIPTORS], pictures)
        latent: Array = self._box[0] + points * (self._box[1] - self._box[0])
        return latent


class Decoder:
    """Turns latent points into params. For one thread at a time: `decode` reuses its buffers.

    Attributes:
        categories: the category parameters it chooses, as indices into `amsynth.PARAMETERS`: the order of `held`.
        margin: by how many logits another class must exceed the held one, so that jitter at a border flips nothing.
        network: from a latent point to the columns.
        constants: params (41,), which count where `layout` has no column.
        ranges: least and greatest params (2, 41) of the continuous columns.
    """

    def __init__(
        self, layout: Layout, network: Network, constants: Array, margin: float, ranges: Array | None = None
    ) -> None:
        """Prepare the network.

        Args:
            constants: params (41,), of which only those are used that `layout` leaves out.
            ranges: (2, 41); None stands for 0 and 1. A score of the network is squashed into its parameter's range.
        """
        self.layout = layout
        self.categories = layout.categories
        self.margin = margin
        self.network = network
        self.constants: list[float] = constants.tolist()
        self.ranges = np.tile([[0.0], [1.0]], amsynth.COUNT) if ranges is None else ranges
        low, high = self.ranges[:, list(layout.continuous)]
        self._middle, self._half = (low + high) / 2, (high - low) / 2
        self._continuous = list(zip(layout.continuous, self._middle.tolist(), self._half.tolist(), strict=True))
        self._classes = [
            (i, float(amsynth.PARAMS_STEP[i]), columns.start, columns.stop)
            for i, columns in zip(layout.categories, layout.slices(), strict=True)
        ]
        self._plan(network)

    def _plan(self, network: Network) -> None:
        """Prepare the network for the few wide steps of `decode`: after a pause cold code costs more than arithmetic.

        Biases are a last column (each vector ends with 1), a cosine is a sine a quarter turn later, and the continuous
        columns are halved for their hyperbolic tangent.
        """
        waves = np.empty((0, 2)) if network.waves is None else network.waves
        phases = 2 * len(waves)
        turns = np.repeat([0.0, np.pi / 2], len(waves))
        self._waves = np.column_stack([np.concatenate([waves, waves]), turns]).astype(np.float32)
        self._lifted = np.ones(phases + 3, np.float32)
        self._z, self._phases = self._lifted[phases:], self._lifted[:phases]
        weights = [np.column_stack([weight, bias]).astype(np.float32) for weight, bias in network.layers]
        vectors = [np.ones(len(weight) + 1, np.float32) for weight in weights[:-1]]
        inputs = [self._lifted, *vectors]
        self._hidden = [
            (weight, x, vector[:-1], np.empty(len(weight), np.float32))
            for weight, x, vector in zip(weights[:-1], inputs, vectors, strict=False)
        ]
        weights[-1][: len(self.layout.continuous)] *= 0.5
        self._last, self._last_input = weights[-1], inputs[-1]
        self._scores = np.empty(self.layout.width, np.float32)
        self._slope = np.float32(network.slope)

    def decode(self, z: Sequence[float] | Array, held: Sequence[int] | Indices | None = None) -> list[float]:
        """One latent point (2,) to params (41,), a new list; 10 to 25 us.

        Categories are exactly on a class; other stepped parameters are not rounded.
        `held`: the present class of each category, in the order of `categories`; another must exceed it by `margin`.
        """
        self._z[0], self._z[1] = z
        if len(self._phases):
            np.dot(self._waves, self._z, out=self._phases)
            np.sin(self._phases, out=self._phases)
        for weight, x, hidden, bent in self._hidden:
            np.dot(weight, x, out=hidden)
            np.multiply(hidden, self._slope, out=bent)
            np.maximum(hidden, bent, out=hidden)
        columns: list[float] = np.dot(self._last, self._last_input, out=self._scores).tolist()
        params = self.constants.copy()
        for (i, middle, half), score in zip(self._continuous, columns, strict=False):
            params[i] = middle + half * math.tanh(score)  # the logistic function in a form that cannot overflow
        for n, (i, step, start, stop) in enumerate(self._classes):
            scores = columns[start:stop]
            if held is not None:
                scores[held[n]] += self.margin
            params[i] = scores.index(max(scores)) * step
        return params

    def decode_many(self, zs: Array) -> Array:
        """Latent points (n, 2) to params (n, 41), each as from `decode` without `held`."""
        scores = self.network(zs)
        params = np.tile(self.constants, (len(zs), 1))
        continuous = list(self.layout.continuous)
        params[:, continuous] = np.tanh(scores[:, : len(continuous)] * 0.5) * self._half + self._middle
        for i, columns in zip(self.categories, self.layout.slices(), strict=True):
            params[:, i] = scores[:, columns].argmax(axis=1) * amsynth.PARAMS_STEP[i]
        return params
