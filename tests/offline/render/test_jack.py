"""Rendering on a private JACK server: the same in every run, equal to the plugin, and without leftovers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from latentd.errors import LatentdError
from latentd.offline.render import jack as jack_module
from latentd.offline.render.clip_spec import RATE, ClipSpec
from latentd.offline.render.jack import JackSynth
from latentd.offline.render.pool import render
from latentd.offline.render.synths import to_params
from latentd.offline.timbre import describe
from latentd.synth import amsynth, banks
from latentd.system.processes import Program
from tests.offline.reference import patches

pytestmark = pytest.mark.offline

SPEC = ClipSpec(length_s=2.0)


@pytest.fixture
def synth() -> Iterator[JackSynth]:
    made = JackSynth()
    yield made
    made.close()


def test_two_runs_are_the_same_bit_for_bit(synth: JackSynth) -> None:
    for patch in [*patches()[2:4], _preset("BriansBank01", 88)]:
        one, two = (synth.play(to_params(patch), SPEC) for _ in range(2))
        assert one.shape == (SPEC.samples, 2) and one.any()
        assert np.array_equal(one, two)


# With an LFO triangle, noise, a glide that depends on the last bit, distortion, full reverb: see jack_session.
HARD = (
    ("BriansBank01", 88),
    ("BriansBank02", 3),
    ("BriansBank14", 33),
    ("BriansBank20", 121),
    ("BriansBank12", 94),
    ("BriansBank08", 23),
    ("BriansBank10", 0),
)


def test_the_sound_is_the_plugin_s_from_the_first_sample_on(synth: JackSynth) -> None:
    chosen = [*patches()[2:5], *(_preset(bank, number) for bank, number in HARD)]
    for patch, plugin in zip(chosen, render(chosen, SPEC), strict=True):
        ours = synth.play(to_params(patch), SPEC)
        assert plugin.any() and np.abs(ours - plugin).max() < 2e-6
        assert np.allclose(
            describe.describe(ours, RATE)[:7], describe.describe(plugin, RATE)[:7], atol=0.01, equal_nan=True
        )


@pytest.mark.parametrize("times", [1, 2])
def test_a_synth_that_hangs_once_is_started_again(
    synth: JackSynth, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    hangs = iter([True] * times)
    record = synth._clients.record

    def hung(spec: ClipSpec, program: Program) -> NDArray[np.float32] | None:
        if next(hangs, False):
            raise jack_module._HungError("amSynth crashed or hung during rendering", "Try again")
        return record(spec, program)

    monkeypatch.setattr(synth._clients, "record", hung)
    if times == 1:
        assert synth.play(to_params(amsynth.DEFAULT), SPEC).any()
    else:
        with pytest.raises(LatentdError, match="crashed or hung"):
            synth.play(to_params(amsynth.DEFAULT), SPEC)


def _preset(bank: str, number: int) -> amsynth.Array:
    (file,) = banks.system_folder().glob(f"{bank}.*")
    return banks.read(file)[number].patch()


def test_note_and_length_matter_and_a_released_note_fades(synth: JackSynth) -> None:
    params = to_params(amsynth.DEFAULT)
    long, high, short = (
        synth.play(params, spec) for spec in (SPEC, ClipSpec(72, 100, 2.0), ClipSpec(60, 100, 2.0, 0.5))
    )
    assert not np.array_equal(long, high)
    assert np.abs(long - short)[: RATE // 2].max() < 1e-6
    assert np.abs(short[-RATE // 10 :]).max() < 0.1 * np.abs(long[-RATE // 10 :]).max()


def test_the_environment_stays_as_it_was_and_no_process_is_left() -> None:
    before = dict(os.environ)
    synth = JackSynth()
    synth.play(to_params(amsynth.DEFAULT), ClipSpec(length_s=0.2))
    assert dict(os.environ) == before and _children()
    home = synth.home
    synth.close()
    assert not _children() and not home.exists()


def _children() -> list[str]:
    """Running programs that this process has started."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, rest = stat.read_text().rpartition(")")[::2]
        except OSError:
            continue
        if int(rest.split()[1]) == os.getpid() and ("jackd" in name or "amsynth" in name):
            found.append(name)
    return found
