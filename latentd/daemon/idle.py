"""What the point does when nobody plays: it stays, goes home or wanders. Time is an argument."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from latentd.config.config import IdleSettings
from latentd.daemon.engine import Engine
from latentd.instrument.motion import Glide, PointMotion, Wander
from latentd.instrument.pad import XY

GLIDE_S = 4.0
# A point that moves less than this from where it was is jitter of a sensor, not input.
JITTER = 0.01


class IdleState(Enum):
    """See `IdleMotion`."""

    WAITING = "waiting"
    MOVING = "moving"
    RESTING = "resting"


_WAITING, _MOVING, _RESTING = IdleState


class IdleMotion:
    """Moves the point once nobody has played for a while; whoever plays has the point at once.

        state   | event                   | next state
        WAITING | `after_s` without input | MOVING
        MOVING  | home is reached         | RESTING
        any     | input                   | WAITING

    Input is a point that moves, a touch, a performer's message, or another motion (a glide, `/latentd/wander`,
    `/latentd/play`). While frozen, all time counts as input. With `then: stay` the state is always WAITING.

    Args:
        home: where home is now.
        began: called when a motion begins, so that the engine ticks.
    """

    def __init__(
        self,
        settings: IdleSettings,
        engine: Engine,
        home: Callable[[], XY],
        began: Callable[[], object],
        now: float,
    ) -> None:
        self._after_s, self._then = settings.after_s, settings.then
        self._engine = engine
        self._home = home
        self._began = began
        self._motion: PointMotion | None = None  # while MOVING
        self._input_t = now
        self._anchor = engine.xy
        self.state = _WAITING

    def step(self, now: float) -> float | None:
        """Begin or end the motion where it is time to; returns when to call again, None for after the next input."""
        if self._then == "stay":
            return None
        if self.state is _MOVING and self._arrived(now):
            self.state, self._motion, self._anchor = _RESTING, None, self._engine.xy
        if self._is_played(now):
            self.input(now)
        if self.state is not _WAITING:
            return None
        due = self._input_t + self._after_s
        if now < due:
            return due
        self._begin(now)
        return now

    def input(self, now: float) -> None:
        """Somebody plays: the point stays where it is, and is theirs."""
        if self._motion is not None and self._engine.motion is self._motion:
            self._engine.motion = None
        self.state, self._motion = _WAITING, None
        self._input_t, self._anchor = now, self._engine.xy

    def _is_played(self, now: float) -> bool:
        engine = self._engine
        if engine.frozen or engine.gesture.held(now):
            return True
        if self.state is _MOVING or engine.motion is not None:
            return engine.motion is not self._motion
        xy, anchor = engine.xy, self._anchor
        if xy is None or anchor is None:
            return xy is not anchor
        return max(abs(xy[0] - anchor[0]), abs(xy[1] - anchor[1])) > JITTER

    def _arrived(self, now: float) -> bool:
        motion, engine = self._motion, self._engine
        return isinstance(motion, Glide) and engine.motion is None and motion.done(now) and engine.xy == motion.goal

    def _begin(self, now: float) -> None:
        engine = self._engine
        self.state = _MOVING
        if self._then == "wander":
            engine.begin(Wander(engine.xy or engine.gesture.xy, now, idle=True), now)
        else:
            engine.go_to(self._home(), GLIDE_S, now)
        self._motion = engine.motion
        self._began()
