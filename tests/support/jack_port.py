"""The `jack` output on a private server, and the amSynth that it plays."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pytest

from latentd.instrument.point import Change
from latentd.outputs.jack.port import JackPort
from latentd.synth import amsynth, midimap
from tests.support.oracle import Oracle
from tests.support.rig import Server, Synth, wait_for
from tests.support.rig import amsynth as run_amsynth


@contextmanager
def port_on(
    server: Server, monkeypatch: pytest.MonkeyPatch, kind: type[JackPort] = JackPort, **options: object
) -> Iterator[JackPort]:
    """A JackPort whose child finds that server."""
    for key, value in server.env.items():
        monkeypatch.setenv(key, value)
    port = kind(midimap.OURS, **options)  # type: ignore[arg-type]  # options of one test each
    try:
        yield port
    finally:
        port.close()


@contextmanager
def synth_on(server: Server, oracle: Oracle) -> Iterator[Synth]:
    port = int(oracle.url.rstrip("/").rsplit(":", 1)[1])
    with run_amsynth(server, nsm_port=port, controllers=midimap.OURS.text()) as synth:
        oracle.answer()
        yield synth


def poll_until(port: JackPort, condition: Callable[[], object], what: str) -> None:
    def step() -> object:
        port.poll(time.monotonic())
        return condition()

    wait_for(step, what)


def send(port: JackPort, patch: Sequence[float]) -> None:
    port.send([Change(i, value) for i, value in enumerate(patch)], time.monotonic())


def a_patch(seed: int) -> list[float]:
    rng = random.Random(seed)
    return [rng.random() for _ in range(amsynth.COUNT)]


def holds(oracle: Oracle, patch: Sequence[float]) -> bool:
    """Does the synth hold the nearest CC steps of this patch, all 41?"""
    expected = amsynth.to_patch(amsynth.nearest_cc(np.array(patch)) / 127)
    held = oracle.read()
    return all(abs(held[n] - v) <= 1e-4 * s for n, v, s in zip(amsynth.NAMES, expected, amsynth.SPAN, strict=True))


def check_arrives(port: JackPort, oracle: Oracle, patch: Sequence[float]) -> None:
    poll_until(port, port.settled, "the port to write everything")
    wait_for(lambda: holds(oracle, patch), "amSynth to hold the patch")
