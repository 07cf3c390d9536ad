"""Which amSynth the `osc` output plays: announced, remembered, restarted, refused."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from latentd.osc import packets
from latentd.outputs.amsynth_osc.discovery import recall, remember
from latentd.outputs.amsynth_osc.output import AmsynthOsc
from tests.support.nsm_world import OPEN, SYNTH, World, announcement, connected, reply


def test_an_announcement_is_answered_as_an_nsm_server_does(world: World) -> None:
    connected(world)
    assert world.sent == [
        (packets.Message("/reply", ("/nsm/server/announce", "latentd plays this synth", "latentd", "")), SYNTH)
    ]
    assert world.output.facts()["connected"] is True
    assert world.output.poll(0.0) is None, "nothing to send, nothing to wait for"


def test_connections_and_what_was_sent_again_are_counted_once_each(world: World) -> None:

    def counts() -> tuple[object, object]:
        facts = world.output.facts()
        return facts["connections"], facts["resent"]

    connected(world)
    assert counts() == (1, 0)
    connected(world)
    assert counts() == (2, 0), "nothing had been sent, so nothing was sent again"
    world.set(0.5, 1.0)
    world.output.receive(reply(), SYNTH, 1.001)
    assert counts() == (2, 0), "an answer is no connection"
    world.set(0.6, 2.0)
    for now in (2.25, 2.5, 2.75):
        world.output.poll(now)
    assert world.output.gone(2.75)
    world.output.receive(reply(), SYNTH, 2.8)
    assert counts() == (3, 1)
    connected(world)
    assert counts() == (4, 2)


def test_the_first_synth_is_sent_the_patch_and_not_again(world: World) -> None:
    world.set(0.5, 0.0)
    connected(world)
    assert world.output.facts()["resent"] == 0


def test_a_synth_is_greeted_until_it_answers_and_not_with_every_patch(world: World) -> None:
    connected(world)
    world.sent.clear()
    world.set(0.5, 1.0)
    assert [message.address for message, _ in world.sent] == [OPEN]


def test_a_restarted_synth_gets_the_whole_patch_at_once(world: World) -> None:
    connected(world)
    world.set(0.3, 1.0)
    world.output.receive(reply(), SYNTH, 1.1)
    other = ("127.0.0.1", 20001)
    world.output.receive(announcement(), other, 2.0)
    assert world.opens[-1][0] == other
    assert world.cutoffs()[-1] == pytest.approx(0.3)
    world.output.receive(reply(), SYNTH, 2.1)
    assert not world.output.settled(), "an answer of the old one says nothing about the new one"
    world.output.receive(reply(), other, 2.2)
    assert world.output.settled()


def test_of_two_synths_the_newest_is_played_and_that_is_logged_once(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    connected(world)
    for i in range(50):
        world.output.receive(announcement(), ("127.0.0.1", 20001 + i % 2), 5.0 + i * 0.01)
    assert len([r for r in caplog.records if "20001" in r.getMessage()]) == 1
    assert len(caplog.records) <= 2
    assert world.output.facts()["address"] == "127.0.0.1:20002"


@pytest.mark.parametrize("sender", ["192.0.2.7", "0.0.0.0", "224.0.0.1"])
def test_a_synth_on_another_machine_is_refused_with_the_reason(world: World, sender: str) -> None:
    world.output.receive(announcement(), (sender, 20000), 0.0)
    (message, address), *others = world.sent
    assert not others
    assert address == (sender, 20000)
    assert message.address == "/error"
    assert message.args[:2] == ("/nsm/server/announce", -1)
    assert world.output.facts()["address"] is None


def test_another_program_is_refused_and_never_played(world: World) -> None:
    world.output.receive(announcement("Yoshimi", "yoshimi"), SYNTH, 0.0)
    assert [message.address for message, _ in world.sent] == ["/error"]
    world.set(0.5, 1.0)
    world.output.poll(9.0)
    assert not world.opens


@pytest.mark.parametrize("args", [(), ("amsynth",), (1, 2, 3), ("amsynth", b"", None)])
def test_a_malformed_announcement_is_counted(world: World, args: tuple[object, ...]) -> None:
    assert world.output.receive(packets.Message("/nsm/server/announce", args), SYNTH, 0.0)
    assert world.output.facts()["errors"] == 1
    assert not world.sent


def test_a_synth_that_could_not_be_greeted_is_not_asked_because_it_would_crash(world: World) -> None:
    world.broken = True
    connected(world)
    world.set(0.5, 0.0)
    world.broken = False
    world.output.poll(0.3)
    assert [message.address for message, _ in world.sent] == ["/reply", OPEN]


def test_a_search_that_hangs_does_not_keep_the_loop_awake(tmp_path: Path) -> None:
    jobs: list[object] = []

    def hangs(*job: object) -> None:
        jobs.append(job)

    output = AmsynthOsc(lambda _data, _to: None, tmp_path / "run", tmp_path / "synth.json", hangs, port=1)
    assert output.poll(100.0) is None
    assert output.poll(200.0) is None
    assert len(jobs) == 1
    output.close()


def test_a_restarted_daemon_asks_the_remembered_synth_without_changing_its_patch(tmp_path: Path) -> None:
    first = connected(World(tmp_path))
    first.set(0.4, 1.0)  # and is killed: its folder stays
    second = World(tmp_path)
    assert second.output.facts()["connected"] is False
    assert second.output.poll(10.0) == pytest.approx(10.25)
    assert [message.address for message, _ in second.sent] == ["/reply", OPEN]
    assert second.cutoffs() == [None], "the old file is gone: nothing to load"
    second.output.receive(reply(), SYNTH, 10.001)
    assert second.output.facts()["connected"] is True
    second.set(0.6, 10.002)
    assert second.cutoffs() == [None, pytest.approx(0.6)]


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\xff\xfe\x00", b"[]", b"null", b"7", b"[" * 5000, b'{"host": "127.0.0.1"}',
        b'{"host": "192.0.2.7", "port": 5000}', b'{"host": "example.org", "port": 5000}',
        b'{"host": "127.0.0.1", "port": 0}', b'{"host": "127.0.0.1", "port": 65536}',
        b'{"host": "127.0.0.1", "port": true}', b'{"host": "127.0.0.1", "port": "5000"}',
        b'{"host": "127.0.0.1", "port": 5000' + b" " * 5000 + b"}",
    ],
)  # fmt: skip
def test_a_remembered_file_with_anything_else_in_it_is_ignored(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "remembered.json"
    path.write_bytes(content)
    assert recall(path) is None
    remember(path, SYNTH)
    assert recall(path) == SYNTH
    assert json.loads(path.read_text()) == {"host": "127.0.0.1", "port": 20000}
