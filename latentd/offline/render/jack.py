"""Renders with amSynth on a private JACK server in freewheel mode, where DawDreamer does not exist (arm64).

A clip needs a synth that has not played before, so each clip gets a new amSynth. Before the clip it loads two patches
as an NSM session (`jack_session`): one to rest on, and the clip's. In frame 0 of the clip's first cycle it gets a
program change to the clip's patch and the note; its audio is recorded from the same cycle on.

Clips are the same from run to run, bit for bit, and sound like the plugin's: over 100 presets the greatest difference
was 4e-7 of full scale, in the attack; after half a second 83 % of the presets had no difference, and the others at most
6e-8; no descriptor differed by more than 1e-4. `tests/offline/render/test_jack.py` checks some of the hardest presets.

On a busy machine about one clip in some hundred differed from one JACK cycle on; no frame time showed it, and the cause
is unknown. So a clip is rendered until two renderings are the same: usually two, of 0.2 s each.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latentd.errors import LatentdError
from latentd.offline.render.clip_spec import RATE, ClipSpec
from latentd.offline.render.jack_session import CLIP, SynthSession
from latentd.offline.render.performance import Performance
from latentd.system import jackd
from latentd.system.processes import Program, Programs, need

SERVERS = 6
_PERIOD = 128
_LEAD = 64  # freewheel cycles before the note: until then connections take effect and the synth settles
_LIMIT_S = 30.0
_TRIES = 6
_CHANNELS = 2
# Raise it with any change that changes the sound: measurements of older ones are then not used.
RECIPE = 2


def program() -> Path:
    """The path of amSynth.

    Raises:
        LatentdError: it is not installed.
    """
    found = shutil.which("amsynth")
    if found is None:
        raise LatentdError("amsynth is not installed", "Install it: apt-get install amsynth")
    return Path(found)


class _HungError(LatentdError):
    """A synth that does not play its clip to the end."""


class JackSynth:
    """A private JACK server, in freewheel mode during a clip. Its programs end with this process, even if it crashes.

    Raises:
        LatentdError: jackd or amsynth is missing, or the server does not start.
    """

    def __init__(self) -> None:
        need("jackd", "amsynth")
        with contextlib.ExitStack() as end:
            self.home = Path(end.enter_context(tempfile.TemporaryDirectory(prefix="latentd-render-")))
            self._programs = end.enter_context(Programs(self.home))
            self._server = end.enter_context(_server_name())
            self._env = dict(os.environ) | {"JACK_DEFAULT_SERVER": self._server, "JACK_NO_START_SERVER": "1"}
            argv = ["jackd", "-r", "-S", "-n", self._server, "-d", "dummy", "-r", str(RATE), "-p", str(_PERIOD)]
            self._programs.start("jackd", argv, self._env, diagnose=jackd.diagnose)
            self._clients = end.enter_context(_JackClients(self._open_client("player"), self._open_client("recorder")))
            self._end = end.pop_all()

    def _open_client(self, name: str) -> Any:
        import jack

        end = time.monotonic() + _LIMIT_S
        while True:
            self._programs.check()
            try:
                return jack.Client(name, no_start_server=True, servername=self._server)
            except jack.JackOpenError as error:
                if time.monotonic() > end:
                    raise LatentdError("A private JACK server did not start", "Try: jackd -d dummy") from error
                time.sleep(0.05)

    def play(self, params: NDArray[np.float32], spec: ClipSpec) -> NDArray[np.float32]:
        """Audio (samples, 2) of params (41,) in 0..1, from a new amSynth.

        Raises:
            LatentdError: the synth did not start or crashed, or no two renderings were the same.
        """
        earlier: list[NDArray[np.float32]] = []
        hung: _HungError | None = None
        for _ in range(_TRIES):
            try:
                clip = self._played(params, spec)
            except _HungError as error:
                if hung is not None:
                    raise
                hung = error  # on a busy machine jackd can leave a new client without cycles for good
                continue
            if clip is None:
                continue
            if any(np.array_equal(clip, other) for other in earlier):
                return clip
            earlier.append(clip)
        raise LatentdError("JACK lost a part of the clip", "Check the machine's load and memory, then try again")

    def perform(self, params: NDArray[np.float32], notes: Performance) -> NDArray[np.float32]:
        """Refuse: over MIDI the patch would change in steps of 1/127.

        Raises:
            LatentdError: always.
        """
        raise LatentdError("amSynth on JACK cannot change its patch during a clip", "Use a machine with DawDreamer")

    def _played(self, params: NDArray[np.float32], spec: ClipSpec) -> NDArray[np.float32] | None:
        """A clip from a new synth; None if one of its cycles was lost."""
        with SynthSession(self.home, params, program()) as session:
            # With SIGINT it closes its JACK client; otherwise the server waits ten seconds for it.
            env = self._env | session.env
            synth = self._programs.start("amsynth", session.argv, env, end_signal=signal.SIGINT)
            try:
                session.open(synth)
                return self._clients.record(spec, synth)
            finally:
                self._programs.close(synth)

    def close(self) -> None:
        """Stop the server."""
        self._end.close()


@contextlib.contextmanager
def _server_name() -> Iterator[str]:
    """A server name that no other process uses. JACK allows eight servers per machine, and a killed server keeps its
    slot until another of the same name starts: so the names come from a small set."""
    for n in range(SERVERS):
        name = f"latentd-render-{os.getuid()}-{n}"
        with (Path(tempfile.gettempdir()) / f"{name}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield name
            return
    raise LatentdError(f"{SERVERS} renderings already run on this machine, the maximum", "Use fewer --jobs")


class _JackClients:
    """Two JACK clients: one that sends a note to amSynth, and one that records it.

    There are two because JACK runs the chain player, amSynth, recorder in order within one cycle. A single client at
    both ends would be a loop: it would record each period one cycle late, while amSynth writes the next one.
    """

    def __init__(self, player: Any, recorder: Any) -> None:
        self._player, self._recorder = player, recorder
        self._midi = player.midi_outports.register("midi")
        self._audio = [recorder.inports.register(side) for side in ("left", "right")]
        self._clip: _Clip | None = None
        self._free = {on: threading.Event() for on in (True, False)}
        player.set_freewheel_callback(lambda starting: self._free[bool(starting)].set())
        player.set_process_callback(self._play)
        recorder.set_process_callback(self._record)

    def __enter__(self) -> _JackClients:
        self._player.activate()
        self._recorder.activate()
        return self

    def __exit__(self, *_: object) -> None:
        for client in (self._player, self._recorder):
            client.deactivate()
            client.close()

    def record(self, spec: ClipSpec, synth: Program) -> NDArray[np.float32] | None:
        """One clip from the amSynth on this server; None if one of its cycles was lost."""
        self._connect(synth)
        clip = _Clip(spec)
        self._set_freewheel(True, synth)
        try:
            self._clip = clip
            self._wait(clip.done, _LIMIT_S + 10 * spec.length_s, synth)
        finally:
            self._clip = None
            self._set_freewheel(False, synth)
        return clip.audio if clip.whole else None

    def _set_freewheel(self, on: bool, synth: Program) -> None:
        """Switch the mode and wait for the server's confirmation: until then cycles may run in the other mode."""
        self._free[on].clear()
        self._player.set_freewheel(on)
        self._wait(self._free[on], _LIMIT_S, synth)

    @staticmethod
    def _wait(event: threading.Event, limit_s: float, synth: Program) -> None:
        end = time.monotonic() + limit_s
        while not event.wait(0.2):
            if not synth.running() or time.monotonic() > end:
                raise _HungError("amSynth crashed or hung during rendering", "Try again")

    def _connect(self, synth: Program) -> None:
        import jack

        end = time.monotonic() + _LIMIT_S
        pairs = [(self._midi, "amsynth:midi_in"), ("amsynth:L out", self._audio[0]), ("amsynth:R out", self._audio[1])]
        for (source, target), client in zip(pairs, (self._player, self._recorder, self._recorder), strict=True):
            while True:
                try:
                    client.connect(source, target)
                    break
                except jack.JackError as error:
                    if time.monotonic() > end or not synth.running():
                        raise LatentdError("amSynth did not connect to the JACK server", "Try again") from error
                    time.sleep(0.01)

    def _play(self, frames: int) -> None:
        """Runs in JACK's thread: sends the note, from frame 0 of the clip's first cycle on."""
        self._midi.clear_buffer()
        if (clip := self._clip) is not None:
            for offset, message in clip.events(self._player.last_frame_time, frames):
                self._midi.write_midi_event(offset, message)

    def _record(self, frames: int) -> None:
        """Runs in JACK's thread: records the audio of the same cycle."""
        if (clip := self._clip) is not None:
            clip.add(self._recorder.last_frame_time, [port.get_array()[:frames] for port in self._audio])


