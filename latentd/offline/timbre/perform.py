"""Plays notes while the patch changes, as on a pad, and measures loudness over time and the pitch of each note."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from latentd.offline.render import cached, synths, workers
from latentd.offline.render.clip_spec import RATE, RECIPE
from latentd.offline.render.performance import BLOCKS_PER_S, HeldNote, Performance
from latentd.offline.timbre.play import checked
from latentd.synth.amsynth import Array

__all__ = ["BLOCKS_PER_S", "HeldNote", "Perform", "Performance", "Performed", "perform"]

# Raise it with any change of a measurement: cached ones of older recipes are then not used.
_RECIPE = 1
_ATTACK_S = 0.1  # of a note, not counted for its pitch

_Task = tuple[NDArray[np.float32], Performance]


class Performed(NamedTuple):
    """One performance.

    Attributes:
        lufs: momentary loudness of every 400 ms, from 100 ms to 100 ms; -inf for silence.
        hz: (notes,) median pitch from 0.1 s after the start to the end of each note; NaN if less than half of it has a
            pitch.
    """

    lufs: Array
    hz: Array


Perform = Callable[[Sequence[Array], Performance], list[Performed]]  # patches (blocks, 41) of each performance


def perform(
    patches: Sequence[Array],
    notes: Performance,
    jobs: int | None = None,
    cache: Path | None = None,
    progress: Callable[[int], object] | None = None,
    dask: str | None = None,
) -> list[Performed]:
    """Play the same notes over each course of patches (blocks, 41), in the synth's units, one for every 128 frames.

    Args:
        jobs, cache, dask: see `cached.results`.
        progress: called with the number of finished performances, each time it changes.

    Raises:
        LatentdError: one could not be rendered, or this machine's synth cannot change its patch while it plays.
    """
    tasks: list[_Task] = [(synths.to_params(course), notes) for course in patches]
    rows = checked(cached.results(performer, tasks, _key, jobs, cache, progress, dask))
    numbers = [np.frombuffer(row, "<f8") for row in rows]
    return [Performed(row[: len(row) - len(notes)], row[len(row) - len(notes) :]) for row in numbers]


def performer() -> workers.Work:
    """The work of a worker: (params, notes) to loudness and pitches as bytes."""
    # The synth first: its process is a copy of this one, which is still small.
    synth = synths.open_synth()
    workers.at_end.callback(synth.close)
    from latentd.offline.timbre import pitch
    from latentd.offline.timbre.descriptors import loudness

    def work(task: _Task) -> bytes:
        audio = synth.perform(*task).astype(np.float64)
        momentary = loudness.momentary(loudness.weighted(np.ascontiguousarray(audio.T), RATE), RATE)
        track = pitch.track(audio.sum(axis=1), RATE)
        hz = [pitch.median_hz(track, n.start / BLOCKS_PER_S + _ATTACK_S, n.end / BLOCKS_PER_S) for n in task[1]]
        return np.concatenate([momentary, hz]).astype("<f8").tobytes()

    return work


def _key(task: _Task, synth: str) -> bytes:
    params, notes = task
    facts = (RECIPE, synth, "performed", _RECIPE, notes)
    return hashlib.sha256(repr(facts).encode() + params.astype("<f4").tobytes()).digest()
