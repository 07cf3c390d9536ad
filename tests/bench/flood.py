"""20,000 datagrams a second for 10 s: what latentd still does meanwhile, and how soon it shows the newest point.

The sender is a process of its own: by the clock, each millisecond, as many datagrams as are due. It ends with one more
point, and asks for the status until that is where the pad's point is: it has then been decoded and handed over.
Datagrams that find no room in the socket's buffer are dropped, and counted, by the kernel (/proc/net/udp).
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from latentd.osc import packets
from latentd.osc.client import Client
from tests.bench import usage
from tests.bench.report import Figure, run
from tests.support.daemon import Daemon, free_port, latentd
from tests.support.rig import amsynth, jackd, wait_for

RATE_HZ, SECONDS = 20_000, 10.0
BURSTS, BURST_S = 20, 0.3
_TICK_S = 0.001
_GIVE_UP_S = 5.0
_ADDRESS = "/latentd/xy"  # obeyed to the digit: no filter between the point and what status tells
_LAST = (0.125, 0.875)


def send(port: int, seconds: float) -> dict[str, float]:
    """The flood and the wait for its last point: datagrams sent, the seconds they took, milliseconds waited."""
    datagrams = [packets.write(_ADDRESS, i / 4096.0, 1.0 - i / 4096.0) for i in range(4096)]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender, Client(f"127.0.0.1:{port}") as client:
        sender.connect(("127.0.0.1", port))
        start = time.monotonic()
        sent = asked = 0
        while (elapsed := time.monotonic() - start) < seconds:
            for _ in range(int(elapsed * RATE_HZ) - sent):
                sender.send(datagrams[sent & 4095])
                sent += 1
            time.sleep(_TICK_S)
        sender.send(packets.write(_ADDRESS, *_LAST))
        end = time.monotonic()
        while True:
            asked += 1
            if client.status(limit_s=_GIVE_UP_S)["xy"] == list(_LAST):
                break
            assert time.monotonic() < end + _GIVE_UP_S, "the last point was lost"
        return {
            "sent": sent + 1,
            "asked": asked,
            "seconds": elapsed,
            "newest_ms": (time.monotonic() - end) * 1e3,
        }


def dropped(port: int) -> int:
    """Datagrams that the kernel dropped before this UDP port."""
    for line in Path("/proc/net/udp").read_text(encoding="utf-8").splitlines()[1:]:
        fields = line.split()
        if int(fields[1].split(":")[1], 16) == port:
            return int(fields[12])
    raise LookupError(f"nobody listens on UDP port {port}")


def _counters(daemon: Daemon) -> dict[str, int]:
    """latentd's counters, and the synth's answers among its datagrams."""
    facts = daemon.status()
    return {**facts["counters"], "acknowledged": facts["ways"]["osc"]["acknowledged"]}


class Flood:
    """One flood of a daemon, and what was seen meanwhile."""

    def __init__(self, daemon: Daemon, seconds: float) -> None:
        self.answers_ms: list[float] = []
        self.memory_mb: list[float] = []
        lost, before = dropped(daemon.port), _counters(daemon)
        argv = [sys.executable, "-m", "tests.bench.flood", "--send", str(daemon.port), str(seconds)]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as sender:
            while sender.poll() is None:
                self._look(daemon)
            assert sender.stdout is not None
            self.said: dict[str, Any] = json.loads(sender.stdout.read())
        after = _counters(daemon)
        gained = {name: after[name] - before[name] for name in after}
        self.dropped = dropped(daemon.port) - lost
        others = len(self.answers_ms) + self.said["asked"] + 1 + gained["acknowledged"]  # 1: the counters themselves
        self.astray = self.said["sent"] + others - gained["received"] - self.dropped
        self.uncounted = gained["received"] - others - gained["used"] - gained["superseded"]

    def _look(self, daemon: Daemon) -> None:
        start = time.monotonic()
        with Client(f"127.0.0.1:{daemon.port}") as client:
            client.status(limit_s=_GIVE_UP_S)
        self.answers_ms.append((time.monotonic() - start) * 1e3)
        self.memory_mb.append(usage.memory_mb(daemon.pid)["rss"])
        time.sleep(0.05)


def bench() -> list[Figure]:
    """One long flood, and several short ones for more than one figure of the time to the newest point."""
    port = free_port()
    with (
        jackd() as server,
        latentd("--output", "osc", env=server.env, port=port) as daemon,
        amsynth(server, nsm_port=port),
    ):
        wait_for(lambda: daemon.status()["ways"]["osc"]["connected"], "latentd to reach amSynth")
        Flood(daemon, 1.0)  # buffers and tables reach their size
        cpu_s = usage.cpu_s(daemon.pid)
        long = Flood(daemon, SECONDS)
        cpu = (usage.cpu_s(daemon.pid) - cpu_s) / SECONDS * 100.0
        short = [Flood(daemon, BURST_S) for _ in range(BURSTS)]
    newest = sorted(flood.said["newest_ms"] for flood in (long, *short))
    rate = long.said["sent"] / long.said["seconds"]
    return [
        Figure(f"datagrams a second, for {SECONDS:.0f} s", rate, "/s", 0.99 * RATE_HZ, least=True),
        Figure("engine meanwhile", cpu, "%"),
        Figure(f"status answered: slowest of {len(long.answers_ms)}", max(long.answers_ms), "ms", 100.0),
        Figure("newest point out after the long flood", long.said["newest_ms"], "ms", 10.0),
        Figure(f"newest point out: median of {len(newest)} floods", newest[len(newest) // 2], "ms", 10.0),
        Figure(f"newest point out: worst of {len(newest)} floods", newest[-1], "ms"),
        Figure("memory grown", long.memory_mb[-1] - long.memory_mb[0], "MB", 1.0),
        Figure("dropped by the kernel", long.dropped / long.said["sent"] * 100.0, "%"),
        Figure("datagrams that nobody counted", abs(long.astray), "", 0.0),
        Figure("points neither used nor superseded", abs(long.uncounted), "", 0.0),
    ]


if __name__ == "__main__":
    if sys.argv[1:2] == ["--send"]:
        print(json.dumps(send(int(sys.argv[2]), float(sys.argv[3]))), flush=True)
    else:
        run({"flood": bench})
