"""OSC datagram to the real amSynth's acknowledgement of the patch, seen on the wire between the two.

A relay stands between latentd and amSynth: amSynth announces itself to the relay and the relay to latentd, and each
datagram is passed on as it is. The time runs from just before the point is sent to the arrival of amSynth's answer at
the relay, so it holds one hop more than a rig has: the figure errs on the slow side.
"""

from __future__ import annotations

import random
import select
import socket
import time
from types import TracebackType

from tests.bench.report import Figure, run, spread
from tests.support.daemon import Daemon, free_port, latentd
from tests.support.rig import LIMIT_S, amsynth, jackd, wait_for

POINTS = 150
QUIET_S = 0.25
_ACKNOWLEDGED = b"/reply\0\0,ss\0/nsm/client/open\0"


class Relay:
    """Two sockets: the one that amSynth knows as its NSM server, and the one that latentd knows as amSynth."""

    def __init__(self, daemon_port: int) -> None:
        self._to_daemon = ("127.0.0.1", daemon_port)
        self._synth: tuple[str, int] | None = None
        self._server = self._open()
        self._client = self._open()
        self.port: int = self._server.getsockname()[1]
        self.acknowledgements = 0
        self.last_s = 0.0  # when the last one came

    def _open(self) -> socket.socket:
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        opened.bind(("127.0.0.1", 0))
        return opened

    def pass_on(self, limit_s: float) -> bool:
        """Wait for one datagram and pass it on; False when none came."""
        ready = select.select([self._server, self._client], [], [], limit_s)[0]
        if self._server in ready:
            datagram, self._synth = self._server.recvfrom(65536)
            if datagram.startswith(_ACKNOWLEDGED):
                self.last_s = time.monotonic()
                self.acknowledgements += 1
            self._client.sendto(datagram, self._to_daemon)
        if self._client in ready and self._synth is not None:
            self._server.sendto(self._client.recv(65536), self._synth)
        return bool(ready)

    def pass_on_until_quiet(self, seconds: float) -> None:
        """Pass on until nothing has come for `seconds`."""
        while self.pass_on(seconds):
            pass

    def acknowledged_s(self, daemon: Daemon, x: float, y: float) -> float:
        """Send latentd a point; seconds until amSynth has acknowledged the first patch that followed."""
        before = self.acknowledgements
        start = time.monotonic()
        daemon.send("/xy", x, y)
        while self.acknowledgements == before:
            assert self.pass_on(LIMIT_S), "no acknowledgement"
        return self.last_s - start

    def __enter__(self) -> Relay:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.close()
        self._client.close()


def bench() -> list[Figure]:
    """Random points, each after the last one's patches have ended."""
    rng, port = random.Random(1), free_port()
    with (
        jackd() as server,
        Relay(port) as relay,
        latentd("--output", "osc", env=server.env, port=port) as daemon,
        amsynth(server, nsm_port=relay.port),
    ):
        relay.pass_on_until_quiet(0.5)
        wait_for(lambda: relay.pass_on(0.0) or daemon.status()["ways"]["osc"]["connected"], "latentd to reach amSynth")
        found = []
        for _ in range(POINTS + 5):
            relay.pass_on_until_quiet(QUIET_S + rng.uniform(0.0, 0.005))
            found.append(relay.acknowledged_s(daemon, rng.random(), rng.random()) * 1e3)
        relay.pass_on_until_quiet(QUIET_S)
        facts = daemon.status()
    own = facts["ways"]["osc"]["round_trip"]
    return [
        *spread("datagram to acknowledgement", found[5:], "ms", 1.0),
        Figure("latentd's own: datagram to output, median", facts["latency"]["p50_ms"], "ms"),
        Figure("latentd's own: output to acknowledgement, median", own["p50_ms"], "ms"),
        Figure("answers that latentd missed", facts["ways"]["osc"]["missing"], ""),
    ]


if __name__ == "__main__":
    run({"acknowledged": bench})
