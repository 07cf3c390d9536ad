"""The engine's work for one point, in this process: processor time to decode, shape and hand over 41 parameters."""

from __future__ import annotations

import gc
import logging
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from latentd.daemon.engine import Engine
from latentd.inputs.mapping import load_mapping
from latentd.inputs.receiver import Inputs
from latentd.instrument.gesture import Gesture
from latentd.instrument.gesture_settings import GestureSettings
from latentd.instrument.point import Point
from latentd.instrument.shaping import ShapingSettings
from latentd.model import bundle
from latentd.osc import packets
from latentd.osc.packets import Message
from latentd.outputs import Output
from latentd.outputs.amsynth_osc.output import AmsynthOsc
from latentd.outputs.amsynth_osc.patch_folder import runtime_folder
from latentd.outputs.jack.port import JackPort
from latentd.status import Status
from latentd.synth import midimap
from latentd.synth.amsynth import COUNT
from tests.bench.report import Figure, quantile, run
from tests.support.daemon import free_port

POINTS = 5_000
# Between two points on the engine's clock: enough for the MIDI budget to hold 41 messages again.
STEP_S = 0.02
MOVE = 0.01
_SYNTH = ("127.0.0.1", 1)

Prepare = Callable[[float, float], object]
T = TypeVar("T")
Use = Callable[[Engine, Any, float], None]


def new_engine(output: Output) -> Engine:
    mappings = [load_mapping(name) for name in ("xy", "touchosc-mk2", "tuio")]
    settings = {m.name: m.gesture for m in mappings} | {"latentd": GestureSettings(filter=None)}
    status = Status()
    return Engine(
        Inputs(mappings, status.counters), Gesture(settings), bundle.load(), ShapingSettings(), output, status
    )


def _own_point(x: float, y: float) -> Point:
    return Point(x, y, None, "latentd", 0.0)


def datagram(x: float, y: float) -> bytes:
    return packets.write("/xy", x, y)


def _receive_point(engine: Engine, point: Point, now: float) -> None:
    """A point of the control interface."""
    engine.receive(point._replace(t=now))
    engine.tick(now)


def _receive_datagram(engine: Engine, datagram: bytes, now: float) -> None:
    """A controller's message on its whole way: read, mapped, filtered, decoded, shaped, what moved handed over."""
    for message in packets.read(datagram):
        engine.inputs.osc(message, now)
    engine.tick(now)


class Way(NamedTuple):
    """What goes in, how, and whether the output is new at each point, so that all 41 go out."""

    what: str
    prepare: Prepare
    use: Use
    new: bool


ALL_41 = Way("all 41", _own_point, _receive_point, True)
GESTURE = Way("datagram to hand-over, smooth gesture", datagram, _receive_datagram, False)


def _measure(way: Way, output: Output, after: Callable[[float], object] = float) -> list[float]:
    """Microseconds of processor time for each point of a random walk; `after` gets the time and is not measured.

    Processor time, as on a busy machine the p99 by the clock is that of the others' turns.
    """
    engine, rng, found = new_engine(output), random.Random(1), []
    x = y = 0.5
    now = time.monotonic()
    gc.disable()
    for _ in range(POINTS):
        x, y = (min(max(v + rng.gauss(0.0, MOVE), 0.0), 1.0) for v in (x, y))
        now += STEP_S
        if way.new:
            engine.use_output(output)
        what = way.prepare(x, y)
        start = time.thread_time_ns()
        way.use(engine, what, now)
        found.append((time.thread_time_ns() - start) * 1e-3)
        after(now)
    gc.enable()
    assert not way.new or engine.status.counters.sent == COUNT * POINTS
    return found[100:]  # the first ones fill caches


def _rows(what: str, found: list[float], median: float | None = None, p99: float | None = None) -> list[Figure]:
    return [
        Figure(f"{what}: median of {len(found)}", statistics.median(found), "us", median),
        Figure(f"{what}: p99", quantile(found, 0.99), "us", p99),
    ]


def with_jack(measure: Callable[[Output], T]) -> T:
    """What `measure` finds with the real output: all but its child process, which would only read the memory."""
    port = JackPort(midimap.OURS)
    try:
        return measure(port)
    finally:
        port.close()


def _send_nothing(packet: bytes, address: tuple[str, int]) -> None:
    """Stands for the socket."""


def with_osc(measure: Callable[[Output, Callable[[float], object]], T]) -> T:
    """What `measure` finds with the real output, its file in memory; a stand-in for the synth answers at once."""
    logging.getLogger("latentd").setLevel(logging.ERROR)  # that a synth came up is no news here
    with tempfile.TemporaryDirectory(prefix="latentd-bench-") as folder:
        port = free_port()
        output = AmsynthOsc(_send_nothing, runtime_folder(port), Path(folder) / "synth.json")
        output.receive(Message("/nsm/server/announce", ("amsynth", "", "amsynth")), _SYNTH, 0.0)
        answer = Message("/reply", ("/nsm/client/open", "OK"))
        try:
            return measure(output, lambda now: output.receive(answer, _SYNTH, now))
        finally:
            output.close()


def bench() -> list[Figure]:
    """The judged figure is the JACK output with all 41 parameters; the others are for comparison."""
    return [
        *_rows(f"jack, {ALL_41.what}", with_jack(partial(_measure, ALL_41)), 150.0, 500.0),
        *_rows(f"osc, {ALL_41.what}, file written", with_osc(partial(_measure, ALL_41))),
        *_rows(f"jack, {GESTURE.what}", with_jack(partial(_measure, GESTURE))),
        *_rows(f"osc, {GESTURE.what}", with_osc(partial(_measure, GESTURE))),
    ]


if __name__ == "__main__":
    run({"work": bench})
