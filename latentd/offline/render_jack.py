"""amSynth itself on a JACK server of its own, in freewheel: for machines that DawDreamer does not exist for (arm64).

A clip needs a synth that has not played before, so each clip gets a new amSynth, which is told its patch as an NSM
session (all 41 values as floats) before anything sounds.

Not the same to the bit as the plugin, nor from run to run: the clip comes one period later, and amSynth runs for some
periods before its note, which moves the phases of its LFO and the place in its noise.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latentd import amsynth, banks, osc
from latentd.errors import LatentdError
from latentd.offline.take import RATE, Take

_PERIOD = 128
_LIMIT_S = 30.0
_CHANNELS = 2


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
    """A private JACK server, in freewheel while a clip is played.

    Raises:
        LatentdError: jackd, amsynth or JACK-Client is missing, or the server does not start.
    """

    def __init__(self) -> None:
        if shutil.which("jackd") is None:
            raise LatentdError("jackd is not there", "Install it: apt-get install jackd2")
        program()
        self._end = contextlib.ExitStack()
        self._home = Path(self._end.enter_context(tempfile.TemporaryDirectory(prefix="latentd-render-")))
        name = f"latentd-render-{os.getpid()}"
        os.environ |= {"JACK_DEFAULT_SERVER": name, "JACK_NO_START_SERVER": "1"}
        argv = ["jackd", "-r", "-n", name, "-d", "dummy", "-r", str(RATE), "-p", str(_PERIOD)]
        self._end.enter_context(_running(argv, dict(os.environ)))
        self._client = self._end.enter_context(self._joined())

    def _joined(self) -> Any:
        import jack

        end = time.monotonic() + _LIMIT_S
        while True:
            try:
                return _Recorder(jack.Client("recorder", no_start_server=True))
            except jack.JackOpenError as error:
                if time.monotonic() > end:
                    raise LatentdError("A private JACK server did not start", "Try: jackd -d dummy") from error
                time.sleep(0.05)

    def play(self, params: NDArray[np.float32], take: Take) -> NDArray[np.float32]:
        """Audio (samples, 2) of params (41,) in 0..1, through an amSynth made for it.

        Raises:
            LatentdError: the synth did not start, or ended.
        """
        patch = amsynth.to_patch(params.astype(np.float64))
        with _Session(self._home, patch) as session, _running(session.argv, session.env) as synth:
            session.open(synth)
            return np.asarray(self._client.record(take, lambda: synth.poll() is None))

    def close(self) -> None:
        """End the server."""
        self._end.close()


class _Recorder:
    """A JACK client that plays one note to amSynth and records what it answers."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._midi = client.midi_outports.register("midi")
        self._audio = [client.inports.register(side) for side in ("left", "right")]
        self._take: Take | None = None
        self._at = 0
        self._clip = np.zeros((0, _CHANNELS), np.float32)
        self._done = threading.Event()
        client.set_process_callback(self._process)

    def __enter__(self) -> _Recorder:
        self._client.activate()
        return self

    def __exit__(self, *_: object) -> None:
        self._client.deactivate()
        self._client.close()

    def record(self, take: Take, alive: Callable[[], bool]) -> NDArray[np.float32]:
        """One clip from the amSynth on this server."""
        self._connect()
        self._clip = np.zeros((take.samples, _CHANNELS), np.float32)
        self._at = 0
        self._done.clear()
        self._client.set_freewheel(True)
        self._take = take
        end = time.monotonic() + _LIMIT_S + take.length_s
        try:
            while not self._done.wait(0.2):
                if not alive() or time.monotonic() > end:
                    raise LatentdError("amSynth ended or hung while it rendered")
        finally:
            self._take = None
            self._client.set_freewheel(False)
        return self._clip

    def _connect(self) -> None:
        import jack

        end = time.monotonic() + _LIMIT_S
        pairs = [(self._midi, "amsynth:midi_in"), ("amsynth:L out", self._audio[0]), ("amsynth:R out", self._audio[1])]
        for source, target in pairs:
            while True:
                try:
                    self._client.connect(source, target)
                    break
                except jack.JackError as error:
                    if time.monotonic() > end:
                        raise LatentdError("amSynth did not come to the JACK server") from error
                    time.sleep(0.01)

    def _process(self, frames: int) -> None:
        """JACK's thread: notes out, audio in. Audio of a period answers its MIDI, in the same cycle or the next."""
        self._midi.clear_buffer()
        take = self._take
        if take is None or self._done.is_set():
            return
        for at, status, velocity in ((0, 0x90, take.velocity), (round(take.held * RATE), 0x80, 0)):
            if self._at <= at < self._at + frames:
                self._midi.write_midi_event(at - self._at, (status, take.note, velocity))
        count = min(frames, take.samples - self._at)
        for channel, port in enumerate(self._audio):
            self._clip[self._at : self._at + count, channel] = port.get_array()[:count]
        self._at += count
        if self._at >= take.samples:
            self._done.set()


class _Session:
    """The NSM server that one amSynth announces itself to, and the bank that it is told to open."""

    def __init__(self, home: Path, patch: amsynth.Array) -> None:
        self._folder = Path(tempfile.mkdtemp(dir=home))
        (self._folder / "config" / "amsynth").mkdir(parents=True)
        (self._folder / "data").mkdir()
        preset = banks.Preset.from_patch("clip", patch)
        banks.write(self._folder / "bank", banks.Bank((preset,)))
        (self._folder / "preset_number").write_text("0", encoding="ascii")
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0.2)
        self.argv = [str(program()), "-x", "-a", "jack", "-n", "amsynth"]
        self.env = dict(os.environ) | {
            "XDG_CONFIG_HOME": str(self._folder / "config"),
            "XDG_DATA_HOME": str(self._folder / "data"),
            "NSM_URL": f"osc.udp://127.0.0.1:{self._socket.getsockname()[1]}/",
        }

    def __enter__(self) -> _Session:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def open(self, synth: subprocess.Popen[bytes]) -> None:
        """Wait for the announcement, and have the bank opened."""
        sender = self._heard("/nsm/server/announce", synth)
        self._send(sender, "/reply", "/nsm/server/announce", "latentd", "latentd", ":server-control:")
        self._send(sender, "/nsm/client/open", str(self._folder), "clip", "clip")
        self._heard("/reply", synth)

    def _send(self, to: tuple[str, int], address: str, *args: str) -> None:
        self._socket.sendto(osc.write(address, *args), to)

    def _heard(self, address: str, synth: subprocess.Popen[bytes]) -> tuple[str, int]:
        end = time.monotonic() + _LIMIT_S
        while time.monotonic() < end and synth.poll() is None:
            with contextlib.suppress(TimeoutError):
                data, sender = self._socket.recvfrom(65536)
                if any(message.address == address for message in osc.read(data)):
                    return str(sender[0]), int(sender[1])
        raise LatentdError(f"amSynth said no {address}", "Run it by hand to see why: amsynth -x -a jack")


@contextlib.contextmanager
def _running(argv: list[str], env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    nowhere = subprocess.DEVNULL
    process = subprocess.Popen(argv, env=env, stdin=nowhere, stdout=nowhere, stderr=nowhere)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(5.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
