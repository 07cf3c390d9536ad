"""Measures how good a model is as an instrument: renders, describes and compares its pad and unseen presets.

`metrics` has the functions behind the numbers, `criteria` their limits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from latentd.errors import LatentdError, UserError
from latentd.model.bundle import Model
from latentd.model.decoder import Indices
from latentd.offline.corpus.corpus import Corpus, paper_layout
from latentd.offline.evaluation import metrics
from latentd.offline.evaluation.criteria import GOALS, protocol
from latentd.offline.evaluation.metrics import ClipSounds
from latentd.offline.evaluation.rows import QualityRow, Verdict, mean, over
from latentd.offline.timbre.describe import DESCRIPTORS
from latentd.offline.timbre.measure import Measure, Measured
from latentd.synth import amsynth
from latentd.synth.amsynth import Array

HALVES_SEED = 0
MIN_PRESETS = 2  # that can be heard: one for each half
_SILENCE_LUFS = -70.0  # the absolute gate of ITU-R BS.1770: what is quieter has no loudness
_HALVES = "n1 is the first half of the distinct patches in a fixed random order, n2 the rest"
_INTERVALS = (
    "bootstrap 90 %: 1,000 samples with replacement, of the patches, else of the grid's lines, the crossings, the "
    "cells, the walks or the pairs; none for silent_area, nor for distinct, of which such a sample has fewer"
)


@dataclass(frozen=True)
class Evaluation:
    """The quality table of a model, and the facts behind it.

    Attributes:
        by_descriptor: row -> descriptor -> value, for rows that are means over the seven descriptors.
        held_out: the presets measured on: banks, number of patches, number of silent ones left out, size of the halves.
        extra: further numbers, without limits.
        sizes: of this run, by the names that the protocols have: points per side of the grid, cells per side.
        families: share of the pad that each family of sounds has.
    """

    model: str
    rows: dict[str, QualityRow]
    by_descriptor: dict[str, dict[str, float]]
    held_out: dict[str, object]
    extra: dict[str, float]
    sizes: dict[str, int]
    families: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """Plain data, each row with its protocol and limits."""
        rows = {}
        for name, row in self.rows.items():
            goal = GOALS[name]
            verdict = row.verdict(goal)
            words = {"protocol": protocol(name, self.sizes), "verdict": verdict.name.lower()}
            rows[name] = asdict(row) | goal._asdict() | words | {"met": verdict is not Verdict.MISSES}
        return {**asdict(self), "rows": rows}


def evaluate(
    model: Model, held_out: Corpus, measure: Measure, size: int = metrics.GRID, known: Corpus | None = None
) -> Evaluation:
    """Measure the rows about timbre: the pad's, and of presets on it.

    Args:
        held_out: presets that the model was not trained on; duplicates count once.
        measure: renders and describes patches, for instance `partial(measure.measure, cache=…)`.
        size: of the grid; 50 is the protocol.
        known: presets that the model was trained on: `extra` then also has the errors without their exact duplicates.

    Raises:
        UserError: too few presets that can be heard.
        LatentdError: a clip could not be rendered.
    """
    params = distinct(held_out)
    real = clip_sounds(measure(amsynth.to_patch(params)))
    audible = np.flatnonzero(~np.isnan(real.descriptors).any(axis=1))
    if len(audible) < MIN_PRESETS:
        found = f"{len(audible)} of {len(params)} presets can be heard, at least {MIN_PRESETS} are needed"
        raise UserError(found, "Name more banks to measure on")
    grid = clip_sounds(measure(amsynth.to_patch(decoded(model, metrics.grid_points(size)))))
    encoded = clip_sounds(measure(amsynth.to_patch(decoded(model, encoded_points(model, params)))))
    nearest, distances = metrics.look_up(real, grid)
    by_sound = metrics.timbre_errors(real.descriptors, grid.descriptors[nearest])
    by_parameters = metrics.timbre_errors(real.descriptors, encoded.descriptors)
    kept = metrics.range_kept(grid.descriptors, real.descriptors)
    rows, extra = _pad_rows(model, grid, real, size)
    rows |= _patch_rows(by_sound[audible], by_parameters[audible], distances[audible])
    extra["log_mel_db_by_parameters"] = mean(metrics.mel_distances(real.mel[audible], encoded.mel[audible]))
    extra["range_kept_by_parameters"] = mean(metrics.range_kept(encoded.descriptors, real.descriptors))
    extra["silent_by_parameters"] = int(metrics.silent(encoded)[audible].sum())
    if known:
        fresh = audible[~_contained(params[audible], known.params)]
        extra |= {
            "not_in_training": len(fresh),
            "timbre_by_sound_without_twins": mean(by_sound[fresh]),
            "timbre_by_parameters_without_twins": mean(by_parameters[fresh]),
        }
    by_descriptor = {
        "timbre_by_sound": np.nanmean(by_sound, axis=0),
        "timbre_by_parameters": np.nanmean(by_parameters, axis=0),
        "range_kept": kept,
    }
    return Evaluation(
        model=model.name,
        rows={name: rows[name] for name in GOALS if name in rows},
        by_descriptor={k: dict(zip(DESCRIPTORS, v.tolist(), strict=True)) for k, v in by_descriptor.items()},
        held_out=_facts(model, held_out, params, audible) | {"grid": size},
        extra=extra,
        sizes={"grid": size},
    )


def distinct(*corpora: Corpus) -> Array:
    """Params (n, 41) without duplicates, in a fixed random order, so that each half is a random sample."""
    params = np.unique(np.concatenate([corpus.params for corpus in corpora]), axis=0)
    return params[np.random.default_rng(HALVES_SEED).permutation(len(params))]


def halves(count: int) -> tuple[slice, slice]:
    """Rows of n1, for choosing between settings, and of n2, for the final measurement."""
    return slice(0, (count + 1) // 2), slice((count + 1) // 2, count)


def decoded(model: Model, points: Array) -> Array:
    """Params (n, 41) at pad points (n, 2)."""
    return model.decoder.decode_many(model.box[0] + points * (model.box[1] - model.box[0]))


def encoded_points(model: Model, params: Array) -> Array:
    """Pad points (n, 2) of params (n, 41), encoded from parameters alone, as `latentd encode` prints them."""
    points: Array = (model.encoder.encode(params) - model.box[0]) / (model.box[1] - model.box[0])
    return points.clip(0.0, 1.0)


def clip_sounds(measured: Measured) -> ClipSounds:
    """The part of a measurement that the metrics use.

    Raises:
        LatentdError: a clip could not be rendered.
    """
    if measured.failed:
        row, reason = next(iter(measured.failed.items()))
        raise LatentdError(f"{len(measured.failed)} clips could not be rendered; number {row}: {reason}", "Try again")
    return ClipSounds(measured.descriptors, measured.lufs, measured.mel)


def _patch_rows(by_sound: Array, by_parameters: Array, distances: Array) -> dict[str, QualityRow]:
    """Rows that are statistics over patches, from errors (n, 7) and log-mel distances (n,)."""
    means = by_sound.mean(axis=1)
    return {
        "timbre_by_sound": _over_patches(means, mean),
        "timbre_by_parameters": _over_patches(by_parameters.mean(axis=1), mean),
        "log_mel_db": _over_patches(distances, mean),
        "p95_patch_error": _over_patches(means, lambda e: float(np.percentile(e, 95.0))),
    }


def _pad_rows(
    model: Model, grid: ClipSounds, real: ClipSounds, size: int
) -> tuple[dict[str, QualityRow], dict[str, float]]:
    """Rows that are statistics over the pad, and further numbers."""
    lines = metrics.crossings(partial(decoded, model))
    flips = metrics.flips(lines)
    steps = metrics.steps(lines, paper_layout().continuous)
    change = metrics.changes(grid.descriptors, size)
    columns = grid.descriptors.reshape(size, size, 7)
    rows = {
        "flips_per_crossing": over(flips, mean),
        "mean_step": over(steps, mean),
        "p95_jump": over(change.worst, metrics.p95_jump),
        "evenness_cv": over(change.mean, metrics.evenness_cv),
        "range_kept": over(columns, lambda c: float(metrics.range_kept(c.reshape(-1, 7), real.descriptors).mean())),
        "silent_area": QualityRow(mean(metrics.silent(grid)), None),
    }
    quiet, loud = np.percentile(grid.lufs.clip(_SILENCE_LUFS), (5.0, 95.0))
    extra = {
        "p95_step": float(np.percentile(steps, 95.0)),
        "pitch_changes_per_crossing": mean(metrics.flips(lines, metrics.PITCHES)),
        "loudest_lufs": float(grid.lufs.max()),
        "faintest_lufs": float(grid.lufs.min()),
        "p5_lufs": float(quiet),
        "p95_lufs": float(loud),
        "way_back": mean(_round_trips(model, size)),
        "dead_steps": metrics.dead_steps(change.mean),
    }
    return rows, extra


def _round_trips(model: Model, size: int) -> Array:
    """Distances (n,), in sides of the pad, between each grid point and the encoded point of its patch."""
    points = metrics.grid_points(size)
    distances: Array = np.hypot(*(encoded_points(model, decoded(model, points)) - points).T)
    return distances


def _over_patches(values: Array, statistic: Callable[[Array], float]) -> QualityRow:
    first, second = halves(len(values))

    def of(rows: Indices) -> float:
        return statistic(values[rows])

    return QualityRow(
        statistic(values), metrics.interval(of, len(values)), (statistic(values[first]), statistic(values[second]))
    )


def _contained(params: Array, others: Array) -> NDArray[np.bool_]:
    """(n,) True where a row is also one of `others`."""
    known = {row.tobytes() for row in others}
    return np.array([row.tobytes() in known for row in params], dtype=bool)


def _facts(model: Model, held_out: Corpus, params: Array, audible: Indices) -> dict[str, object]:
    """The presets measured on, and which of their banks the model was trained on."""
    facts = held_out.facts()
    banks = facts["banks"]
    assert isinstance(banks, dict)
    trained = model.manifest.corpus.get("trained_on", {}).get("banks", {})
    first, _ = halves(len(audible))
    return facts | {
        "distinct": len(params),
        "silent": len(params) - len(audible),
        "n1": first.stop,
        "n2": len(audible) - first.stop,
        "halves": _HALVES,
        "intervals": _INTERVALS,
        "seen_in_training": sorted(set(banks) & set(trained)),
    }
