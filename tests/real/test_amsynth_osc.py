"""The `osc` output with a real amSynth; the verdict is what amSynth itself saves."""

from __future__ import annotations

import contextlib
import re
import select
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from latentd.instrument.point import Change
from latentd.osc import packets
from latentd.outputs.amsynth_osc.discovery import running
from latentd.outputs.amsynth_osc.output import AmsynthOsc
from latentd.synth import amsynth as table
from latentd.synth.amsynth import Array
from tests.support.daemon import free_port, latentd
from tests.support.oracle import Oracle, message, read_beside, udp_port
from tests.support.rig import LIMIT_S, Server, Synth, amsynth, wait_for

pytestmark = pytest.mark.real


class Host:
    """As much of a daemon as this output needs: a UDP socket and a loop that meets every deadline."""

    def __init__(self, root: Path, port: int = 0, search: bool = False) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", port))
        self.socket.setblocking(False)
        self.port: int = self.socket.getsockname()[1]
        self.turns = 0
        self.output = AmsynthOsc(
            self.socket.sendto,
            root / f"latentd-{self.port}",
            root / "state" / "synth.json",
            port=self.port if search else None,
        )

    def close(self) -> None:
        self.output.close()
        self.socket.close()

    def crash(self) -> None:
        """Clean up nothing, as a killed daemon does."""
        self.socket.close()

    def turn(self, limit_s: float = 0.01) -> None:
        """Wait for a datagram or the output's next deadline, and look after both."""
        self.turns += 1
        now = time.monotonic()
        following = self.output.poll(now)
        wait_s = limit_s if following is None else min(limit_s, max(0.0, following - now))
        if select.select([self.socket], [], [], wait_s)[0]:
            datagram, sender = self.socket.recvfrom(65536)
            for received in packets.read(datagram):
                self.output.receive(received, sender, time.monotonic())

    def until(self, condition: Callable[[], object], what: str) -> float:
        """Run until the condition holds; how long that took."""
        start = time.monotonic()
        while not condition():
            assert time.monotonic() < start + LIMIT_S, f"waited in vain for {what}: {self.output.facts()}"
            self.turn()
        return time.monotonic() - start

    def send(self, params: Array) -> None:
        self.output.send([Change(i, float(value)) for i, value in enumerate(params)], time.monotonic())

    def settle(self) -> float:
        return self.until(self.output.settled, "the synth to hold the patch")

    def connect(self) -> None:
        self.until(lambda: self.fact("connected"), "amSynth")

    def fact(self, name: str) -> int:
        value = self.output.facts()[name]
        assert isinstance(value, int)
        return value


def stepped(rng: np.random.Generator) -> Array:
    """Random params 0..1 as shaping hands them over: steps already rounded."""
    return table.round_steps(rng.random(table.COUNT))


def difference(synth: Synth, params: Array) -> float:
    """Largest difference of all 41 between what amSynth holds and params, as a part of the range."""
    held = read_beside(udp_port(synth.pid))
    return float(np.max(np.abs(table.to_params(np.array([held[name] for name in table.NAMES])) - params)))


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    found = Host(tmp_path)
    yield found
    found.close()


@pytest.fixture
def synth(jack_server: Server, host: Host) -> Iterator[Synth]:
    """An amSynth that announced itself to the host."""
    with amsynth(jack_server, nsm_port=host.port) as found:
        host.connect()
        yield found


def test_random_patches_arrive_to_1e_4_of_range_in_all_41(host: Host, synth: Synth) -> None:
    rng = np.random.default_rng(41)
    for i in range(200):
        params = stepped(rng)
        host.send(params)
        host.settle()
        assert difference(synth, params) < 1e-4, f"patch {i}"
    assert host.fact("errors") == 0


