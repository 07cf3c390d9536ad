"""Patches to audio through the real amSynth, offline, in parallel, the same to the bit each time."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from latentd.errors import UserError
from latentd.offline.render import clip_cache, workers
from latentd.offline.render.clip_spec import Take
from latentd.synth import amsynth

Audio = NDArray[np.float32]


class Synth(Protocol):
    """Something that plays one clip after the other, each as if it were the first."""

    def play(self, params: NDArray[np.float32], take: Take) -> Audio:
        """Audio (samples, 2) of params (41,) in 0..1."""
        ...

    def close(self) -> None:
        """End what plays."""
        ...


class Crew(NamedTuple):
    """Who renders: `run(make, tasks)` as of `workers.run`, and the fingerprint of their synth."""

    run: Callable[[Callable[[], workers.Work], Iterable[Any]], Generator[Any, None, None]]
    synth: str


@contextmanager
def crew(jobs: int | None = None, dask: str | None = None) -> Iterator[Crew]:
    """So many processes of this machine (one a core where None), or the workers of a dask scheduler.

    Raises:
        LatentdError: amSynth is not installed, or the scheduler or its workers are not as they should be.
    """
    if dask is None:
        yield Crew(partial(workers.run, jobs=most_jobs(jobs)), synth_fingerprint())
        return
    if jobs is not None:
        raise UserError("--jobs and --dask exclude each other", "Say where the workers are started how many there are")
    from latentd.offline.render import dask_cluster

    with dask_cluster.connected(dask) as found:
        yield Crew(found.run, found.synth)


def render(
    patches: Iterable[amsynth.Array], take: Take | None = None, jobs: int | None = None, dask: str | None = None
) -> Iterator[Audio]:
    """Audio (samples, 2) at 48 kHz of each patch (41,), in their order.

    Args:
        patches: values in the synth's units; the synth clips them to their ranges and rounds steps.
        take: the note, velocity and length; the defaults where None.
        jobs, dask: see `crew`.

    Raises:
        Failed: a patch that could not be rendered, when its turn comes.
    """
    chosen = take or Take()
    tasks = ((to_params(patch), chosen) for patch in patches)
    with crew(jobs, dask) as who:
        for result in who.run(player, tasks):
            if isinstance(result, workers.Failed):
                raise result
            yield result


def to_params(patch: amsynth.Array) -> NDArray[np.float32]:
    """What the plugin is told: single precision, 0..1."""
    return amsynth.to_params(np.asarray(patch, np.float64)).astype(np.float32)


def most_jobs(wanted: int | None) -> int:
    """So many processes as wanted, one a core where None, and no more than can render at a time."""
    jobs = wanted or workers.cores()
    if find_spec("dawdreamer"):
        return jobs
    from latentd.offline.render.jack import SERVERS

    return min(jobs, SERVERS)


def open_synth() -> Synth:
    """DawDreamer's where it exists (x86-64), else amSynth itself on a JACK server of its own."""
    if find_spec("dawdreamer"):
        from latentd.offline.render.vst import VstSynth

        return VstSynth()
    from latentd.offline.render.jack import JackSynth

    return JackSynth()


def player() -> workers.Work:
    """A worker's work: (params, take) to audio."""
    synth = open_synth()
    workers.at_end.callback(synth.close)
    return lambda task: synth.play(*task)


def synth_fingerprint() -> str:
    """What tells one amSynth from another, and one way to render from another: part of a measurement's key."""
    if find_spec("dawdreamer"):
        from latentd.offline.render.vst import PLUGIN

        return f"vst {clip_cache.fingerprint(PLUGIN)}"
    from latentd.offline.render.jack import RECIPE, program

    return f"jack {RECIPE} {clip_cache.fingerprint(program())}"
