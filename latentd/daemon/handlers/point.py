"""Messages that move the point."""

from __future__ import annotations

from latentd.daemon.context import Call
from latentd.instrument.pad import clip
from latentd.instrument.point import Point

SOURCE = "latentd"  # the control interface as a source of points


def xy(call: Call, x: float | None, y: float | None) -> None:
    """Move to a pad point; None leaves an axis where it is."""
    call.engine.receive(Point(x, y, None, SOURCE, call.now, arrived=call.arrived))


def z(call: Call, z0: float, z1: float) -> None:
    """Move to where the pad shows a latent point."""
    x, y = call.engine.pad.to_pad((z0, z1))
    xy(call, clip(x), clip(y))


def touch(call: Call, on: bool) -> None:
    """Hold the point, or let it go."""
    if not on:
        call.engine.gesture.release(SOURCE)
        return
    x, y = call.engine.xy or call.engine.gesture.xy
    call.engine.receive(Point(x, y, True, SOURCE, call.now, arrived=call.arrived))


def freeze(call: Call, on: bool) -> None:
    """Ignore all input, or follow it again."""
    call.engine.frozen = on
