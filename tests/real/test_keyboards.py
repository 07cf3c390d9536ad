"""Keyboards that are to play the synth are connected to it on real servers, by a real daemon, whoever comes back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.daemon import latentd, wait_s
from tests.support.listener import Listener
from tests.support.rig import Server, amsynth, jackd, pipewire, wait_for

pytestmark = pytest.mark.real
KEYS = "listener:out"
SERVERS = {"jackd2": jackd, "pipewire": pipewire}


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with SERVERS[request.param]() as found:
        yield found


def play_the_synth(server: Server) -> None:
    wait_for(lambda: server.connections(KEYS) == ["amsynth:midi_in"], "the keyboard to be connected to amSynth alone")


def test_a_keyboard_is_connected_to_the_synth_and_again_after_each_of_them_and_the_server_came_back(
    server: Server,
) -> None:
    with latentd("--set", "jack.keyboards=['listen.*:out']", env=server.env) as daemon, amsynth(server) as synth:
        with Listener(server):
            play_the_synth(server)
            for _ in range(3):
                synth.kill()
                synth.start()
                play_the_synth(server)
        for _ in range(3):
            with Listener(server):
                play_the_synth(server)
        synth.stop()
        server.kill()
        server.start()
        synth.start()
        with Listener(server):
            play_the_synth(server)
        assert f"connected to {synth.midi_in}" in daemon.log_text()


def test_what_someone_disconnects_or_connects_by_hand_stays_until_the_keyboard_comes_back(server: Server) -> None:
    with latentd("--set", f"jack.keyboards=[{KEYS}]", env=server.env), amsynth(server) as synth:
        with Listener(server):
            play_the_synth(server)
            server.disconnect(KEYS, synth.midi_in)
            server.connect(KEYS, "latentd:midi_in")
            wait_s(3.0)
            assert server.connections(KEYS) == ["latentd:midi_in"]
        with Listener(server):
            play_the_synth(server)
