"""The `osc` output: time is an argument, amSynth a few lines of Python."""

from __future__ import annotations

import itertools
import json
import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latentd.errors import LatentdError
from latentd.instrument.point import Change
from latentd.osc import packets
from latentd.outputs import Output
from latentd.outputs.amsynth_osc.discovery import recall, remember
from latentd.outputs.amsynth_osc.output import AmsynthOsc
from latentd.outputs.amsynth_osc.patch_folder import PatchFolder, runtime_folder
from latentd.synth import amsynth
from tests.support.oracle import parse_bank

SYNTH = ("127.0.0.1", 20000)
OPEN = "/nsm/client/open"
CUTOFF = amsynth.INDEX["filter_cutoff"]


def announcement(name: str = "amsynth", executable: str = "amsynth") -> packets.Message:
    return packets.Message("/nsm/server/announce", (name, "", executable, 1, 0, 4711))


def reply() -> packets.Message:
    return packets.Message("/reply", (OPEN, "OK"))


class World:
    """An output, and what amSynths on any port were sent: each `open` with the patch in the folder at that time."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.sent: list[tuple[packets.Message, tuple[str, int]]] = []
        self.opens: list[tuple[tuple[str, int], dict[str, float] | None]] = []
        self.broken = False
        self.output = AmsynthOsc(self.sendto, root / "folder", root / "remembered.json")

    def sendto(self, datagram: bytes, address: tuple[str, int]) -> None:
        if self.broken:
            raise ConnectionRefusedError(111, "Connection refused")
        (message,) = packets.read(datagram)
        self.sent.append((message, address))
        if message.address == OPEN:
            self.opens.append((address, self.patch(Path(str(message.args[0])))))

    def patch(self, folder: Path) -> dict[str, float] | None:
        bank = folder / "bank"
        return (
            parse_bank(bank.read_text(), int((folder / "preset_number").read_text().split()[0]))
            if bank.exists()
            else None
        )

    def set(self, value: float, now: float, parameter: int = CUTOFF) -> None:
        self.output.send([Change(parameter, value)], now)

    def cutoffs(self) -> list[float | None]:
        """What each `open` would have set the cutoff to, as params 0..1; None: it had nothing to load."""
        return [None if patch is None else (patch["filter_cutoff"] + 0.5) / 2.0 for _, patch in self.opens]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    found = World(tmp_path)
    yield found
    found.output.close()


def connected(world: World) -> World:
    assert world.output.receive(announcement(), SYNTH, 0.0)
    return world


def test_an_announcement_is_answered_as_an_nsm_server_does(world: World) -> None:
    connected(world)
    assert world.sent == [
        (packets.Message("/reply", ("/nsm/server/announce", "latentd plays this synth", "latentd", "")), SYNTH)
    ]
    assert world.output.facts()["connected"] is True
    assert world.output.poll(0.0) is None, "nothing to send, nothing to wait for"


def test_all_41_values_reach_the_file_to_float_precision(world: World) -> None:
    connected(world)
    params = np.random.default_rng(1).random(amsynth.COUNT)
    world.output.send([Change(i, float(value)) for i, value in enumerate(params)], 1.0)
    _, patch = world.opens[-1]
    assert patch is not None
    found = amsynth.to_params(np.array([patch[name] for name in amsynth.NAMES]))
    assert np.max(np.abs(found - params)) < 1e-8


def test_values_never_sent_go_out_at_the_synths_defaults(world: World) -> None:
    connected(world)
    world.set(0.5, 1.0)
    _, patch = world.opens[-1]
    assert patch is not None
    expected = dict(zip(amsynth.NAMES, amsynth.DEFAULT, strict=True)) | {"filter_cutoff": 0.5}
    assert patch == pytest.approx(expected)


def test_hostile_values_are_clipped_and_nan_is_left_out(world: World) -> None:
    connected(world)
    values = [float("nan"), float("inf"), float("-inf"), 7.0, -7.0]
    world.output.send([Change(i, value) for i, value in enumerate(values)], 1.0)
    _, patch = world.opens[-1]
    assert patch is not None
    first = [patch[name] for name in amsynth.NAMES[:5]]
    assert first == [amsynth.DEFAULT[0], *amsynth.MAXIMUM[[1]], 0.0, 2.5, 0.0]


def test_while_one_is_under_way_only_the_newest_of_the_others_follows_it(world: World) -> None:
    connected(world)
    for i in range(100):
        world.set(i / 100.0, 1.0 + i * 1e-5)
    assert world.cutoffs() == [pytest.approx(0.0)]
    assert not world.output.settled()
    world.output.receive(reply(), SYNTH, 1.010)
    assert world.cutoffs() == [pytest.approx(0.0), pytest.approx(0.99)], "sent at once by the acknowledgement"
    world.output.receive(reply(), SYNTH, 1.0105)
    assert world.output.settled()
    assert len(world.opens) == 2


def test_two_patches_are_never_closer_than_the_interval(world: World) -> None:
    connected(world)
    world.set(0.1, 1.0)
    world.output.receive(reply(), SYNTH, 1.0003)
    world.set(0.2, 1.001)
    assert len(world.opens) == 1
    assert world.output.poll(1.001) == pytest.approx(1.004)
    world.output.poll(1.004)
    assert world.cutoffs()[-1] == pytest.approx(0.2)


def test_an_unchanged_value_is_no_patch(world: World) -> None:
    connected(world)
    world.set(0.5, 1.0)
    world.output.receive(reply(), SYNTH, 1.1)
    world.set(0.5, 2.0)
    assert len(world.opens) == 1
    assert world.output.settled()
    world.output.resend_all(3.0)
    assert len(world.opens) == 2
    assert not world.output.settled()


def test_a_missing_answer_is_counted_and_asked_for_again_until_the_synth_counts_as_gone(world: World) -> None:
    connected(world)
    world.set(0.5, 0.0)
    times = []
    now: float | None = 0.0
    while now is not None and now < 3.0:
        times.append(now)
        now = world.output.poll(now)
    assert times == [0.0, 0.25, 0.5, 0.75, 1.25, 1.75, 2.25, 2.75]
    facts = world.output.facts()
    assert (facts["connected"], facts["missing"], facts["retried"]) == (False, 7, 7)
    world.set(0.9, 3.0)
    assert world.cutoffs()[-1] == pytest.approx(0.5), "the file stays as it is while a request is unanswered"
    for i in range(8):
        world.output.receive(reply(), SYNTH, 3.1 + i * 1e-4)
    assert world.cutoffs()[-1] == pytest.approx(0.9)
    assert world.output.facts()["connected"] is True


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


def round_trips(world: World) -> object:
    facts = world.output.facts()["round_trip"]
    assert isinstance(facts, dict)
    return facts["count"]


def test_only_an_answer_to_a_request_that_was_sent_once_measures_the_round_trip(world: World) -> None:
    connected(world)
    world.set(0.5, 0.0)
    world.output.poll(0.25)
    for late in (0.3, 0.3003):
        world.output.receive(reply(), SYNTH, late)
    assert world.output.settled()
    assert round_trips(world) == 0, "either answer may be that to the first request"
    world.set(0.6, 1.0)
    world.output.receive(reply(), SYNTH, 1.0003)
    assert round_trips(world) == 1
    world.set(0.7, 2.0)
    world.output.receive(packets.Message("/error", (OPEN, -1, "no")), SYNTH, 2.0003)
    assert round_trips(world) == 1


def test_a_synth_that_comes_back_gets_the_newest_patch_within_a_second_though_requests_were_lost(world: World) -> None:
    connected(world)
    world.set(0.5, 0.0)
    for now in np.arange(0.0, 10.0, 0.05):
        world.output.poll(float(now))
    world.set(0.9, 10.0)
    back = 10.01  # all earlier requests were lost; from now on each is answered in 0.3 ms
    now, seen = back, len(world.opens)
    while not world.output.settled():
        following = world.output.poll(now)
        assert following is not None
        if len(world.opens) > seen:
            seen = len(world.opens)
            world.output.receive(reply(), SYNTH, now + 0.0003)
        else:
            now = following
    assert now - back < 1.0
    assert world.cutoffs()[-1] == pytest.approx(0.9)


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


def test_only_the_synth_can_acknowledge(world: World) -> None:
    connected(world)
    world.set(0.5, 1.0)
    world.output.receive(reply(), ("127.0.0.1", 6666), 1.1)
    world.output.receive(packets.Message("/reply", ("/nsm/client/save", "OK")), SYNTH, 1.1)
    world.output.receive(packets.Message("/reply", ()), SYNTH, 1.1)
    assert not world.output.settled()
    assert world.output.facts()["strays"] == 3
    assert not world.output.receive(packets.Message("/latentd/xy", (0.1, 0.2)), SYNTH, 1.1)


def test_an_error_is_counted_and_the_patch_goes_again(world: World) -> None:
    connected(world)
    world.set(0.5, 1.0)
    world.output.receive(packets.Message("/error", (OPEN, -1, "no")), SYNTH, 1.1)
    assert world.output.facts()["errors"] == 1
    assert world.output.poll(1.2) == pytest.approx(1.35)
    world.output.poll(1.36)
    assert len(world.opens) == 2


def test_a_socket_that_fails_is_counted_and_does_not_raise(world: World) -> None:
    connected(world)
    world.broken = True
    world.set(0.5, 1.0)
    world.output.poll(1.3)
    assert world.output.facts()["unsent"] == 2
    world.broken = False
    world.output.poll(1.6)
    world.output.receive(reply(), SYNTH, 1.61)
    assert world.cutoffs()[-1] == pytest.approx(0.5)


def test_a_synth_that_could_not_be_greeted_is_not_asked_because_it_would_crash(world: World) -> None:
    world.broken = True
    connected(world)
    world.set(0.5, 0.0)
    world.broken = False
    world.output.poll(0.3)
    assert [message.address for message, _ in world.sent] == ["/reply", OPEN]


def test_a_folder_that_vanished_is_created_again_and_a_failed_write_is_counted(world: World) -> None:
    connected(world)
    world.set(0.1, 1.0)
    world.output.receive(reply(), SYNTH, 1.1)
    for file in (world.root / "folder").iterdir():
        file.unlink()
    (world.root / "folder").rmdir()
    world.set(0.2, 2.0)
    assert world.cutoffs()[-1] == pytest.approx(0.2)
    world.output.receive(reply(), SYNTH, 2.1)
    (world.root / "folder" / "bank.new").unlink()  # it is ready for the next patch
    (world.root / "folder" / "bank.new").mkdir()
    world.set(0.3, 3.0)
    assert world.output.facts()["unwritten"] == 1
    (world.root / "folder" / "bank.new").rmdir()
    assert world.output.poll(3.1) == pytest.approx(3.25)
    world.output.poll(3.25)
    assert world.cutoffs()[-1] == pytest.approx(0.3)


def test_every_patch_has_a_new_mtime_in_whole_seconds_and_the_other_spelling_of_the_path(world: World) -> None:
    connected(world)
    seen = []
    for i in range(5):
        world.set(i / 10.0, float(i))
        seen.append(((world.root / "folder" / "bank").stat().st_mtime, world.sent[-1][0].args[0]))
        world.output.receive(reply(), SYNTH, i + 0.1)
    assert all(b[0] == a[0] + 1.0 and b[1] != a[1] for a, b in itertools.pairwise(seen))
    assert (world.root / "folder").stat().st_mode & 0o777 == 0o700


def test_a_preset_number_that_amsynth_saved_does_not_select_another_preset(world: World) -> None:
    connected(world)
    world.set(0.1, 1.0)
    world.output.receive(reply(), SYNTH, 1.1)
    for i, number in enumerate(("5", "17", "127\n")):
        (world.root / "folder" / "preset_number").write_text(number)
        world.set(0.2 + i / 10.0, 2.0 + i)
        assert world.cutoffs()[-1] == pytest.approx(0.2 + i / 10.0)
        world.output.receive(reply(), SYNTH, 2.5 + i)


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


def test_a_symbolic_link_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "folder").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LatentdError, match="folder"):
        PatchFolder(tmp_path / "folder")


def test_a_symbolic_link_in_place_of_a_file_is_not_followed(tmp_path: Path) -> None:
    folder = PatchFolder(tmp_path / "folder")
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / "folder" / "bank.new").symlink_to(victim)
    with pytest.raises(OSError, match=r"bank\.new"):
        folder.write(amsynth.DEFAULT.tolist())
    assert victim.read_text() == "mine"


def test_closing_removes_the_folder_and_may_be_done_twice(world: World) -> None:
    connected(world)
    world.set(0.5, 1.0)
    world.output.close()
    world.output.close()
    assert not (world.root / "folder").exists()


def test_the_runtime_folder_is_the_daemons_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert runtime_folder(8000) == tmp_path / "latentd-8000"
    assert runtime_folder(8001) != runtime_folder(8000)


def test_without_a_runtime_folder_a_name_that_is_taken_is_avoided(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    port = 1_000_000 + os.getpid()  # no port: nobody else's
    folder = runtime_folder(port)
    assert folder == runtime_folder(port), "the same after a restart"
    folder.rmdir()
    folder.symlink_to(tmp_path)
    try:
        other = runtime_folder(port)
        assert other != folder
        other.rmdir()
    finally:
        folder.unlink()


def test_the_output_keeps_the_interface(world: World) -> None:
    output: Output = world.output
    assert output.name == "osc"
    assert output.filenos() == ()
    assert not output.note(0x90, 60, 100)
    assert output.reachable.all()
    assert output.settled()


class Synth:
    """amSynth as far as it matters: it handles requests in order and loads the file as it is at that moment.

    While stopped, requests wait in its socket; a dead one loses them.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.port = 20000
        self.alive = True
        self.waiting: list[dict[str, float] | None] = []  # the patch in the folder when the request was sent
        self.loaded: dict[str, float] | None = None
        self.last_s = float("-inf")  # of a patch that is no repetition
        self.last: dict[str, float] | None = None
        self._seen = 0

    def start(self, now: float) -> None:
        self.alive, self.port, self.loaded = True, self.port + 1, None
        self.waiting.clear()
        self.last_s = float("-inf")
        self.world.output.receive(announcement(), ("127.0.0.1", self.port), now)

    def take(self, now: float) -> None:
        """The requests sent since the last call arrive; each is checked against the promises."""
        for (_, port), patch in self.world.opens[self._seen :]:
            assert port == self.port
            if patch != self.last:
                assert now - self.last_s >= AmsynthOsc.interval_s - 1e-9, "too soon after the last patch"
                assert not self.waiting, "another patch while one is under way"
                self.last, self.last_s = patch, now
            if self.alive:
                self.waiting.append(patch)
        self._seen = len(self.world.opens)

    def answer(self, now: float, message: packets.Message | None) -> None:
        """Handle all that waits, each in 0.3 ms; the answers are `message`, or are lost."""
        while self.waiting and self.alive:
            self.waiting.pop(0)
            if message is None or message.address == "/reply":
                self.loaded = self.world.patch(self.world.root / "folder") or self.loaded
            if message is not None:
                self.world.output.receive(message, ("127.0.0.1", self.port), now)
                self.take(now)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["set", "set", "answer", "answer", "error", "lose request", "lose answer", "die", "restart",
                         "resend", "poll", "poll", "stray"]),
        st.sampled_from([0.0, 0.0001, 0.001, 0.004, 0.1, 0.25, 0.6]),
        st.integers(0, 1000),
    ),
    max_size=80,
)  # fmt: skip


