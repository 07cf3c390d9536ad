"""The straight line as a whole, with the shipped model, a recording output and time as an argument."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latentd.daemon.engine import Engine
from latentd.instrument.gesture import Gesture
from latentd.instrument.gesture_settings import GestureSettings
from latentd.instrument.motion import Recording, Wander
from latentd.instrument.point import Point
from latentd.instrument.shaping import ShapingSettings
from latentd.model.decoder import Decoder, Layout, Network
from latentd.osc import packets
from latentd.synth.amsynth import COUNT, INDEX, STEPPED, to_patch
from tests.support.engine import MODEL, Recorder, engine, point, run

OSC1_WAVEFORM = INDEX["osc1_waveform"]
SETTLE_S = 2.0
walks = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0.0, 0.2)), min_size=1, max_size=15)


@settings(deadline=None, max_examples=40)
@given(walks)
def test_p1_at_rest_the_synth_holds_what_decode_prints(walk: list[tuple[float, float, float]]) -> None:
    output = Recorder()
    play, now = engine(output), 10.0
    for x, y, wait_s in walk:
        point(play, x, y, now)
        now = run(play, now + wait_s, now)
    run(play, now + SETTLE_S, now)
    x, y, _ = walk[-1]
    wanted = to_patch(MODEL.decoder.decode(play.pad.to_z((x, y))))
    np.testing.assert_allclose(to_patch(output.held), wanted, atol=1e-4)
    assert play.tick(now + SETTLE_S + 1.0) is None


def test_an_axis_that_the_newest_point_lacks_is_taken_from_the_point_before() -> None:
    play = engine(Recorder())
    point(play, 0.25, 0.5, 10.0)
    play.tick(10.0)
    for x, y in ((0.125, None), (None, 0.75)):  # both before the next tick
        play.receive(Point(x, y, None, "latentd", 10.1))
    play.tick(10.1)
    assert play.xy == (0.125, 0.75)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 2000), st.floats(0, 1), st.floats(0, 1))
def test_p3_after_a_burst_the_next_output_shows_the_newest_point(burst: int, x: float, y: float) -> None:
    output = Recorder()
    play = engine(output)
    for i in range(burst):
        point(play, i / burst, 0.5, 10.0)
    point(play, x, y, 10.0)
    play.tick(10.0)
    wanted = to_patch(MODEL.decoder.decode(play.pad.to_z((x, y))))
    np.testing.assert_allclose(to_patch(output.held), wanted, atol=1e-4)
    assert play.status.counters.superseded == burst
    assert len(output.log) == COUNT


@settings(deadline=None, max_examples=40)
@given(st.lists(st.binary(max_size=80) | st.floats(width=32).map(lambda v: packets.write("/xy", v, 0.5)), max_size=40))
def test_p4_whatever_arrives_only_sane_values_go_out(datagrams: list[bytes]) -> None:
    output = Recorder()
    play, now = engine(output, "xy", "touchosc-mk2", "tuio"), 10.0
    for datagram in datagrams:
        try:
            messages = packets.read(datagram)
        except packets.Malformed:
            messages = []
        for message in messages:
            play.inputs.osc(message, now)
        now = run(play, now + 0.01, now)
    assert all(0.0 <= change.value <= 1.0 for _, change in output.log)


def test_p5_jitter_at_a_border_flips_no_switch() -> None:
    """Find a border of some switch along a line, then let a finger tremble there for five seconds."""
    output = Recorder()
    play = engine(output)
    xs = np.linspace(0.0, 1.0, 4001)
    decoded = MODEL.decoder.decode_many(np.array([play.pad.to_z((float(x), 0.4)) for x in xs]))
    patches = to_patch(decoded)
    borders = np.flatnonzero((patches[1:] != patches[:-1])[:, STEPPED].any(axis=1))
    assert borders.size, "the line has to cross a border"
    rng = random.Random(5)
    for border in borders[:10]:
        x = float(xs[border])
        now = run(play, 1000.0 * x + 20.0, 1000.0 * x + 10.0)
        for i in range(500):
            point(play, x + rng.uniform(-2e-4, 2e-4), 0.4, now)
            now = run(play, now + 0.01, now)
            if i == 100:
                calm_since = len(output.log)
        switches = [change for _, change in output.log[calm_since:] if STEPPED[change.parameter]]
        assert switches == []


def test_p5_a_switch_flips_at_most_once_per_dwell_on_the_wildest_gesture() -> None:
    output = Recorder()
    play, now, rng = engine(output), 10.0, random.Random(3)
    for _ in range(1000):
        point(play, rng.random(), rng.random(), now)
        now = run(play, now + 0.01, now)
    for index in np.flatnonzero(STEPPED):
        flips = [t for t, change in output.log if change.parameter == index]
        assert all(b - a >= ShapingSettings().dwell_s - 1e-9 for a, b in pairwise(flips))


def test_p6_without_input_nothing_is_sent_and_nothing_is_due() -> None:
    output = Recorder()
    play = engine(output)
    assert play.tick(1.0) is None
    assert output.log == []
    point(play, 0.3, 0.3, 2.0)
    run(play, 5.0, 2.0)
    sent = len(output.log)
    assert play.tick(100.0) is None
    assert len(output.log) == sent


def test_frozen_the_point_stays() -> None:
    output = Recorder()
    play = engine(output)
    point(play, 0.3, 0.3, 1.0)
    run(play, 3.0, 1.0)
    play.frozen = True
    point(play, 0.9, 0.9, 4.0)
    run(play, 6.0, 4.0)
    assert play.xy == (0.3, 0.3)


def test_a_hand_lifted_while_frozen_does_not_keep_the_lead() -> None:
    play = engine(Recorder())

    def touch(x: float, y: float, on: bool, now: float) -> None:
        play.receive(Point(x, y, on, "latentd", now))

    play.gesture = Gesture({"latentd": GestureSettings(filter=None), "other": GestureSettings(filter=None)})
    touch(0.3, 0.3, True, 1.0)
    run(play, 2.0, 1.0)
    play.frozen = True
    play.tick(2.0)
    touch(0.3, 0.3, False, 2.1)
    play.tick(2.1)
    play.frozen = False
    play.receive(Point(0.8, 0.8, True, "other", 3.0))
    run(play, 4.0, 3.0)
    assert play.xy == (0.8, 0.8)


def test_a_model_with_other_categories_can_be_played_while_the_point_moves() -> None:
    play = engine(Recorder())
    layout = MODEL.decoder.layout
    fewer = Layout(layout.continuous, layout.categories[1:])
    weight = np.random.default_rng(1).normal(size=(fewer.width, 2))
    network = Network(((weight, np.zeros(fewer.width)),), 0.1)
    other = replace(MODEL, decoder=Decoder(fewer, network, np.zeros(COUNT), 0.5))
    point(play, 0.3, 0.3, 1.0)
    run(play, 1.05, 1.0)
    play.use_model(other)
    point(play, 0.4, 0.3, 1.05)
    play.tick(1.05)
    play.use_model(MODEL)
    point(play, 0.5, 0.3, 1.06)
    play.tick(1.06)
    assert play.shaping.held is not None
    assert len(play.shaping.held) == len(layout.categories)


def test_what_no_cc_reaches_is_in_the_patch_as_it_would_be_sent() -> None:
    output = Recorder(127.0)
    output.reachable[14] = False
    play = engine(output)
    assert play.patch() is None
    point(play, 0.3, 0.3, 1.0)
    run(play, 3.0, 1.0)
    patch = play.patch()
    assert patch is not None
    assert np.isnan(output.held[14])
    wanted = to_patch(MODEL.decoder.decode(play.pad.to_z((0.3, 0.3))))
    assert abs(patch[14] - wanted[14]) <= 1e-9
    np.testing.assert_allclose(np.delete(patch, 14), np.delete(to_patch(output.held), 14), atol=1e-9)


def test_the_first_half_of_the_first_value_does_not_wait_for_ever() -> None:
    play = engine(Recorder(), "pair14")
    play.inputs.midi(bytes((0xB0, 44, 0)), "port", 1.0)  # a lower half, so an upper one will wait for the next
    play.inputs.midi(bytes((0xB0, 12, 127)), "port", 1.0)
    run(play, 2.0, 1.0)
    assert play.xy is not None
    assert play.xy[0] > 0.9


def test_a_glide_arrives_and_a_finger_ends_it() -> None:
    play = engine(Recorder())
    point(play, 0.0, 0.0, 1.0)
    run(play, 3.0, 1.0)
    play.go_to((1.0, 0.5), 2.0, 3.0)
    run(play, 4.0, 3.0)
    assert play.xy is not None
    assert 0.2 < play.xy[0] < 0.8
    run(play, 6.0, 4.0)
    assert play.xy == (1.0, 0.5)
    play.motion = Wander(play.xy, 6.0)
    run(play, 8.0, 6.0)
    point(play, 0.1, 0.1, 8.0)
    run(play, 9.0, 8.0)
    assert play.xy == (0.1, 0.1)
    assert play.motion is None


@pytest.mark.parametrize("how", ["glide", "wander"])
def test_what_moves_by_itself_begins_even_while_a_filter_still_follows_a_hand(how: str) -> None:
    play = engine(Recorder(), "xy")
    play.inputs.osc(packets.Message("/xy", (0.2, 0.2)), 1.0)
    play.tick(1.0)
    play.inputs.osc(packets.Message("/xy", (0.3, 0.3)), 1.01)
    play.tick(1.01)
    assert play.xy != (0.3, 0.3)  # on the way
    if how == "glide":
        play.go_to((0.8, 0.8), 0.0, 1.0105)
    else:
        play.begin(Wander((0.3, 0.3), 1.0105), 1.0105)
    run(play, 1.2, 1.012)
    assert (play.xy == (0.8, 0.8)) if how == "glide" else isinstance(play.motion, Wander)


@pytest.mark.parametrize("every_s", [0.02, 0.11, 0.2, 0.35])
def test_p5_slow_jitter_at_a_border_flips_no_switch(every_s: float) -> None:
    play = engine(Recorder())
    classes = [play.model.decoder.decode(play.pad.to_z((x / 4000, 0.5)))[OSC1_WAVEFORM] for x in range(4001)]
    border = next(i for i in range(1, 4001) if classes[i] != classes[i - 1]) / 4000 - 1 / 8000
    output = play.output
    assert isinstance(output, Recorder)
    now = 1.0
    for n in range(100):
        point(play, border + 0.002 * (-1) ** n, 0.5, now)
        now = run(play, now + every_s, now)
    assert sum(change.parameter == OSC1_WAVEFORM for _, change in output.log) <= 2


def test_another_output_is_sent_everything_and_locks_stay() -> None:
    first, second = Recorder(), Recorder(127.0)
    play = engine(first)
    point(play, 0.2, 0.2, 1.0)
    run(play, 3.0, 1.0)
    play.shaping.lock(14)
    play.shaping.take_limits({11: (0.25, 0.3125)})
    play.use_output(second)
    point(play, 0.8, 0.8, 4.0)
    run(play, 6.0, 4.0)
    assert not np.isnan(second.held).any()
    assert 0.25 <= second.held[11] <= 0.3125
    assert abs(second.held[14] - first.held[14]) <= 0.5 / 127.0


def _performance(how: str, rehearses: bool) -> tuple[Recorder, Engine]:
    """Two strokes, then something that goes on by itself; rehearsed, or not, whenever no tick is due."""
    output = Recorder()
    play = engine(output, shaping=ShapingSettings(switch_on_note=how == "note"))
    play.gesture = Gesture({"latentd": GestureSettings(filter=None), "other": GestureSettings()})
    due: float | None = None
    for n in range(1000):
        now = 10.0 + 0.003 * n
        wanted = n in (0, 10, 20, 300)
        if n == 0:
            point(play, 0.1, 0.2, now)
        elif n == 10:
            play.frozen, play.recording = how == "frozen", Recording(lambda: None)
            play.receive(Point(0.8, 0.9, None, "other", now))
        elif n == 20 and how == "wander":
            play.motion = Wander((0.3, 0.3), now)
        elif n == 20:  # it waits for the lead, which falls silent
            play.receive(Point(0.5, 0.4, True, "latentd", now))
        elif n == 300:
            play.frozen = False
            play.shaping.note_on()
        if wanted or (due is not None and due <= now):
            due = play.tick(now)
        elif rehearses:
            play.rehearse()
    return output, play


@pytest.mark.parametrize("how", ["hands", "wander", "frozen", "note"])
def test_p6_a_rehearsal_sends_nothing_and_moves_nothing(how: str) -> None:
    plain, rehearsed = _performance(how, rehearses=False), _performance(how, rehearses=True)
    assert rehearsed[0].log == plain[0].log
    assert rehearsed[1].xy == plain[1].xy
    assert rehearsed[1].recording is not None and plain[1].recording is not None
    assert rehearsed[1].recording.points == plain[1].recording.points


def test_p11_the_latency_counts_from_the_newest_of_the_points_that_are_answered() -> None:
    play = engine(Recorder(), "xy")
    play.inputs.osc(packets.Message("/xy", (0.2, 0.2)), 1.0)
    play.tick(1.0)
    assert play.point_t == 1.0
    play.inputs.osc(packets.Message("/xy", (0.3, 0.3)), 1.5)
    point(play, 0.4, 0.4, 1.25)
    play.tick(1.75)
    assert play.point_t == 1.5
    point(play, 0.4, 0.4, 2.25)
    play.inputs.osc(packets.Message("/xy", (0.3, 0.3)), 2.0)
    play.tick(2.5)
    assert play.point_t == 2.25


def test_p11_the_latency_counts_from_the_arrival_of_the_message_not_from_its_reading() -> None:
    play = engine(Recorder(), "xy", "nanokontrol2")
    play.inputs.osc(packets.Message("/xy", (0.2, 0.2)), 1.0, 0.721)
    play.tick(1.0)
    assert play.point_t == 0.721
    play.inputs.midi(bytes((0xB0, 0, 64)), "port", 2.0, 1.9)
    play.tick(2.0)
    assert play.point_t == 1.9
    play.inputs.midi(bytes((0xB0, 0, 65)), "port", 3.0, 2.9)
    play.inputs.osc(packets.Message("/xy", (0.3, 0.3)), 3.0, 2.6)
    play.tick(3.0)
    assert play.point_t == 2.9


def test_p11_only_points_that_move_something_count_as_used() -> None:
    play = engine(Recorder())
    counters = play.status.counters
    for n, (x, used) in enumerate([(0.2, 1), (0.2, 1), (0.3, 2)]):
        point(play, x, 0.5, 1.0 + n)
        run(play, 1.9 + n, 1.0 + n)
        assert counters.used == used
    filtered = engine(Recorder(), "xy")
    for n, x in enumerate((0.2, 0.8)):
        filtered.inputs.osc(packets.Message("/xy", (x, 0.5)), 1.0 + 0.01 * n)
        filtered.tick(1.0 + 0.01 * n)
    run(filtered, 3.0, 1.02)  # on the way there nobody sends anything
    assert filtered.xy == pytest.approx((0.8, 0.5))
    assert filtered.status.counters.used == 2


class Broken(Decoder):
    """A decoder that now and then gives nonsense."""

    wrong: tuple[float, ...] | None = None

    def decode(self, z: Any, held: Any = None) -> list[float]:
        target = super().decode(z, held)
        return target if self.wrong is None else [*self.wrong, *target[len(self.wrong) :]]


@pytest.mark.parametrize("wrong", [(float("nan"),), (float("inf"), 0.5), (-float("inf"),), (0.5, float("nan"))])
def test_p4_a_decoder_that_gives_nonsense_is_counted_and_the_sound_before_it_stays(wrong: tuple[float, ...]) -> None:
    output = Recorder()
    play = engine(output)
    own = MODEL.decoder
    broken = Broken(own.layout, own.network, np.array(own.constants), own.margin)
    play.use_model(replace(MODEL, decoder=broken))
    broken.wrong = wrong
    point(play, 0.3, 0.3, 1.0)
    play.tick(1.0)  # before anything sane is known
    assert play.status.counters.faults == 1
    assert all(0.0 <= change.value <= 1.0 for _, change in output.log)
    assert {change.value for _, change in output.log if change.parameter < len(wrong)} <= {0.0, 0.5}
    broken.wrong = None
    run(play, 4.0, 2.0)
    point(play, 0.4, 0.3, 5.0)
    run(play, 7.0, 5.0)
    before, faults = output.held.copy(), play.status.counters.faults
    broken.wrong = wrong
    point(play, 0.9, 0.9, 8.0)
    run(play, 9.0, 8.0)
    assert play.status.counters.faults > faults
    np.testing.assert_array_equal(output.held, before)


def test_what_moves_by_itself_may_begin_before_anybody_has_pointed() -> None:
    play = engine(Recorder(), "xy")
    play.begin(Wander((0.25, 0.75), 1.0), 1.0)
    run(play, 1.5, 1.0)
    assert play.xy == pytest.approx((0.25, 0.75), abs=0.1)
    other = engine(Recorder())
    other.go_to((0.25, 0.75), 5.0, 1.0)  # from nowhere: at once
    other.tick(1.0)
    assert other.xy == (0.25, 0.75)
