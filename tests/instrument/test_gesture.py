"""From device numbers to one pad point: ranges, filter, touch, lead, pickup. Time is an argument throughout."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from latentd.instrument.gesture import REST_S, Gesture
from latentd.instrument.gesture_settings import Filter, GestureSettings
from latentd.instrument.gesture_source import HELD_S, RELEASE_S, STILL_S
from latentd.instrument.one_euro import Axis
from latentd.instrument.pad import CENTRE
from latentd.instrument.point import Point


def gesture(**sources: GestureSettings) -> Gesture:
    return Gesture(sources)


def plain(**given_settings: object) -> GestureSettings:
    """Settings without a filter, so that positions arrive to the digit."""
    return GestureSettings.model_validate({"filter": None, **given_settings})


def at(x: float | None, y: float | None, t: float, source: str = "a", touch: bool | None = None) -> Point:
    return Point(x, y, touch, source, t)


@pytest.mark.parametrize(
    ("settings_", "sent", "expected"),
    [
        ({}, (0.25, 0.75), (0.25, 0.75)),
        ({"invert_y": True}, (0.25, 0.75), (0.25, 0.25)),
        ({"swap": True}, (0.25, 0.75), (0.75, 0.25)),
        ({"swap": True, "invert_x": True}, (0.25, 0.75), (0.25, 0.25)),
        ({"range_x": (-1.0, 1.0), "range_y": (0.0, 127.0)}, (0.0, 127.0), (0.5, 1.0)),
        ({"range_x": (200.0, -200.0)}, (200.0, 0.5), (0.0, 0.5)),
        ({}, (7.0, -3.0), (1.0, 0.0)),
        ({"dead_zone": 0.1}, (0.55, 0.45), (0.5, 0.5)),
        ({"dead_zone": 0.1}, (1.0, 0.0), (1.0, 0.0)),
        ({"curve": 2.0}, (0.75, 0.25), (0.625, 0.375)),
    ],
)
def test_a_device_is_brought_to_the_pad(
    settings_: dict[str, object], sent: tuple[float, float], expected: tuple[float, float]
) -> None:
    g = gesture(a=plain(**settings_))
    g.step([at(*sent, 1.0)], 1.0)
    assert g.xy == pytest.approx(expected)


def test_an_axis_not_received_yet_keeps_the_present_coordinate() -> None:
    g = gesture(a=plain())
    g.step([at(0.9, None, 1.0)], 1.0)
    assert g.xy == pytest.approx((0.9, CENTRE[1]))


def test_movements_add_up_from_where_the_point_is_even_after_another_source_led() -> None:
    g = gesture(knobs=plain(), pad=plain())
    g.step([Point(0.1, 0.0, None, "knobs", 1.0, relative=True)], 1.0)
    assert g.xy == pytest.approx((0.6, 0.5))
    g.step([at(0.2, 0.2, 3.0, "pad")], 3.0)
    g.step([Point(0.1, 0.1, None, "knobs", 5.0, relative=True)], 5.0)
    assert g.xy == pytest.approx((0.3, 0.3))


def test_after_input_stops_the_point_is_exactly_the_last_one() -> None:
    g = gesture(a=GestureSettings())
    g.step([at(0.1, 0.1, 0.0)], 0.0)
    g.step([at(0.9, 0.3, 0.02)], 0.02)
    assert g.xy != (0.9, 0.3), "the filter smooths a jump"
    now = 0.02
    while (due := g.next_step(now)) is not None:
        assert due <= 0.02 + 1.0, "the filter has to come to rest"
        now = max(due, now + 1e-4)
        g.step([], now)
    assert g.xy == (0.9, 0.3)
    assert g.still


def test_still_begins_only_after_a_rest() -> None:
    g = gesture(a=plain())
    g.step([at(0.4, 0.4, 10.0)], 10.0)
    assert not g.still
    assert g.next_step(10.0) == pytest.approx(10.0 + REST_S)
    g.step([], 10.0 + STILL_S)
    assert not g.still
    g.step([], 10.0 + REST_S)
    assert g.still
    assert g.next_step(11.0) is None


def test_a_lift_does_not_move_the_point() -> None:
    g = gesture(a=plain())
    g.step([at(0.8, 0.8, 1.0, touch=True)], 1.0)
    g.step([at(0.0, 0.0, 1.1, touch=False)], 1.1)
    assert g.xy == pytest.approx((0.8, 0.8))


def test_the_first_touched_source_leads_until_it_lifts_then_the_other() -> None:
    g = gesture(a=plain(), b=plain())
    g.step([at(0.1, 0.1, 1.0, "a", True)], 1.0)
    g.step([at(0.9, 0.9, 1.1, "b", True)], 1.1)
    assert g.leader == "a"
    assert g.xy == pytest.approx((0.1, 0.1))
    g.step([at(0.1, 0.1, 1.2, "a", False)], 1.2)
    assert g.leader == "b"
    assert g.xy == pytest.approx((0.9, 0.9))


def test_a_higher_priority_takes_the_lead_at_once() -> None:
    g = gesture(installation=plain(), hand=plain(priority=5))
    g.step([at(0.1, 0.1, 1.0, "installation")], 1.0)
    g.step([at(0.7, 0.7, 1.01, "hand")], 1.01)
    assert g.leader == "hand"


def test_a_source_without_touch_is_released_by_silence() -> None:
    g = gesture(a=plain(), b=plain())
    g.step([at(0.1, 0.1, 1.0, "a")], 1.0)
    g.step([at(0.9, 0.9, 1.2, "b")], 1.2)
    assert g.leader == "a"
    late = 1.0 + RELEASE_S + 0.01
    g.step([at(0.9, 0.9, late, "b")], late)
    assert g.leader == "b"


def test_a_timeout_counts_as_a_lift() -> None:
    g = gesture(a=plain(timeout_s=2.0), b=plain())
    g.step([at(0.1, 0.1, 1.0, "a", True)], 1.0)
    g.step([at(0.9, 0.9, 2.9, "b", True)], 2.9)
    assert g.leader == "a"
    g.step([at(0.9, 0.9, 3.1, "b", True)], 3.1)
    assert g.leader == "b"


def test_after_a_touched_source_has_fallen_silent_others_lead_and_it_goes_on_where_it_is() -> None:
    g = gesture(phone=plain(), pad=plain())
    g.step([at(0.1, 0.1, 1.0, "phone", True)], 1.0)
    g.step([at(0.9, 0.9, 5.0, "pad", True)], 5.0)
    assert g.leader == "phone"  # a finger held still, for all anybody knows
    late = 1.0 + HELD_S
    g.step([at(0.9, 0.8, late, "pad", True)], late)
    assert g.xy == pytest.approx((0.9, 0.8))
    g.step([at(0.9, 0.8, late + 0.1, "pad", False)], late + 0.1)
    g.step([], late + 5.0)
    assert g.xy == pytest.approx((0.9, 0.8))  # not back to where the phone was
    g.step([at(0.12, 0.1, late + 6.0, "phone", True)], late + 6.0)
    assert g.xy == pytest.approx((0.12, 0.1))


def test_positions_long_after_a_lift_count_because_the_touch_must_have_got_lost() -> None:
    g = gesture(a=plain())
    g.step([at(0.1, 0.1, 1.0, touch=True)], 1.0)
    g.step([at(0.1, 0.1, 1.1, touch=False)], 1.1)
    g.step([at(0.3, 0.3, 1.2, touch=False)], 1.2)  # a last, meaningless one
    assert g.xy == pytest.approx((0.1, 0.1))
    for n in range(5):
        g.step([at(0.5, 0.5 + 0.01 * n, 4.0 + 0.02 * n, touch=False)], 4.0 + 0.02 * n)
    assert g.xy == pytest.approx((0.5, 0.54))


def test_a_touch_alone_does_not_move_the_point_back_to_where_the_finger_was() -> None:
    g = gesture(a=plain(), b=plain())
    g.step([at(0.1, 0.1, 1.0, "a", True)], 1.0)
    g.step([at(0.1, 0.1, 1.5, "a", False)], 1.5)
    g.step([at(0.9, 0.9, 2.0, "b")], 2.0)
    g.step([at(0.1, 0.1, 5.0, "a", True)], 5.0)  # the device repeats what it sent last
    assert g.xy == pytest.approx((0.9, 0.9))
    g.step([at(0.85, 0.9, 5.01, "a", True)], 5.01)
    assert g.xy == pytest.approx((0.85, 0.9))
    assert g.leader == "a"


def test_a_touch_holds_the_point_where_it_is_and_one_right_after_its_position_leads() -> None:
    g = gesture(a=plain(), b=plain())
    g.step([at(0.1, 0.1, 1.0, "a", True)], 1.0)
    g.step([at(0.1, 0.1, 1.5, "a", False)], 1.5)
    g.step([at(0.1, 0.1, 5.0, "a", True)], 5.0)
    g.step([at(0.6, 0.6, 5.1, "b")], 5.1)
    assert g.xy == pytest.approx((0.1, 0.1))
    g.step([at(0.1, 0.1, 6.0, "a", False)], 6.0)
    g.step([at(0.4, 0.4, 6.1, "a", False)], 6.1)
    g.step([at(0.4, 0.4, 6.15, "a", True)], 6.15)
    assert g.xy == pytest.approx((0.4, 0.4))


def test_with_soft_pickup_each_axis_takes_over_near_the_point_or_across_it() -> None:
    g = gesture(pad=plain(), knobs=plain(pickup="soft"))
    g.step([at(0.5, 0.5, 1.0, "pad")], 1.0)
    g.step([at(0.1, 0.9, 3.0, "knobs")], 3.0)
    assert g.leader == "pad"
    g.step([at(0.1, 0.52, 3.1, "knobs")], 3.1)
    assert g.xy == pytest.approx((0.5, 0.52))
    for n in range(8):  # the other knob sweeps, in steps wider than what is near
        x = 0.1 + 0.11 * n
        g.step([at(x, 0.52, 3.2 + 0.01 * n, "knobs")], 3.2 + 0.01 * n)
        assert g.xy == pytest.approx((x if x > 0.5 else 0.5, 0.52))
    assert g.leader == "knobs"


def test_an_axis_that_a_soft_source_has_not_sent_stays_where_it_is() -> None:
    g = gesture(pad=plain(), knobs=plain(pickup="soft"))
    g.step([at(0.5, 0.5, 1.0, "pad")], 1.0)
    g.step([Point(None, 0.5, None, "knobs", 3.0)], 3.0)
    g.step([Point(0.01, 0.5, None, "knobs", 3.1)], 3.1)
    assert g.leader == "knobs"
    assert g.xy == pytest.approx((0.5, 0.5))


def test_after_a_landmark_no_source_leads_until_it_sends_again() -> None:
    g = gesture(a=plain())
    g.step([at(0.1, 0.1, 1.0, touch=True)], 1.0)
    g.settle_at((0.7, 0.7), 1.05)
    g.step([], 1.1)
    assert g.xy == (0.7, 0.7)
    g.step([at(0.2, 0.2, 1.2, touch=True)], 1.2)
    assert g.xy == pytest.approx((0.2, 0.2))


@pytest.mark.parametrize("touch", [None, True])
def test_a_source_that_streams_on_leaves_a_landmark_alone_until_it_moves(touch: bool | None) -> None:
    g = gesture(tilt=plain(), latentd=plain(retake=0.0))
    g.step([at(0.1, 0.1, 1.0, "tilt", touch)], 1.0)
    for n in range(100):  # a glide of a second, while the phone trembles
        g.settle_at((0.7, 0.7), 1.0 + 0.01 * n)
        assert not g.step([at(0.1 + 0.02 * (n % 3), 0.09, 1.005 + 0.01 * n, "tilt", touch)], 1.005 + 0.01 * n)
        assert g.xy == (0.7, 0.7)
    assert g.still
    assert g.next_step(2.0) is None
    g.step([at(0.16, 0.1, 2.0, "tilt", touch)], 2.0)
    assert g.leader == "tilt"
    assert g.xy == pytest.approx((0.16, 0.1))


def test_a_new_touch_a_pause_and_a_movement_lead_at_once_after_a_landmark() -> None:
    g = gesture(pad=plain(), knob=plain(), wheel=plain())
    wheel = Point(0.01, 0.0, None, "wheel", 1.0, relative=True)
    g.step([at(0.1, 0.1, 1.0, "pad", True), at(0.3, 0.3, 1.0, "knob"), wheel], 1.0)
    g.settle_at((0.7, 0.7), 1.1)
    g.step([at(0.1, 0.1, 1.2, "pad", False)], 1.2)
    g.step([at(0.1, 0.11, 1.3, "pad", True)], 1.3)
    assert g.leader == "pad"
    g.settle_at((0.7, 0.7), 1.35)
    g.step([at(0.31, 0.3, 1.7, "knob")], 1.7)
    assert g.leader == "knob"
    g.settle_at((0.7, 0.7), 1.71)
    g.step([wheel._replace(t=1.72)], 1.72)
    assert g.leader == "wheel"
    assert g.xy == pytest.approx((0.71, 0.7))


def test_a_reset_filter_is_a_fresh_filter_and_zero_is_a_time() -> None:
    used, fresh = Axis(Filter()), Axis(Filter())
    for i in range(20):
        used.step(0.9, 5.0 + 0.01 * i)
    used.reset()
    samples = [(0.0, 0.0), (0.01, 0.2), (0.02, 0.4), (0.03, 0.4)]
    assert [used.step(v, t) for t, v in samples] == [fresh.step(v, t) for t, v in samples]


def test_the_filter_is_the_published_one() -> None:
    """Casiez, Roussel and Vogel 2012, computed by hand for three steps: the speed is taken from the filtered value."""
    axis = Axis(Filter(min_cutoff_hz=1.0, beta=0.5, derivative_cutoff_hz=1.0))

    def alpha(cutoff: float, dt: float) -> float:
        tau = 1.0 / (2.0 * math.pi * cutoff)
        return 1.0 / (1.0 + tau / dt)

    assert axis.step(0.2, 0.0) == 0.2
    speed = alpha(1.0, 0.1) * (0.6 - 0.2) / 0.1
    expected = 0.2 + alpha(1.0 + 0.5 * speed, 0.1) * (0.6 - 0.2)
    assert axis.step(0.6, 0.1) == pytest.approx(expected)
    speed += alpha(1.0, 0.1) * ((0.7 - expected) / 0.1 - speed)
    expected += alpha(1.0 + 0.5 * speed, 0.1) * (0.7 - expected)
    assert axis.step(0.7, 0.2) == pytest.approx(expected)


def test_the_newest_point_counts_once_its_rivals_fall_silent() -> None:
    g = gesture(a=plain(), b=plain())
    g.step([at(0.4, 0.6, 0.0, "a")], 0.0)
    g.step([at(0.5, 0.9, 0.2, "b")], 0.2)
    assert g.xy == (0.4, 0.6)
    run_out(g, 0.2)
    assert g.xy == (0.5, 0.9)


def test_a_lifted_finger_leaves_the_point_to_what_another_source_has_sent_since_it_moved() -> None:
    g = gesture(a=plain(), b=plain())
    g.step([at(0.4, 0.6, 0.0, "a", touch=True)], 0.0)
    g.step([at(0.5, 0.9, 1.0, "b")], 1.0)
    g.step([at(0.4, 0.6, 5.0, "a", touch=False)], 5.0)
    run_out(g, 5.0)
    assert g.xy == (0.5, 0.9)


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.floats(0.001, 0.7)), min_size=1
    )
)
def test_p1_when_all_input_stops_the_point_is_the_last_one_of_whichever_source(
    events: list[tuple[str, float, float, float]],
) -> None:
    g = gesture(a=GestureSettings(), b=plain(), c=plain(priority=1))
    now = 0.0
    for source, x, y, wait_s in events:
        now += wait_s
        g.step([at(x, y, now, source)], now)
    run_out(g, now)
    assert g.xy == events[-1][1:3]
    assert g.leader == events[-1][0]


def run_out(g: Gesture, now: float) -> None:
    """Step as the gesture asks, until it rests."""
    for _ in range(2000):
        due = g.next_step(now)
        if due is None:
            break
        now = max(due, now + 1e-4)
        g.step([], now)
    assert g.next_step(now) is None


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b", "c"]),
            st.none() | st.floats(-1e9, 1e9),
            st.none() | st.floats(-1e9, 1e9),
            st.sampled_from([None, True, False]),
            st.floats(0.0, 2.0),
            st.booleans(),
        ),
        max_size=40,
    )
)
@example(events=[("a", None, None, None, 0.0, False), ("a", 0.0, 0.0, None, 5e-324, False)])
def test_p4_whatever_arrives_the_point_stays_on_the_pad_and_comes_to_rest(
    events: list[tuple[str, float | None, float | None, bool | None, float, bool]],
) -> None:
    g = gesture(a=GestureSettings(), b=plain(curve=3.0, dead_zone=0.2), c=GestureSettings(pickup="soft", priority=1))
    now = 0.0
    for source, x, y, touch, wait_s, relative in events:
        now += wait_s
        g.step([Point(x, y, touch, source, now, relative)], now)
        assert 0.0 <= g.xy[0] <= 1.0
        assert 0.0 <= g.xy[1] <= 1.0
    run_out(g, now)


def test_the_two_ends_of_a_range_must_differ() -> None:
    with pytest.raises(ValueError, match="must differ"):
        GestureSettings(range_x=(1.0, 1.0))
