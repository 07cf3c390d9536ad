"""The demo's JACK client, a process of its own (`python -m latentd.demo.jack_client`): audio in, recording.

It is a process of its own for the reason the daemon's JACK port is one: Python in a real-time callback may not share
its interpreter lock with busy code. It writes one JSON line to standard output every `REPORT_S`: `peak` since the last
line (1.0 is full scale), `seconds` received, `lost` frames, `xruns`, `clipped` samples. SIGTERM or the end of standard
input ends it in order: file closed, a last line with `done`.
"""

from __future__ import annotations

import contextlib
import gc
import json
import math
import os
import select
import signal
import sys
import threading
import time
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from latentd.synth.amsynth import Array

REPORT_S = 0.1
_CONNECT_EVERY_S = 0.2
_BUFFER_S = 4.0  # how long a write to the disk may take without a loss
_RING_OUT_S = 0.3  # of the last notes, while recording
_FADE_S = 0.02  # at the end of the recording, which would click
_FULL_24 = 2**23 - 1


class DemoCallback:
    """JACK's process callback, called once a period: the synth's sound into two ring buffers."""

    def __init__(self, client: Any, jack: Any) -> None:
        self._client = client
        self._in = [client.inports.register(f"in_{i}") for i in (1, 2)]
        size = int(client.samplerate * _BUFFER_S) * 4
        self.rings = [jack.RingBuffer(size) for _ in self._in]
        self._expected: int | None = None  # the server's frame count of the next period
        self.xruns = self.lost = self.faults = 0

    def __call__(self, frames: int) -> None:
        """Do one period of `frames` frames."""
        try:
            self._capture(frames)
        except Exception:  # JACK never calls a callback again that has raised
            self.faults += 1

    def _capture(self, frames: int) -> None:
        now = self._client.last_frame_time
        if self._expected is not None and now != self._expected:
            ahead = ((now - self._expected + 2**31) & 0xFFFFFFFF) - 2**31
            self.lost += max(ahead, 0)
        self._expected = now + frames & 0xFFFFFFFF
        if min(ring.write_space for ring in self.rings) < 4 * frames:
            self.lost += frames
            return
        for ring, port in zip(self.rings, self._in, strict=True):
            ring.write(port.get_buffer())


class Recorder:
    """Empties the ring buffers: measures the peak, and writes a 24-bit WAV file if there is a path."""

    def __init__(self, path: Path | None, rate_hz: int) -> None:
        self._file: wave.Wave_write | None = None
        if path is not None:
            self._file = wave.open(str(path), "wb")  # noqa: SIM115 - closed by `close`, at the end of the process
            self._file.setnchannels(2)
            self._file.setsampwidth(3)
            self._file.setframerate(rate_hz)
        self._rate_hz = rate_hz
        self._end = np.zeros((0, 2))  # not yet written: the fade needs the last frames
        self.peak = self._highest = self._squares = 0.0
        self.frames = self.clipped = 0

    def take(self, rings: Sequence[Any]) -> None:
        """Empty the rings as far as both hold the same frames."""
        size = min(ring.read_space for ring in rings) & ~3
        if not size:
            return
        sides = [np.frombuffer(bytes(ring.read(size)), dtype=np.float32) for ring in rings]
        block = np.stack(sides, axis=1).astype(np.float64)
        self.frames += len(block)
        peak = float(np.max(np.abs(block)))
        self.peak = max(self.peak, peak)
        self._highest = max(self._highest, peak)
        self._squares += float(np.mean(np.square(block))) * len(block)
        self.clipped += int(np.count_nonzero(np.abs(block) > 1.0))
        if self._file is not None:
            self._write(self._file, block)

    def _write(self, file: wave.Wave_write, block: Array) -> None:
        """Write all but the last frames, which may be the end of the recording."""
        block = np.concatenate([self._end, block])
        kept = min(round(_FADE_S * self._rate_hz), len(block))
        file.writeframesraw(to_24_bit(block[: len(block) - kept]))
        self._end = block[len(block) - kept :]

    def facts(self) -> dict[str, float]:
        """What `latentd demo` shows; resets the peak."""
        peak, self.peak = self.peak, 0.0
        return {"peak": round(peak, 5), "seconds": round(self.frames / self._rate_hz, 3), "clipped": self.clipped}

    def summary(self) -> dict[str, float]:
        """Highest peak and root mean square of everything received; 1.0 is full scale."""
        rms = math.sqrt(self._squares / self.frames) if self.frames else 0.0
        return {"highest": round(self._highest, 5), "rms": round(rms, 6)}

    def close(self) -> None:
        """Complete the file with a fade at its end."""
        if self._file is not None:
            self._file.writeframesraw(to_24_bit(self._end * np.linspace(1.0, 0.0, len(self._end))[:, None]))
            self._file.close()


def to_24_bit(block: Array) -> bytes:
    """Samples (frames, channels), clipped to -1..1, as little-endian 24-bit frames."""
    whole = np.round(np.clip(block, -1.0, 1.0) * _FULL_24).astype("<i4")
    return whole.reshape(-1, 1).view(np.uint8).reshape(-1, 4)[:, :3].tobytes()


