"""amSynth itself on a JACK server of its own, in freewheel: for machines that DawDreamer does not exist for (arm64).

A clip needs a synth that has not played before, so each clip gets a new amSynth, which is told two patches as an NSM
session (`jack_session`) before anything sounds: one to rest on, and the clip's. Frame 0 of the clip's first cycle holds
a program change to the clip's patch and its note, and the answer is heard in the same cycle.

The same from run to run, to the bit; and the plugin's sound: over 100 presets, the greatest difference was 4e-7 of full
scale, in the attack, and 83 % were the same to the bit after half a second, the others to 6e-8; no descriptor was off
by more than 1e-4. `tests/offline/test_render_jack.py` holds some of the hardest to that.

On a busy machine one clip of some hundred came out otherwise, from one cycle of JACK's to its end, which no frame time
showed and for a reason not found. So a clip is played until two are the same: mostly twice, 0.2 s each.
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
from latentd.offline.render.jack_session import CLIP, Session
from latentd.system.processes import Child, Children, need

SERVERS = 6
_PERIOD = 128
_LEAD = 64  # cycles in freewheel before the note: new connections come into force, and the synth to rest
_LIMIT_S = 30.0
_TRIES = 6
_CHANNELS = 2
# Raise it when anything changes that changes the sound: measurements of older ones are then not used.
RECIPE = 2


def program() -> Path:
    """The amSynth that plays.

    Raises:
        LatentdError: it is not installed.
    """
    found = shutil.which("amsynth")
    if found is None:
        raise LatentdError("amsynth is not there", "Install it: apt-get install amsynth")
    return Path(found)


class JackSynth:
    """A private JACK server, in freewheel while a clip is played. Its programs end with this process, however it ends.

    Raises:
        LatentdError: jackd or amsynth is missing, or the server does not start.
    """

    def __init__(self) -> None:
        need("jackd", "amsynth")
        with contextlib.ExitStack() as end:
            self.home = Path(end.enter_context(tempfile.TemporaryDirectory(prefix="latentd-render-")))
            self._children = end.enter_context(Children(self.home))
            self._server = end.enter_context(_server_name())
            self._env = dict(os.environ) | {"JACK_DEFAULT_SERVER": self._server, "JACK_NO_START_SERVER": "1"}
            argv = ["jackd", "-r", "-S", "-n", self._server, "-d", "dummy", "-r", str(RATE), "-p", str(_PERIOD)]
            self._children.start("jackd", argv, self._env)
            self._booth = end.enter_context(_Booth(self._client("player"), self._client("recorder")))
            self._end = end.pop_all()

    def _client(self, name: str) -> Any:
        import jack

        end = time.monotonic() + _LIMIT_S
        while True:
            self._children.check()
            try:
                return jack.Client(name, no_start_server=True, servername=self._server)
            except jack.JackOpenError as error:
                if time.monotonic() > end:
                    raise LatentdError("A private JACK server did not start", "Try: jackd -d dummy") from error
                time.sleep(0.05)

    def play(self, params: NDArray[np.float32], spec: ClipSpec) -> NDArray[np.float32]:
        """Audio (samples, 2) of params (41,) in 0..1, through an amSynth made for it.

        Raises:
            LatentdError: the synth did not start, ended, or lost a part of the clip too often.
        """
        heard: list[NDArray[np.float32]] = []
        for _ in range(_TRIES):
            clip = self._played(params, spec)
            if clip is None:
                continue
            if any(np.array_equal(clip, other) for other in heard):
                return clip
            heard.append(clip)
        raise LatentdError("JACK lost a part of the clip", "Is the machine out of memory or overloaded?")

    def _played(self, params: NDArray[np.float32], spec: ClipSpec) -> NDArray[np.float32] | None:
        """A clip of a new synth; None where a cycle of it is known to be lost."""
        with Session(self.home, params, program()) as session:
            # SIGINT, by which it leaves the server in order: else the server waits ten seconds for it.
            env = self._env | session.env
            synth = self._children.start("amsynth", session.argv, env, end_signal=signal.SIGINT)
            try:
                session.open(synth)
                return self._booth.record(spec, synth)
            finally:
                self._children.give_up(synth)

    def close(self) -> None:
        """End the server."""
        self._end.close()


@contextlib.contextmanager
def _server_name() -> Iterator[str]:
    """A name that no other process renders under. JACK knows eight servers a machine, and one that was killed keeps its
    place until another of its name starts: so the names come from a small stock."""
    for n in range(SERVERS):
        name = f"latentd-render-{os.getuid()}-{n}"
        with (Path(tempfile.gettempdir()) / f"{name}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield name
            return
    raise LatentdError(f"{SERVERS} renderings run on this machine, more it cannot do", "Use fewer --jobs")


class _Booth:
    """Two JACK clients, one that plays a note to amSynth and one that records it.

    They are two because JACK runs a chain in order: player, amSynth, recorder, all within one cycle. One client at both
    ends would close a loop, and hear each period one cycle late, while amSynth writes the next one.
    """

    def __init__(self, player: Any, recorder: Any) -> None:
        self._player, self._recorder = player, recorder
        self._midi = player.midi_outports.register("midi")
        self._audio = [recorder.inports.register(side) for side in ("left", "right")]
        self._clip: _Clip | None = None
        self._free = {on: threading.Event() for on in (True, False)}
        player.set_freewheel_callback(lambda starting: self._free[bool(starting)].set())
        player.set_process_callback(self._play)
        recorder.set_process_callback(self._listen)

    def __enter__(self) -> _Booth:
        self._player.activate()
        self._recorder.activate()
        return self

    def __exit__(self, *_: object) -> None:
        for client in (self._player, self._recorder):
            client.deactivate()
            client.close()

    def record(self, spec: ClipSpec, synth: Child) -> NDArray[np.float32] | None:
        """One clip from the amSynth on this server; None where a cycle of it was lost."""
        self._connect(synth)
        clip = _Clip(spec)
        self._set_freewheel(True, synth)
        try:
            self._clip = clip
            self._waited(clip.done, _LIMIT_S + 10 * spec.length_s, synth)
        finally:
            self._clip = None
            self._set_freewheel(False, synth)
        return clip.audio if clip.whole else None

    def _set_freewheel(self, on: bool, synth: Child) -> None:
        """Returns when the server has said that it does: until then its cycles may still be the others."""
        self._free[on].clear()
        self._player.set_freewheel(on)
        self._waited(self._free[on], _LIMIT_S, synth)

    @staticmethod
    def _waited(event: threading.Event, limit_s: float, synth: Child) -> None:
        end = time.monotonic() + limit_s
        while not event.wait(0.2):
            if not synth.running() or time.monotonic() > end:
                raise LatentdError("amSynth ended or hung while it rendered")

    def _connect(self, synth: Child) -> None:
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
                        raise LatentdError("amSynth did not come to the JACK server") from error
                    time.sleep(0.01)

    def _play(self, frames: int) -> None:
        """JACK's thread: the note, from frame 0 of the cycle that is the clip's first."""
        self._midi.clear_buffer()
        if (clip := self._clip) is not None:
            for offset, message in clip.events(self._player.last_frame_time, frames):
                self._midi.write_midi_event(offset, message)

    def _listen(self, frames: int) -> None:
        """JACK's thread: the answer, in the same cycle."""
        if (clip := self._clip) is not None:
            clip.add(self._recorder.last_frame_time, [port.get_array()[:frames] for port in self._audio])


class _Clip:
    """What is played and heard; all times are JACK's frames, which wrap around at 2³²."""

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
        self._heard = 0

    def events(self, now: int, frames: int) -> list[tuple[int, tuple[int, ...]]]:
        """MIDI of the cycle that begins now: (offset, message)."""
        if self._lead:
            self._lead -= 1
            return []
        if self._start is None:
            self._start = now
        at = (now - self._start) % 2**32
        return [(time - at, message) for time, message in self._events if at <= time < at + frames]

    def add(self, now: int, channels: list[NDArray[np.float32]]) -> None:
        """Audio of the cycle that began now."""
        if self._start is None or self.done.is_set():
            return
        at = (now - self._start) % 2**32
        self.whole &= at == self._heard
        self._heard = at + len(channels[0])
        piece = self.audio[at : self._heard]
        for channel, samples in enumerate(channels):
            piece[:, channel] = samples[: len(piece)]
        if self._heard >= len(self.audio):
            self.done.set()
