"""The variational auto-encoder: from the columns of a patch to a latent point and back.

The paper: Peachey, Oore, Malloch, "Creating Latent Representations of Synthesizer Patches using Variational
Autoencoders", 2023. It has 56 columns, 32 hidden units and two latent dimensions. Continuous columns have a squared
error, each category has cross entropy on its logits, and a small Kullback-Leibler term keeps the latent space compact.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from latentd.model.decoder import Layout

LATENT = 2  # dimensions, as in the paper and on the pad


class Losses(NamedTuple):
    """Means over a batch."""

    total: Tensor
    continuous: Tensor  # squared error, mean over the continuous columns
    categories: Tensor  # cross entropy in nats, mean over the categories
    divergence: Tensor  # Kullback-Leibler divergence from a standard normal, nats


class VAE(nn.Module):
    """`hidden`: units of the hidden layer of each half; `slope`: of the leaky ReLU below zero; `latent`: dimensions."""

    def __init__(self, layout: Layout, hidden: int, slope: float, latent: int = LATENT) -> None:
        super().__init__()
        self.layout = layout
        self.slope = slope
        self.encode_hidden = nn.Linear(layout.width, hidden)
        self.encode_mean = nn.Linear(hidden, latent)
        self.encode_log_variance = nn.Linear(hidden, latent)
        self.decode_hidden = nn.Linear(latent, hidden)
        self.decode_output = nn.Linear(hidden, layout.width)

    def encoder_layers(self) -> tuple[nn.Linear, ...]:
        """The layers from columns to the mean."""
        return self.encode_hidden, self.encode_mean

    def decoder_layers(self) -> tuple[nn.Linear, ...]:
        """The layers from a latent point to scores."""
        return self.decode_hidden, self.decode_output

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Columns (n, width) to mean and log variance (n, latent) each."""
        h = self._hidden(x, self.encoder_layers()[:-1])
        return self.encode_mean(h), self.encode_log_variance(h)

    def decode(self, z: Tensor) -> Tensor:
        """Points (n, latent) to scores (n, width); values 0..1 are their logistic function."""
        scores: Tensor = self.decode_output(self._hidden(z, self.decoder_layers()[:-1]))
        return scores

    def _hidden(self, h: Tensor, linears: Iterable[nn.Linear]) -> Tensor:
        for linear in linears:
            h = functional.leaky_relu(linear(h), self.slope)
        return h

    def losses(self, x: Tensor, noise: Tensor | None, continuous_weight: float, beta: float) -> Losses:
        """Losses of a batch (n, width). `noise` (n, latent) is standard normal; None takes the mean of each point."""
        return self.losses_and_scores(x, noise, continuous_weight, beta)[0]

    def losses_and_scores(
        self, x: Tensor, noise: Tensor | None, continuous_weight: float, beta: float
    ) -> tuple[Losses, Tensor]:
        """The losses, and the scores (n, width) of the reconstruction."""
        mean, log_variance = self.encode(x)
        z = mean if noise is None else mean + torch.exp(0.5 * log_variance) * noise
        scores = self.decode(z)
        n = len(self.layout.continuous)
        continuous = functional.mse_loss(torch.sigmoid(scores[:, :n]), x[:, :n])
        entropies = [functional.cross_entropy(scores[:, s], x[:, s].argmax(dim=1)) for s in self.layout.slices()]
        categories = torch.stack(entropies).mean()
        divergence = 0.5 * (mean**2 + log_variance.exp() - 1.0 - log_variance).sum(dim=1).mean()
        total = continuous_weight * continuous + categories + beta * divergence
        return Losses(total, continuous, categories, divergence), scores
