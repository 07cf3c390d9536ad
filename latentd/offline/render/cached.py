"""Results of rendering tasks: from the cache, else from a pool of workers, which then fills the cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from latentd.offline.render import clip_cache, workers
from latentd.offline.render.pool import Pool, open_pool

_KEEP_EVERY = 64  # results; a cancelled run loses fewer

Key = Callable[[Any, str], bytes]  # of a task, with the synth's fingerprint


def results(
    make: Callable[[], workers.Work],
    tasks: Sequence[Any],
    key: Key,
    jobs: int | None = None,
    cache: Path | None = None,
    progress: Callable[[int], object] | None = None,
    dask: str | None = None,
) -> list[bytes | workers.Failed]:
    """The result of each task, in order; equal tasks are rendered once.

    Args:
        make: see `workers.run`; its work returns bytes.
        key: of a task in the cache: a hash of everything that its result depends on.
        jobs, dask: see `pool.open_pool`.
        cache: folder of a `ClipCache`, such as `clip_cache.folder()`; None stores nothing.
        progress: called with the number of finished tasks, each time it changes.
    """
    found: dict[bytes, bytes | workers.Failed] = {}
    with open_pool(jobs, dask) as pool, clip_cache.ClipCache(cache) if cache else nullcontext() as store:
        keys = [key(task, pool.synth) for task in tasks]
        if store:
            found |= store.get(keys)
        missing = {key: task for key, task in zip(keys, tasks, strict=True) if key not in found}
        if progress:
            progress(sum(key in found for key in keys))
        for part in _rendered(make, missing, pool):
            found |= part
            if store:
                store.put({key: value for key, value in part.items() if isinstance(value, bytes)})
            if progress:
                progress(sum(key in found for key in keys))
    return [found[key] for key in keys]


def _rendered(
    make: Callable[[], workers.Work], missing: dict[bytes, Any], pool: Pool
) -> Iterator[dict[bytes, bytes | workers.Failed]]:
    """The results of the missing tasks, in parts."""
    part: dict[bytes, bytes | workers.Failed] = {}
    for key, result in zip(missing, pool.run(make, missing.values()), strict=True):
        part[key] = result
        if len(part) == _KEEP_EVERY:
            yield part
            part = {}
    yield part
