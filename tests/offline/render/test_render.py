"""Rendering with amSynth: the same bit for bit, in order, through crashes; and measuring, with its cache."""

from __future__ import annotations

import itertools
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from latentd.cli.render import command
from latentd.errors import UserError
from latentd.offline.render import workers
from latentd.offline.render.clip_spec import ClipSpec
from latentd.offline.render.jack import JackSynth
from latentd.offline.render.pool import render
from latentd.offline.render.synths import to_params
from latentd.offline.render.vst import VstSynth
from latentd.offline.timbre.measure import measure
from latentd.synth import amsynth, banks

pytestmark = pytest.mark.offline

SHORT = ClipSpec(length_s=0.5)


def patches(count: int = 6) -> list[np.ndarray]:
    """Random patches: many have noise, LFOs and reverb, which differ in a synth that has played before."""
    return list(amsynth.to_patch(np.random.default_rng(5).random((count, amsynth.COUNT))))


def test_clips_are_the_same_bit_for_bit_in_every_run_order_and_process() -> None:
    one = list(render(patches(), SHORT, jobs=1))
    two = list(render(patches()[::-1], SHORT, jobs=2))[::-1]
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
    assert one[0].shape == (24000, 2) and one[0].dtype == np.float32 and any(audio.any() for audio in one)


def test_note_velocity_and_length_matter() -> None:
    patch = amsynth.DEFAULT
    clips = [
        next(render([patch], spec, 1))
        for spec in (SHORT, ClipSpec(72, 100, 0.5), ClipSpec(60, 20, 0.5), ClipSpec(length_s=1.0))
    ]
    assert len({clip.tobytes() for clip in clips}) == 4 and len(clips[3]) == 48000
    assert np.array_equal(clips[3][:20000], clips[0][:20000])


@pytest.mark.parametrize("jack", [False, True])
def test_the_user_s_own_files_stay_where_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jack: bool) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".amsynth").mkdir()
    (tmp_path / ".amSynthControllersrc").write_text("null\n")
    synth = JackSynth() if jack else VstSynth()
    synth.play(to_params(patches()[0]), SHORT)
    synth.close()
    assert {path.name for path in tmp_path.iterdir()} >= {".amsynth", ".amSynthControllersrc"}


@pytest.mark.parametrize("values", [{"note": 128}, {"velocity": 0}, {"length_s": 0.0}, {"held_s": -1.0}])
def test_a_clip_out_of_range_is_the_user_s_mistake(values: dict[str, Any]) -> None:
    with pytest.raises(UserError):
        ClipSpec(**values)


def test_measuring_twice_renders_once(tmp_path: Path) -> None:
    all_six = np.array(patches())
    first = measure(all_six, SHORT, 2, tmp_path)
    steps: list[int] = []
    again = measure(all_six[::-1], SHORT, 2, tmp_path, steps.append)
    assert steps[0] == len(all_six)
    for name in ("descriptors", "lufs", "start_s", "end_s", "mel"):
        assert np.array_equal(getattr(first, name), getattr(again, name)[::-1], equal_nan=True), name
    assert not first.failed and first.mel.shape == (6, 11, 64)


def crashing() -> workers.Work:
    return _crash_on_odd


def _crash_on_odd(task: tuple[int, str]) -> int:
    """Odd tasks kill their worker once; 7 always."""
    number, folder = task
    mark = Path(folder) / str(number)
    if number == 7 or (number % 2 and not mark.exists()):
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def test_a_crash_is_retried_once_then_reported_and_the_order_holds(tmp_path: Path) -> None:
    results = list(workers.run(crashing, ((n, str(tmp_path)) for n in range(10)), 2))
    assert isinstance(results[7], workers.Failed) and "Task 8" in str(results[7])
    assert [r for n, r in enumerate(results) if n != 7] == [n * n for n in range(10) if n != 7]


def test_leaving_early_ends_the_workers(tmp_path: Path) -> None:
    before = children()
    endless = workers.run(crashing, ((2 * n, str(tmp_path)) for n in itertools.count()), 2)
    assert [next(endless) for _ in range(5)] == [0, 4, 16, 36, 64]
    endless.close()
    assert children() == before


def children() -> str:
    """Process ids of this process's children."""
    return "".join(file.read_text() for file in Path("/proc/self/task").glob("*/children"))


def test_the_command_writes_a_bank_as_float_files(tmp_path: Path) -> None:
    presets = tuple(banks.Preset.from_patch(name, patch) for name, patch in zip(("a/b", ""), patches(2), strict=True))
    banks.write(tmp_path / "my.bank", banks.Bank(presets))
    done = CliRunner().invoke(command, [str(tmp_path / "my.bank"), "--out", str(tmp_path / "out"), "--length", "0.5"])
    assert done.exit_code == 0, done.output
    files = sorted((tmp_path / "out").iterdir())
    assert [file.name for file in files] == ["my_000_a_b.wav", "my_001.wav"]
    assert soundfile.info(files[0]).subtype == "FLOAT" and soundfile.info(files[0]).frames == 24000
    written = [file.read_bytes() for file in files]
    bank = str(tmp_path / "my.bank")
    done = CliRunner().invoke(command, [bank, bank, "--out", str(tmp_path / "out"), "--length", "0.5"])
    assert done.exit_code == 0, done.output
    assert [file.read_bytes() for file in files] == written  # the same files, bit for bit
    twins = [file.with_name(f"{file.stem}_2.wav") for file in files]
    assert [file.read_bytes() for file in twins] == written


def test_the_command_renders_along_a_path(tmp_path: Path) -> None:
    options = ["--path", "0.2,0.3", "0.6,0.3", "--steps", "3", "--length", "0.5", "--out", str(tmp_path)]
    done = CliRunner().invoke(command, options)
    assert done.exit_code == 0, done.output
    names = [file.name for file in sorted(tmp_path.iterdir())]
    assert names == ["1_0.200_0.300.wav", "2_0.400_0.300.wav", "3_0.600_0.300.wav"]


@pytest.mark.parametrize("arguments", [[], ["--points", "2,0"], ["--points", "x"], ["--path", "0,0"], ["no.bank"]])
def test_the_command_refuses_what_it_cannot_render(arguments: list[str]) -> None:
    result = CliRunner().invoke(command, arguments)
    assert isinstance(result.exception, UserError)