class AutoConnect:
    """Connects to the synth as soon as its ports exist, and the synth to the loudspeakers unless it is connected."""

    def __init__(self, client: Any, synth: str) -> None:
        self._client = client
        self._synth = synth
        self.connected = False

    def poll(self) -> None:
        """Connect if the synth's ports exist."""
        if not self.connected:
            names = {port.name for port in self._client.get_ports(f"{self._synth}:.*")}
            wanted = [f"{self._synth}:{end}" for end in ("L out", "R out")]
            if all(name in names for name in wanted):
                for source, port in zip(wanted, self._client.inports, strict=True):
                    self._connect(source, port.name)
                self._to_loudspeakers(wanted)
                self.connected = True

    def _to_loudspeakers(self, sources: Sequence[str]) -> None:
        speakers = self._client.get_ports(is_audio=True, is_input=True, is_physical=True)[:2]
        for source, speaker in zip(sources, speakers, strict=False):
            if not [p for p in self._client.get_all_connections(source) if p.is_physical]:
                self._connect(source, speaker.name)

    def _connect(self, source: str, destination: str) -> None:
        with contextlib.suppress(Exception):  # connected already, or the port has just gone
            self._client.connect(source, destination)


def report(**facts: object) -> None:
    """Write one line for `latentd demo`; it is lost if the pipe is full."""
    with contextlib.suppress(OSError):
        os.write(1, json.dumps(facts).encode() + b"\n")


def run(jack: Any, name: str, synth: str, record: str, ending: threading.Event) -> int:
    """Run the client until `ending`; returns the exit code."""
    client = jack.Client(name, no_start_server=True)
    callback = DemoCallback(client, jack)
    recorder = Recorder(Path(record) if record else None, client.samplerate)
    gone = threading.Event()
    client.set_process_callback(callback)
    client.set_xrun_callback(lambda _us: setattr(callback, "xruns", callback.xruns + 1))
    client.set_shutdown_callback(lambda _status, _reason: _server_ended(gone, ending))
    gc.collect()
    gc.freeze()
    gc.disable()
    client.activate()
    connections = AutoConnect(client, synth)
    polled = 0.0

    def capture(until: float | None = None) -> None:
        nonlocal polled
        while not gone.is_set() and (time.monotonic() < until if until else not ending.is_set()):
            now = time.monotonic()
            if not connections.connected and now - polled >= _CONNECT_EVERY_S:
                polled = now
                connections.poll()
            time.sleep(REPORT_S) if until else ending.wait(REPORT_S)
            recorder.take(callback.rings)
            report(**recorder.facts(), xruns=callback.xruns, lost=callback.lost, faults=callback.faults)

    try:
        capture()
        if not gone.is_set():
            capture(time.monotonic() + (_RING_OUT_S if record else 0.02))
            client.deactivate()
        recorder.take(callback.rings)
    finally:
        recorder.close()
    report(
        done=True,
        **recorder.facts(),
        **recorder.summary(),
        xruns=callback.xruns,
        lost=callback.lost,
        faults=callback.faults,
    )
    return 3 if gone.is_set() else 0


def main(arguments: Sequence[str]) -> int:
    """Arguments: client name, synth's client name, file to record into or an empty string."""
    ending = threading.Event()
    terminated, terminate = os.pipe()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Through a pipe: a handler that sets an event while the same thread waits for it can deadlock.
    signal.signal(signal.SIGTERM, lambda *_: _close(terminate))
    os.set_blocking(1, False)
    threading.Thread(target=_wait_for_end, args=(terminated, ending), daemon=True).start()
    try:
        import jack
    except OSError as error:
        sys.stderr.write(f"no JACK library: {error}\n")
        return 4
    jack.set_error_function(lambda _text: None)
    jack.set_info_function(lambda _text: None)
    name, synth, record = arguments
    try:
        return run(jack, name, synth, record, ending)
    except jack.JackOpenError as error:
        sys.stderr.write(f"the JACK server does not answer: {error}\n")
    except OSError as error:
        sys.stderr.write(f"{record}: {error.strerror}\n")
    return 1


def _close(pipe: int) -> None:
    with contextlib.suppress(OSError):  # closed already
        os.close(pipe)


def _server_ended(gone: threading.Event, ending: threading.Event) -> None:
    gone.set()
    ending.set()


def _wait_for_end(terminated: int, ending: threading.Event) -> None:
    """Standard input ends when `latentd demo` does; `terminated` is readable after SIGTERM."""
    while not ending.is_set():
        ready, _, _ = select.select([0, terminated], [], [])
        if terminated in ready or not os.read(0, 64):
            ending.set()


if __name__ == "__main__":
    try:
        code = main(sys.argv[1:])
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    sys.stderr.flush()
    os._exit(code)  # without the interpreter's own shutdown: libjack's threads may still call into it
