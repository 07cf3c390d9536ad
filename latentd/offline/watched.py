"""Measuring with a progress bar, and with the cache that makes an interrupted run go on where it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from latentd.amsynth import Array
from latentd.offline import clip_cache, measure, progress
from latentd.offline.measure import Measured


def measurer(jobs: int | None, cache: Path | None, dask: str | None = None) -> Callable[[Array], Measured]:
    """A function that measures patches (n, 41) with a bar on standard error.

    Args:
        jobs, dask: see `render.crew`.
        cache: folder of the clip cache; the user's where None.
    """

    def measured(patches: Array) -> Measured:
        with progress.bar() as bar:
            task = bar.add_task("rendering", total=len(patches))
            return measure.measure(
                patches,
                jobs=jobs,
                cache=cache or clip_cache.folder(),
                progress=lambda done: bar.update(task, completed=done),
                dask=dask,
            )

    return measured
