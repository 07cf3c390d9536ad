"""The recipe `paper`: same rows, settings and seed give the same weights, on one machine with one torch version."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from latentd.model.decoder import Layout, Network
from latentd.offline.corpus.corpus import Corpus
from latentd.offline.recipes.vae_net import LATENT, VAE
from latentd.synth.amsynth import Array

BOX_SHARE = (2.0, 98.0)  # percentiles of the encoded corpus on each axis: outliers would leave the rest little room


@dataclass(frozen=True)
class Recipe:
    """The settings of a training run; model.json stores them under these names."""

    MIN_PRESETS: ClassVar[int] = 20  # distinct, to train on; a tenth held out is then two, the least to measure on

    name: str = "paper"
    epochs: int = 500
    batch: int = 16
    learning_rate: float = 1e-3
    # Weight of the squared error against the cross entropy, both means over their columns. With 31 both are
    # log-likelihoods of a patch: 27 columns with a standard deviation of 1/4, the error that two dimensions leave
    # (27 / (2 * 0.25**2) / 7). With 1, as in the paper's notebook, only categories are learned: see models/README.md.
    continuous_weight: float = 31.0
    beta: float = 0.01  # weight of the Kullback-Leibler term
    hidden: int = 32
    latent: int = LATENT  # dimensions; if more than two, the pad shows a plane of them
    slope: float = 0.2  # of the leaky ReLU, from the paper's VAE.py
    seed: int = 0


# The decoder is stored after these epochs and the last, to show how its map emerges.
SNAPSHOTS = (1, 2, 5, 10, 20, 50, 100, 200, 300)
Layers = tuple[tuple[Array, Array], ...]


@dataclass(frozen=True)
class Epoch:
    """Losses of one epoch: `train` during training, with noise; `validation` afterwards on held-out rows, without."""

    number: int
    train: float
    train_continuous: float
    train_categories: float
    train_divergence: float
    validation: float | None


@dataclass(frozen=True)
class Trained:
    """The result of a training run. `snapshots`: epoch -> the decoder's layers after it."""

    model: VAE
    curve: tuple[Epoch, ...]
    snapshots: dict[int, Layers]


def train(layout: Layout, rows: Corpus, held_out: Corpus, recipe: Recipe, on_epoch: Callable[[Epoch], None]) -> Trained:
    """Train on all `rows`. `held_out` (may be empty) gives the validation loss; `on_epoch` is called after each epoch.

    It uses one thread: float sums then always run in the same order, and so small a network gains nothing from more.
    """
    torch.set_num_threads(1)
    torch.manual_seed(recipe.seed)
    model = VAE(layout, recipe.hidden, recipe.slope, recipe.latent)
    optimizer = torch.optim.Adam(model.parameters(), lr=recipe.learning_rate, fused=True)
    random = torch.Generator().manual_seed(recipe.seed)
    x, unseen = _columns(layout, rows), _columns(layout, held_out)
    curve, snapshots = [], {}
    for number in range(1, recipe.epochs + 1):
        sums = _epoch(model, optimizer, x, recipe, random) / len(x)
        total, continuous, categories, divergence = sums.tolist()
        epoch = Epoch(number, total, continuous, categories, divergence, _validate(model, unseen, recipe))
        curve.append(epoch)
        if number in (*SNAPSHOTS, recipe.epochs):
            snapshots[number] = layers(model.decoder_layers())
        on_epoch(epoch)
    return Trained(model, tuple(curve), snapshots)


def layers(linears: Iterable[nn.Linear]) -> Layers:
    """Copies of weights and biases."""
    return tuple(layer(linear) for linear in linears)


def layer(linear: nn.Linear) -> tuple[Array, Array]:
    """A copy of a layer's weight and bias."""
    return linear.weight.detach().numpy().astype(np.float64), linear.bias.detach().numpy().astype(np.float64)


def _columns(layout: Layout, corpus: Corpus) -> Tensor:
    return torch.from_numpy(layout.encode(corpus.params)).float()


def _epoch(model: VAE, optimizer: torch.optim.Optimizer, x: Tensor, recipe: Recipe, random: torch.Generator) -> Tensor:
    """Train for one epoch, with the rows in a new order. Returns the four losses (4,), summed over rows."""
    order = torch.randperm(len(x), generator=random)
    noise = torch.randn(len(x), recipe.latent, generator=random)
    sums = torch.zeros(4)
    for batch in order.split(recipe.batch):
        losses = model.losses(x[batch], noise[batch], recipe.continuous_weight, recipe.beta)
        optimizer.zero_grad(set_to_none=True)
        losses.total.backward()
        optimizer.step()
        sums += torch.stack(losses).detach() * len(batch)
    return sums


def _validate(model: VAE, x: Tensor, recipe: Recipe) -> float | None:
    if not len(x):
        return None
    with torch.no_grad():
        return float(model.losses(x, None, recipe.continuous_weight, recipe.beta).total)


def networks(model: VAE) -> tuple[Network, Network]:
    """Decoder and encoder (to the mean) as numpy networks."""
    decoder = Network(layers(model.decoder_layers()), model.slope)
    encoder = Network(layers(model.encoder_layers()), model.slope)
    return decoder, encoder
