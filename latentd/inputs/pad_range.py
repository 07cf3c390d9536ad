"""Device values that a mapping's `range_x` and `range_y` do not cover: they end at the pad's edge."""

from __future__ import annotations

import logging
import math

from latentd.instrument.gesture_settings import GestureSettings
from latentd.instrument.point import Point

log = logging.getLogger(__name__)

# This part of a range beyond its ends is a sensor's noise, not a wrong range.
_MARGIN = 0.01


class PadRange:
    """The values of a device that lie on the pad, from `low_x` to `high_x` and `low_y` to `high_y`."""

    __slots__ = ("_ranges", "high_x", "high_y", "low_x", "low_y")

    def __init__(self, gesture: GestureSettings) -> None:
        ranges = {"range_x": gesture.range_x, "range_y": gesture.range_y}
        self._ranges = tuple(ranges.items())[:: -1 if gesture.swap else 1]  # of the device's x and y
        (self.low_x, self.high_x), (self.low_y, self.high_y) = (_with_margin(*ends) for _, ends in self._ranges)

    def excess(self, point: Point) -> str:
        """The values that are not on the pad: `x 64 is outside range_x [0, 1]`; empty if both are."""
        if point.relative or point.touch is False:
            return ""
        axes = zip(
            ("x", "y"),
            (point.x, point.y),
            self._ranges,
            ((self.low_x, self.high_x), (self.low_y, self.high_y)),
            strict=True,
        )
        return ", ".join(
            f"{axis} {value:g} is outside {name} [{ends[0]:g}, {ends[1]:g}]"
            for axis, value, (name, ends), (low, high) in axes
            if value is not None and not low <= value <= high
        )


def _with_margin(one: float, other: float) -> tuple[float, float]:
    margin = _MARGIN * abs(other - one)
    return (min(one, other) - margin, max(one, other) + margin) if math.isfinite(margin) else (-math.inf, math.inf)


def warn_clipped(clipped: list[tuple[str, str]]) -> None:
    """Log these mappings and values, and empty the list."""
    advice = "Adapt the range in the mapping's `gesture:`; `latentd monitor` shows all values"
    for mapping, values in clipped:
        log.warning("mapping %s: %s, so the point stays at the edge. %s", mapping, values, advice)
    clipped.clear()
