"""The states of the gesture, against the tables that their classes draw."""

from __future__ import annotations

from enum import Enum

import pytest

from latentd.instrument.gesture import Gesture
from latentd.instrument.gesture_settings import GestureSettings
from latentd.instrument.gesture_source import HELD_S, RELEASE_S, STILL_S, GestureSource, Position, Touch
from latentd.instrument.pad import XY
from latentd.instrument.point import Point
from tests.support.state_table import StateTable, Transition, rows

RETAKE = 0.1
PLAIN = GestureSettings(filter=None, retake=RETAKE)
HERE, ELSEWHERE = (0.1, 0.1), (0.9, 0.9)


class Device:
    """A source that sends what a test wants of it; `present` is where the pad's point is."""

    def __init__(self) -> None:
        self.source = GestureSource(PLAIN)
        self.now = 100.0
        self.xy: XY = HERE
        self.touch: bool | None = None
        self.present: XY = HERE
        self.send()

    def send(self, by: float = 0.0, touch: bool | None = None, after_s: float = 0.02) -> None:
        """A position, `by` further to the right than the last; a touch, or the last one again."""
        self.now += after_s
        self.xy = (self.xy[0] + by, self.xy[1])
        self.touch = self.touch if touch is None else touch
        self.source.receive(Point(*self.xy, self.touch, "device", self.now), self.present, leads=True)

    def move_relatively(self) -> None:
        self.now += 0.02
        self.source.receive(Point(0.01, 0.0, self.touch, "device", self.now, relative=True), self.present, leads=True)

    def touch_on(self, by: float, present: XY) -> None:
        """A new touch, after a lift where one is needed."""
        if self.touch is True:
            self.send(touch=False)
        self.present = present
        self.send(by, touch=True, after_s=STILL_S + 0.01)

    def touch_on_after_moving(self) -> None:
        """What a device sends without a touch moves nothing, but it is where the finger is put down."""
        self.send(touch=False)
        self.present = ELSEWHERE
        self.send(2 * RETAKE, after_s=1.0)
        self.send(touch=True)

    def landmark(self, after_s: float = 0.0) -> None:
        """It takes the point; then the source streams on where it is."""
        self.source.yield_point(self.now + after_s)
        if after_s == 0.0:
            self.send()


TOUCH = StateTable(
    Touch,
    Touch,
    Device,
    lambda device: device.source.touch,
    {
        "touch on": lambda device: device.send(touch=True),
        "touch off": lambda device: device.send(touch=False),
        "touch on while frozen": lambda device: device.source.update_touch(True),
        "touch off while frozen": lambda device: device.source.update_touch(False),
        "the old position, RELEASE_S after the lift": lambda device: device.send(after_s=RELEASE_S),
        "a new position, RELEASE_S after the lift": lambda device: device.send(RETAKE, after_s=RELEASE_S),
        "a new position right after the lift": lambda device: device.send(RETAKE),
        "a landmark": Device.landmark,
        "released by a command": lambda device: device.source.release(),
    },
)


@pytest.mark.parametrize("row", rows(Touch), ids=str)
def test_the_touch_goes_where_its_table_says(row: Transition) -> None:
    TOUCH.check(row)


def test_nothing_else_changes_the_touch() -> None:
    TOUCH.check_the_rest()


POSITION = StateTable(
    Position,
    Position,
    Device,
    lambda device: device.source.position,
    {
        "touch on at a new position": lambda device: device.touch_on(RETAKE, ELSEWHERE),
        "touch on right after a new position": Device.touch_on_after_moving,
        "touch on at the old position, the point there": lambda device: device.touch_on(0.0, device.xy),
        "touch on at the old position, the point elsewhere": lambda device: device.touch_on(0.0, ELSEWHERE),
        "touch off": lambda device: device.send(touch=False),
        "a message": Device.send,
        "a message after a pause of RELEASE_S": lambda device: device.send(after_s=RELEASE_S),
        "a small movement": lambda device: device.send(0.5 * RETAKE),
        "a large movement": lambda device: device.send(2.0 * RETAKE),
        "a landmark": Device.landmark,
        "a landmark once it has lapsed": lambda device: device.landmark(HELD_S),
        "released by a command": lambda device: device.source.release(),
    },
)


