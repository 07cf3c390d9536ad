"""amSynth's VST2 plugin, offline, in DawDreamer: one clip from a plugin that nobody has played before.

amSynth keeps its noise generator, its LFO's phase and its reverb's tail between notes: a plugin that has sounded once
gives another clip the second time (by up to 0.97 of full scale). A new plugin for each clip is right, and costs 75 ms,
most of it for reading all bank files. Here one plugin is made, in a process of its own, and never played: for each clip
that process forks, and the child plays its copy and ends: the same to the bit.

    worker --(params, spec)--> stage: holds the plugin --fork--> child: plays one clip into shared memory, ends

Forking is safe because the stage has one thread only, which it checks; it is cheap because the stage does nothing else.
"""

from __future__ import annotations

import mmap
import multiprocessing
import os
import signal
import tempfile
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from latentd.errors import LatentdError
from latentd.offline.render.clip_spec import RATE, ClipSpec
from latentd.system import resources

PLUGIN = Path("/usr/lib/vst/amsynth_vst.so")
_BLOCK = 128
_CHANNELS = 2
_LIMIT_S = 60  # of one clip; a child that takes longer is ended


class VstSynth:
    """A stage, and the memory that clips come in. For a process of one thread.

    Raises:
        LatentdError: DawDreamer or the plugin is missing.
    """

    def __init__(self) -> None:
        if not PLUGIN.is_file():
            raise LatentdError(f"{PLUGIN} is not there", "Install amsynth: apt-get install amsynth")
        self._memory = os.memfd_create("latentd-clip")
        self._pipe, theirs = multiprocessing.Pipe()
        if os.fork() == 0:
            self._pipe.close()
            _stage(theirs, self._memory)
        theirs.close()
        self._answer()

    def play(self, params: NDArray[np.float32], spec: ClipSpec) -> NDArray[np.float32]:
        """Audio (samples, 2) of params (41,) in 0..1.

        Raises:
            LatentdError: the synth crashed, or took longer than a minute.
        """
        size = spec.samples * _CHANNELS * 4
        os.ftruncate(self._memory, size)
        self._pipe.send((params, spec))
        self._answer()
        with mmap.mmap(self._memory, size) as shared:
            audio = np.frombuffer(bytes(shared), np.float32).reshape(_CHANNELS, -1)
        return np.ascontiguousarray(audio.T)

    def close(self) -> None:
        """End the stage."""
        self._pipe.close()
        os.close(self._memory)

    def _answer(self) -> None:
        try:
            complaint = self._pipe.recv()
        except EOFError:
            complaint = "The process that renders ended"
        if complaint:
            raise LatentdError(complaint)


def _stage(pipe: Connection, memory: int) -> NoReturn:
    """The stage's whole life: it ends with the pipe, and never returns into what it was forked from."""
    try:
        with tempfile.TemporaryDirectory(prefix="latentd-render-") as home:
            # The user's settings and banks must not change how a clip sounds, and with their HOME amSynth would move
            # the files of its first versions, ~/.amSynth*, into this temporary folder.
            os.environ |= dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"), home)
            engine, plugin = _made()
            threads = len(list(Path("/proc/self/task").iterdir()))
            pipe.send("" if threads == 1 else f"The process that renders has {threads} threads; it must have one")
            while True:
                params, spec = pipe.recv()
                pipe.send(_forked(engine, plugin, params, spec, memory))
    except EOFError:
        os._exit(0)
    except LatentdError as error:
        pipe.send(str(error))
    finally:
        os._exit(1)


def _made() -> tuple[Any, Any]:
    try:
        import dawdreamer
    except ImportError as error:
        raise LatentdError("Rendering needs DawDreamer", resources.install_offline()) from error
    engine = dawdreamer.RenderEngine(RATE, _BLOCK)
    return engine, engine.make_plugin_processor("amsynth", str(PLUGIN))


def _forked(engine: Any, plugin: Any, params: NDArray[np.float32], spec: ClipSpec, memory: int) -> str:
    """Let a child play one clip; returns what went wrong, empty for nothing."""
    child = os.fork()
    if child == 0:
        _play_and_end(engine, plugin, params, spec, memory)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return f"amSynth ended with {signal.Signals(os.WTERMSIG(status)).name} while it rendered"
    return f"amSynth ended with code {os.WEXITSTATUS(status)} while it rendered" if status else ""


def _play_and_end(engine: Any, plugin: Any, params: NDArray[np.float32], spec: ClipSpec, memory: int) -> NoReturn:
    """The child's whole life."""
    try:
        signal.alarm(_LIMIT_S)
        for index, value in enumerate(params):
            plugin.set_parameter(index, float(value))
        plugin.add_midi_note(spec.note, spec.velocity, 0.0, spec.held)
        engine.load_graph([(plugin, [])])
        engine.render(spec.samples / RATE)
        audio = engine.get_audio()[:, : spec.samples].astype(np.float32)
        with mmap.mmap(memory, audio.nbytes) as shared:
            shared.write(np.ascontiguousarray(audio).tobytes())
        os._exit(0)
    finally:
        os._exit(1)
