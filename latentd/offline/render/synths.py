"""Patches to audio through the real amSynth, offline, in parallel, the same to the bit each time."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from latentd.offline.render import clip_cache, workers
from latentd.offline.render.clip_spec import ClipSpec
from latentd.synth import amsynth

Audio = NDArray[np.float32]


class Synth(Protocol):
    """Something that plays one clip after the other, each as if it were the first."""

    def play(self, params: NDArray[np.float32], spec: ClipSpec) -> Audio:
        """Audio (samples, 2) of params (41,) in 0..1."""
        ...

    def close(self) -> None:
        """End what plays."""
        ...


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
    """A worker's work: (params, spec) to audio."""
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
