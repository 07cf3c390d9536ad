"""The pure parts of the demo: phrase, picture, recording."""

from __future__ import annotations

import os
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from latentd.cli.demo import command as demo_command
from latentd.cli.demo import remove_old_folders
from latentd.demo import phrase
from latentd.demo.jack_client import Recorder, to_24_bit
from latentd.demo.loop import Rate
from latentd.demo.view import NAME_WIDTH, ORDER, Picture, Setting, bar, braille, screen, short_name, status_line
from latentd.errors import UserError
from latentd.instrument import midi_file
from latentd.synth.amsynth import DEFAULT, MAXIMUM, NAMES, PARAMETERS

NO_PID = 2**22 + 1  # the kernel gives numbers up to 2**22 (PID_MAX_LIMIT)
LATENCY = {"p50_ms": 0.4, "p99_ms": 1.2}


def picture(**changes: Any) -> Picture:
    status = {
        "model": "timbre", "output": "osc", "why": "amSynth answers on its own OSC interface", "xy": [0.25, 0.75],
        "source": "", "motion": "wander", "idle": "moving", "frozen": False,
        "nearest": "Sweet Bass", "patch": dict(zip(NAMES, DEFAULT.tolist(), strict=True)),
        "latency": LATENCY,
    } | changes  # fmt: skip
    setting = Setting([(0.5, 0.5)], "Play it from a phone: send OSC to 192.168.1.20:8000", "No sound card")
    return Picture(setting, status, [(0.1, 0.1), (0.25, 0.75)], 60.0, -12.0)


def text(shown: Picture, width: int = 80, height: int = 24) -> str:
    return "\n".join(line.plain for line in screen(shown, width, height))


# -- the phrase ------------------------------------------------------------------------------------


def test_the_phrase_is_a_midi_file_of_sixteen_beats_in_which_every_note_ends(tmp_path: Path) -> None:
    phrase.write(tmp_path / "phrase.mid")
    song = midi_file.load(tmp_path / "phrase.mid")
    assert song.length_s == pytest.approx(16 * 60 / 66, abs=1e-3)
    notes = {(round(note.start * 60 / 66, 2), note.key, note.velocity) for note in phrase.PHRASE}
    assert {(round(event.at_s, 2), event.key, event.velocity) for event in song.events if event.on} == notes
    held: set[int] = set()
    for event in song.events:
        assert event.on == (event.key not in held)
        (held.add if event.on else held.remove)(event.key)
    assert not held


# -- the picture -----------------------------------------------------------------------------------


@given(st.integers(1, 250), st.integers(1, 90))
def test_the_picture_fits_every_terminal(width: int, height: int) -> None:
    lines = screen(picture(), width, height)
    assert len(lines) <= height
    assert all(line.cell_len <= width for line in lines)


def test_at_80_by_24_all_parameters_have_their_full_names_and_the_rest_is_shown() -> None:
    shown = text(picture())
    assert all(f"{short_name(name)} " in shown for name in NAMES)
    assert all(part in shown for part in ("Sweet Bass", "192.168.1.20:8000", "60 msg/s", "q ends", "●", "0.40 ms"))
    assert all(len(short_name(name)) <= NAME_WIDTH for name in NAMES)
    assert len({short_name(name) for name in NAMES}) == len(NAMES)


