"""Renders and describes patches in one pass, with a pool of workers and a cache."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from latentd.offline.render import cached, clip_cache, synths, workers
from latentd.offline.render.clip_spec import RATE, ClipSpec
from latentd.synth import amsynth

_FACTS = 10  # the seven descriptors, lufs, start_s, end_s
_BANDS = 64


class Measured(NamedTuple):
    """The measurements of n clips, in the order of the patches.

    Attributes:
        descriptors: (n, 7) in the order of `timbre.DESCRIPTORS`, unclipped; NaN for silence.
        lufs: (n,) loudness; -inf for silence.
        start_s, end_s: (n,) the first and the last audible 10 ms; NaN for silence.
        mel: (n, time, 64) log-mel spectrograms in dB, half precision; zero for silence.
        failed: row -> reason why it could not be rendered; such rows are NaN.
    """

    descriptors: NDArray[np.float64]
    lufs: NDArray[np.float64]
    start_s: NDArray[np.float64]
    end_s: NDArray[np.float64]
    mel: NDArray[np.float16]
    failed: dict[int, str]


Measure = Callable[[amsynth.Array], Measured]  # patches (n, 41) in the synth's units


def measure(
    patches: Sequence[amsynth.Array] | amsynth.Array,
    spec: ClipSpec | None = None,
    jobs: int | None = None,
    cache: Path | None = None,
    progress: Callable[[int], object] | None = None,
    dask: str | None = None,
) -> Measured:
    """Render and describe patches (n, 41) in the synth's units.

    Args:
        jobs, dask: see `pool.open_pool`.
        cache: folder of a `ClipCache`, such as `clip_cache.folder()`; None stores nothing.
        progress: called with the number of finished clips, each time it changes.
    """
    chosen = spec or ClipSpec()
    tasks = [(synths.to_params(patch), chosen) for patch in patches]
    return _table(cached.results(describer, tasks, _key, jobs, cache, progress, dask))


def _key(task: tuple[NDArray[np.float32], ClipSpec], synth: str) -> bytes:
    return clip_cache.key(*task, synth)


def describer() -> workers.Work:
    """The work of a worker: (params, spec) to the clip's measurements and spectrogram as bytes."""
    # The synth first: its process is a copy of this one, which is still small.
    synth = synths.open_synth()
    workers.at_end.callback(synth.close)
    from latentd.offline.timbre import describe

    def work(task: tuple[NDArray[np.float32], ClipSpec]) -> bytes:
        facts, spectrogram = describe.measure(synth.play(*task), RATE)
        numbers = (*facts[: len(describe.DESCRIPTORS)], facts.lufs, facts.start_s, facts.end_s)
        return np.array(numbers, "<f8").tobytes() + spectrogram.astype("<f2").tobytes()

    return work


def _table(rows: Sequence[bytes | workers.Failed]) -> Measured:
    facts = np.full((len(rows), _FACTS), np.nan)
    mel = np.zeros((len(rows), _times(rows), _BANDS), np.float16)
    for n, row in enumerate(rows):
        if isinstance(row, bytes):
            facts[n] = np.frombuffer(row, "<f8", _FACTS)
            spectrogram = np.frombuffer(row, "<f2", offset=_FACTS * 8).reshape(-1, _BANDS)
            mel[n, : len(spectrogram)] = spectrogram
    reasons = {n: str(row) for n, row in enumerate(rows) if not isinstance(row, bytes)}
    return Measured(facts[:, :7], facts[:, 7], facts[:, 8], facts[:, 9], mel, reasons)


def _times(rows: Sequence[bytes | workers.Failed]) -> int:
    """Time steps of the spectrograms: the same for all clips except silent ones, which have none."""
    return max(((len(row) - _FACTS * 8) // (2 * _BANDS) for row in rows if isinstance(row, bytes)), default=0)
