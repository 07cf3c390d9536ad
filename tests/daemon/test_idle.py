"""A rig that nobody plays: when its point begins to move by itself, and who takes it away again."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentd.config.config import IdleSettings
from latentd.daemon.engine import Engine
from latentd.daemon.idle import GLIDE_S, JITTER, IdleMotion, IdleState
from latentd.instrument.motion import Glide, Wander
from latentd.instrument.pad import XY
from latentd.instrument.point import Point
from tests.support.engine import Recorder, engine
from tests.support.state_table import StateTable, Transition, rows

AFTER_S = 60.0
HOME: XY = (0.25, 0.75)


class Rig:
    """An engine and its idle motion, called as the service calls them."""

    def __init__(self, then: str = "home", xy: XY | None = (0.5, 0.5)) -> None:
        self.now = 1000.0
        self.engine: Engine = engine(Recorder(), "touchosc-mk2")
        if xy is not None:
            self.engine.place(xy, self.now)
        self.begun = 0
        settings = IdleSettings.model_validate({"after_s": AFTER_S, "then": then})
        self.idle = IdleMotion(settings, self.engine, lambda: HOME, self.begin, self.now)

    def begin(self) -> None:
        self.begun += 1

    def turn(self) -> float | None:
        """What the service does at the end of a turn."""
        self.engine.tick(self.now)
        due = self.idle.step(self.now)
        if due == self.now:
            self.engine.tick(self.now)
        return due

    def wait(self, seconds: float, step_s: float = 0.1) -> None:
        """Let time pass with a turn now and then."""
        for _ in range(max(round(seconds / step_s), 1)):
            self.now += step_s
            self.turn()

    def move(self, x: float, y: float, touch: bool | None = None) -> None:
        self.engine.receive(Point(x, y, touch, "latentd", self.now))
        self.turn()

    @property
    def moves(self) -> bool:
        return self.engine.motion is not None

    @property
    def state(self) -> IdleState:
        return self.idle.state


def test_without_input_it_goes_home_and_stays_there() -> None:
    rig = Rig()
    assert rig.turn() == 1000.0 + AFTER_S
    rig.now = 1000.0 + AFTER_S - 0.001
    rig.turn()
    assert (rig.state, rig.begun, rig.engine.xy) == (IdleState.WAITING, 0, (0.5, 0.5))
    rig.now = 1000.0 + AFTER_S
    assert rig.turn() == rig.now
    assert (rig.state, rig.begun) == (IdleState.MOVING, 1)
    rig.wait(GLIDE_S / 2, 0.02)
    assert rig.engine.xy == pytest.approx((0.375, 0.625), abs=0.02)
    rig.wait(GLIDE_S / 2 + 0.1, 0.02)
    assert rig.engine.xy == HOME
    rig.wait(10 * AFTER_S, 1.0)
    assert (rig.state, rig.engine.xy, rig.engine.motion, rig.begun) == (IdleState.RESTING, HOME, None, 1)
    assert rig.turn() is None, "P6: at home there is nothing to wait for"


def test_it_wanders_until_somebody_plays_and_again_once_nobody_does() -> None:
    rig = Rig("wander")
    rig.wait(AFTER_S + 5.0)
    assert isinstance(rig.engine.motion, Wander)
    assert rig.engine.xy != (0.5, 0.5)
    rig.move(0.9, 0.1)
    assert (rig.state, rig.engine.xy) == (IdleState.WAITING, (0.9, 0.1))
    assert not rig.moves
    rig.wait(AFTER_S - 1.0)
    assert rig.engine.xy == (0.9, 0.1)
    rig.wait(1.5)
    assert rig.state is IdleState.MOVING
    assert rig.engine.xy == pytest.approx((0.9, 0.1), abs=0.1), "the walk begins where the hand left the point"


def test_by_default_it_stays() -> None:
    rig = Rig("stay")
    assert rig.turn() is None
    rig.wait(10 * AFTER_S, 1.0)
    assert (rig.state, rig.engine.xy, rig.begun) == (IdleState.WAITING, (0.5, 0.5), 0)


def test_without_any_point_it_begins_in_the_middle() -> None:
    rig = Rig("wander", xy=None)
    rig.wait(AFTER_S + 0.2)
    assert rig.engine.xy == pytest.approx((0.5, 0.5), abs=0.05)
    rig = Rig("home", xy=None)
    rig.wait(AFTER_S + 0.2)
    assert rig.engine.xy == HOME


def sent(rig: Rig, handle: Callable[[], object]) -> None:
    """As a message is carried out: what it began must not be taken for the motion of the idle rig."""
    handle()
    theirs = rig.engine.motion
    rig.idle.input(rig.now)
    assert rig.engine.motion is theirs


PLAYED: dict[str, Callable[[Rig], object]] = {
    "a point": lambda rig: rig.move(0.9, 0.9),
    "a message": lambda rig: rig.idle.input(rig.now),
    "a landmark": lambda rig: rig.engine.go_to((0.1, 0.1), 1.0, rig.now),
    "a landmark's message": lambda rig: sent(rig, lambda: rig.engine.go_to((0.1, 0.1), 1.0, rig.now)),
    "a walk": lambda rig: rig.engine.begin(Wander((0.5, 0.5), rig.now), rig.now),
    "freeze": lambda rig: setattr(rig.engine, "frozen", True),
}


@pytest.mark.parametrize("how", PLAYED)
@pytest.mark.parametrize("then", ["home", "wander"])
def test_whoever_plays_has_the_point_at_once_and_the_wait_begins_anew(how: str, then: str) -> None:
    rig = Rig(then)
    rig.wait(AFTER_S - 1.0)
    PLAYED[how](rig)
    rig.wait(2.0)
    assert rig.state is IdleState.WAITING
    rig = Rig(then)
    rig.wait(AFTER_S + 1.0)
    own = rig.engine.motion
    assert own is not None
    PLAYED[how](rig)
    rig.turn()
    assert rig.engine.motion is not own
    assert rig.state is IdleState.WAITING
    rig.wait(AFTER_S - 1.0)
    assert rig.state is IdleState.WAITING


@pytest.mark.parametrize("still", [False, True], ids=["a walk", "a glide that stands still"])
def test_what_somebody_has_begun_to_move_goes_on_and_is_never_replaced(still: bool) -> None:
    rig = Rig("home")
    middle = (0.5, 0.5)
    theirs = Glide(middle, middle, rig.now, 3600.0) if still else Wander(middle, rig.now)
    rig.engine.begin(theirs, rig.now)
    rig.wait(5 * AFTER_S, 0.5)
    assert rig.engine.motion is theirs
    assert rig.begun == 0


def test_a_frozen_point_stays_where_it_was_frozen_and_waits_its_time_once_it_is_free() -> None:
    rig = Rig("wander")
    rig.wait(AFTER_S + 5.0)
    rig.engine.frozen = True
    rig.idle.input(rig.now)  # as the message does
    where = rig.engine.xy
    rig.wait(5 * AFTER_S, 1.0)
    assert (rig.engine.xy, rig.engine.motion) == (where, None)
    rig.engine.frozen = False
    rig.wait(AFTER_S - 1.0)
    assert rig.engine.xy == where
    rig.wait(1.5)
    assert rig.state is IdleState.MOVING


def test_a_finger_that_rests_on_the_pad_keeps_the_point() -> None:
    rig = Rig("wander")
    rig.move(0.9, 0.1, touch=True)
    for _ in range(round(3 * AFTER_S)):
        rig.now += 1.0
        rig.move(0.9, 0.1, touch=True)
    assert (rig.state, rig.engine.xy) == (IdleState.WAITING, (0.9, 0.1))
    rig.wait(AFTER_S + 11.0, 0.5)  # its last message: a phone may have died with the finger on it
    assert rig.state is IdleState.MOVING


@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1)), min_size=8, max_size=8))
def test_jitter_of_a_sensor_that_never_stops_is_no_input(jitter: list[tuple[float, float]]) -> None:
    rig = Rig("wander")
    rig.move(0.5, 0.5)
    for n in range(round(AFTER_S / 0.1) + 20):
        rig.now += 0.1
        dx, dy = jitter[n % len(jitter)]
        rig.move(0.5 + 0.4 * JITTER * dx, 0.5 + 0.4 * JITTER * dy)
    assert (rig.begun, rig.state) == (1, IdleState.MOVING), "the walk goes on"


def test_a_slow_hand_is_input_however_slow_it_is() -> None:
    rig = Rig("wander")
    for n in range(4 * round(AFTER_S)):
        rig.now += 1.0
        rig.move(0.5 + n * 1.1 * JITTER / AFTER_S, 0.5)
    assert rig.begun == 0


def arrive(rig: Rig) -> None:
    assert rig.state is IdleState.MOVING
    rig.wait(GLIDE_S + 0.2)


def idle(rig: Rig) -> None:
    assert rig.state is IdleState.WAITING
    rig.now += AFTER_S
    rig.turn()


TABLE = StateTable(
    IdleMotion,
    IdleState,
    Rig,
    lambda rig: rig.idle.state,
    {
        "`after_s` without input": idle,
        "home is reached": arrive,
        "input": lambda rig: rig.move(*((0.9, 0.9) if rig.engine.xy != (0.9, 0.9) else (0.1, 0.1))),
        "a turn": lambda rig: rig.wait(0.1),
    },
)


@pytest.mark.parametrize("row", rows(IdleMotion), ids=str)
def test_each_row_of_the_table_is_what_happens(row: Transition) -> None:
    TABLE.check(row)


def test_nothing_else_changes_the_state() -> None:
    TABLE.check_the_rest()