@pytest.mark.parametrize("width", [74, 80, 140])
@pytest.mark.parametrize(
    "nearest", ["Sweet Bass", "A preset with an uncommonly long name of its own, longer than a column"]
)
def test_the_pad_and_its_facts_never_overlap_the_parameters(width: int, nearest: str) -> None:
    shown = picture(xy=[0.824, 0.553], source="touchosc-mk2", nearest=nearest, idle="waiting", motion="")
    body = text(shown, width).split("\n")[1:22]
    start = next(line.index(short_name(ORDER[0])) for line in body if short_name(ORDER[0]) in line)
    for line, name in zip(body, ORDER, strict=False):
        assert line[start:].startswith(f"{short_name(name)} ")
        assert line[start - 1] == " "
    assert "you play, demo paused " in text(shown, width)
    assert "x 0.824  y 0.553 " in text(shown, width)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({}, "wanders until you play"),
        ({"idle": "waiting", "motion": "", "source": "xy"}, "you play, demo paused"),
        ({"idle": "waiting", "motion": "glide"}, "you play, demo paused"),
        ({"idle": "waiting", "motion": ""}, "source -"),
        ({"idle": "waiting", "motion": "", "source": "xy", "frozen": True}, "frozen"),
    ],
)
def test_the_picture_and_the_line_show_who_has_the_point(facts: dict[str, Any], words: str) -> None:
    assert words in text(picture(**facts))
    assert words in status_line(picture(**facts), 1.0)


@pytest.mark.parametrize(("width", "waveform"), [(80, "sq/pulse"), (140, "square / pulse")])
def test_switch_positions_are_whole_words(width: int, waveform: str) -> None:
    patch = dict(zip(NAMES, DEFAULT.tolist(), strict=True)) | {"osc1_waveform": 1.0, "filter_type": 2.0}
    shown = text(picture(patch=patch), width)
    assert waveform in shown
    assert "bandpass" in shown or "band pass" in shown


@pytest.mark.parametrize("width", [74, 80, 100, 140])
def test_every_position_of_every_switch_has_its_own_name_and_none_is_cut(width: int) -> None:
    for row in PARAMETERS:
        labels = []
        for i in range(len(row.labels)):
            patch = dict(zip(NAMES, DEFAULT.tolist(), strict=True)) | {row.name: float(i)}
            shown = text(picture(patch=patch), width).partition(f"{short_name(row.name)} ")[2]
            labels.append(shown[: 8 if width < 140 else 19])
        assert len(set(labels)) == len(labels)


@pytest.mark.parametrize("width", [40, 50, 80, 140])
@pytest.mark.parametrize(
    "address", ["127.0.0.1:8000; from a phone: --phone", "192.168.100.100:65535 or 10.100.100.100:65535"]
)
def test_the_address_keeps_its_port_on_a_narrow_screen(width: int, address: str) -> None:
    shown = picture()
    where = f"Play it yourself: send OSC /xy x y (0..1) to {address}"
    shown = shown._replace(setting=shown.setting._replace(address=where))
    assert len(text(shown, width).split("\n")) == 24
    last = " ".join(text(shown, width).split("\n")[-4:]).split()
    assert where.split() == last[-len(where.split()) - 3 : -3]


def test_the_picture_shows_every_parameter_once() -> None:
    assert sorted(ORDER) == sorted(NAMES)


def test_the_picture_before_the_first_point() -> None:
    empty = picture(xy=None, patch=None, source="", nearest="", idle="waiting", motion="")
    assert "no point yet" in text(empty)
    assert "no point yet" in status_line(empty, 1.0)


def test_the_point_is_drawn_where_it_is() -> None:
    lines = text(picture(xy=[0.0, 1.0]), 120, 40).split("\n")
    assert lines[2][1] == "●"
    lines = text(picture(xy=[1.0, 0.0]), 120, 40).split("\n")
    row = max(i for i, line in enumerate(lines) if "●" in line)
    assert lines[row][lines[row].index("●") + 1] == "│"
    assert lines[row + 1].startswith("└")


def test_every_value_of_every_parameter_can_be_shown() -> None:
    assert text(picture(patch=dict(zip(NAMES, MAXIMUM.tolist(), strict=True))), 200, 60)


@given(st.floats(-1.0, 2.0), st.integers(1, 40))
def test_a_bar_has_the_given_width(part: float, width: int) -> None:
    assert len(bar(part, width)) == width
    assert bar(1.0, width) == "█" * width
    assert bar(0.0, width) == " " * width


