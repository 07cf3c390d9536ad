"""The straight line: input -> gesture -> pad -> decoder -> shaping -> output, once a tick."""

from __future__ import annotations

import math

import numpy as np

from latentd.inputs.receiver import Inputs
from latentd.instrument.gesture import Gesture
from latentd.instrument.motion import Glide, PointMotion, Recording
from latentd.instrument.pad import XY, Pad
from latentd.instrument.point import Point
from latentd.instrument.shaping import Shaping, ShapingSettings
from latentd.model.playable import Playable
from latentd.outputs import Output
from latentd.status import Status
from latentd.synth.amsynth import Array, to_patch
from latentd.system.keep_warm import WARM_S

# The interval of ticks while something other than a hand moves the point. Ramps smooth what is between. Slower than for
# a hand, because it may go on for months and amSynth 1.13 never frees 32 bytes of each patch that it loads.
_MOTION_S = 0.02


class Engine:
    """Owns all state between input and output. One thread; time is an argument; nothing here waits."""

    def __init__(
        self,
        inputs: Inputs,
        gesture: Gesture,
        model: Playable,
        shaping: ShapingSettings,
        output: Output,
        status: Status,
    ) -> None:
        self.inputs = inputs
        self.gesture = gesture
        self.output = output
        self.status = status
        self.frozen = False
        self.motion: PointMotion | None = None
        self.recording: Recording | None = None  # what is being recorded
        self.xy: XY | None = None  # None before the first point
        self.point_t: float | None = None  # arrival of the newest point not yet answered by an output
        self._own_point: Point | None = None
        self._settings = shaping
        self._still = True
        self._decoded: tuple[XY, bool] | None = None
        self._decoded_t = -math.inf
        self._ticked = -math.inf
        self._target: list[float] | None = None
        self.model = model
        self.shaping = self._new_shaping()
        self.use_model(model)

    def tick(self, now: float) -> float | None:
        """Answer the newest input. Returns when the next tick is due without new input; None at rest."""
        self._ticked = now
        self.catch_up(now)
        if self.xy is None:
            return self.next_tick(now)
        target = self._decode(self.xy, now)
        changes = self.shaping.step(target, self._still, now)
        if changes:
            self.output.send(changes, now)
            self.status.counters.sent += len(changes)
        self.status.counters.withheld += self.shaping.withheld
        return self.next_tick(now)

    def rehearse(self) -> None:
        """The last tick once more, as if no time had passed: nothing moves and nothing is sent. For `KeepWarm`."""
        self._decoded = None
        withheld = self.status.counters.withheld
        self.tick(self._ticked)
        self.status.counters.withheld = withheld

    def catch_up(self, now: float) -> None:
        """Input and gesture: move the pad's point to where the newest input puts it."""
        points = self.inputs.take(now)
        if self._own_point is not None:
            points.append(self._own_point)
            self._own_point = None
        if self.frozen:
            self.gesture.update_touch(points)
            self._still = True
            return
        if points:
            self.point_t = _arrival(points[0]) if len(points) == 1 else max(map(_arrival, points))
        moved = self.gesture.step(points, now)
        if moved:
            self.motion = None
            self.status.counters.used += bool(points)  # without points the filter still closes in on the last one
        if self.motion is not None:
            xy = self.motion.at(now)
            self._still = self.motion.done(now)
            if self._still:
                self.motion = None
            self.gesture.settle_at(xy, now)
            self.xy = xy
        elif moved or (self.xy is None and self.gesture.leader):
            self.xy, self._still = self.gesture.xy, self.gesture.still
        elif self.xy is not None:
            self._still = self.gesture.still
        if self.recording is not None and self.xy is not None:
            self.recording.add(self.xy, now)

    def _decode(self, xy: XY, now: float) -> list[float]:
        """Pad and decoder: the patch for this point; at rest without the switches' hysteresis."""
        if self._target is None or self._decoded != (xy, self._still) or now >= self._decoded_t + WARM_S:
            self._decoded_t = now
            held = None if self._still else self.shaping.held
            target = self.model.decoder.decode(self.pad.to_z(xy), held)
            if math.isfinite(sum(target)):  # one bad value is enough
                self._target, self._decoded = target, (xy, self._still)
            else:
                self.status.counters.faults += 1
                self._target = self._target or [value if 0.0 <= value <= 1.0 else 0.0 for value in target]
        return self._target

    def next_tick(self, now: float) -> float | None:
        """When the next tick is due without new input; None at rest."""
        wakes = [self.inputs.due(), self.shaping.next_step()]
        if self._own_point is not None:
            wakes.append(now)
        if not self.frozen:
            wakes.append(self.gesture.next_step(now))
            if self.motion is not None:
                wakes.append(now + max(_MOTION_S, self.output.interval_s))
        return min((t for t in wakes if t is not None), default=None)

    def receive(self, point: Point) -> None:
        """Take a point of the control interface; the next tick answers the newest."""
        if (before := self._own_point) is not None:
            self.status.counters.superseded += 1
            x, y = (old if new is None else new for old, new in ((before.x, point.x), (before.y, point.y)))
            point = point._replace(x=x, y=y)
        self._own_point = point

    def use_model(self, model: Playable) -> None:
        """Decode with another model from the next tick on; the point on the pad stays where it is."""
        self.model = model
        self.pad = Pad(model.box, model.landmarks)
        self._target = None
        self.shaping.use_categories(model.decoder.categories)

    def use_output(self, output: Output) -> None:
        """Play into another output, which is sent everything at once; locks, tweaks and limits stay."""
        own, limits = self.shaping.own_values(), self.shaping.limits
        self.output = output
        self.shaping = self._new_shaping()
        self.shaping.take_own(own)
        self.shaping.take_limits(limits)

    def _new_shaping(self) -> Shaping:
        out = self.output
        return Shaping(
            self._settings,
            out.resolution,
            out.reachable,
            out.interval_s,
            self.model.decoder.categories,
            out.budget_per_s,
        )

    def go_to(self, xy: XY, glide_s: float, now: float) -> None:
        """Move the pad's point by itself, over `glide_s` seconds."""
        self.begin(Glide(self.xy if self.xy is not None else xy, xy, now, glide_s), now)

    def place(self, xy: XY, now: float) -> None:
        """Put the pad's point here at once, even while all input is ignored."""
        self.xy = xy
        self.gesture.settle_at(xy, now)

    def begin(self, motion: PointMotion, now: float) -> None:
        """Let something other than a hand move the point from now on, even if a filter still follows a hand."""
        self.motion = motion
        self.gesture.settle_at(self.xy if self.xy is not None else motion.at(now), now)

    def patch(self) -> Array | None:
        """What has been sent to the synth, in its own units (41,); None before the first point.

        A parameter that has not been sent (no CC reaches it, or the budget holds it back) is as it would be sent.
        """
        value = self.shaping.value
        if value is None:
            return None
        sent = self.shaping.params
        return to_patch(np.where(np.isnan(sent), value, sent))


def _arrival(point: Point) -> float:
    return point.t if point.arrived is None else point.arrived
