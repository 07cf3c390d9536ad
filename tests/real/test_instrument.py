"""The whole instrument on the real synth: points in, and amSynth itself says what it holds."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from latentd.synth import midimap, units
from latentd.synth.amsynth import PARAMETERS
from tests.support.daemon import Daemon, decoded, free_port, latentd, mapped, wait_s
from tests.support.oracle import Oracle, read_beside, udp_port
from tests.support.rig import LIMIT_S, Server, Synth, amsynth, jackd, pipewire, wait_for

pytestmark = pytest.mark.real

SERVERS = {"jackd2": jackd, "pipewire": pipewire}
FLOAT_TOLERANCE = 1e-4  # of a parameter's range


def listens(synth: Synth) -> bool:
    """A synth that just started opens its UDP port a moment later."""
    try:
        return udp_port(synth.pid) > 0
    except LookupError:
        return False


class Judge:
    """Asks amSynth itself what it holds: beside latentd where amSynth answers to it, else as its NSM server."""

    def __init__(self, oracle: Oracle | None) -> None:
        self._oracle = oracle
        self._greeted = 0

    def holds(self, synth: Synth) -> dict[str, float]:
        """All 41 values, from amSynth's own save."""
        if self._oracle is None:
            wait_for(lambda: listens(synth), "amSynth's OSC port")
            return read_beside(udp_port(synth.pid))
        if self._greeted != synth.pid:  # an amSynth whose announcement nobody answered must not be asked
            self._oracle.answer()
            self._greeted = synth.pid
        return self._oracle.read()


class Rig(NamedTuple):
    """The daemon, the synth, the server they are on, the way in, and the judge."""

    server: Server
    daemon: Daemon
    synth: Synth
    way: str
    judge: Judge

    def connected(self) -> None:
        """Wait until the daemon reaches the synth."""
        wait_for(lambda: self.daemon.status()["ways"][self.way]["connected"], f"latentd to reach amSynth by {self.way}")

    def agrees(self, x: float, y: float) -> None:
        """Wait until the synth holds the decoded patch of this point; fails naming what differs."""
        wanted = decoded(x, y)
        found: list[str] = []

        def right() -> bool:
            found[:] = differences(self.judge.holds(self.synth), wanted, self.way)
            return not found

        try:
            wait_for(right, "amSynth to hold the decoded patch")
        except AssertionError as error:
            raise AssertionError("; ".join(found) + f"\n{self.daemon.log_text()}") from error


def differences(held: dict[str, float], wanted: dict[str, float], way: str) -> list[str]:
    """Which parameters differ by more than the way in allows."""
    wrong = []
    for p in PARAMETERS:
        value = wanted[p.name]
        span = p.maximum - p.minimum
        if way == "jack" and not p.step:
            cc = round((value - p.minimum) / span * 127.0 - 1e-9)
            near = [p.minimum + c / 127.0 * span for c in (cc - 1, cc, cc + 1) if 0 <= c <= 127]
            best = min(near, key=lambda v: abs(v - value))
            ok = abs(held[p.name] - best) <= 1e-5 * span or abs(held[p.name] - value) <= 0.5001 / 127.0 * span
        else:
            ok = abs(held[p.name] - value) <= FLOAT_TOLERANCE * span
        if not ok:
            wrong.append(f"{p.name}: wanted {value:.6g}, holds {held[p.name]:.6g}")
    return wrong


@contextlib.contextmanager
def instrument(server: Server, way: str, output: str | None = None) -> Iterator[Rig]:
    """A daemon and a synth that it reaches by `way`, the daemon first; `output` where it is not told the way."""
    port = free_port()
    with (
        Oracle() as oracle,
        mapped() as controllers,
        latentd("--output", output or way, "--set", f"controllers={controllers}", env=server.env, port=port) as daemon,
        amsynth(server, nsm_port=oracle.port if way == "jack" else port, controllers=midimap.OURS.text()) as synth,
    ):
        rig = Rig(server, daemon, synth, way, Judge(oracle if way == "jack" else None))
        rig.connected()
        rig.judge.holds(synth)  # greets it, so that a later announcement is its successor's
        yield rig


@pytest.mark.parametrize("kind", SERVERS)
@pytest.mark.parametrize("way", ["osc", "jack"])
def test_p1_after_a_random_walk_amsynth_holds_the_decoded_patch_of_the_last_point(kind: str, way: str) -> None:
    rng = random.Random(f"{kind} {way}")
    with SERVERS[kind]() as server, instrument(server, way) as rig:
        for _ in range(4):
            x, y = rng.random(), rng.random()
            for _ in range(rng.randrange(1, 60)):
                x = min(max(x + rng.gauss(0.0, 0.05), 0.0), 1.0)
                y = min(max(y + rng.gauss(0.0, 0.05), 0.0), 1.0)
                rig.daemon.send("/latentd/xy", x, y)
                wait_s(rng.choice([0.0, 0.001, 0.01]))
            rig.daemon.settle()
            rig.agrees(x, y)


@pytest.mark.parametrize("way", ["osc", "jack"])
def test_what_amsynth_holds_stays_within_the_limits(way: str) -> None:
    limits = {"osc2_detune": (-12.0, 12.0), "amp_sustain": (-18.0, -2.0), "osc2_range": (0.0, 1.0)}
    rng = random.Random(way)
    with jackd() as server, instrument(server, way) as rig:
        for name, ends in limits.items():
            rig.daemon.send("/latentd/limit", name, *ends)
        rig.daemon.send("/latentd/param/amp_sustain", 1.0)
        for _ in range(6):
            rig.daemon.send("/latentd/xy", rng.random(), rng.random())
            rig.daemon.settle()
            held = rig.judge.holds(rig.synth)
            for name, (low, high) in limits.items():
                assert low - 1e-3 <= units.unit(name).amount(held[name]) <= high + 1e-3, f"{name} {held[name]}"
        for _ in limits:
            rig.daemon.send("/latentd/undo")  # of the last change first: the sustain by hand
        rig.daemon.settle()
        assert rig.daemon.status()["limits"].keys() == {"osc2_detune"}


