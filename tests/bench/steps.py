"""Where the time of one OSC point goes: processor time of each step, from the datagram to the hand-over."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable
from typing import Any

from latentd.daemon.engine import Engine
from latentd.osc import packets
from latentd.outputs import Output
from tests.bench import work
from tests.bench.report import Figure, run

# Step -> the part of the engine and its method.
_STEPS = {
    "messages to points": ("inputs", "osc"),
    "gesture": ("gesture", "step"),
    "pad and decoder": ("", "_decode"),
    "shaping": ("shaping", "step"),
    "output": ("output", "send"),
}
_READING = "datagram to messages"


class _Clock:
    """Processor time of the steps of one point, microseconds."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}

    def around(self, step: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, timed."""

        def timed(*args: Any) -> Any:
            start = time.thread_time_ns()
            result = function(*args)
            self.spent[step] = self.spent.get(step, 0.0) + (time.thread_time_ns() - start) * 1e-3
            return result

        return timed

    def watch(self, engine: Engine) -> None:
        """Time the engine's steps from now on."""
        for step, (part, method) in _STEPS.items():
            owner = getattr(engine, part) if part else engine
            setattr(owner, method, self.around(step, getattr(owner, method)))


def _measure(output: Output, after: Callable[[float], object] = float) -> dict[str, list[float]]:
    """Microseconds of each step for each point of a random walk; `after` gets the time and is not measured."""
    engine, rng, clock = work.new_engine(output), random.Random(1), _Clock()
    clock.watch(engine)
    read = clock.around(_READING, lambda data: list(packets.read(data)))
    found: dict[str, list[float]] = {step: [] for step in (_READING, *_STEPS)}
    x = y = 0.5
    now = time.monotonic()
    for _ in range(work.POINTS):
        x, y = (min(max(v + rng.gauss(0.0, work.MOVE), 0.0), 1.0) for v in (x, y))
        now += work.STEP_S
        clock.spent.clear()
        for message in read(work.datagram(x, y)):
            engine.inputs.osc(message, now)
        engine.tick(now)
        after(now)
        for step, times in found.items():
            times.append(clock.spent.get(step, 0.0))
    return found


def bench() -> list[Figure]:
    """Medians for both outputs; the clock itself is in them, 0.4 us a step."""
    rows = []
    for name, measured in (("jack", work.with_jack(_measure)), ("osc", work.with_osc(_measure))):
        rows += [Figure(f"{name}, {step}: median", statistics.median(times), "us") for step, times in measured.items()]
    return rows


if __name__ == "__main__":
    run({"steps": bench})
