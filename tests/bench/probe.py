"""A JACK client that notes when MIDI reaches it, in a process of its own.

Its port is `probe:in`. One JSON command a line on standard input, one JSON answer a line on standard output:

    {"send": PORT, "points": [[x, y], ...], "address": A, "quiet_s": Q}   -> [milliseconds or null, ...]
    {"first": true}                                                    -> monotonic seconds of the next event

For each point a datagram goes to 127.0.0.1:PORT; the answer is the time from just before `sendto` to the process
callback of the first cycle that holds a new value of a CC (values told again after an xrun are none). The next point
waits until nothing has come for `quiet_s` seconds, so that no ramp of the last one is taken for an answer, and a random
part of a period more.
"""

from __future__ import annotations

import gc
import json
import os
import random
import select
import socket
import sys
import time
from collections.abc import Sequence
from typing import Any

from latentd.osc import packets
from tests.support.helper_process import HelperProcess
from tests.support.rig import LIMIT_S, Server, wait_for

PORT = "probe:in"
_GIVE_UP_S = 1.0


class Probe(HelperProcess):
    """The bench's end of that process."""

    def __init__(self, server: Server) -> None:
        super().__init__("tests.bench.probe", env=server.env)
        wait_for(lambda: PORT in server.ports(), "the probe's port")

    def ask(self, **command: object) -> Any:
        """One command and its answer."""
        self.write(json.dumps(command))
        return json.loads(self.read())

    def answers_ms(
        self, port: int, address: str, points: Sequence[tuple[float, float]], quiet_s: float
    ) -> list[float | None]:
        """Milliseconds from each point's datagram to the first MIDI event; None where none came within a second.

        A JACK server that is late (an xrun) skips clients for a cycle, and what they wrote for it is lost.
        """
        times: list[float | None] = self.ask(send=port, address=address, points=points, quiet_s=quiet_s)
        return times


class _Ear:
    """The process callback, and the main thread's wait for it."""

    def __init__(self, jack: Any, client: Any) -> None:
        self._in = client.midi_inports.register("in")
        # An empty cycle shall cost next to nothing, or the probe cools the caches of what it measures.
        self._lib, self._port = jack._lib, self._in._ptr
        self._wake = os.eventfd(0)
        self._held: dict[bytes, bytes] = {}  # status and control -> value
        self.armed = False
        self.first_ns = self.last_ns = 0
        client.set_process_callback(self._process)

    def _process(self, frames: int) -> None:
        if not self._lib.jack_midi_get_event_count(self._lib.jack_port_get_buffer(self._port, frames)):
            return
        now_ns = time.monotonic_ns()  # reading sixteen events would count against who sent sixteen
        new = False
        for _offset, event in self._in.incoming_midi_events():
            data = bytes(event)
            new = self._held.get(data[:2]) != data[2:] or new
            self._held[data[:2]] = data[2:]
        if not new:
            return
        self.last_ns = now_ns
        if self.armed:
            self.armed, self.first_ns = False, self.last_ns
            os.eventfd_write(self._wake, 1)

    def listen(self) -> None:
        """From now on the next event is the first."""
        self.armed = True

    def wait(self, limit_s: float | None) -> bool:
        """Wait for the first event without holding the interpreter's lock; False when none came."""
        if not select.select([self._wake], [], [], limit_s)[0]:
            self.armed = False
            return False
        os.eventfd_read(self._wake)
        return True

    def wait_for_quiet(self, seconds: float) -> None:
        while (left := seconds - (time.monotonic_ns() - self.last_ns) * 1e-9) > 0.0:
            time.sleep(left)


def _answers(ear: _Ear, command: dict[str, Any]) -> list[float | None]:
    found: list[float | None] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect(("127.0.0.1", command["send"]))
        for x, y in command["points"]:
            ear.wait_for_quiet(command["quiet_s"])
            time.sleep(random.uniform(0.0, 0.005))
            datagram = packets.write(command["address"], x, y)
            ear.listen()
            start_ns = time.monotonic_ns()
            sender.send(datagram)
            found.append((ear.first_ns - start_ns) * 1e-6 if ear.wait(_GIVE_UP_S) else None)
    return found


def main() -> None:
    """The process."""
    import jack

    client = jack.Client("probe", use_exact_name=True, no_start_server=True)
    ear = _Ear(jack, client)
    gc.collect()
    gc.freeze()
    gc.disable()
    client.activate()
    for line in sys.stdin:
        command = json.loads(line)
        if "send" in command:
            answer: object = _answers(ear, command)
        else:
            ear.listen()
            answer = ear.first_ns * 1e-9 if ear.wait(LIMIT_S) else None
        print(json.dumps(answer), flush=True)
    client.deactivate()
    client.close()


if __name__ == "__main__":
    main()
