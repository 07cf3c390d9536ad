"""Patches rendered and described in one pass: what a patch sounds like, as numbers, for as many patches as you like."""

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
_KEEP_EVERY = 64  # clips; what a cancelled run loses at most


class Measured(NamedTuple):
    """Facts of n clips, row by row as the patches were given.

    Attributes:
        descriptors: (n, 7) in the order of `timbre.DESCRIPTORS`, unclipped; NaN for silence.
        lufs: (n,) loudness; -inf for silence.
        start_s, end_s: (n,) from the first to the last audible 10 ms; NaN for silence.
        mel: (n, time, 64) log-mel pictures in dB, half precision; zero for silence.
        failed: row -> why it could not be rendered; such rows are NaN.
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
        cache: folder of a `ClipCache`, such as `clip_cache.folder()`; nothing is kept where None.
        progress: called with the number of rows done, each time some are.
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
    """Rows as bytes, a part at a time. Clips that fail go into `failed`."""
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
    """A worker's work: (params, spec) to the clip's facts and picture as bytes."""
    # First the synth, whose process is a copy of this one and had better be small.
    synth = synths.open_synth()
    workers.at_end.callback(synth.close)
    from latentd.offline.timbre import describe

    def work(task: tuple[NDArray[np.float32], ClipSpec]) -> bytes:
        facts, picture = describe.measure(synth.play(*task), RATE)
        numbers = (*facts[: len(describe.DESCRIPTORS)], facts.lufs, facts.start_s, facts.end_s)
        return np.array(numbers, "<f8").tobytes() + picture.astype("<f2").tobytes()

    return work


def _table(keys: list[bytes], rows: dict[bytes, bytes], failed: dict[bytes, str]) -> Measured:
    facts = np.full((len(keys), _FACTS), np.nan)
    mel = np.zeros((len(keys), _times(keys, rows), _BANDS), np.float16)
    for n, key in enumerate(keys):
        if key in rows:
            facts[n] = np.frombuffer(rows[key], "<f8", _FACTS)
            picture = np.frombuffer(rows[key], "<f2", offset=_FACTS * 8).reshape(-1, _BANDS)
            mel[n, : len(picture)] = picture
    reasons = {n: failed[key] for n, key in enumerate(keys) if key in failed}
    return Measured(facts[:, :7], facts[:, 7], facts[:, 8], facts[:, 9], mel, reasons)


def _times(keys: list[bytes], rows: dict[bytes, bytes]) -> int:
    """Time steps of a picture: the same in all but those of silence, which have none."""
    return max(((len(rows[key]) - _FACTS * 8) // (2 * _BANDS) for key in keys if key in rows), default=0)
