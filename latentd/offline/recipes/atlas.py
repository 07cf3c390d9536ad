"""An atlas: real presets on a square grid, arranged by simulated annealing so that neighbours are similar.

The pad is initialised with it. Each node has one preset. The energy to minimise is the sum of

- the distance in sound from each preset of the corpus to its nearest node (the pad should cover every sound),
- the cost of each edge between neighbours: changes of audible parameters, switches and pitches, jumps in timbre,
- a penalty for leaving out the extremes of a descriptor, or a family of sounds,
- the distance of each node from the place that its brightness (x) and its attack (y) ask for.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from latentd.errors import UserError
from latentd.offline.corpus import families
from latentd.offline.recipes import annealing, relevance
from latentd.synth import amsynth
from latentd.synth.amsynth import Array, Kind

Array32 = NDArray[np.float32]
Indices = NDArray[np.int64]

_CATEGORIES = [i for i, p in enumerate(amsynth.PARAMETERS) if p.kind is Kind.CATEGORY]
_STEPS = [i for i, p in enumerate(amsynth.PARAMETERS) if p.kind is Kind.STEPS]
_CONTINUOUS = [i for i, p in enumerate(amsynth.PARAMETERS) if p.kind is Kind.CONTINUOUS]

MEL_WEIGHT = 0.3  # of a dB of log-mel distance, against a descriptor's difference in units of 13.5
_SWITCH_COST = 2.4 / 7  # of an audible switch, against the mean change of all continuous parameters
_PITCH_COST = 0.06  # of another octave or pitch of oscillator 2
_FAMILY_COST = 0.9  # of belonging to different families of sounds, so that each has a region
_JUMP_COST = 0.2 / 30  # of a point of the greatest descriptor change, up to
_MAX_JUMP = 60.0
# Families of sounds that keep a share of the pad. Others cost switches that one note hardly shows, or the limits.
KEPT_FAMILIES = (
    "slow attack", "long release", "noise", "sync", "ring modulation", "fourths and fifths", "octave stacks", "sines",
    "other filters", "plucks", "resonance",
)  # fmt: skip
# Parameters that decide on one of them and can be inaudible in one held note.
_OF_FAMILIES = [amsynth.INDEX[name] for name in ("amp_release", "osc2_sync", "osc2_range", "osc2_pitch")]
_EXTREMES = (5.0, 95.0)  # percentiles of each descriptor; the presets below and above should each have
_SHARE = 0.055  # of the nodes
_FAMILY_SHARE = 0.04  # of the nodes, for each family that the presets have
_BRIGHTNESS = 2  # column of the descriptors
_ATTACK = amsynth.INDEX["amp_attack"]
_FAINT_LUFS = -25.0  # quieter presets do not become nodes
_ROUNDS = 400  # of smoothing inaudible parameters


class Atlas(NamedTuple):
    """`params` (side, side, 41) of the nodes, with inaudible parameters smoothed; `rows` (side, side) of the corpus."""

    params: Array
    rows: Indices


def lay_out(
    params: Array,
    descriptors: Array,
    lufs: Array,
    distances: Array32,
    side: int,
    smoothness: float,
    orientation: float,
    moves: int,
    seed: int,
) -> Atlas:
    """Arrange presets on a grid.

    Args:
        params: (n, 41) of the candidates; `descriptors` (n, 7) clipped to 0..100; `lufs` (n,).
        distances: (n, sounds) from each candidate to each sound that the pad should cover.
        side: nodes per side.
        smoothness: weight of the edges between neighbours against the coverage of the sounds.
        orientation: weight of the squared distance, in sides, of a node from the place that its sound asks for.
        moves: number of moves to try; 20 million take half a minute.

    Raises:
        UserError: too few presets are loud enough to become nodes.
    """
    relevant = relevance.weights(params)
    loud = np.flatnonzero(lufs > _FAINT_LUFS)
    if len(loud) < side**2:
        found = f"{len(loud)} presets are louder than {_FAINT_LUFS:g} LUFS, {side**2} are needed"
        raise UserError(found, "Name more banks, or give a smaller --side")
    kinds, wanted = _kinds(params[loud], descriptors[loud], side)
    edges = edge_costs(params[loud], descriptors[loud], relevant[loud])
    places = orientation * place_costs(params[loud], descriptors[loud], side)
    nodes = annealing.anneal(
        distances[loud].astype(np.float32), edges, kinds, wanted, places, side, moves, smoothness, seed
    )
    rows = loud[nodes].reshape(side, side)
    return Atlas(smoothed_within_families(params[rows], relevant[rows]), rows)


def smoothed_within_families(params: Array, relevant: Array) -> Array:
    """Smoothed nodes (side, side, 41), of which none leaves its family of sounds for its neighbours' sake."""
    smooth = smoothed(params, relevant)
    before, after = (families_of(nodes.reshape(-1, amsynth.COUNT)) for nodes in (params, smooth))
    left = np.asarray((before > after).any(axis=1)).reshape(params.shape[:2])
    smooth[:, :, _OF_FAMILIES] = np.where(left[:, :, None], params[:, :, _OF_FAMILIES], smooth[:, :, _OF_FAMILIES])
    return smooth