def test_a_stream_of_250_patches_a_second_ends_at_the_newest(host: Host, synth: Synth) -> None:
    rng = np.random.default_rng(250)
    start = time.monotonic()
    sends = 0
    while (now := time.monotonic()) < start + 4.0:
        if now >= start + sends / 1000.0:  # four times what the synth is given
            params = stepped(rng)
            host.send(params)
            sends += 1
        host.turn(0.0005)
    host.settle()
    took_s = time.monotonic() - start
    patches = host.fact("patches")
    print(f"{sends} sends, {patches} patches in {took_s:.2f} s, {host.output.facts()['round_trip']}")
    assert patches <= took_s * 250.0 + 1.0
    assert difference(synth, params) < 1e-4


def test_a_killed_and_restarted_synth_gets_the_whole_patch_back(host: Host, synth: Synth) -> None:
    params = stepped(np.random.default_rng(9))
    host.send(params)
    host.settle()
    connections = host.fact("connections")
    synth.kill()
    host.send(params * 0.5)
    host.until(lambda: not host.output.facts()["connected"], "the loss to be noticed")
    host.send(params)
    synth.start()
    took_s = host.settle()
    print(f"whole patch acknowledged {took_s * 1e3:.1f} ms after amSynth's port appeared")
    assert host.fact("connections") > connections, "it announced itself again"
    assert host.fact("resent") > 0
    assert difference(synth, params) < 1e-4


def test_a_synth_that_restarts_while_nothing_is_sent_gets_the_whole_patch_back(host: Host, synth: Synth) -> None:
    params = stepped(np.random.default_rng(10))
    host.send(params)
    host.settle()
    connections = host.fact("connections")
    synth.kill()
    synth.start()
    host.until(lambda: host.fact("connections") > connections, "its announcement")
    host.settle()
    assert difference(synth, params) < 1e-4


def test_a_stopped_synth_blocks_nothing_and_then_holds_the_newest_patch(host: Host, synth: Synth) -> None:
    rng = np.random.default_rng(19)
    host.send(stepped(rng))
    host.settle()
    synth.pause()
    turns, params = host.turns, stepped(rng)

    def missed_in_many_turns() -> bool:
        nonlocal params
        params = stepped(rng)
        host.send(params)
        return host.turns - turns > 50 and host.fact("missing") >= 3

    host.until(missed_in_many_turns, "the loop to go on and to miss answers")
    assert host.fact("retried") >= 3
    assert not host.output.settled()
    synth.resume()
    took_s = host.settle()
    print(f"newest patch acknowledged {took_s * 1e3:.1f} ms after amSynth was resumed")
    assert difference(synth, params) < 1e-4


def test_a_stopped_jack_server_does_not_hold_up_patches(jack_server: Server, host: Host, synth: Synth) -> None:
    params = stepped(np.random.default_rng(4))
    jack_server.main.pause()
    try:
        host.send(params)
        host.settle()
        assert difference(synth, params) < 1e-4
    finally:
        jack_server.main.resume()


def test_a_restarted_daemon_finds_the_remembered_synth_and_changes_nothing(
    tmp_path: Path, host: Host, synth: Synth
) -> None:
    params = stepped(np.random.default_rng(5))
    host.send(params)
    host.settle()
    host.crash()
    with contextlib.closing(Host(tmp_path, host.port)) as second:
        second.connect()
        assert difference(synth, params) < 1e-4, "asking changed the patch"
        other = stepped(np.random.default_rng(6))
        second.send(other)
        second.settle()
        assert difference(synth, other) < 1e-4


def test_a_daemon_on_another_port_takes_a_remembered_synth_over(tmp_path: Path, host: Host, synth: Synth) -> None:
    with contextlib.closing(Host(tmp_path)) as second:  # opened first, or the system might give it the same port
        host.crash()
        params = stepped(np.random.default_rng(7))
        second.send(params)
        second.settle()
        assert difference(synth, params) < 1e-4


