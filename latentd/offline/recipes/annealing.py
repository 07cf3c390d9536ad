"""The inner loop of `atlas`: simulated annealing of presets on a square grid. Compiled by numba.

It tries tens of millions of moves, each a few hundred sums that depend on the previous move: hours in plain numpy.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]
Array32 = NDArray[np.float32]
Indices = NDArray[np.int64]

_START_TEMPERATURE = 6e-3
_SWAPS = 0.55  # share of the moves; the others replace the preset of a node
_NEAR_SWAPS = 0.5  # share of the swaps that are with a neighbour
_DIAGONAL = 0.35  # weight of a diagonal neighbour
_EXTREME_COST = 6.0
_MAX_GAIN = 0.06  # in coverage, of a single move: a move whose edges cost more is rejected at once
_FAR = np.float32(1e9)


def anneal(
    distances: Array32,
    edges: Array32,
    extreme: Array,
    wanted: Array,
    places: Array32,
    side: int,
    moves: int,
    smoothness: float,
    seed: int,
) -> Indices:
    """The candidate on each node (side * side,), row by row; each candidate is used at most once.

    Args:
        distances: (candidates, sounds).
        edges: (candidates, candidates) costs of being neighbours.
        extreme: (candidates, kinds) 1 where a candidate is of a kind.
        wanted: (kinds,) number of nodes that each kind should have, at least.
        places: (candidates, side * side) costs of being on a node, of which the mean counts.
        smoothness: weight of the mean edge cost.
    """
    neighbours, weights = _neighbours(side)
    scale = smoothness / (weights.sum() / 2)
    placed = (places / side**2).astype(np.float32)
    nodes: Indices = _run(distances, edges, extreme, wanted, placed, neighbours, weights * scale, moves, seed)
    return nodes


def _neighbours(side: int) -> tuple[Indices, Array]:
    """The eight neighbours of each node, -1 where there is none, and their weights, 0 where there is none."""
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
    distances: Array32,
    edges: Array32,
    extreme: Array,
    wanted: Array,
    places: Array32,
    neighbours: Indices,
    weights: Array,
    moves: int,
    seed: int,
) -> Indices:
    np.random.seed(seed)
    candidates, sounds = distances.shape
    nodes = np.random.permutation(candidates)[: len(neighbours)].astype(np.int64)
    used = np.zeros(candidates, np.bool_)
    used[nodes] = True
    best, second = np.empty(sounds, np.float32), np.empty(sounds, np.float32)
    owner = np.empty(sounds, np.int64)
    for s in range(sounds):
        _rank(distances, nodes, s, best, second, owner)
    count = np.zeros(extreme.shape[1])
    for node in nodes:
        count += extreme[node]
    for move in range(moves):
        cool = 1 - move / moves
        limit = -(_START_TEMPERATURE * cool * cool + 1e-9) * np.log(np.random.random() + 1e-300)
        a = np.random.randint(len(nodes))
        if np.random.random() < _SWAPS:
            b = (
                neighbours[a, np.random.randint(8)]
                if np.random.random() < _NEAR_SWAPS
                else np.random.randint(len(nodes))
            )
            if b < 0 or b == a:
                continue
            first, other = nodes[a], nodes[b]
            cost = places[other, a] + places[first, b] - places[first, a] - places[other, b]
            if cost + _swap_cost(edges, nodes, neighbours, weights, a, b) < limit:
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
        cost = _edge_cost(edges, nodes, neighbours, weights, a, new)
        cost -= _edge_cost(edges, nodes, neighbours, weights, a, old)
        cost += places[new, a] - places[old, a]
        if cost > limit + _MAX_GAIN:
            continue
        cost += _extreme_cost(count, extreme, old, new, wanted) / len(nodes)
        if cost + _coverage_cost(distances, best, second, owner, a, new) < limit:
            count += extreme[new] - extreme[old]
            nodes[a], used[old], used[new] = new, False, True
            for s in range(sounds):
                if owner[s] == a or distances[old, s] <= second[s]:
                    _rank(distances, nodes, s, best, second, owner)
                elif distances[new, s] < best[s]:
                    second[s], best[s], owner[s] = best[s], distances[new, s], a
                elif distances[new, s] < second[s]:
                    second[s] = distances[new, s]
    return nodes


@njit(cache=True)
def _rank(distances: Array32, nodes: Indices, sound: int, best: Array32, second: Array32, owner: Indices) -> None:
    """Find the nearest node of a sound, its distance and that of the second nearest."""
    first, following, where = _FAR, _FAR, -1
    for i in range(len(nodes)):
        distance = distances[nodes[i], sound]
        if distance < first:
            first, following, where = distance, first, i
        elif distance < following:
            following = distance
    best[sound], second[sound], owner[sound] = first, following, where


@njit(cache=True)
def _edge_cost(edges: Array32, nodes: Indices, neighbours: Indices, weights: Array, node: int, candidate: int) -> float:
    """Cost of all edges of a node, if it had this candidate."""
    cost = 0.0
    for k in range(8):
        if neighbours[node, k] >= 0:
            cost += weights[node, k] * edges[candidate, nodes[neighbours[node, k]]]
    return cost


@njit(cache=True)
def _swap_cost(edges: Array32, nodes: Indices, neighbours: Indices, weights: Array, a: int, b: int) -> float:
    """Change of the edge costs if two nodes swap; the edge between them does not change."""
    cost = 0.0
    first, other = nodes[a], nodes[b]
    for k in range(8):
        i, j = neighbours[a, k], neighbours[b, k]
        if i >= 0 and i != b:
            cost += weights[a, k] * (edges[other, nodes[i]] - edges[first, nodes[i]])
        if j >= 0 and j != a:
            cost += weights[b, k] * (edges[first, nodes[j]] - edges[other, nodes[j]])
    return cost


@njit(cache=True)
def _extreme_cost(count: Array, extreme: Array, old: int, new: int, wanted: Array) -> float:
    cost = 0.0
    for kind in range(len(count)):
        change = extreme[new, kind] - extreme[old, kind]
        if change != 0:
            cost += max(0.0, wanted[kind] - count[kind] - change) - max(0.0, wanted[kind] - count[kind])
    return _EXTREME_COST * cost


@njit(cache=True, fastmath=True)
def _coverage_cost(distances: Array32, best: Array32, second: Array32, owner: Indices, node: int, new: int) -> float:
    """Mean change of the sounds' distances to their nearest node if `node` gets the candidate `new`."""
    cost = 0.0
    for s in range(len(best)):
        left = second[s] if owner[s] == node else best[s]
        cost += min(distances[new, s], left) - best[s]
    return cost / len(best)
