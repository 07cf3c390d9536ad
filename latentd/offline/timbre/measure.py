"""Renders and describes patches in one pass, with a pool of workers and a cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from latentd.offline.render import clip_cache, synths, workers
from latentd.offline.render.clip_spec import RATE, ClipSpec
from latentd.offline.render.pool import Pool, open_pool
from latentd.synth import amsynth

_FACTS = 10  # the seven descriptors, lufs, start_s, end_s
_BANDS = 64
_KEEP_EVERY = 64  # clips; a cancelled run loses fewer


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
        progress: called with the number of finished rows, each time it changes.
    """
    chosen = spec or ClipSpec()
    params = [synths.to_params(patch) for patch in patches]
    rows: dict[bytes, bytes] = {}
    failed: dict[bytes, str] = {}
    with open_pool(jobs, dask) as pool, clip_cache.ClipCache(cache) if cache else nullcontext() as store:
        keys = [clip_cache.key(row, chosen, pool.synth) for row in params]
        if store:
            rows = store.get(keys)
        missing = {key: row for key, row in zip(keys, params, strict=True) if key not in rows}
        if progress:
            progress(sum(key in rows for key in keys))
        for part in _measured(missing, chosen, pool, failed):
            rows |= part
            if store:
                store.put(part)
            if progress:
                progress(sum(key in rows or key in failed for key in keys))
    return _table(keys, rows, failed)


def _measured(
    missing: dict[bytes, NDArray[np.float32]], spec: ClipSpec, pool: Pool, failed: dict[bytes, str]
) -> Iterator[dict[bytes, bytes]]:
    """Rows as bytes, in parts. Clips that fail are added to `failed`."""
    results = pool.run(describer, ((row, spec) for row in missing.values()))
    part: dict[bytes, bytes] = {}
    for key, result in zip(missing, results, strict=True):
        if isinstance(result, workers.Failed):
            failed[key] = str(result)
        else:
            part[key] = result
        if len(part) == _KEEP_EVERY:
            yield part
            part = {}
    yield part


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


def _table(keys: list[bytes], rows: dict[bytes, bytes], failed: dict[bytes, str]) -> Measured:
    facts = np.full((len(keys), _FACTS), np.nan)
    mel = np.zeros((len(keys), _times(keys, rows), _BANDS), np.float16)
    for n, key in enumerate(keys):
        if key in rows:
            facts[n] = np.frombuffer(rows[key], "<f8", _FACTS)
            spectrogram = np.frombuffer(rows[key], "<f2", offset=_FACTS * 8).reshape(-1, _BANDS)
            mel[n, : len(spectrogram)] = spectrogram
    reasons = {n: failed[key] for n, key in enumerate(keys) if key in failed}
    return Measured(facts[:, :7], facts[:, 7], facts[:, 8], facts[:, 9], mel, reasons)


def _times(keys: list[bytes], rows: dict[bytes, bytes]) -> int:
    """Time steps of the spectrograms: the same for all clips except silent ones, which have none."""
    return max(((len(rows[key]) - _FACTS * 8) // (2 * _BANDS) for key in keys if key in rows), default=0)
