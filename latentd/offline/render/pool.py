"""A pool of rendering workers: processes on this machine, or the workers of a dask scheduler."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

from latentd.errors import UserError
from latentd.offline.render import workers
from latentd.offline.render.clip_spec import ClipSpec
from latentd.offline.render.synths import Audio, max_jobs, player, synth_fingerprint, to_params
from latentd.synth import amsynth


class Pool(NamedTuple):
    """Rendering workers: `run(make, tasks)` as `workers.run`, and the fingerprint of their synth."""

    run: Callable[[Callable[[], workers.Work], Iterable[Any]], Generator[Any, None, None]]
    synth: str


@contextmanager
def open_pool(jobs: int | None = None, dask: str | None = None) -> Iterator[Pool]:
    """A pool of `jobs` processes on this machine (None: one per core), or of the workers of a dask scheduler.

    Raises:
        UserError: both are given, or an invalid address.
        LatentdError: amSynth is not installed, the scheduler does not answer, or a worker is incompatible.
    """
    if dask is None:
        yield Pool(partial(workers.run, jobs=max_jobs(jobs)), synth_fingerprint())
        return
    if jobs is not None:
        raise UserError("--jobs and --dask exclude each other", "Remove --jobs; the number of dask workers counts")
    from latentd.offline.render import dask_cluster

    with dask_cluster.connected(dask) as found:
        yield Pool(found.run, found.synth)


def render(
    patches: Iterable[amsynth.Array], spec: ClipSpec | None = None, jobs: int | None = None, dask: str | None = None
) -> Iterator[Audio]:
    """Audio (samples, 2) at 48 kHz of each patch (41,), in order.

    Args:
        patches: values in the synth's units; the synth clips them to their ranges and rounds steps.
        spec: the note, velocity and length; None takes the defaults.
        jobs, dask: see `open_pool`.

    Raises:
        Failed: a patch could not be rendered; raised in its place.
    """
    chosen = spec or ClipSpec()
    tasks = ((to_params(patch), chosen) for patch in patches)
    with open_pool(jobs, dask) as pool:
        for result in pool.run(player, tasks):
            if isinstance(result, workers.Failed):
                raise result
            yield result