class _Clip:
    """The MIDI and audio of one clip; all times are JACK frames, which wrap around at 2³²."""

    def __init__(self, spec: ClipSpec) -> None:
        self.audio = np.zeros((spec.samples, _CHANNELS), np.float32)
        self.done = threading.Event()
        self.whole = True
        off = round(spec.held * RATE)
        self._events: tuple[tuple[int, tuple[int, ...]], ...] = (
            (0, (0xC0, CLIP)),
            (0, (0x90, spec.note, spec.velocity)),
            (off, (0x80, spec.note, 0)),
        )
        self._lead = _LEAD
        self._start: int | None = None
        self._end = 0

    def events(self, now: int, frames: int) -> list[tuple[int, tuple[int, ...]]]:
        """MIDI of the cycle that begins at `now`: (offset, message)."""
        if self._lead:
            self._lead -= 1
            return []
        if self._start is None:
            self._start = now
        at = (now - self._start) % 2**32
        return [(time - at, message) for time, message in self._events if at <= time < at + frames]

    def add(self, now: int, channels: list[NDArray[np.float32]]) -> None:
        """Add the audio of the cycle that began at `now`."""
        if self._start is None or self.done.is_set():
            return
        at = (now - self._start) % 2**32
        self.whole &= at == self._end
        self._end = at + len(channels[0])
        piece = self.audio[at : self._end]
        for channel, samples in enumerate(channels):
            piece[:, channel] = samples[: len(piece)]
        if self._end >= len(self.audio):
            self.done.set()
