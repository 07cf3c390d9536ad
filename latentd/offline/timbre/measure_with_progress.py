"""Measuring with a progress bar, and with the clip cache, so that an interrupted run continues where it stopped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from latentd.offline import progress
from latentd.offline.render import clip_cache
from latentd.offline.timbre import measure
from latentd.offline.timbre.measure import Measured
from latentd.synth.amsynth import Array


def measurer(jobs: int | None, cache: Path | None, dask: str | None = None) -> Callable[[Array], Measured]:
    """A function that measures patches (n, 41) with a progress bar on standard error.

    Args:
        jobs, dask: see `pool.open_pool`.
        cache: folder of the clip cache; None takes the user's.
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
