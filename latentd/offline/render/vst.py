"""Renders with amSynth's VST2 plugin in DawDreamer, each clip with a plugin that has not played before.

amSynth keeps the state of its noise generator, LFO and reverb between notes: a plugin that has played before gives a
different clip (by up to 0.97 of full scale). A new plugin for each clip costs 75 ms, most of them for reading all bank
files. So one plugin is created in a process of its own, a fork server, and never played: for each clip the fork server
forks, and the child plays its copy and exits. The clip is the same as that of a new plugin, bit for bit.

    worker --(params, spec)--> fork server: has the plugin --fork--> child: renders one clip into shared memory, exits

Forking is safe because the fork server has one thread only, which it checks; it is cheap because it does nothing else.
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
from latentd.offline.render.performance import BLOCK, Performance
from latentd.offline.render.vst2_host import Vst2Host
from latentd.system import resources

PLUGIN = Path("/usr/lib/vst/amsynth_vst.so")
_CHANNELS = 2
_LIMIT_S = 60  # for one clip; then the child is killed

Task = tuple[NDArray[np.float32], ClipSpec | Performance]


class VstSynth:
    """A fork server, and the shared memory for its clips. For a process with one thread.

    Raises:
        LatentdError: DawDreamer or the plugin is missing.
    """

    def __init__(self) -> None:
        if not PLUGIN.is_file():
            raise LatentdError(f"{PLUGIN}: no such file", "Install amsynth: apt-get install amsynth")
        self._memory = os.memfd_create("latentd-clip")
        self._pipe, theirs = multiprocessing.Pipe()
        if os.fork() == 0:
            self._pipe.close()
            _serve(theirs, self._memory)
        theirs.close()
        self._answer()

    def play(self, params: NDArray[np.float32], spec: ClipSpec) -> NDArray[np.float32]:
        """Audio (samples, 2) of params (41,) in 0..1.

        Raises:
            LatentdError: the synth crashed, or took more than a minute.
        """
        return self._rendered(spec.samples, (params, spec))

    def perform(self, params: NDArray[np.float32], notes: Performance) -> NDArray[np.float32]:
        """Audio (samples, 2) of notes while the patch is params (blocks, 41) in 0..1, one for every 128 frames.

        It is hosted by `Vst2Host`, not by DawDreamer, and differs from `play` by the rest from which the
        reverb glides to its value, in the first 20 ms.

        Raises:
            LatentdError: the synth crashed, or took more than a minute.
        """
        return self._rendered(len(params) * BLOCK, (params, notes))

    def _rendered(self, samples: int, task: Task) -> NDArray[np.float32]:
        size = samples * _CHANNELS * 4
        os.ftruncate(self._memory, size)
        self._pipe.send(task)
        self._answer()
        with mmap.mmap(self._memory, size) as shared:
            audio = np.frombuffer(bytes(shared), np.float32).reshape(_CHANNELS, -1)
        return np.ascontiguousarray(audio.T)

    def close(self) -> None:
        """Stop the fork server."""
        self._pipe.close()
        os.close(self._memory)

    def _answer(self) -> None:
        try:
            problem = self._pipe.recv()
        except EOFError:
            problem = "The rendering process crashed"
        if problem:
            raise LatentdError(problem)


def _serve(pipe: Connection, memory: int) -> NoReturn:
    """Run the fork server until the pipe closes; never returns into the code of its parent."""
    try:
        with tempfile.TemporaryDirectory(prefix="latentd-render-") as home:
            # The user's settings and banks must not change how a clip sounds, and with their HOME amSynth would move
            # the files of its first versions, ~/.amSynth*, into this temporary folder.
            os.environ |= dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"), home)
            engine, plugin = _plugin()
            threads = len(list(Path("/proc/self/task").iterdir()))
            pipe.send("" if threads == 1 else f"The rendering process has {threads} threads, it must have one")
            while True:
                pipe.send(_render_in_child(engine, plugin, pipe.recv(), memory))
    except EOFError:
        os._exit(0)
    except LatentdError as error:
        pipe.send(str(error))
    finally:
        os._exit(1)


def _plugin() -> tuple[Any, Any]:
    try:
        import dawdreamer
    except ImportError as error:
        raise LatentdError("Rendering needs DawDreamer", resources.install("render")) from error
    engine = dawdreamer.RenderEngine(RATE, BLOCK)
    return engine, engine.make_plugin_processor("amsynth", str(PLUGIN))


def _render_in_child(engine: Any, plugin: Any, task: Task, memory: int) -> str:
    """Render one clip in a forked child; returns the problem, or an empty text."""
    child = os.fork()
    if child == 0:
        _render_and_exit(engine, plugin, task, memory)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return f"amSynth was killed by {signal.Signals(os.WTERMSIG(status)).name} during rendering"
    return f"amSynth ended with exit code {os.WEXITSTATUS(status)} during rendering" if status else ""


def _render_and_exit(engine: Any, plugin: Any, task: Task, memory: int) -> NoReturn:
    """Render one clip into the shared memory, then exit."""
    try:
        signal.alarm(_LIMIT_S)
        params, spec = task
        audio = _clip(engine, plugin, params, spec) if isinstance(spec, ClipSpec) else _performed(params, spec)
        with mmap.mmap(memory, audio.nbytes) as shared:
            shared.write(np.ascontiguousarray(audio).tobytes())
        os._exit(0)
    finally:
        os._exit(1)


def _clip(engine: Any, plugin: Any, params: NDArray[np.float32], spec: ClipSpec) -> NDArray[np.float32]:
    """Audio (2, samples) of one note."""
    for index, value in enumerate(params):
        plugin.set_parameter(index, float(value))
    plugin.add_midi_note(spec.note, spec.velocity, 0.0, spec.held)
    engine.load_graph([(plugin, [])])
    engine.render(spec.samples / RATE)
    audio: NDArray[np.float32] = engine.get_audio()[:, : spec.samples].astype(np.float32)
    return audio


def _performed(params: NDArray[np.float32], notes: Performance) -> NDArray[np.float32]:
    """Audio (2, samples) of notes while the patch changes."""
    host = Vst2Host(PLUGIN, RATE, BLOCK)
    audio = np.empty((_CHANNELS, len(params) * BLOCK), np.float32)
    before = np.full(params.shape[1], np.nan, np.float32)
    for block, patch in enumerate(params):
        for index in np.flatnonzero(patch != before):
            host.set_parameter(int(index), float(patch[index]))
        before = patch
        # Ends first: a note may start again in the block in which it ends.
        messages = [(0x80, note.number, 0) for note in notes if note.end == block]
        messages += [(0x90, note.number, note.velocity) for note in notes if note.start == block]
        if messages:
            host.send(messages)
        audio[:, block * BLOCK : (block + 1) * BLOCK] = host.process()
    return audio
