"""The recipe `timbre`: a pad that covers the sounds of the banks, with small changes between neighbouring points.

corpus -> measured -> surrogate   predicts the sound of a patch, differentiable
                   -> atlas       real presets on a square, arranged by annealing
surrogate + atlas -> surface      a network from point to patch, trained with an audio loss
surface -> measured -> surrogate  in rounds: the surrogate learns where it was wrong, the surface is trained again
surface -> measured               the sound of the pad, in which any patch, or any sound, is looked up
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from latentd.model.decoder import Decoder, Network
from latentd.model.pad_sounds import UNIT, Sounds, small, to_levels
from latentd.offline.corpus import augment
from latentd.offline.corpus.corpus import Corpus
from latentd.offline.recipes import atlas, levels, limits, sound_encoder
from latentd.offline.recipes.audible import (
    MIN_PRESETS,
    AudiblePatches,
    MeasureNote,
    OnProgress,
    audible_only,
    examples,
    measure_audible,
    measure_presets,
)
from latentd.offline.recipes.limits import Limit
from latentd.offline.recipes.loss_weights import TimbreWeights
from latentd.offline.recipes.surface import GRID, Surface, Teacher, imitate, mend, refine
from latentd.offline.recipes.surrogate import LAYOUT, NOTES, VELOCITIES, Surrogate
from latentd.offline.render.clip_spec import USUAL, ClipSpec
from latentd.synth import amsynth
from latentd.synth.amsynth import Array

MARGIN = 1.0  # logits; a class is held for 1 % of the pad beyond its border (median)
_SILENCE_LUFS = -60.0
_LEVEL_ROUNDS = 2  # of correcting the level of presets
_LEVEL_OFF = 1.0  # LU that need no correction
QUIETEST_LUFS = -30.0  # of any point at full volume; quieter ones become like their neighbours


@dataclass(frozen=True)
class TimbreRecipe:
    """The settings of a training run; model.json stores them under these names."""

    MIN_PRESETS: ClassVar[int] = MIN_PRESETS  # distinct, to train on

    name: str = "timbre"
    family: str = "all"  # of sounds, see `corpus/pad_families.py`
    side: int = 14  # nodes per side of the atlas
    smoothness: float = 20.0  # of the atlas, against its coverage
    orientation: float = 0.8  # of the atlas, against its coverage
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
    mends: int = 2  # rounds of training the level
    mend_points: int = 25  # points per side of the grid that is measured for each
    mend_steps: int = 800
    listener_steps: int = 4000  # of the encoder
    probes: int = 20  # points per side of the grid that is measured each round
    weights: TimbreWeights = field(default_factory=TimbreWeights)
    seed: int = 0

    @classmethod
    def of(cls, family: str) -> TimbreRecipe:
        """The settings for a family of sounds, or for all: notes may die only where their sustain has no limit."""
        weights = TimbreWeights() if "amp_sustain" in limits.of(family) else TimbreWeights(held=0.0)
        return cls(family=family, weights=weights)


@dataclass(frozen=True)
class TrainedPad:
    """The result of a training run. `points` (n, 2) in 0..1 are those of the corpus rows."""

    decoder: Network
    encoder: Network
    sounds: Sounds
    points: Array
    doubt: list[float]  # mean error of the surrogate on each round's pad, before it learned from it


def train(rows: Corpus, recipe: TimbreRecipe, measure: MeasureNote, report: OnProgress) -> TrainedPad:
    """Train a pad.

    Raises:
        UserError: too few presets that can be heard.
    """
    torch.set_num_threads(1)
    seed = recipe.seed
    presets = measure_presets(rows, measure)
    playing = limits.of(recipe.family)
    candidates = playable(presets, playing, measure)
    others = [measure_audible(some, measure, spec) for some, spec in _other_notes(candidates.params, 8, seed)]
    measured = [presets, candidates, *others]
    surrogate = Surrogate(examples(measured, []), seed)
    surrogate.learn(examples(measured, []), recipe.proxy_steps, 1.5e-3, seed, _part(report, "training the surrogate"))
    report("arranging the atlas", 0, 1)
    side = min(recipe.side, int(len(candidates.params) ** 0.5 / 1.5))
    nodes = atlas.lay_out(
        candidates.params, candidates.descriptors, candidates.lufs, _distances(candidates, presets), side,
        recipe.smoothness, recipe.orientation, recipe.moves, seed,
    )  # fmt: skip
    report("arranging the atlas", 1, 1)
    teacher = Teacher(nodes.params)
    surface = Surface(recipe.waves, recipe.cycles, recipe.hidden, seed, limits.ranges(playing))
    imitate(surface, teacher, recipe.imitate_steps, seed, _part(report, "copying the atlas"))
    pads: list[AudiblePatches] = []
    errors: list[float] = []
    for turn in range(recipe.rounds):
        probes = decode(surface, _probes(recipe.probes, seed + turn))
        pads.append(measure_audible(probes, measure))
        errors.append(float(np.abs(surrogate.predict(pads[-1].params) - pads[-1].sounds())[:, :7].mean()))
        measured += [measure_audible(some, measure, spec) for some, spec in _other_notes(probes, 4, seed + turn + 1)]
        part = f"round {turn + 1} of {recipe.rounds}"
        surrogate.learn(
            examples(measured, pads), recipe.again_steps, 8e-4, seed + turn + 1,
            _part(report, f"{part}: training the surrogate"),
        )  # fmt: skip
        refine(
            surface, surrogate, presets.sounds(), teacher, recipe.weights, recipe.refine_steps, recipe.refine_rate,
            seed + turn, _part(report, f"{part}: training the pad"),
        )  # fmt: skip
    level(surface, measure, recipe, report)
    params = decode(surface, grid_points(GRID))
    grid = measure(amsynth.to_patch(params), USUAL)
    pad = audible_only(params, grid)
    sounds = Sounds(grid.descriptors, grid.lufs, to_levels(small(grid.mel)).reshape(GRID**2, -1))
    crossed = measure_audible(augment.crossed(presets.params, recipe.crossed, seed), measure)
    encoder = sound_encoder.train(
        [presets, crossed, pad], recipe.listener_steps, seed, _part(report, "training the encoder")
    )
    return TrainedPad(surface.network(), encoder, sounds, _landmarks(rows, measure, sounds), errors)


def playable(presets: AudiblePatches, within: Mapping[str, Limit], measure: MeasureNote) -> AudiblePatches:
    """Presets moved into the limits and to the target level, measured."""
    inside = limits.within(presets.params, within)
    moved = measure_audible(levels.changed(inside, levels.TARGET_LUFS - presets.lufs), measure)
    for _ in range(_LEVEL_ROUNDS):  # amSynth's limiter takes a part of a change
        louder = levels.changed(moved.params, levels.TARGET_LUFS - moved.lufs)
        off = np.abs(levels.gained(moved.params, louder)) > _LEVEL_OFF
        moved = measure_audible(np.where(off[:, None], louder, moved.params), measure)
    return moved


def _other_notes(params: Array, count: int, seed: int) -> Iterator[tuple[Array, ClipSpec]]:
    """Each of the params (n, 41) at one of a number of random other notes and velocities, by note and velocity."""
    random = np.random.default_rng(seed)
    specs = [spec for spec in (ClipSpec(note, v) for note in NOTES for v in VELOCITIES) if spec != USUAL]
    group = random.integers(count, size=len(params))
    for n, chosen in enumerate(random.permutation(len(specs))[:count]):
        if (group == n).any():
            yield params[group == n], specs[chosen]


def level(surface: Surface, measure: MeasureNote, recipe: TimbreRecipe, report: OnProgress) -> None:
    """Train the measured level of each point, and points that stay too faint towards those around them."""
    points = grid_points(recipe.mend_points)
    for turn in range(recipe.mends):
        params = decode(surface, points)
        lufs = np.maximum(measure(amsynth.to_patch(params), USUAL).lufs, _SILENCE_LUFS)
        louder = levels.changed(params, levels.TARGET_LUFS - lufs)
        faint = ~(lufs + levels.gained(params, louder) > QUIETEST_LUFS)
        part = f"round {turn + 1} of {recipe.mends}: training the level"
        mend(surface, 2 * points - 1, louder, faint, recipe.mend_steps, recipe.seed, _part(report, part))


def decode(surface: Surface, points: Array) -> Array:
    """Params (n, 41) at pad points (n, 2) of 0..1."""
    decoder = Decoder(LAYOUT, surface.network(), np.zeros(amsynth.COUNT), MARGIN, surface.ranges)
    return decoder.decode_many(2 * points - 1)


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


def _distances(candidates: AudiblePatches, presets: AudiblePatches) -> NDArray[np.float32]:
    """Distances in sound (n, m) of candidates (n) from presets (m)."""
    ours, theirs = (torch.from_numpy(p.mel.reshape(len(p.mel), -1).astype(np.float32)) for p in (candidates, presets))
    mel = torch.cat([torch.cdist(part, theirs, p=1) for part in ours.split(64)]) / ours.shape[1]
    ours, theirs = (torch.from_numpy(p.descriptors).float() / UNIT for p in (candidates, presets))
    distances: NDArray[np.float32] = (torch.cdist(ours, theirs, p=1) + atlas.MEL_WEIGHT * mel).numpy()
    return distances


def _landmarks(rows: Corpus, measure: MeasureNote, sounds: Sounds) -> Array:
    """The pad point of the nearest sound to each preset; the centre for silent ones."""
    measured = measure(amsynth.to_patch(rows.params), USUAL)
    points = np.full((len(rows.rows), 2), 0.5)
    audible = np.isfinite(measured.descriptors).all(axis=1)
    points[audible] = sounds.nearest(measured.descriptors[audible], small(measured.mel[audible]))
    return points


def _part(report: OnProgress, name: str) -> Callable[[int, int], None]:
    return lambda done, total: report(name, done, total)