@settings(deadline=None, max_examples=200)
@given(steps=STEPS)
def test_never_two_patches_under_way_and_at_rest_the_synth_holds_the_newest(
    steps: list[tuple[str, float, int]],
) -> None:
    """Whatever is lost, late, refused or restarted, at any time."""
    with tempfile.TemporaryDirectory() as root:
        world = World(Path(root))
        synth = Synth(world)
        now, wanted = 0.0, None
        synth.start(now)
        for step, wait, value in steps:
            now += wait
            if step == "set":
                wanted = value / 1000.0
                world.set(wanted, now)
            elif step == "answer":
                synth.answer(now, reply())
            elif step == "error":
                synth.answer(now, packets.Message("/error", (OPEN, -1, "no")))
            elif step == "lose answer":
                synth.answer(now, None)
            elif step == "lose request":
                synth.waiting[:1] = []
            elif step == "die":
                synth.alive = False
                synth.waiting.clear()
            elif step == "restart":
                synth.start(now)
            elif step == "resend":
                world.output.resend_all(now)
            elif step == "stray":
                world.output.receive(reply(), ("127.0.0.1", 9), now)
            else:
                world.output.poll(now)
            synth.take(now)
        if not synth.alive:
            synth.start(now)
            synth.take(now)
        quiet_s = now
        following: float | None = now
        while following is not None:
            now = now + 0.0003 if synth.waiting else max(now, following)
            synth.answer(now, reply())
            following = world.output.poll(now)
            synth.take(now)
            assert now < quiet_s + 1.0, "not right within a second"
        assert world.output.settled()
        assert (synth.loaded or {}).get("filter_cutoff") == (
            None if wanted is None else pytest.approx(-0.5 + 2.0 * wanted)
        )
        world.output.close()
