"""Memory, and the time from the start of `latentd run` to the first patch."""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

from latentd.osc import packets
from tests.bench import usage
from tests.bench.acknowledged import Relay
from tests.bench.cpu import play
from tests.bench.probe import PORT, Probe
from tests.bench.report import Figure, run
from tests.support.daemon import Daemon, free_port, latentd, mapped
from tests.support.rig import LIMIT_S, Program, Server, amsynth, jackd, wait_for

STARTS = 7
HEAVY = ("torch", "scipy", "pandas", "matplotlib")


def _heavy_imports() -> int:
    """How many of the libraries that the daemon must not pull are loaded with it."""
    code = (
        "import json, sys, latentd.daemon.service, latentd.cli.run, latentd.outputs.jack.child\n"
        "print(json.dumps([name.partition('.')[0] for name in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=LIMIT_S)
    return len(set(HEAVY) & set(json.loads(done.stdout)))


@contextlib.contextmanager
def _pointing(daemon: Daemon) -> Iterator[None]:
    """A controller that is already moving when the daemon comes up: 200 points a second, another one each time."""
    done = threading.Event()

    def work() -> None:
        count = 0
        while not done.wait(0.005):
            count += 1
            daemon.send_bytes(packets.write("/xy", count % 97 / 97.0, count % 89 / 89.0))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _restarted(daemon: Daemon) -> float:
    """End it in order and start it again; the moment of the start."""
    assert daemon.end() == 0
    start = time.monotonic()
    Program.start(daemon)  # without waiting until it answers
    return start


def _to_acknowledgement_s(server: Server) -> list[float]:
    """Starts beside a running amSynth, which the daemon's state folder knows."""
    port, found = free_port(), []
    with (
        Relay(port) as relay,
        latentd("--output", "osc", env=server.env, port=port) as daemon,
        amsynth(server, nsm_port=relay.port),
    ):
        relay.pass_on_until_quiet(1.0)
        for _ in range(STARTS):
            start = _restarted(daemon)
            relay.pass_on_until_quiet(0.0)
            before = relay.acknowledgements
            with _pointing(daemon):
                # The first answer is to the daemon's question whether amSynth is there, the second to a patch.
                while relay.acknowledgements < before + 2:
                    assert relay.pass_on(LIMIT_S), daemon.log_text()
            found.append(relay.last_s - start)
            relay.pass_on_until_quiet(0.5)
    return found


def _to_cc_s(server: Server) -> list[float]:
    """Starts until the first CC arrives at the JACK port that latentd plays into."""
    found = []
    with (
        mapped() as controllers,
        Probe(server) as probe,
        latentd(
            "--output", "jack", "--set", f"controllers={controllers}", "--set", f"jack.playback={PORT}", env=server.env
        ) as daemon,
    ):
        for _ in range(STARTS):
            wait_for(daemon.answers, "latentd to answer")
            start = _restarted(daemon)
            with _pointing(daemon):
                found.append(probe.ask(first=True) - start)
    return found


def _memory(server: Server) -> list[Figure]:
    """Of both processes after half a minute of playing over both ways in: `auto`, with amSynth answering."""
    port = free_port()
    with latentd(env=server.env, port=port) as daemon, amsynth(server, nsm_port=port):
        wait_for(lambda: daemon.status()["output"] == "osc", "auto to choose osc")
        jack_pid = daemon.status()["ways"]["jack"]["child_pid"]
        fresh = usage.memory_mb(daemon.pid)
        play(port, 30.0)
        engine, child = usage.memory_mb(daemon.pid), usage.memory_mb(jack_pid)
        engine_private = usage.private_mb(daemon.pid, beside=jack_pid)
        child_private = usage.private_mb(jack_pid, beside=daemon.pid)
        count = usage.threads(daemon.pid)
    return [
        Figure("engine: private", engine_private, "MB", 50.0),
        Figure("engine: PSS", engine["pss"], "MB"),
        Figure("engine: RSS", engine["rss"], "MB", 70.0),
        Figure("engine: RSS grown by 30 s of playing", engine["rss"] - fresh["rss"], "MB"),
        Figure("engine: threads", count, ""),
        # Python takes memory for its objects by the megabyte: any change of the code moves this from 10 to 11, or back.
        # The RSS is nearly all JACK's own memory, shared by every client of the server.
        Figure("JACK port: private", child_private, "MB", 12.0),
        Figure("JACK port: PSS", child["pss"], "MB"),
        Figure("JACK port: RSS", child["rss"], "MB"),
    ]


def _starts(what: str, found: list[float]) -> list[Figure]:
    return [
        Figure(f"start to {what}: median of {len(found)}", statistics.median(found), "s", 0.8),
        Figure(f"start to {what}: quickest", min(found), "s"),
    ]


def bench() -> list[Figure]:
    """Everything of one daemon's size and start."""
    with jackd() as server:
        return [
            *_memory(server),
            *_starts("first patch acknowledged", _to_acknowledgement_s(server)),
            *_starts("first CC", _to_cc_s(server)),
            Figure(f"heavy libraries loaded ({', '.join(HEAVY)})", _heavy_imports(), "", 0.0),
        ]


if __name__ == "__main__":
    run({"footprint": bench})
