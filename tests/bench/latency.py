"""OSC datagram to the first CC on a JACK port at 64 frames, latentd and a bare forwarder in turns on one server."""

from __future__ import annotations

import contextlib
import random
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.bench.probe import PORT, Probe
from tests.bench.report import Figure, run, spread
from tests.support.daemon import free_port, latentd, mapped
from tests.support.rig import Server, jackd, wait_for

PERIOD = 64
# An answer that is written at a random moment waits half a period for the next cycle, on average.
FLOOR_MS = PERIOD / 48_000 * 500.0
ALLOWED_MS = 0.3
ROUNDS = 3


class Case(NamedTuple):
    """How the points come. `quiet_s` must pass without a CC before the next one, so that every CC has its point."""

    name: str
    points: int
    quiet_s: float
    settings: tuple[str, ...]


CASES = (
    # As a controller sends. Without ramps and waiting switches, as their CCs would be taken for the next point's.
    Case("every 20 ms", 200, 0.018, ("timbre_s=0", "pitch_s=0", "time_s=0", "dwell_s=0")),
    # The first touch after a rest finds the processor's caches cold. As installed: ramps end after 0.3 s at most, and a
    # switch held back by its dwell comes after 0.15 s of silence.
    Case("after a rest", 50, 0.25, ()),
)


@contextlib.contextmanager
def _playing(server: Server, controllers: Path, settings: Sequence[str]) -> Iterator[int]:
    """latentd with these settings, playing into the probe; yields its UDP port."""
    chosen = (f"controllers={controllers}", f"jack.playback={PORT}", *(f"shaping.{text}" for text in settings))
    options = [part for text in chosen for part in ("--set", text)]
    with latentd("--output", "jack", *options, env=server.env) as daemon:
        wait_for(lambda: PORT in server.connections("latentd:midi_out"), "latentd to reach the probe")
        yield daemon.port


@contextlib.contextmanager
def _forwarding(server: Server, _controllers: Path, _settings: Sequence[str]) -> Iterator[int]:
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


def _case(server: Server, controllers: Path, probe: Probe, case: Case) -> list[Figure]:
    """Both sides, ROUNDS times in turns."""
    rng = random.Random(1)
    answers: dict[str, list[float | None]] = {side: [] for side in SIDES}
    for _ in range(ROUNDS):
        for side, started in SIDES.items():
            with started(server, controllers, case.settings) as port:
                points = [(rng.random(), rng.random()) for _ in range(case.points + 5)]
                answers[side] += probe.answers_ms(port, "/xy", points, case.quiet_s)[5:]  # the first warm it up
    times = {side: [t for t in found if t is not None] for side, found in answers.items()}
    ours, bare = (statistics.median(times[side]) for side in SIDES)
    return [
        *spread(f"{case.name}: latentd", times["latentd"], "ms", FLOOR_MS + ALLOWED_MS),
        *spread(f"{case.name}: bare forwarder", times["bare forwarder"], "ms"),
        Figure(f"{case.name}: latentd - bare forwarder, medians", ours - bare, "ms"),
        Figure(f"{case.name}: latentd / bare forwarder, medians", ours / bare, ""),
        *(Figure(f"{case.name}: {side}: without an answer", answers[side].count(None), "") for side in SIDES),
    ]


def bench() -> list[Figure]:
    """Random points on the whole pad, in both cases."""
    with jackd(PERIOD) as server, mapped() as controllers, Probe(server) as probe:
        found = [figure for case in CASES for figure in _case(server, controllers, probe, case)]
    return [*found, Figure("half a period, the floor of the median", FLOOR_MS, "ms")]


if __name__ == "__main__":
    run({"latency": bench})
