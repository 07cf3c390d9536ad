"""OSC datagram to the first CC on a JACK port at 64 frames, latentd and a bare forwarder in turns on one server."""

from __future__ import annotations

import contextlib
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from latentd import midimap
from tests.bench.probe import PORT, Probe
from tests.bench.report import Figure, run, spread
from tests.daemon import free_port, latentd
from tests.rig import Server, jackd, wait_for

PERIOD = 64
# An answer that is written at a random moment waits half a period for the next cycle, on average.
FLOOR_MS = PERIOD / 48_000 * 500.0
ALLOWED_MS = 0.3
ROUNDS, POINTS = 3, 60
# Ramps end after 0.3 s at most; a switch held back by its dwell comes after 0.15 s of silence.
QUIET_S = 0.25


@contextlib.contextmanager
def our_midimap() -> Iterator[Path]:
    """A controllers file that reaches all 41 parameters."""
    with tempfile.TemporaryDirectory(prefix="latentd-bench-") as folder:
        path = Path(folder) / "controllers"
        path.write_text(midimap.OURS.text(), encoding="utf-8")
        yield path


@contextlib.contextmanager
def _playing(server: Server, controllers: Path) -> Iterator[int]:
    """latentd as it is installed, except for the port that it plays into; yields its UDP port."""
    options = ("--output", "jack", "--set", f"controllers={controllers}", "--set", f"jack.playback={PORT}")
    with latentd(*options, env=server.env) as daemon:
        wait_for(lambda: PORT in server.connections("latentd:midi_out"), "latentd to reach the probe")
        yield daemon.port


@contextlib.contextmanager
def _forwarding(server: Server, _controllers: Path) -> Iterator[int]:
    """The bare forwarder; yields its UDP port."""
    port = free_port()
    argv = [sys.executable, "-m", "tests.bench.forwarder", str(port), PORT]
    with subprocess.Popen(argv, env=server.env, start_new_session=True) as process:
        try:
            wait_for(lambda: PORT in server.connections("bare:midi_out"), "the forwarder to reach the probe")
            yield port
        finally:
            process.kill()
    wait_for(lambda: "bare:midi_out" not in server.ports(), "the forwarder's port to go")


SIDES = {"latentd": _playing, "bare forwarder": _forwarding}


def bench() -> list[Figure]:
    """Both sides, ROUNDS times in turns, POINTS random points each time."""
    rng = random.Random(1)
    answers: dict[str, list[float | None]] = {side: [] for side in SIDES}
    with jackd(PERIOD) as server, our_midimap() as controllers, Probe(server) as probe:
        for _ in range(ROUNDS):
            for side, started in SIDES.items():
                with started(server, controllers) as port:
                    points = [(rng.random(), rng.random()) for _ in range(POINTS + 5)]
                    answers[side] += probe.answers_ms(port, "/xy", points, QUIET_S)[5:]  # the first warm it up
    times = {side: [t for t in found if t is not None] for side, found in answers.items()}
    medians = {side: statistics.median(found) for side, found in times.items()}
    return [
        *spread("latentd", times["latentd"], "ms", FLOOR_MS + ALLOWED_MS),
        *spread("bare forwarder", times["bare forwarder"], "ms"),
        Figure("latentd - bare forwarder, medians", medians["latentd"] - medians["bare forwarder"], "ms"),
        Figure("latentd / bare forwarder, medians", medians["latentd"] / medians["bare forwarder"], ""),
        *(Figure(f"{side}: answers lost to xruns", found.count(None), "") for side, found in answers.items()),
        Figure("half a period, the floor of the median", FLOOR_MS, "ms"),
    ]


if __name__ == "__main__":
    run({"latency": bench})