@given(st.lists(st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 1.0)), max_size=20))
def test_the_trail_stays_inside_the_pad(points: list[tuple[float, float]]) -> None:
    cells = braille(points, 20, 10)
    assert all(0 <= x < 20 and 0 <= y < 10 and 0x2800 < ord(c) <= 0x28FF for (x, y), c in cells.items())
    assert bool(cells) == bool(points)


def test_the_rate_is_measured_over_the_last_second() -> None:
    rate = Rate()
    for i in range(31):
        rate.count(1000 + 6 * i, i * 0.1)
    assert rate.per_second == pytest.approx(60.0)


def test_the_picture_shows_the_length_of_the_recording() -> None:
    assert "● 1:05 No sound card" in text(picture()._replace(recorded_s=65.2))
    assert "recorded 65.2 s" in status_line(picture()._replace(recorded_s=65.2), 70.0)
    assert "recorded" not in status_line(picture(), 70.0)


# -- samples and programs --------------------------------------------------------------------------


def test_samples_keep_24_bits_and_are_clipped_at_full_scale() -> None:
    data = to_24_bit(np.array([[0.0, 1.0], [-1.0, 2.0], [0.5, -3.0]]))
    values = [int.from_bytes(data[i : i + 3], "little", signed=True) for i in range(0, len(data), 3)]
    assert values == [0, 8388607, -8388607, 8388607, 4194304, -8388607]


class Ring:
    """As JACK's ring buffer, as far as `Recorder` reads it."""

    def __init__(self, samples: list[float]) -> None:
        self._data = np.array(samples, dtype=np.float32).tobytes()

    @property
    def read_space(self) -> int:
        return len(self._data)

    def read(self, size: int) -> bytes:
        data, self._data = self._data[:size], self._data[size:]
        return data


def test_the_recorder_takes_the_frames_that_both_channels_have_and_counts_clipped_samples() -> None:
    recorder = Recorder(None, 48000)
    rings = [Ring([0.5, -0.25, 1.5]), Ring([0.0, 0.0])]
    recorder.take(rings)
    assert recorder.facts() == {"peak": 0.5, "seconds": round(2 / 48000, 3), "clipped": 0}
    assert rings[0].read_space == 4
    recorder.take([Ring([1.5]), Ring([-1.5])])
    assert recorder.facts()["clipped"] == 2
    assert recorder.summary()["highest"] == 1.5


def test_a_recordings_end_fades_out_and_no_sample_is_missing(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "f.wav", 1000)
    for _ in range(7):
        recorder.take([Ring([0.5] * 7), Ring([-0.5] * 7)])
    recorder.close()
    with wave.open(str(tmp_path / "f.wav")) as file:
        data = file.readframes(100)
    values = [int.from_bytes(data[i : i + 3], "little", signed=True) / 2**23 for i in range(0, len(data), 6)]
    assert len(values) == 49
    assert values[:29] == pytest.approx([0.5] * 29, abs=1e-6)
    assert values[29:] == sorted(values[29:], reverse=True)
    assert values[-1] == 0.0


def test_a_recording_overwrites_nothing_and_is_a_wav_file(tmp_path: Path) -> None:
    (tmp_path / "there.wav").touch()
    for name, why in (("there.wav", "exists"), ("", "is a folder"), ("x.mp3", "WAV"), ("no/x.wav", "cannot be")):
        result = CliRunner().invoke(demo_command, ["--record", str(tmp_path / name)], standalone_mode=False)
        assert isinstance(result.exception, UserError)
        assert why in str(result.exception)


def test_only_the_folders_of_killed_demos_are_removed(tmp_path: Path) -> None:
    for name in (f"{NO_PID}-abc", f"{os.getpid()}-abc", "else"):
        (tmp_path / f"latentd-demo-{name}" / "state").mkdir(parents=True)
    remove_old_folders(tmp_path)
    assert {folder.name for folder in tmp_path.iterdir()} == {f"latentd-demo-{os.getpid()}-abc", "latentd-demo-else"}
