"""The inner loop of `atlas`: moves presets about on a square until the energy is low. Compiled by numba.

Tens of millions of moves, each a few hundred sums that depend on the move before: in plain numpy that takes hours.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]
Array32 = NDArray[np.float32]
Indices = NDArray[np.int64]

_HOTTEST = 6e-3
_SWAPS = 0.55  # of the moves; the others put another preset on a node
_NEAR_SWAPS = 0.5  # of the swaps are with a neighbour
_DIAGONAL = 0.35  # weight of a diagonal neighbour
_EXTREME_COST = 6.0
_MOST_GAIN = 0.06  # in reach, of a single move: what costs more on its ways is not worth looking at
_FAR = np.float32(1e9)


def anneal(
    far: Array32, ways: Array32, extreme: Array, share: float, side: int, moves: int, smoothness: float, seed: int
) -> Indices:
    """Nodes (side * side,), row by row: which candidate each holds, each at most once.

    Args:
        far: (candidates, sounds) distances.
        ways: (candidates, candidates) costs of being neighbours.
        extreme: (candidates, kinds) 1 where a candidate is an extreme of some kind.
        share: of the nodes that each kind should have.
        smoothness: weight of the mean way.
    """
    neighbours, weights = _neighbours(side)
    scale = smoothness / (weights.sum() / 2)
    nodes: Indices = _run(far, ways, extreme, share * side**2, neighbours, weights * scale, moves, seed)
    return nodes


def _neighbours(side: int) -> tuple[Indices, Array]:
    """Of each node its eight neighbours, -1 where there is none, and their weights, 0 there."""
    neighbours, weights = np.full((side * side, 8), -1), np.zeros((side * side, 8))
    around = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j]
    for node in range(side * side):
        for k, (i, j) in enumerate(around):
            row, column = node // side + i, node % side + j
            if 0 <= row < side and 0 <= column < side:
                neighbours[node, k] = row * side + column
                weights[node, k] = _DIAGONAL if i and j else 1.0
    return neighbours, weights


@njit(cache=True)
def _run(
    far: Array32,
    ways: Array32,
    extreme: Array,
    wanted: float,
    neighbours: Indices,
    weights: Array,
    moves: int,
    seed: int,
) -> Indices:
    np.random.seed(seed)
    candidates, sounds = far.shape
    nodes = np.random.permutation(candidates)[: len(neighbours)].astype(np.int64)
    used = np.zeros(candidates, np.bool_)
    used[nodes] = True
    best, second = np.empty(sounds, np.float32), np.empty(sounds, np.float32)
    owner = np.empty(sounds, np.int64)
    for s in range(sounds):
        _rank(far, nodes, s, best, second, owner)
    count = np.zeros(extreme.shape[1])
    for node in nodes:
        count += extreme[node]
    for move in range(moves):
        cool = 1 - move / moves
        limit = -(_HOTTEST * cool * cool + 1e-9) * np.log(np.random.random() + 1e-300)
        a = np.random.randint(len(nodes))
        if np.random.random() < _SWAPS:
            b = (
                neighbours[a, np.random.randint(8)]
                if np.random.random() < _NEAR_SWAPS
                else np.random.randint(len(nodes))
            )
            if b >= 0 and b != a and _swap_cost(ways, nodes, neighbours, weights, a, b) < limit:
                nodes[a], nodes[b] = nodes[b], nodes[a]
                for s in range(sounds):
                    if owner[s] == a:
                        owner[s] = b
                    elif owner[s] == b:
                        owner[s] = a
            continue
        new = np.random.randint(candidates)
        if used[new]:
            continue
        old = nodes[a]
        cost = _place_cost(ways, nodes, neighbours, weights, a, new) - _place_cost(
            ways, nodes, neighbours, weights, a, old
        )
        if cost > limit + _MOST_GAIN:
            continue
        cost += _extreme_cost(count, extreme, old, new, wanted) / len(nodes)
        if cost + _reach_cost(far, best, second, owner, a, new) < limit:
            count += extreme[new] - extreme[old]
            nodes[a], used[old], used[new] = new, False, True
            for s in range(sounds):
                if owner[s] == a or far[old, s] <= second[s]:
                    _rank(far, nodes, s, best, second, owner)
                elif far[new, s] < best[s]:
                    second[s], best[s], owner[s] = best[s], far[new, s], a
                elif far[new, s] < second[s]:
                    second[s] = far[new, s]
    return nodes


@njit(cache=True)
def _rank(far: Array32, nodes: Indices, sound: int, best: Array32, second: Array32, owner: Indices) -> None:
    """Which node sounds most like a sound, and how far it and the next are."""
    first, following, where = _FAR, _FAR, -1
    for i in range(len(nodes)):
        distance = far[nodes[i], sound]
        if distance < first:
            first, following, where = distance, first, i
        elif distance < following:
            following = distance
    best[sound], second[sound], owner[sound] = first, following, where


@njit(cache=True)
def _place_cost(ways: Array32, nodes: Indices, neighbours: Indices, weights: Array, node: int, candidate: int) -> float:
    """Of all ways from a node, if it held that candidate."""
    cost = 0.0
    for k in range(8):
        if neighbours[node, k] >= 0:
            cost += weights[node, k] * ways[candidate, nodes[neighbours[node, k]]]
    return cost


@njit(cache=True)
def _swap_cost(ways: Array32, nodes: Indices, neighbours: Indices, weights: Array, a: int, b: int) -> float:
    """What two nodes' ways cost more, once they have swapped: the way between them stays."""
    cost = 0.0
    first, other = nodes[a], nodes[b]
    for k in range(8):
        i, j = neighbours[a, k], neighbours[b, k]
        if i >= 0 and i != b:
            cost += weights[a, k] * (ways[other, nodes[i]] - ways[first, nodes[i]])
        if j >= 0 and j != a:
            cost += weights[b, k] * (ways[first, nodes[j]] - ways[other, nodes[j]])
    return cost


@njit(cache=True)
def _extreme_cost(count: Array, extreme: Array, old: int, new: int, wanted: float) -> float:
    cost = 0.0
    for kind in range(len(count)):
        change = extreme[new, kind] - extreme[old, kind]
        if change != 0:
            cost += max(0.0, wanted - count[kind] - change) - max(0.0, wanted - count[kind])
    return _EXTREME_COST * cost


@njit(cache=True, fastmath=True)
def _reach_cost(far: Array32, best: Array32, second: Array32, owner: Indices, node: int, new: int) -> float:
    """By how much the sounds are farther from their nodes, on average, once `node` holds `new`."""
    cost = 0.0
    for s in range(len(best)):
        left = second[s] if owner[s] == node else best[s]
        cost += min(far[new, s], left) - best[s]
    return cost / len(best)
