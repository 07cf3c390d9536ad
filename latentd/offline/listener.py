"""A network that expects what a patch sounds like from its parameters alone: small enough for the daemon's numpy."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from latentd.decoder import Network
from latentd.offline import audible
from latentd.offline.proxy import LAYOUT, Examples, Report, batch
from latentd.offline.train import layer
from latentd.sounds import DESCRIPTORS, PICTURE, small

if TYPE_CHECKING:
    from latentd.offline.timbral import Heard

SLOPE = 0.1
_HIDDEN = 256
_RATE = 1.5e-3
_DROPOUT = 0.15
_WEIGHTS = (1.0, 0.7, 0.3)  # of an example of each set
_MIDDLE, _SCALE = 0.3, 2.0  # of the columns, most of which are 0: it learns faster about the middle of its inputs


def train(sets: Sequence[Heard], steps: int, seed: int, report: Report) -> Network:
    """A network from columns to seven descriptors and a small picture in dB. Sets: presets, crossed ones, the pad."""
    pictures = [small(heard.mel).reshape(len(heard.mel), -1) for heard in sets]
    sounds = np.concatenate([np.hstack([heard.descriptors, p]) for heard, p in zip(sets, pictures, strict=True)])
    params = np.concatenate([heard.params for heard in sets])
    # Any patch may be asked for, so presets count most, and the pad's own patches, which are many and alike, least.
    weights = np.concatenate([np.full(len(h.params), w) for h, w in zip(sets, _WEIGHTS, strict=True)])
    examples = Examples(params, sounds.astype(np.float32), weights)
    mean, std = examples.sounds.mean(axis=0), examples.sounds.std(axis=0) + 1e-3
    torch.manual_seed(seed)
    widths = [LAYOUT.width, _HIDDEN, _HIDDEN, sounds.shape[1]]
    layers = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(widths))
    _learn(layers, examples, torch.from_numpy(mean), torch.from_numpy(std), steps, seed, report)
    first, between, (weight, bias) = [layer(linear) for linear in layers if isinstance(linear, nn.Linear)]
    first = (_SCALE * first[0], first[1] - _SCALE * _MIDDLE * first[0].sum(axis=1))
    return Network((first, between, (weight * std[:, None], bias * std + mean)), SLOPE)


def _learn(
    layers: nn.ModuleList,
    examples: Examples,
    mean: torch.Tensor,
    std: torch.Tensor,
    steps: int,
    seed: int,
    report: Report,
) -> None:
    optimizer = torch.optim.AdamW(layers.parameters(), lr=_RATE, weight_decay=0.05)
    random = np.random.default_rng(seed)
    chance = examples.weights / examples.weights.sum()
    silent = audible.weights(examples.params) == 0
    picture = PICTURE[0] * PICTURE[1]
    importance = torch.tensor([1 / DESCRIPTORS] * DESCRIPTORS + [1 / picture] * picture)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = _RATE * min(1.0, step / 100) * (0.5 + 0.5 * math.cos(math.pi * step / steps)) + 1e-6
        columns, sounds = batch(examples, chance, silent, random)
        h = (columns - _MIDDLE) * _SCALE
        for linear in layers[:-1]:
            h = functional.dropout(functional.leaky_relu(linear(h), SLOPE), _DROPOUT)
        loss = ((layers[-1](h) - (sounds - mean) / std).abs() * importance).sum(dim=1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        report(step + 1, steps)