def test_a_synth_whose_announcement_was_missed_is_found(tmp_path: Path, jack_server: Server) -> None:
    port = free_port()
    with (
        amsynth(jack_server, nsm_port=port) as synth,
        contextlib.closing(Host(tmp_path, port, search=True)) as host,
    ):
        params = stepped(np.random.default_rng(8))
        host.send(params)
        took_s = host.settle()
        print(f"found and set within {took_s * 1e3:.1f} ms")
        assert difference(synth, params) < 1e-4


def test_a_synth_of_another_session_is_left_alone(tmp_path: Path, jack_server: Server) -> None:
    port = free_port()
    with Oracle() as other, amsynth(jack_server, nsm_port=other.port):
        before = other.read()
        assert running(port) == []
        assert running(other.port) == [other.synth]
        with contextlib.closing(Host(tmp_path, port, search=True)) as host:
            host.send(stepped(np.random.default_rng(8)))
            for _ in range(20):
                host.turn()
            assert host.output.facts()["address"] is None
            assert other.read() == before


@pytest.mark.parametrize("output", ["auto", "osc"])
def test_p11_a_synth_that_is_killed_while_nobody_plays_is_lost_and_found_again(
    jack_server: Server, output: str
) -> None:
    with latentd("--output", output, env=jack_server.env) as daemon:

        def shows(connected: bool) -> bool:
            status = daemon.status()
            osc = status["ways"]["osc"]
            honest = output == "osc" or ("no longer" in status["why"]) == (not connected)
            return osc["connected"] is connected and bool(osc["problem"]) is not connected and honest

        def loses_and_finds(synth: Synth) -> None:
            pid = synth.pid
            wait_for(lambda: daemon.status()["ways"]["osc"]["pid"] == pid, "its process to be known")
            synth.kill()
            wait_for(lambda: shows(connected=False), "the loss to be noticed")
            wait_for(lambda: f"(pid {pid}) has ended" in daemon.log_text(), "the loss in the log")
            assert daemon.status()["counters"]["sent"] == 0
            ended = len(daemon.log_text())
            synth.start()
            wait_for(lambda: shows(connected=True), "the next one to be found")
            wait_for(
                lambda: re.search("amSynth (started at|at .* answers)", daemon.log_text()[ended:]), "it in the log"
            )

        with amsynth(jack_server, nsm_port=daemon.port) as synth:
            wait_for(lambda: shows(connected=True), "amSynth's announcement")
            loses_and_finds(synth)
            daemon.end()
            daemon.start()  # it remembers amSynth, which does not announce itself again
            wait_for(lambda: shows(connected=True), "amSynth to answer")
            loses_and_finds(synth)


def test_the_announcement_of_another_program_is_refused_and_changes_nothing(host: Host, synth: Synth) -> None:
    params = stepped(np.random.default_rng(3))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.settimeout(LIMIT_S)
        announcement = message("/nsm/server/announce", "Yoshimi", ":switch:", "yoshimi", 1, 0, 4711)
        stranger.sendto(announcement, ("127.0.0.1", host.port))
        host.send(params)
        host.settle()
        host.turn()
        (answer,) = packets.read(stranger.recv(65536))
        assert answer.address == "/error"
        assert answer.args[0] == "/nsm/server/announce"
    assert host.output.facts()["address"] == f"127.0.0.1:{udp_port(synth.pid)}"
    assert difference(synth, params) < 1e-4


def test_of_two_synths_the_newest_is_played_and_the_other_keeps_its_patch(
    jack_server: Server, host: Host, synth: Synth
) -> None:
    rng = np.random.default_rng(2)
    first, second = stepped(rng), stepped(rng)
    host.send(first)
    host.settle()
    address = host.output.facts()["address"]
    with amsynth(jack_server, "other", nsm_port=host.port) as newest:
        host.until(lambda: host.output.facts()["address"] != address, "the second announcement")
        host.send(second)
        host.settle()
        assert difference(newest, second) < 1e-4
        assert difference(synth, first) < 1e-4
