"""Real presets laid out on a square so that neighbours are near in sound and in settings: simulated annealing.

The start of the pad. Each node holds one preset; the energy to be lowered is the sum of

- how far each preset of the corpus sounds from the node that sounds most like it (the pad should reach every sound),
- what a way from node to node costs: change of the parameters that can be heard, switches, pitches, jumps in timbre,
- a penalty for pads that leave out the extremes of a descriptor.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from latentd.model.pad_sounds import UNIT
from latentd.offline.recipes import annealing, relevance
from latentd.synth import amsynth
from latentd.synth.amsynth import Array, Kind

Array32 = NDArray[np.float32]
Indices = NDArray[np.int64]

_CATEGORIES = [i for i, p in enumerate(amsynth.PARAMETERS) if p.kind is Kind.CATEGORY]
_STEPS = [i for i, p in enumerate(amsynth.PARAMETERS) if p.kind is Kind.STEPS]
_CONTINUOUS = [i for i, p in enumerate(amsynth.PARAMETERS) if p.kind is Kind.CONTINUOUS]

_MEL_WEIGHT = 0.3  # of a dB, against a descriptor's difference in units of 13.5
_SWITCH_COST = 1.2 / 7  # of an audible switch, against the mean change of all continuous parameters
_PITCH_COST = 0.06  # of another octave or pitch of oscillator 2
_JUMP_COST = 0.2 / 30  # of a point of the worst descriptor, up to
_WORST_JUMP = 60.0
_EXTREMES = (5.0, 95.0)  # percentiles of each descriptor; what lies beyond is to have
_SHARE = 0.055  # of the nodes, each
_FAINT_LUFS = -38.0  # presets fainter than this are no nodes
_ROUNDS = 400  # of smoothing what is not heard


class Atlas(NamedTuple):
    """`params` (side, side, 41) of the nodes, what is not heard smoothed; `rows` (side, side) of the corpus."""

    params: Array
    rows: Indices


def lay_out(
    params: Array, descriptors: Array, lufs: Array, mel: Array32, side: int, smoothness: float, moves: int, seed: int
) -> Atlas:
    """Anneal.

    Args:
        params: (n, 41) of distinct presets; `descriptors` (n, 7) clipped to 0..100; `lufs` (n,).
        mel: (n, n) log-mel distances in dB.
        side: nodes a side.
        smoothness: weight of the ways between neighbours against the reach of the nodes.
        moves: to try; 20 million take half a minute.
    """
    heard = relevance.weights(params)
    loud = np.flatnonzero(lufs > _FAINT_LUFS)
    far = np.abs(descriptors[:, None] - descriptors[None]).sum(axis=2) / UNIT + _MEL_WEIGHT * mel
    low, high = np.percentile(descriptors, _EXTREMES, axis=0)
    extreme = np.concatenate([descriptors <= low, descriptors >= high], axis=1)[loud].astype(np.float64)
    cost = way_costs(params[loud], descriptors[loud], heard[loud])
    nodes = annealing.anneal(far[loud].astype(np.float32), cost, extreme, _SHARE, side, moves, smoothness, seed)
    rows = loud[nodes].reshape(side, side)
    return Atlas(smoothed(params[rows], heard[rows]), rows)


def way_costs(params: Array, descriptors: Array, heard: Array) -> Array32:
    """What a way costs (n, n) between any two presets. A parameter counts as far as both let it be heard."""
    cost = np.zeros((len(params), len(params)), np.float32)
    for i in range(amsynth.COUNT):
        weight = np.minimum(heard[:, None, i], heard[None, :, i])
        change = np.abs(params[:, None, i] - params[None, :, i])
        if i in _CONTINUOUS:
            cost += (weight * change / len(_CONTINUOUS)).astype(np.float32)
        else:
            cost += ((_SWITCH_COST if i in _CATEGORIES else _PITCH_COST) * weight * (change > 1e-6)).astype(np.float32)
    worst = np.zeros_like(cost)
    for column in descriptors.T:
        np.maximum(worst, np.abs(column[:, None] - column[None]), out=worst)
    cost += (_JUMP_COST * np.minimum(worst, _WORST_JUMP)).astype(np.float32)
    return cost


def smoothed(params: Array, heard: Array) -> Array:
    """Nodes (side, side, 41) whose parameters have their neighbours' values as far as they are not heard.

    Steps and categories take votes: what is heard pulls towards its own class, and every neighbour towards its own.
    """
    smooth = params.copy()
    around = _sum_of_neighbours(np.ones((*params.shape[:2], 1)))
    for _ in range(_ROUNDS):
        mean = _sum_of_neighbours(smooth[:, :, _CONTINUOUS]) / around
        weight = heard[:, :, _CONTINUOUS]
        smooth[:, :, _CONTINUOUS] = weight * params[:, :, _CONTINUOUS] + (1 - weight) * mean
    for i in _CATEGORIES + _STEPS:
        classes = np.rint(params[:, :, i] / amsynth.PARAMS_STEP[i]).astype(np.intp)
        smooth[:, :, i] = _voted(classes, heard[:, :, i, None], around, i) * amsynth.PARAMS_STEP[i]
    return smooth


def _voted(classes: NDArray[np.intp], weight: Array, around: Array, parameter: int) -> NDArray[np.intp]:
    own = np.eye(amsynth.PARAMETERS[parameter].count)[classes]
    votes = own.copy()
    for _ in range(_ROUNDS):
        votes = weight * own + (1 - weight) * (_sum_of_neighbours(votes) / around)
    chosen: NDArray[np.intp] = votes.argmax(axis=2)
    side = len(classes)
    black = np.add.outer(np.arange(side), np.arange(side)) % 2 == 0
    for turn in range(30):  # lone classes that are hardly heard give way; black and white in turn, so that it settles
        now = np.eye(own.shape[2])[chosen]
        better = (weight * own + 0.3 * _sum_of_neighbours(now) + 1e-3 * now).argmax(axis=2)
        chosen = np.where(black == (turn % 2 == 0), better, chosen)
    return chosen


def _sum_of_neighbours(field: Array) -> Array:
    padded = np.pad(field, ((1, 1), (1, 1), (0, 0)))
    total: Array = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
    return total
