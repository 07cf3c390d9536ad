"""The engine with the shipped model and a recording output; time is an argument."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from latentd.daemon.engine import Engine
from latentd.inputs.mapping import load_mapping
from latentd.inputs.receiver import Inputs
from latentd.instrument.gesture import Gesture
from latentd.instrument.gesture_settings import GestureSettings
from latentd.instrument.point import Change, Point
from latentd.instrument.shaping import ShapingSettings
from latentd.model import bundle
from latentd.outputs.print import Print
from latentd.status import Status
from latentd.synth.amsynth import COUNT, Array

MODEL = bundle.load()


class Recorder(Print):
    """The dry run, remembering instead of printing: what a synth that obeys every change would hold."""

    name = "recorder"

    def __init__(self, steps: float = 1e6) -> None:  # without the thread that prints
        self.resolution: Array = np.full(COUNT, 1.0 / steps)
        self.reachable = np.ones(COUNT, dtype=np.bool_)
        self.held: Array = np.full(COUNT, np.nan)
        self.log: list[tuple[float, Change]] = []

    def send(self, changes: Sequence[Change], now: float) -> None:
        for change in changes:
            self.held[change.parameter] = change.value
            self.log.append((now, change))

    def resend_all(self, now: float) -> None: ...

    def note(self, status: int, data1: int, data2: int) -> bool:
        return False

    def facts(self) -> dict[str, object]:
        return {}

    def close(self) -> None: ...


def engine(output: Recorder, *mappings: str, shaping: ShapingSettings | None = None) -> Engine:
    status = Status()
    loaded = [load_mapping(name) for name in mappings]
    sources = {m.name: m.gesture for m in loaded} | {"latentd": GestureSettings(filter=None)}
    return Engine(
        Inputs(loaded, status.counters), Gesture(sources), MODEL, shaping or ShapingSettings(), output, status
    )


def run(play: Engine, until: float, now: float) -> float:
    """Tick as the loop does, until `until` or rest."""
    due = play.tick(now)
    while due is not None and due < until:
        now = max(due, now + 1e-5)
        due = play.tick(now)
    return max(now, until)


def point(play: Engine, x: float, y: float, now: float) -> None:
    play.receive(Point(x, y, None, "latentd", now))
