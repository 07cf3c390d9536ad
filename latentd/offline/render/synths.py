"""The synths that render: amSynth's plugin in DawDreamer, or amSynth on JACK; both give the same clip each time."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from latentd.offline.render import clip_cache, workers
from latentd.offline.render.clip_spec import ClipSpec
from latentd.offline.render.performance import Performance
from latentd.synth import amsynth

Audio = NDArray[np.float32]


class Synth(Protocol):
    """A synth that renders clips one after another, each as if it were its first."""

    def play(self, params: NDArray[np.float32], spec: ClipSpec) -> Audio:
        """Audio (samples, 2) of params (41,) in 0..1."""
        ...

    def perform(self, params: NDArray[np.float32], notes: Performance) -> Audio:
        """Audio (samples, 2) of notes while the patch is params (blocks, 41) in 0..1, one for every 128 frames."""
        ...

    def close(self) -> None:
        """Stop its processes."""
        ...


def to_params(patch: amsynth.Array) -> NDArray[np.float32]:
    """Params (41,) for the plugin, in single precision."""
    return amsynth.to_params(np.asarray(patch, np.float64)).astype(np.float32)


def max_jobs(wanted: int | None) -> int:
    """The number of processes: `wanted`, or one per core if None, but no more than can render at a time."""
    jobs = wanted or workers.cores()
    if find_spec("dawdreamer"):
        return jobs
    from latentd.offline.render.jack import SERVERS

    return min(jobs, SERVERS)


def can_perform() -> bool:
    """True if the synth of this machine can change its patch while it plays: the plugin can."""
    return find_spec("dawdreamer") is not None


def open_synth() -> Synth:
    """The plugin in DawDreamer where that exists (x86-64), else amSynth on a private JACK server."""
    if find_spec("dawdreamer"):
        from latentd.offline.render.vst import VstSynth

        return VstSynth()
    from latentd.offline.render.jack import JackSynth

    return JackSynth()


def player() -> workers.Work:
    """The work of a worker: (params, spec) to audio."""
    synth = open_synth()
    workers.at_end.callback(synth.close)
    return lambda task: synth.play(*task)


def synth_fingerprint() -> str:
    """Identifies amSynth and the renderer: a part of the key of a measurement."""
    if find_spec("dawdreamer"):
        from latentd.offline.render.vst import PLUGIN

        return f"vst {clip_cache.fingerprint(PLUGIN)}"
    from latentd.offline.render.jack import RECIPE, program

    return f"jack {RECIPE} {clip_cache.fingerprint(program())}"
