"""The recipe `timbre`: a pad that covers the sounds of the banks, with small changes between neighbouring points.

corpus -> measured -> surrogate   predicts the sound of a patch, differentiable
                   -> atlas       real presets on a square, arranged by annealing
surrogate + atlas -> surface      a network from point to patch, trained with an audio loss
surface -> measured -> surrogate  in rounds: the surrogate learns where it was wrong, the surface is trained again
surface -> measured               the sound of the pad, in which any patch, or any sound, is looked up
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from latentd.model.decoder import Decoder, Network
from latentd.model.pad_sounds import Sounds, small, to_levels
from latentd.offline.corpus import augment
from latentd.offline.corpus.corpus import Corpus
from latentd.offline.recipes import atlas, sound_encoder
from latentd.offline.recipes.audible import (
    MIN_PRESETS,
    AudiblePatches,
    OnProgress,
    audible_only,
    examples,
    measure_audible,
    measure_presets,
)
from latentd.offline.recipes.loss_weights import TimbreWeights
from latentd.offline.recipes.surface import GRID, Surface, Teacher, imitate, mend, refine
from latentd.offline.recipes.surrogate import LAYOUT, Surrogate
from latentd.offline.timbre.measure import Measure, Measured
from latentd.synth import amsynth
from latentd.synth.amsynth import Array

MARGIN = 1.0  # logits; a class is held for 1 % of the pad beyond its border (median)
QUIETEST_LUFS = -42.0  # of any point; below -45 it would count as silent


@dataclass(frozen=True)
class TimbreRecipe:
    """The settings of a training run; model.json stores them under these names."""

    MIN_PRESETS: ClassVar[int] = MIN_PRESETS  # distinct, to train on

    name: str = "timbre"
    side: int = 14  # nodes per side of the atlas
    smoothness: float = 15.0  # of the atlas, against its coverage
    moves: int = 20_000_000
    proxy_steps: int = 1800  # of the surrogate
    again_steps: int = 900  # of the surrogate, each round
    waves: int = 48
    cycles: float = 1.0
    hidden: int = 128
    imitate_steps: int = 1200
    refine_steps: int = 700
    refine_rate: float = 1.5e-3
    rounds: int = 3
    crossed: int = 3000  # patches from sections of two presets, for the encoder
    mends: int = 3  # repairs of faint points, at most, each with a rendering of the whole pad
    mend_steps: int = 600
    listener_steps: int = 4000  # of the encoder
    probes: int = 20  # points per side of the grid that is measured each round
    weights: TimbreWeights = field(default_factory=TimbreWeights)
    seed: int = 0


@dataclass(frozen=True)
class TrainedPad:
    """The result of a training run. `points` (n, 2) in 0..1 are those of the corpus rows."""

    decoder: Network
    encoder: Network
    sounds: Sounds
    points: Array
    doubt: list[float]  # mean error of the surrogate on each round's pad, before it learned from it


def train(rows: Corpus, recipe: TimbreRecipe, measure: Measure, report: OnProgress) -> TrainedPad:
    """Train a pad.

    Raises:
        UserError: too few presets that can be heard.
    """
    torch.set_num_threads(1)
    presets = measure_presets(rows, measure)
    seed = recipe.seed
    surrogate = Surrogate(examples([presets]), seed)
    surrogate.learn(examples([presets]), recipe.proxy_steps, 1.5e-3, seed, _part(report, "training the surrogate"))
    report("arranging the atlas", 0, 1)
    side = min(recipe.side, int(len(presets.params) ** 0.5 / 1.5))
    nodes = atlas.lay_out(
        presets.params, presets.descriptors, presets.lufs, _mel_distances(presets.mel), side, recipe.smoothness,
        recipe.moves, seed,
    )  # fmt: skip
    report("arranging the atlas", 1, 1)
    teacher = Teacher(nodes.params)
    surface = Surface(recipe.waves, recipe.cycles, recipe.hidden, seed)
    imitate(surface, teacher, recipe.imitate_steps, seed, _part(report, "copying the atlas"))
    pads: list[AudiblePatches] = []
    errors: list[float] = []
    for turn in range(recipe.rounds):
        pads.append(measure_audible(decode(surface, _probes(recipe.probes, seed + turn)), measure))
        errors.append(float(np.abs(surrogate.predict(pads[-1].params) - pads[-1].sounds())[:, :7].mean()))
        part = f"round {turn + 1} of {recipe.rounds}"
        surrogate.learn(
            examples([presets, *pads]), recipe.again_steps, 8e-4, seed + turn + 1,
            _part(report, f"{part}: training the surrogate"),
        )  # fmt: skip
        refine(
            surface, surrogate, presets.sounds(), teacher, recipe.weights, recipe.refine_steps, recipe.refine_rate,
            seed + turn, _part(report, f"{part}: training the pad"),
        )  # fmt: skip
    grid = _mended(surface, measure, recipe, report)
    pad = audible_only(decode(surface, grid_points(GRID)), grid)
    sounds = Sounds(grid.descriptors, grid.lufs, to_levels(small(grid.mel)).reshape(GRID**2, -1))
    crossed = measure_audible(augment.crossed(presets.params, recipe.crossed, seed), measure)
    encoder = sound_encoder.train(
        [presets, crossed, pad], recipe.listener_steps, seed, _part(report, "training the encoder")
    )
    return TrainedPad(surface.network(), encoder, sounds, _landmarks(rows, measure, sounds), errors)


def _mended(surface: Surface, measure: Measure, recipe: TimbreRecipe, report: OnProgress) -> Measured:
    """Train points that are too faint towards the patches around them; returns the measured pad."""
    points = grid_points(GRID)
    for turn in range(recipe.mends + 1):
        grid = measure(amsynth.to_patch(decode(surface, points)))
        faint = ~(grid.lufs > QUIETEST_LUFS)
        if not faint.any() or turn == recipe.mends:
            break
        mend(surface, 2 * points - 1, faint, recipe.mend_steps, recipe.seed, _part(report, "repairing faint points"))
    return grid


def decode(surface: Surface, points: Array) -> Array:
    """Params (n, 41) at pad points (n, 2) of 0..1."""
    return Decoder(LAYOUT, surface.network(), np.zeros(amsynth.COUNT), MARGIN).decode_many(2 * points - 1)


def grid_points(size: int) -> Array:
    """Pad points (size * size, 2) of a grid, x fastest, y growing row by row."""
    ticks = np.linspace(0.0, 1.0, size)
    return np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)


def _probes(size: int, seed: int) -> Array:
    """A random pad point in each cell of a grid."""
    random = np.random.default_rng(seed)
    cells = np.stack(np.meshgrid(np.arange(size), np.arange(size)), axis=-1).reshape(-1, 2)
    points: Array = (cells + random.random((size * size, 2))) / size
    return points


def _mel_distances(mel: NDArray[np.float16]) -> NDArray[np.float32]:
    """Log-mel distances (n, n) in dB."""
    flat = torch.from_numpy(mel.reshape(len(mel), -1).astype(np.float32))
    parts = [torch.cdist(part, flat, p=1) for part in flat.split(64)]
    distances: NDArray[np.float32] = (torch.cat(parts) / flat.shape[1]).numpy()
    return distances


def _landmarks(rows: Corpus, measure: Measure, sounds: Sounds) -> Array:
    """The pad point of the nearest sound to each preset; the centre for silent ones."""
    measured = measure(amsynth.to_patch(rows.params))
    points = np.full((len(rows.rows), 2), 0.5)
    audible = np.isfinite(measured.descriptors).all(axis=1)
    points[audible] = sounds.nearest(measured.descriptors[audible], small(measured.mel[audible]))
    return points


def _part(report: OnProgress, name: str) -> Callable[[int, int], None]:
    return lambda done, total: report(name, done, total)
