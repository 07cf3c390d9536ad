"""A network that predicts the sound of a patch from its parameters: small enough for the daemon's numpy."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from latentd.model.decoder import Network
from latentd.model.pad_sounds import DESCRIPTORS, PICTURE, small
from latentd.offline.recipes import relevance
from latentd.offline.recipes.paper import layer
from latentd.offline.recipes.surrogate import LAYOUT, Examples, OnStep, batch, input_mask, played
from latentd.offline.render.clip_spec import USUAL
from latentd.synth.amsynth import Array

if TYPE_CHECKING:
    from latentd.offline.recipes.audible import AudiblePatches

SLOPE = 0.1
_MEMBERS = 2  # networks that are averaged: an ensemble
_HIDDEN = 320  # units of each of their two hidden layers
_RATE = 3e-3
_DECAY = 0.1  # of the weights
_DROPOUT = 0.1
_MEL_WEIGHT = 0.5  # of the spectrogram, against the descriptors
_WEIGHTS = (1.0, 0.7, 0.3)  # of an example of each set
_MIDDLE, _SCALE = 0.3, 2.0  # of the columns, most of which are 0: centred inputs are learned faster


def train(sets: Sequence[AudiblePatches], steps: int, seed: int, report: OnStep) -> Network:
    """A network from columns to seven descriptors and a small spectrogram in dB.

    Args:
        sets: presets, crossed presets, and the patches of the pad.
    """
    mels = [small(patches.mel).reshape(len(patches.mel), -1) for patches in sets]
    sounds = np.concatenate([np.hstack([patches.descriptors, mel]) for patches, mel in zip(sets, mels, strict=True)])
    params = np.concatenate([patches.params for patches in sets])
    # Presets count most, since users encode presets; the pad's patches, which are many and similar, count least.
    weights = np.concatenate([np.full(len(patches.params), w) for patches, w in zip(sets, _WEIGHTS, strict=True)])
    examples = Examples(params, sounds.astype(np.float32), weights, played(USUAL, len(params)))
    mean, std = examples.sounds.mean(axis=0), examples.sounds.std(axis=0) + 1e-3
    members = []
    for member in range(_MEMBERS):
        torch.manual_seed(seed + member)
        widths = [LAYOUT.width, _HIDDEN, _HIDDEN, sounds.shape[1]]
        layers = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(widths))
        part = _part(report, member * steps, _MEMBERS * steps)
        _learn(layers, examples, torch.from_numpy(mean), torch.from_numpy(std), steps, seed + member, part)
        members.append([layer(linear) for linear in layers if isinstance(linear, nn.Linear)])
    return _averaged(members, mean, std)


def _part(report: OnStep, before: int, total: int) -> OnStep:
    return lambda done, _: report(before + done, total)


def _averaged(members: list[list[tuple[Array, Array]]], mean: Array, std: Array) -> Network:
    """One network with the mean output of several networks of three layers each, placed side by side.

    Its weights are rounded to half precision, as a bundle stores them.
    """
    first, between, last = zip(*members, strict=True)
    weight = np.concatenate([w for w, _ in first]) * input_mask(several_notes=False)
    bias = np.concatenate([b for _, b in first]) - _SCALE * _MIDDLE * weight.sum(axis=1)
    middle = np.zeros((_HIDDEN * len(members), _HIDDEN * len(members)))
    for i, (w, _) in enumerate(between):
        middle[i * _HIDDEN : (i + 1) * _HIDDEN, i * _HIDDEN : (i + 1) * _HIDDEN] = w
    layers = [
        (_SCALE * weight, bias),
        (middle, np.concatenate([b for _, b in between])),
        (
            np.concatenate([w for w, _ in last], axis=1) * (std / len(members))[:, None],
            np.mean([b for _, b in last], axis=0) * std + mean,
        ),
    ]
    halves = [(w.astype(np.float16).astype(np.float64), b.astype(np.float16).astype(np.float64)) for w, b in layers]
    return Network(tuple(halves), SLOPE)


def _learn(
    layers: nn.ModuleList,
    examples: Examples,
    mean: torch.Tensor,
    std: torch.Tensor,
    steps: int,
    seed: int,
    report: OnStep,
) -> None:
    optimizer = torch.optim.AdamW(layers.parameters(), lr=_RATE, weight_decay=_DECAY)
    random = np.random.default_rng(seed)
    chance = examples.weights / examples.weights.sum()
    silent = relevance.weights(examples.params) == 0
    levels = PICTURE[0] * PICTURE[1]
    importance = torch.tensor([1 / DESCRIPTORS] * DESCRIPTORS + [_MEL_WEIGHT / levels] * levels)
    mask = torch.from_numpy(input_mask(several_notes=False))
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = _RATE * min(1.0, step / 100) * (0.5 + 0.5 * math.cos(math.pi * step / steps)) + 1e-6
        columns, sounds, _ = batch(examples, chance, silent, random)
        h = (columns - _MIDDLE) * _SCALE * mask
        for linear in layers[:-1]:
            h = functional.dropout(functional.leaky_relu(linear(h), SLOPE), _DROPOUT)
        loss = ((layers[-1](h) - (sounds - mean) / std).abs() * importance).sum(dim=1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        report(step + 1, steps)
