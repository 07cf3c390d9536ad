"""The variational auto-encoder, whole: patches as columns -> a point of the plane -> columns.

The paper: Peachey, Oore, Malloch, "Creating Latent Representations of Synthesizer Patches using Variational
Autoencoders", 2023. Its 56 columns go through 32 units to two numbers and back. Continuous columns are learned with
a squared error, each category with cross entropy on its logits, and a small Kullback-Leibler term keeps the plane
compact.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from latentd.decoder import Layout

LATENT = 2


class Losses(NamedTuple):
    """Means over a batch."""

    total: Tensor
    continuous: Tensor  # squared error, mean over the continuous columns
    categories: Tensor  # cross entropy in nats, mean over the categories
    divergence: Tensor  # Kullback-Leibler divergence from a standard normal, nats


class VAE(nn.Module):
    """`hidden`: units of each half's hidden layer; `slope`: of the leaky ReLU below zero."""

    def __init__(self, layout: Layout, hidden: int, slope: float) -> None:
        super().__init__()
        self.layout = layout
        self.slope = slope
        self.encode_hidden = nn.Linear(layout.width, hidden)
        self.encode_mean = nn.Linear(hidden, LATENT)
        self.encode_log_variance = nn.Linear(hidden, LATENT)
        self.decode_hidden = nn.Linear(LATENT, hidden)
        self.decode_output = nn.Linear(hidden, layout.width)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Columns (n, width) to mean and log variance (n, 2) each."""
        h = functional.leaky_relu(self.encode_hidden(x), self.slope)
        return self.encode_mean(h), self.encode_log_variance(h)

    def decode(self, z: Tensor) -> Tensor:
        """Points (n, 2) to scores (n, width), unsquashed: values 0..1 are their logistic function."""
        h = functional.leaky_relu(self.decode_hidden(z), self.slope)
        scores: Tensor = self.decode_output(h)
        return scores

    def losses(self, x: Tensor, noise: Tensor | None, continuous_weight: float, beta: float) -> Losses:
        """Losses of a batch (n, width). `noise` (n, 2) from a standard normal draws the point; None takes the mean."""
        mean, log_variance = self.encode(x)
        z = mean if noise is None else mean + torch.exp(0.5 * log_variance) * noise
        scores = self.decode(z)
        n = len(self.layout.continuous)
        continuous = functional.mse_loss(torch.sigmoid(scores[:, :n]), x[:, :n])
        entropies = [functional.cross_entropy(scores[:, s], x[:, s].argmax(dim=1)) for s in self.layout.slices()]
        categories = torch.stack(entropies).mean()
        divergence = 0.5 * (mean**2 + log_variance.exp() - 1.0 - log_variance).sum(dim=1).mean()
        total = continuous_weight * continuous + categories + beta * divergence
        return Losses(total, continuous, categories, divergence)