@pytest.mark.parametrize("row", rows(Position), ids=str)
def test_the_position_goes_where_its_table_says(row: Transition) -> None:
    POSITION.check(row)


def test_nothing_else_changes_the_position() -> None:
    POSITION.check_the_rest()


def test_a_relative_movement_is_a_large_one() -> None:
    device = Device()
    device.landmark()
    device.move_relatively()
    assert device.source.position is Position.LIVE


def test_a_second_landmark_leaves_the_place_from_which_a_source_has_to_move() -> None:
    device = Device()
    device.landmark()
    device.send(0.75 * RETAKE)
    device.landmark()
    device.send(0.75 * RETAKE)
    assert device.source.position is Position.LIVE


class Players:
    """A gesture that A, B and C play with a finger each. A lapses after a second."""

    def __init__(self) -> None:
        settings: dict[str, dict[str, float]] = {"A": {"timeout_s": 1.0}, "B": {}, "C": {"priority": 1}}
        self.gesture = Gesture({n: PLAIN.model_copy(update=changes) for n, changes in settings.items()})
        self.now = 100.0
        self.places = dict.fromkeys(settings, 0.0)

    def send(self, name: str, by: float = 0.0, after_s: float = 0.02) -> None:
        self.now += after_s
        self.places[name] += by
        self.gesture.step([Point(self.places[name], 0.5, True, name, self.now)], self.now)

    def move(self, name: str, after_s: float = 0.02) -> None:
        self.send(name, 2.0 * RETAKE, after_s)

    def landmark(self) -> None:
        self.gesture.settle_at((0.5, 0.5), self.now)
        self.gesture.step([], self.now)

    def release(self) -> None:
        self.gesture.release("A")
        self.gesture.step([], self.now)

    def lapse(self) -> None:
        self.now += 1.0
        self.gesture.step([], self.now)

    def move_and_lapse(self) -> None:
        self.move("B")
        self.lapse()

    def move_and_release(self) -> None:
        self.move("B")
        self.release()

    def move_last_and_lapse(self) -> None:
        self.gesture.step([Point(0.9, 0.9, None, "B", self.now)], self.now)  # without touch it lapses by then, too
        self.move("A")
        self.lapse()

    def release_and_move(self) -> None:
        self.gesture.release("A")
        self.move("B")


class Leader(Enum):
    """Who leads; the value is the gesture's own word for it."""

    nobody = ""
    A = "A"
    B = "B"
    C = "C"


LEADER = StateTable(
    Gesture,
    Leader,
    Players,
    lambda players: Leader(players.gesture.leader),
    {
        "A moves": lambda players: players.move("A"),
        "B moves": lambda players: players.move("B"),
        "C moves": lambda players: players.move("C"),
        "A is released": Players.release,
        "A is released and B moves": Players.release_and_move,
        "A lapses and B moves": lambda players: players.move("B", after_s=1.0),
        "B moves and A lapses": Players.move_and_lapse,
        "B moves and A is released": Players.move_and_release,
        "A moves last and lapses": Players.move_last_and_lapse,
        "a landmark": Players.landmark,
    },
)


@pytest.mark.parametrize("row", rows(Gesture), ids=str)
def test_the_lead_passes_as_its_table_says(row: Transition) -> None:
    LEADER.check(row)


def test_nothing_else_passes_the_lead() -> None:
    LEADER.check_the_rest()


def test_after_a_landmark_a_source_that_streams_on_where_it_was_does_not_lead() -> None:
    players = Players()
    players.move("A")
    players.landmark()
    players.send("A")
    assert players.gesture.leader == ""


def test_where_nobody_leads_the_one_that_became_active_last_does() -> None:
    players = Players()
    players.gesture.step([Point(0.1, 0.1, True, "B", 100.0), Point(0.2, 0.2, True, "A", 100.1)], 100.1)
    assert players.gesture.leader == "A"


def test_with_no_retake_a_source_moves_the_point_again_with_its_next_message() -> None:
    gesture = Gesture({"device": PLAIN.model_copy(update={"retake": 0.0})})
    gesture.step([Point(*HERE, True, "device", 100.0)], 100.0)
    gesture.settle_at(ELSEWHERE, 100.0)
    gesture.step([], 100.1)
    assert gesture.xy == ELSEWHERE
    gesture.step([Point(*HERE, True, "device", 100.2)], 100.2)
    assert gesture.xy == HERE
