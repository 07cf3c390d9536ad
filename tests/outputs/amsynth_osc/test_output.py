"""The `osc` output: time is an argument, amSynth a few lines of Python."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latentd.instrument.point import Change
from latentd.osc import packets
from latentd.outputs import Output
from latentd.outputs.amsynth_osc.output import AmsynthOsc
from latentd.synth import amsynth
from tests.support.nsm_world import OPEN, SYNTH, World, announcement, connected, reply


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
