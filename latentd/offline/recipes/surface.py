"""The pad as a learned surface: a small network from a point to a patch, trained with a loss on the patch's sound.

The network sees a point as plane waves (Fourier features) and outputs all columns. It first copies an atlas of real
presets. Then it is trained through the surrogate: every preset of the corpus should be found somewhere on the pad, and
neither sound nor parameters should change more than necessary between neighbouring points.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from latentd.model.decoder import Network
from latentd.model.pad_sounds import DESCRIPTORS, UNIT
from latentd.offline.recipes import atlas, levels
from latentd.offline.recipes.loss_weights import TimbreWeights
from latentd.offline.recipes.paper import layer
from latentd.offline.recipes.surrogate import (
    HELD,
    LAYOUT,
    LUFS,
    MEL,
    MEL_SHAPE,
    OnStep,
    Surrogate,
    random_played,
    velocity_of,
)
from latentd.synth import amsynth
from latentd.synth.amsynth import Array

SLOPE = 0.1  # of the leaky ReLU below zero
GRID = 50  # points per side, among which the nearest sound of a preset is searched
_CONTINUOUS = len(LAYOUT.continuous)
_SLICES = LAYOUT.slices()
# Distances between small spectrograms are 3/4 of those between whole ones, so this is a weight of 1/4 per dB.
_MEL_WEIGHT = 0.33 / (MEL_SHAPE[0] * MEL_SHAPE[1])
_PAIRS = 512  # of neighbouring points in a batch
_PRESETS = 256  # in a batch
_RARE = 0.1  # share of the nodes below which a family counts as rare
_RARE_POINTS = 128  # in a batch
_NEAR_NODE = 0.6  # of the distance between nodes
_FAINT_LUFS = -36.0
_LEVEL_FREE = 1.0  # LU around the target that cost nothing
_OTHER_LEVEL_FREE = 3.0  # the same for other notes and velocities
_HELD_DB = -38.0  # of a note after three seconds; quieter by 7 dB it counts as silent
_FAMILY_VALUES = [
    LAYOUT.continuous.index(amsynth.INDEX[name])
    for name in (
        "amp_attack", "amp_decay", "amp_sustain", "amp_release", "osc_mix", "osc_mix_mode", "filter_resonance",
    )
]  # fmt: skip
_FAMILY_SLICES = [
    _SLICES[LAYOUT.categories.index(amsynth.INDEX[name])]
    for name in ("osc1_waveform", "osc2_waveform", "osc2_sync", "osc2_range", "osc2_pitch", "filter_type")
]
_VOLUME = LAYOUT.continuous.index(amsynth.INDEX["master_vol"])
_VOLUME_WEIGHT = 8.0  # against another value, while levels are learned
_BRIGHTNESS = 2  # column of the sounds
_ATTACK = LAYOUT.continuous.index(amsynth.INDEX["amp_attack"])
_MEND_RATE = 3e-4


class Surface(nn.Module):
    """Points (n, 2) of -1..1 to scores (n, width): their logistic function is where in its range a parameter is."""

    waves: Tensor
    low: Tensor
    span: Tensor

    def __init__(self, waves: int, cycles: float, hidden: int, seed: int, ranges: Array | None = None) -> None:
        """Start at random.

        Args:
            waves: number of plane waves; `cycles`: standard deviation of their cycles across the pad, on each axis.
            ranges: least and greatest params (2, 41) that it can reach; None stands for 0 and 1.
        """
        super().__init__()
        torch.manual_seed(seed)
        whole = np.tile([[0.0], [1.0]], amsynth.COUNT)
        low, high = (whole if ranges is None else ranges)[:, list(LAYOUT.continuous)]
        self.ranges = ranges
        self.register_buffer("low", torch.from_numpy(low).float())
        self.register_buffer("span", torch.from_numpy(high - low).float())
        self.register_buffer("waves", math.pi * cycles * torch.randn(waves, 2))
        widths = [2 * waves + 2, hidden, hidden]
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(widths))
        self.last = nn.Linear(hidden, LAYOUT.width)

    def forward(self, points: Tensor) -> Tensor:
        """Scores (n, width) of points (n, 2)."""
        phase = points @ self.waves.T
        h = torch.cat([torch.sin(phase), torch.cos(phase), points], dim=1)
        for linear in self.hidden:
            h = functional.leaky_relu(linear(h), SLOPE)
        scores: Tensor = self.last(h)
        return scores

    def values(self, scores: Tensor) -> Tensor:
        """Continuous params (n, columns) of scores."""
        return self.low + self.span * torch.sigmoid(scores[:, :_CONTINUOUS])

    def columns(self, scores: Tensor) -> Tensor:
        """Columns of scores: values within the ranges, and one-hot classes with straight-through gradients."""
        return torch.cat([self.values(scores), straight_through(scores)[:, _CONTINUOUS:]], dim=1)

    def probabilities(self, scores: Tensor) -> Tensor:
        """Columns of scores: values within the ranges, and the probability of each class."""
        return torch.cat([self.values(scores), *(torch.softmax(scores[:, c], dim=1) for c in _SLICES)], dim=1)

    def network(self) -> Network:
        """The same network for numpy."""
        linears = [linear for linear in (*self.hidden, self.last) if isinstance(linear, nn.Linear)]
        return Network(tuple(layer(linear) for linear in linears), SLOPE, self.waves.numpy().astype(np.float64))


def straight_through(scores: Tensor) -> Tensor:
    """Columns of scores: values 0..1, and one-hot classes with straight-through gradients."""
    parts = [torch.sigmoid(scores[:, :_CONTINUOUS])]
    for columns in _SLICES:
        likely = torch.softmax(scores[:, columns], dim=1)
        chosen = functional.one_hot(likely.argmax(dim=1), likely.shape[1]).float()
        parts.append(chosen + likely - likely.detach())
    return torch.cat(parts, dim=1)


class Teacher:
    """An atlas of nodes (side, side, 41) with bilinear interpolation: the surface is trained to copy it.

    `rare`: points (n, 2) of -1..1 of the nodes whose families of sounds have few others.
    """

    def __init__(self, nodes: Array) -> None:
        side = len(nodes)
        row, column = np.nonzero(_rare(nodes))
        self.rare = torch.from_numpy(np.stack([column, row], axis=1) / (side - 1) * 2 - 1).float()
        self._spacing = 2 / (side - 1)
        self._columns = (
            torch.from_numpy(LAYOUT.encode(nodes.reshape(-1, nodes.shape[2]))).float().reshape(side, side, -1)
        )

    def near_rare(self, count: int, random: torch.Generator) -> Tensor:
        """Random points (count, 2) around the rare nodes; none if there are none."""
        if not len(self.rare):
            return self.rare
        chosen = self.rare[torch.randint(0, len(self.rare), (count,), generator=random)]
        away = (torch.rand(count, 2, generator=random) - 0.5) * self._spacing * _NEAR_NODE
        return (chosen + away).clamp(-1, 1)

    def __call__(self, points: Tensor) -> Tensor:
        """Columns (n, width) at points (n, 2) of -1..1."""
        last = len(self._columns) - 1
        place = (points + 1) / 2 * last
        node = place.floor().clamp(0, last - 1).long()
        x, y = (place - node).split(1, dim=1)
        column, row = node[:, 0], node[:, 1]
        c = self._columns
        low = c[row, column] * (1 - x) + c[row, column + 1] * x
        high = c[row + 1, column] * (1 - x) + c[row + 1, column + 1] * x
        between: Tensor = low * (1 - y) + high * y
        return between


def _rare(nodes: Array) -> NDArray[np.bool_]:
    """Which nodes (side, side) belong to a family that few nodes belong to."""
    masks = atlas.families_of(nodes.reshape(-1, nodes.shape[2])) > 0
    rare = masks[:, masks.mean(axis=0) < _RARE].any(axis=1)
    return np.asarray(rare).reshape(nodes.shape[:2])


def imitate(surface: Surface, teacher: Teacher, steps: int, seed: int, report: OnStep, rate: float = 3e-3) -> None:
    """Train a surface to copy an atlas."""
    random = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(surface.parameters(), lr=rate)
    for step in range(steps):
        _set_rate(optimizer, rate, step, steps)
        points = 2 * torch.rand(_PAIRS, 2, generator=random) - 1
        classes, values = _imitation_losses(surface, surface(points), teacher(points))
        _optimize(optimizer, classes + 10 * values)
        report(step + 1, steps)


def refine(
    surface: Surface,
    surrogate: Surrogate,
    sounds: NDArray[np.float32],
    teacher: Teacher,
    weights: TimbreWeights,
    steps: int,
    rate: float,
    seed: int,
    report: OnStep,
) -> None:
    """Train a surface with an audio loss: presets with the sounds (n, WIDTH) should be found on it."""
    random = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(surface.parameters(), lr=rate)
    goals = torch.from_numpy(sounds)
    spread = torch.quantile(goals[:, :DESCRIPTORS], torch.linspace(0, 1, _PAIRS), dim=0)
    for step in range(steps):
        _set_rate(optimizer, rate, step, steps)
        if step % 50 == 0:
            places, urgency = _nearest_places(surface, surrogate, goals)
        rows = torch.randint(0, len(goals), (_PRESETS,), generator=random)
        near = (torch.rand(_PRESETS, 2, generator=random) - 0.5) / (GRID - 1)
        first, second = _neighbours(random)
        points = torch.cat([(places[rows] + near).clamp(-1, 1), first, second])
        scores = surface(points)
        columns = surface.columns(scores)
        outputs = surrogate.members(columns)
        loss = _sound_loss((outputs[0] + outputs[1])[:_PRESETS] / 2, goals[rows], urgency[rows])
        loss = loss + _smoothness_loss(scores[_PRESETS:], columns[_PRESETS:], outputs, spread, weights)
        loss = loss + _playing_loss(surrogate, points[_PRESETS:], columns[_PRESETS:], outputs, weights, random)
        classes, values = _imitation_losses(surface, scores, teacher(points))
        loss = loss + weights.teacher * (classes + 10 * values)
        rare = teacher.near_rare(_RARE_POINTS, random)
        if len(rare):
            loss = loss + weights.families * _family_loss(surface, surface(rare), teacher(rare))
        _optimize(optimizer, loss)
        report(step + 1, steps)


def mend(
    surface: Surface, points: Array, params: Array, wrong: NDArray[np.bool_], steps: int, seed: int, report: OnStep
) -> None:
    """Train a surface towards other volumes, and away from faint patches.

    Args:
        points: (n, 2) of -1..1, a square grid.
        params: (n, 41) of which `master_vol` is learned; everything else is to stay as it is, except
        wrong: (n,) where the patch is to become like those around it.
    """
    random = torch.Generator().manual_seed(seed)
    places = torch.from_numpy(points).float()
    bad = torch.from_numpy(wrong)
    with torch.no_grad():
        columns = torch.cat([surface.probabilities(surface(part)) for part in places.split(2500)])
        columns[:, _VOLUME] = torch.from_numpy(params[:, LAYOUT.continuous[_VOLUME]]).float()
        near = torch.cdist(places[bad], places) < 2.5 * 2 / (len(places) ** 0.5 - 1)
        near[:, bad] = False
        near = near.float()
        columns[bad] = (near @ columns) / near.sum(dim=1, keepdim=True).clamp(min=1)
    optimizer = torch.optim.Adam(surface.parameters(), lr=_MEND_RATE)
    chance = torch.where(bad, len(places) / 8 / max(int(bad.sum()), 1), 1.0)
    for step in range(steps):
        _set_rate(optimizer, _MEND_RATE, step, steps)
        rows = torch.multinomial(chance, _PAIRS, replacement=True, generator=random)
        scores = surface(places[rows])
        entropies = [functional.cross_entropy(scores[:, c], columns[rows][:, c]) for c in _SLICES]
        away = (surface.values(scores) - columns[rows][:, :_CONTINUOUS]).abs()
        values = away.mean() + _VOLUME_WEIGHT * away[:, _VOLUME].mean() / _CONTINUOUS
        _optimize(optimizer, torch.stack(entropies).mean() + 30 * values)
        report(step + 1, steps)


def _nearest_places(surface: Surface, surrogate: Surrogate, goals: Tensor) -> tuple[Tensor, Tensor]:
    """The place of the nearest sound on the pad of each preset, and a weight that grows with its distance (mean 1)."""
    ticks = torch.linspace(-1, 1, GRID)
    points = torch.cartesian_prod(ticks, ticks).flip(1)
    with torch.no_grad():
        sounds = surrogate(surface.columns(surface(points)))
        distances = torch.cdist(goals[:, :DESCRIPTORS] / UNIT, sounds[:, :DESCRIPTORS].clamp(0, 100) / UNIT, p=1)
        distances += _MEL_WEIGHT * torch.cdist(goals[:, MEL], sounds[:, MEL], p=1)
        nearest = distances.min(dim=1)
    return points[nearest.indices], (nearest.values / nearest.values.mean()).clamp(0.5, 2.5)


def _neighbours(random: torch.Generator) -> tuple[Tensor, Tensor]:
    """Pairs of points one grid step apart, to the right or upwards."""
    apart = torch.zeros(_PAIRS, 2)
    axes = torch.randint(0, 2, (_PAIRS,), generator=random)
    apart[torch.arange(_PAIRS), axes] = 2 / (GRID - 1)
    first = -1 + torch.rand(_PAIRS, 2, generator=random) * (2 - apart)
    return first, first + apart


def _sound_loss(sounds: Tensor, goals: Tensor, urgency: Tensor) -> Tensor:
    seven = (sounds[:, :DESCRIPTORS].clamp(0, 100) - goals[:, :DESCRIPTORS]).abs().sum(dim=1) / UNIT
    mel = _MEL_WEIGHT * (sounds[:, MEL] - goals[:, MEL]).abs().sum(dim=1)
    return ((seven + mel) * urgency).mean()


def _smoothness_loss(
    scores: Tensor, columns: Tensor, outputs: list[Tensor], spread: Tensor, weights: TimbreWeights
) -> Tensor:
    """Loss of the changes between neighbours, which are in the first and the second half of `scores` and `columns`."""
    sound = ((outputs[0] + outputs[1]) / 2)[_PRESETS:]
    seven = sound[:, :DESCRIPTORS].clamp(0, 100)
    change = (seven[:_PAIRS] - seven[_PAIRS:]).abs()
    jump = functional.relu(change.max(dim=1).values - weights.jump_free).mean()
    even = change.mean(dim=1).std() / change.mean()
    step = (columns[:_PAIRS, :_CONTINUOUS] - columns[_PAIRS:, :_CONTINUOUS]).abs().mean()
    flips = [torch.softmax(scores[:, c], dim=1) for c in _SLICES]
    flip = torch.stack([(p[:_PAIRS] - p[_PAIRS:]).abs().sum(dim=1).mean() for p in flips]).sum()
    kept = (seven[:_PAIRS].sort(dim=0).values - spread).abs().mean()
    doubt = (outputs[0] - outputs[1])[:, :DESCRIPTORS].abs().mean()
    faint = functional.relu(_FAINT_LUFS - sound[:, LUFS]).mean()
    return (
        weights.jump * jump
        + weights.even * even
        + weights.step * step
        + weights.flip * flip
        + weights.range * kept
        + weights.doubt * doubt
        + weights.faint * faint
    )


def _playing_loss(
    surrogate: Surrogate,
    points: Tensor,
    columns: Tensor,
    outputs: list[Tensor],
    weights: TimbreWeights,
    random: torch.Generator,
) -> Tensor:
    """Loss of what makes a pad hard to play: unequal levels, notes that die, directions without a meaning.

    The surrogate's `outputs` are for the note of the clips; other notes and velocities are drawn at random.
    """
    sound = ((outputs[0] + outputs[1]) / 2)[_PRESETS:]
    level = functional.relu((sound[:, LUFS] - levels.TARGET_LUFS).abs() - _LEVEL_FREE).mean()
    played = random_played(_PAIRS, random)
    other = surrogate(columns[:_PAIRS], played)
    away = (other[:, LUFS] - levels.expected(velocity_of(played))).abs()
    level = level + functional.relu(away - _OTHER_LEVEL_FREE).mean()
    held = functional.relu(_HELD_DB - sound[:, HELD]).mean() + functional.relu(_HELD_DB - 5 - other[:, HELD]).mean()
    brightness, attack = sound[:, _BRIGHTNESS].clamp(0, 100), columns[:, _ATTACK]
    axes = 2 - _correlation(points[:, 0], brightness) + _correlation(points[:, 1], attack)
    return weights.level * level + weights.held * held + weights.axes * axes


def _correlation(a: Tensor, b: Tensor) -> Tensor:
    a, b = a - a.mean(), b - b.mean()
    correlation: Tensor = (a * b).sum() / (a.norm() * b.norm() + 1e-6)
    return correlation


def _imitation_losses(surface: Surface, scores: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
    """Cross entropy of the classes (mean over the categories), and mean |difference| of the values."""
    entropies = [functional.cross_entropy(scores[:, c], columns[:, c].argmax(dim=1)) for c in _SLICES]
    values = (surface.values(scores) - columns[:, :_CONTINUOUS]).abs().mean()
    return torch.stack(entropies).mean(), values


def _family_loss(surface: Surface, scores: Tensor, columns: Tensor) -> Tensor:
    """The same for the parameters that decide on families of sounds."""
    entropies = [functional.cross_entropy(scores[:, c], columns[:, c].argmax(dim=1)) for c in _FAMILY_SLICES]
    values = (surface.values(scores) - columns[:, :_CONTINUOUS])[:, _FAMILY_VALUES].abs().mean()
    return torch.stack(entropies).mean() + 10 * values


def _set_rate(optimizer: torch.optim.Optimizer, rate: float, step: int, steps: int) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate * min(1.0, (step + 1) / 50) * (0.5 + 0.5 * math.cos(math.pi * step / steps)) + 1e-5


def _optimize(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