def test_p3_after_a_burst_the_newest_point_plays_and_every_other_is_counted() -> None:
    with jackd() as server, instrument(server, "osc") as rig:
        before = rig.daemon.status()["counters"]
        rig.daemon.pause()
        for i in range(100):  # its socket holds these for it
            rig.daemon.send("/latentd/xy", i / 100.0, 1.0 - i / 100.0)
        rig.daemon.send("/latentd/xy", 0.25, 0.75)
        rig.daemon.resume()
        rig.daemon.settle()
        rig.agrees(0.25, 0.75)
        after = rig.daemon.status()["counters"]
        assert after["superseded"] > before["superseded"]
        assert sum(after[name] - before[name] for name in ("superseded", "used")) == 101


def restart_synth(rig: Rig) -> None:
    rig.synth.kill()
    rig.synth.start()


def restart_server(rig: Rig) -> None:
    """The server crashes. amSynth does not find its way back to a new one by itself: its unit restarts it."""
    rig.server.kill()
    rig.synth.kill()
    rig.server.start()
    rig.synth.start()


@pytest.mark.parametrize("way", ["osc", "jack"])
@pytest.mark.parametrize("happens", [restart_synth, restart_server])
def test_p7_what_comes_back_mid_gesture_gets_the_whole_patch(way: str, happens: Callable[[Rig], None]) -> None:
    with jackd() as server, instrument(server, way) as rig:
        pid = rig.daemon.pid
        for i in range(50):
            rig.daemon.send("/latentd/xy", i / 50.0, 0.3)
        rig.daemon.settle()
        rig.daemon.send("/latentd/xy", 0.9, 0.2)
        happens(rig)
        rig.agrees(0.9, 0.2)
        rig.daemon.send("/latentd/xy", 0.4, 0.6)
        rig.agrees(0.4, 0.6)
        assert rig.daemon.pid == pid
        counters = rig.daemon.status()["counters"]
        assert counters["reconnects"] >= 1
        assert counters["resent"] >= 1


def test_p7_a_restarted_daemon_finds_the_running_synth_again() -> None:
    with jackd() as server, instrument(server, "osc") as rig:
        rig.daemon.send("/latentd/xy", 0.3, 0.3)
        rig.agrees(0.3, 0.3)
        assert rig.daemon.end() == 0
        rig.daemon.start()
        rig.daemon.send("/latentd/xy", 0.7, 0.8)
        rig.agrees(0.7, 0.8)


def test_p8_a_stopped_jack_server_delays_no_answer() -> None:
    with jackd() as server, instrument(server, "jack") as rig:
        rig.daemon.send("/latentd/xy", 0.5, 0.5)
        rig.daemon.settle()
        rig.server.main.pause()
        try:
            for i in range(50):
                rig.daemon.send("/latentd/xy", 0.02 * i, 0.5)
                rig.daemon.status()  # raises when no answer comes
                wait_s(0.1)
        finally:
            rig.server.main.resume()
        rig.daemon.send("/latentd/xy", 0.15, 0.85)
        rig.agrees(0.15, 0.85)


def test_auto_plays_over_osc_when_amsynth_was_started_for_it_and_over_midi_when_not() -> None:
    with jackd() as server, instrument(server, "osc", "auto") as rig:
        wait_for(lambda: rig.daemon.status()["output"] == "osc", "auto to choose osc")
        rig.daemon.send("/latentd/xy", 0.2, 0.9)
        rig.agrees(0.2, 0.9)
    with jackd() as server, instrument(server, "jack", "auto") as rig:
        assert rig.daemon.status()["output"] == "jack"
        assert "NSM_URL" in rig.daemon.status()["why"]
        rig.daemon.send("/latentd/xy", 0.2, 0.9)
        rig.agrees(0.2, 0.9)


def test_an_amsynth_that_answers_but_is_not_on_the_jack_server_is_said_to_be_unheard() -> None:
    port = free_port()
    with (
        jackd() as server,
        jackd() as other,
        latentd("--output", "auto", env=server.env, port=port) as daemon,
        amsynth(other, nsm_port=port),
    ):
        wait_for(lambda: "is not on this JACK server" in daemon.log_text(), "the warning")
        assert daemon.log_text().count("is not on this JACK server") == 1


def test_p9_sigterm_mid_gesture_ends_in_order_and_leaves_no_process() -> None:
    with jackd() as server, instrument(server, "jack") as rig:
        for i in range(20):
            rig.daemon.send("/latentd/xy", i / 20.0, 0.5)
        assert rig.daemon.end() == 0, rig.daemon.log_text()
        wait_for(lambda: not any(p.startswith("latentd:") for p in server.ports()), "its JACK ports to go", LIMIT_S)


def test_run_names_every_parameter_that_the_installed_map_does_not_reach() -> None:
    with jackd() as server, latentd("--output", "jack", env=server.env) as daemon, amsynth(server):
        wait_for(lambda: "does not reach" in daemon.log_text(), "the warning")
        assert "filter_resonance" in daemon.log_text()
        assert "midimap --install" in daemon.log_text()
