"""Patches to audio through the real amSynth, offline, in parallel, the same to the bit each time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from latentd import amsynth
from latentd.offline import clip_cache, workers
from latentd.offline.take import Take

Audio = NDArray[np.float32]


class Synth(Protocol):
    """Something that plays one clip after the other, each as if it were the first."""

    def play(self, params: NDArray[np.float32], take: Take) -> Audio:
        """Audio (samples, 2) of params (41,) in 0..1."""
        ...

    def close(self) -> None:
        """End what plays."""
        ...


def render(patches: Iterable[amsynth.Array], take: Take | None = None, jobs: int | None = None) -> Iterator[Audio]:
    """Audio (samples, 2) at 48 kHz of each patch (41,), in their order.

    Args:
        patches: values in the synth's units; the synth clips them to their ranges and rounds steps.
        take: the note, velocity and length; the defaults where None.
        jobs: worker processes; as many as there are cores where None.

    Raises:
        Failed: a patch that could not be rendered, when its turn comes.
    """
    chosen = take or Take()
    tasks = ((to_params(patch), chosen) for patch in patches)
    for result in workers.run(player, tasks, most_jobs(jobs)):
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
    from latentd.offline.render_jack import SERVERS

    return min(jobs, SERVERS)


def open_synth() -> Synth:
    """DawDreamer's where it exists (x86-64), else amSynth itself on a JACK server of its own."""
    if find_spec("dawdreamer"):
        from latentd.offline.render_vst import VstSynth

        return VstSynth()
    from latentd.offline.render_jack import JackSynth

    return JackSynth()


def player() -> workers.Work:
    """A worker's work: (params, take) to audio."""
    synth = open_synth()
    workers.at_end.callback(synth.close)
    return lambda task: synth.play(*task)


def synth_fingerprint() -> str:
    """What tells one amSynth from another, and one way to render from another: part of a measurement's key."""
    if find_spec("dawdreamer"):
        from latentd.offline.render_vst import PLUGIN

        return f"vst {clip_cache.fingerprint(PLUGIN)}"
    from latentd.offline.render_jack import program

    return f"jack {clip_cache.fingerprint(program())}"
