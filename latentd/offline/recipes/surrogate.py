"""A surrogate model of the synth: a differentiable function from a patch's columns to its sound.

It is the mean of two networks trained on the same measured patches; where they disagree, neither is reliable. They see
the note and its velocity, too. Their output is the seven descriptors, loudness, the level of the note while it is held,
and a small log-mel spectrogram. In stored settings (`proxy_steps`) it is called proxy.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from latentd.model.decoder import Layout
from latentd.model.pad_sounds import DESCRIPTORS
from latentd.offline.recipes import relevance
from latentd.offline.render.clip_spec import USUAL, ClipSpec
from latentd.synth import amsynth
from latentd.synth.amsynth import Array, Kind

_CONTINUOUS, _OTHER = (
    tuple(i for i, p in enumerate(amsynth.PARAMETERS) if p.kind in kinds)
    for kinds in ((Kind.CONTINUOUS,), (Kind.CATEGORY, Kind.STEPS))
)
# Every parameter is learned; octave and pitch of oscillator 2 as classes, since a pitch between two is wrong.
LAYOUT = Layout(continuous=_CONTINUOUS, categories=_OTHER)

# Inaudible in one held note: hidden from the networks.
_INAUDIBLE = frozenset(
    amsynth.INDEX[name]
    for name in ("amp_release", "filter_release", "portamento_time", "portamento_mode", "keyboard_mode")
)
_TRACKING = amsynth.INDEX["filter_kbd_track"]  # inaudible in the note that clips are made of, middle C
MEL_SHAPE = (4, 16)  # times and bands of the spectrogram that the networks learn
LUFS = DESCRIPTORS  # column of the loudness
HELD = LUFS + 1  # column of the level of a note held for three seconds, in dB of full scale
MEL = slice(HELD + 1, HELD + 1 + MEL_SHAPE[0] * MEL_SHAPE[1])  # columns of the spectrogram
WIDTH = MEL.stop
NOTES = (36, 60, 84)
VELOCITIES = (40, 100, 127)
_HELD_FROM, _HELD_TO = 0.65, 0.75  # of a clip of four seconds
_QUIETEST_LUFS = -60.0
_MIDDLE_NOTE, _OCTAVES = USUAL.note, 24.0  # the networks see a note in units of two octaves from middle C
_USUAL_VELOCITY, _VELOCITY_RANGE = USUAL.velocity, 60.0
_SWAPPED = 0.7  # share of the examples whose inaudible parameters are replaced by those of another patch

OnStep = Callable[[int, int], None]  # steps done, steps in all


class Examples(NamedTuple):
    """Measured patches: `params` (n, 41) and `sounds` (n, WIDTH), drawn in proportion to their `weights` (n,).

    `played` (n, 2): the note and velocity of each, from `played`.
    """

    params: Array
    sounds: NDArray[np.float32]
    weights: Array
    played: NDArray[np.float32]


def played(spec: ClipSpec, count: int) -> NDArray[np.float32]:
    """Note and velocity (count, 2) as the networks see them: 0 for those of the usual clip."""
    row = [(spec.note - _MIDDLE_NOTE) / _OCTAVES, (spec.velocity - _USUAL_VELOCITY) / _VELOCITY_RANGE]
    return np.tile(np.array(row, np.float32), (count, 1))


def random_played(count: int, random: torch.Generator) -> Tensor:
    """Random notes and velocities (count, 2) from those that the networks learn."""
    notes, velocities = torch.tensor(NOTES, dtype=torch.float32), torch.tensor(VELOCITIES, dtype=torch.float32)
    note = notes[torch.randint(0, len(notes), (count,), generator=random)]
    velocity = velocities[torch.randint(0, len(velocities), (count,), generator=random)]
    return torch.stack([(note - _MIDDLE_NOTE) / _OCTAVES, (velocity - _USUAL_VELOCITY) / _VELOCITY_RANGE], dim=1)


def velocity_of(played: Tensor) -> Tensor:
    """Velocities (n,) of `played` (n, 2)."""
    return played[:, 1] * _VELOCITY_RANGE + _USUAL_VELOCITY


def targets(descriptors: Array, lufs: Array, mel: NDArray[np.floating]) -> NDArray[np.float32]:
    """Sounds (n, WIDTH) of descriptors (n, 7), loudness (n,) and log-mel spectrograms (n, time, 64)."""
    times = np.linspace(0, mel.shape[1], MEL_SHAPE[0] + 1).astype(int)
    parts = [mel[:, a:b].astype(np.float32).mean(axis=1) for a, b in itertools.pairwise(times)]
    small = np.stack(parts, axis=1).reshape(len(mel), *MEL_SHAPE, -1).mean(axis=3)
    level = np.clip(lufs, _QUIETEST_LUFS, 0.0)[:, None]
    held = np.clip(lufs + _decay(mel), _QUIETEST_LUFS, 0.0)[:, None]
    seven = np.clip(descriptors, 0.0, 100.0)
    return np.concatenate([seven, level, held, small.reshape(len(mel), -1)], axis=1).astype(np.float32)


def _decay(mel: NDArray[np.floating]) -> Array:
    """How far (n,) in dB the power of a held note after three seconds is from its loudest 0.4 s."""
    power = (10.0 ** (mel.astype(np.float64) / 10)).sum(axis=2)
    times = power.shape[1]
    width = max(times // 10, 1)
    sums = np.cumsum(np.pad(power, ((0, 0), (1, 0))), axis=1)
    loudest = ((sums[:, width:] - sums[:, :-width]) / width).max(axis=1)
    held = power[:, int(_HELD_FROM * times) : max(int(_HELD_TO * times), int(_HELD_FROM * times) + 1)].mean(axis=1)
    decay: Array = 10 * np.log10(np.maximum(held / loudest, 1e-6))
    return decay


class _Net(nn.Module):
    mask: Tensor

    def __init__(self, hidden: int = 320, depth: int = 3, dropout: float = 0.03) -> None:
        super().__init__()
        self.register_buffer("mask", torch.tensor(input_mask(several_notes=True)))
        self.first = nn.Linear(LAYOUT.width + 2, hidden)
        self.between = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(depth))
        self.norms = nn.ModuleList(nn.LayerNorm(hidden) for _ in range(depth))
        self.last = nn.Linear(hidden, WIDTH)
        self.dropout = dropout

    def forward(self, columns: Tensor, played: Tensor) -> Tensor:
        """Sounds, in standard deviations from the mean."""
        h = self.first(torch.cat([(columns - 0.3) * 2 * self.mask, played], dim=1))
        for layer, norm in zip(self.between, self.norms, strict=True):
            h = h + functional.silu(layer(functional.dropout(norm(functional.silu(h)), self.dropout, self.training)))
        result: Tensor = self.last(functional.silu(h))
        return result


class Surrogate(nn.Module):
    """Columns (n, width), and what is played (n, 2), to sounds (n, WIDTH). By default the note is that of the clips."""

    mean: Tensor
    std: Tensor

    def __init__(self, examples: Examples, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.nets = nn.ModuleList(_Net() for _ in range(2))
        self.register_buffer("mean", torch.from_numpy(examples.sounds.mean(axis=0)))
        self.register_buffer("std", torch.from_numpy(examples.sounds.std(axis=0) + 1e-3))

    def members(self, columns: Tensor, played: Tensor | None = None) -> list[Tensor]:
        """The sounds that each of the two networks predicts."""
        chosen = torch.zeros(len(columns), 2) if played is None else played
        return [net(columns, chosen) * self.std + self.mean for net in self.nets]

    def forward(self, columns: Tensor, played: Tensor | None = None) -> Tensor:
        """Their mean."""
        one, other = self.members(columns, played)
        return (one + other) / 2

    def learn(self, examples: Examples, steps: int, rate: float, seed: int, report: OnStep) -> None:
        """Train on examples, from the present weights on. Each network gets its own batches."""
        random = np.random.default_rng(seed)
        torch.manual_seed(seed)
        optimizer = torch.optim.AdamW(self.parameters(), lr=rate, weight_decay=0.02)
        chance = examples.weights / examples.weights.sum()
        silent = relevance.weights(examples.params) == 0
        self.requires_grad_(True).train()
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = rate * min(1.0, step / 100) * (0.5 + 0.5 * math.cos(math.pi * step / steps)) + 1e-6
            errors = []
            for net in self.nets:
                columns, sounds, played = batch(examples, chance, silent, random)
                errors.append(
                    ((net(columns, played) - (sounds - self.mean) / self.std).abs() * _importance()).sum(dim=1).mean()
                )
            optimizer.zero_grad()
            torch.stack(errors).sum().backward()
            optimizer.step()
            report(step + 1, steps)
        self.requires_grad_(False).eval()

    def predict(self, params: Array) -> NDArray[np.float32]:
        """Sounds (n, WIDTH) of params (n, 41)."""
        with torch.no_grad():
            sounds: NDArray[np.float32] = self(torch.from_numpy(LAYOUT.encode(params)).float()).numpy()
        return sounds


def batch(
    examples: Examples, chance: Array, silent: NDArray[np.bool_], random: np.random.Generator, size: int = 128
) -> tuple[Tensor, Tensor, Tensor]:
    """Columns, sounds, and what was played. Inaudible parameters often get another patch's values: no other sound."""
    rows, others = random.choice(len(chance), size, p=chance), random.integers(0, len(chance), size)
    replaced = silent[rows] & (random.random((size, 1)) < _SWAPPED)
    params = np.where(replaced, examples.params[others], examples.params[rows])
    columns = torch.from_numpy(LAYOUT.encode(params)).float()
    return columns, torch.from_numpy(examples.sounds[rows]), torch.from_numpy(examples.played[rows])


def _importance() -> Tensor:
    """Weights (WIDTH,): 1 for all descriptors together, 1 for the spectrogram, 0.3 for each level."""
    levels = MEL.stop - MEL.start
    return torch.tensor([1 / DESCRIPTORS] * DESCRIPTORS + [0.3, 0.3] + [1 / levels] * levels)


def input_mask(several_notes: bool) -> NDArray[np.float32]:
    """(width,) 1 for the columns that the networks see, 0 for those that are inaudible in one held note.

    `several_notes`: the networks learn more notes than middle C.
    """
    hidden = _INAUDIBLE if several_notes else _INAUDIBLE | {_TRACKING}
    marks = np.ones(LAYOUT.width, np.float32)
    marks[[column for column, i in enumerate(LAYOUT.continuous) if i in hidden]] = 0.0
    for i, columns in zip(LAYOUT.categories, LAYOUT.slices(), strict=True):
        if i in hidden:
            marks[columns] = 0.0
    return marks
