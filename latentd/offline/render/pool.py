"""A pool of workers that render: processes on this machine, or those of a dask scheduler."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

from latentd.errors import UserError
from latentd.offline.render import workers
from latentd.offline.render.clip_spec import ClipSpec
from latentd.offline.render.synths import Audio, most_jobs, player, synth_fingerprint, to_params
from latentd.synth import amsynth


class Pool(NamedTuple):
    """Who renders: `run(make, tasks)` as of `workers.run`, and the fingerprint of their synth."""

    run: Callable[[Callable[[], workers.Work], Iterable[Any]], Generator[Any, None, None]]
    synth: str


@contextmanager
def open_pool(jobs: int | None = None, dask: str | None = None) -> Iterator[Pool]:
    """So many processes of this machine (one a core where None), or the workers of a dask scheduler.

    Raises:
        LatentdError: amSynth is not installed, or the scheduler or its workers are not as they should be.
    """
    if dask is None:
        yield Pool(partial(workers.run, jobs=most_jobs(jobs)), synth_fingerprint())
        return
    if jobs is not None:
        raise UserError("--jobs and --dask exclude each other", "Say where the workers are started how many there are")
    from latentd.offline.render import dask_cluster

    with dask_cluster.connected(dask) as found:
        yield Pool(found.run, found.synth)


def render(
    patches: Iterable[amsynth.Array], spec: ClipSpec | None = None, jobs: int | None = None, dask: str | None = None
) -> Iterator[Audio]:
    """Audio (samples, 2) at 48 kHz of each patch (41,), in their order.

    Args:
        patches: values in the synth's units; the synth clips them to their ranges and rounds steps.
        spec: the note, velocity and length; the defaults where None.
        jobs, dask: see `open_pool`.

    Raises:
        Failed: a patch that could not be rendered, when its turn comes.
    """
    chosen = spec or ClipSpec()
    tasks = ((to_params(patch), chosen) for patch in patches)
    with open_pool(jobs, dask) as pool:
        for result in pool.run(player, tasks):
            if isinstance(result, workers.Failed):
                raise result
            yield result