def _kinds(params: Array, descriptors: Array, side: int) -> tuple[Array, Array]:
    """Kinds (n, kinds) of presets that must not be left out, and the number of nodes (kinds,) that each should have."""
    low, high = np.percentile(descriptors, _EXTREMES, axis=0)
    extreme = np.concatenate([descriptors <= low, descriptors >= high], axis=1)
    family = families_of(params)
    wanted = np.concatenate([np.full(extreme.shape[1], _SHARE), np.full(family.shape[1], _FAMILY_SHARE)]) * side**2
    kinds = np.concatenate([extreme, family], axis=1).astype(np.float64)
    return kinds, np.minimum(wanted, kinds.sum(axis=0))


def place_costs(params: Array, descriptors: Array, side: int) -> Array32:
    """Costs (n, side * side) of a preset on each node: x should follow its brightness, y how fast its attack is."""
    wanted = np.stack([_ranks(descriptors[:, _BRIGHTNESS]), _ranks(-params[:, _ATTACK])], axis=1)
    ticks = np.linspace(0.0, 1.0, side)
    nodes = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
    costs: Array32 = np.square(wanted[:, None] - nodes[None]).sum(axis=2).astype(np.float32)
    return costs


def _ranks(values: Array) -> Array:
    """Ranks (n,) of 0..1; equal values have their mean rank."""
    ordered = np.sort(values)
    first, last = (np.searchsorted(ordered, values, side) for side in ("left", "right"))
    ranks: Array = (first + last - 1) / 2 / max(len(values) - 1, 1)
    return ranks


def edge_costs(params: Array, descriptors: Array, relevant: Array) -> Array32:
    """Costs (n, n) of the edge between any two presets. A parameter counts as far as it is audible in both."""
    cost = np.zeros((len(params), len(params)), np.float32)
    for i in range(amsynth.COUNT):
        weight = np.minimum(relevant[:, None, i], relevant[None, :, i])
        change = np.abs(params[:, None, i] - params[None, :, i])
        if i in _CONTINUOUS:
            cost += (weight * change / len(_CONTINUOUS)).astype(np.float32)
        else:
            cost += ((_SWITCH_COST if i in _CATEGORIES else _PITCH_COST) * weight * (change > 1e-6)).astype(np.float32)
    worst = np.zeros_like(cost)
    for column in descriptors.T:
        np.maximum(worst, np.abs(column[:, None] - column[None]), out=worst)
    cost += (_JUMP_COST * np.minimum(worst, _MAX_JUMP)).astype(np.float32)
    family = families_of(params).astype(np.float32)
    apart = family @ (1 - family).T
    cost += (_FAMILY_COST / family.shape[1] * (apart + apart.T)).astype(np.float32)
    return cost


def families_of(params: Array) -> Array:
    """Which of KEPT_FAMILIES params (n, 41) belong to, (n, families), as 0 and 1."""
    found = families.members(amsynth.to_patch(params))
    return np.stack([found[name] for name in KEPT_FAMILIES], axis=1).astype(np.float64)


def smoothed(params: Array, relevant: Array) -> Array:
    """Nodes (side, side, 41) whose parameters take their neighbours' values as far as they are inaudible.

    Steps and categories are decided by votes: of the node's own class as far as it is audible, and of its neighbours.
    """
    smooth = params.copy()
    around = _sum_of_neighbours(np.ones((*params.shape[:2], 1)))
    for _ in range(_ROUNDS):
        mean = _sum_of_neighbours(smooth[:, :, _CONTINUOUS]) / around
        weight = relevant[:, :, _CONTINUOUS]
        smooth[:, :, _CONTINUOUS] = weight * params[:, :, _CONTINUOUS] + (1 - weight) * mean
    for i in _CATEGORIES + _STEPS:
        classes = np.rint(params[:, :, i] / amsynth.PARAMS_STEP[i]).astype(np.intp)
        smooth[:, :, i] = _voted(classes, relevant[:, :, i, None], around, i) * amsynth.PARAMS_STEP[i]
    return smooth


def _voted(classes: NDArray[np.intp], weight: Array, around: Array, parameter: int) -> NDArray[np.intp]:
    own = np.eye(amsynth.PARAMETERS[parameter].count)[classes]
    votes = own.copy()
    for _ in range(_ROUNDS):
        votes = weight * own + (1 - weight) * (_sum_of_neighbours(votes) / around)
    chosen: NDArray[np.intp] = votes.argmax(axis=2)
    side = len(classes)
    black = np.add.outer(np.arange(side), np.arange(side)) % 2 == 0
    for turn in range(30):  # isolated, hardly audible classes change; as on a chessboard, so that it converges
        now = np.eye(own.shape[2])[chosen]
        better = (weight * own + 0.3 * _sum_of_neighbours(now) + 1e-3 * now).argmax(axis=2)
        chosen = np.where(black == (turn % 2 == 0), better, chosen)
    return chosen


def _sum_of_neighbours(field: Array) -> Array:
    padded = np.pad(field, ((1, 1), (1, 1), (0, 0)))
    total: Array = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
    return total
