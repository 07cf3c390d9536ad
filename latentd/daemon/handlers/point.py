"""Messages that move the point."""

from __future__ import annotations

from latentd.daemon.context import Call
from latentd.instrument.pad import clip
from latentd.instrument.point import Point

SOURCE = "latentd"  # the control interface as a source of points


def xy(call: Call, across: float | None, up: float | None) -> None:
    """Move to a pad point; None leaves an axis where it is."""
    call.engine.receive(Point(across, up, None, SOURCE, call.now, arrived=call.arrived))


def x(call: Call, value: float) -> None:
    """Move along x alone."""
    xy(call, value, None)


def y(call: Call, value: float) -> None:
    """Move along y alone."""
    xy(call, None, value)


def z(call: Call, z0: float, z1: float) -> None:
    """Move to where the pad shows a latent point."""
    at = call.engine.pad.to_pad((z0, z1))
    xy(call, clip(at[0]), clip(at[1]))


def touch(call: Call, on: bool) -> None:
    """Hold the point, or let it go."""
    if not on:
        call.engine.gesture.release(SOURCE)
        return
    at = call.engine.xy or call.engine.gesture.xy
    call.engine.receive(Point(at[0], at[1], True, SOURCE, call.now, arrived=call.arrived))


def freeze(call: Call, on: bool) -> None:
    """Ignore all input, or follow it again."""
    call.engine.frozen = on
