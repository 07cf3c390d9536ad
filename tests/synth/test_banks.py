"""Bank and preset files: bytes kept, gaps filled as amSynth fills them, broken lines and unknown parameters named."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from latentd.errors import UserError
from latentd.synth import amsynth, banks
from latentd.synth.banks import Bank, BankError, Preset

DATA = Path(__file__).parents[1] / "data"
SMALL = "amSynth\n<preset> <name> A\n<parameter> amp_attack 0.5\n<preset> <name> \n<parameter> lfo_freq 1e-08\nEOF"

PARAMS = arrays(np.float64, amsynth.COUNT, elements=st.floats(0, 1))
NAMES = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=30)


def _file(folder: Path, text: str) -> Path:
    path = folder / "x.bank"
    path.write_bytes(text.encode())
    return path


def _amsynth_reads(text: str) -> np.float32:
    """amSynth's own reading of a number in a bank file, in its 32-bit floats (`float_from_string`)."""
    f = np.float32
    if "e" in text:
        return f(text)
    value, factor = f(0), f(-1 if text.startswith("-") else 1)
    whole, _, fraction = text.lstrip("-").partition(".")
    for digit in whole + fraction:
        value = f(f(value * f(10)) + f(int(digit)))
    for _ in fraction:
        factor = f(factor / f(10))
    return f(value * factor)


@pytest.mark.real
def test_every_bank_of_amsynth_is_written_as_it_was_read() -> None:
    files = banks.bank_files([banks.system_folder()])
    assert len(files) == 28
    for path in files:
        assert banks.read_bank(path).to_text().encode("utf-8", "surrogateescape") == path.read_bytes(), path.name


@pytest.mark.real
def test_presets_become_the_patches_that_amsynth_holds() -> None:
    with (DATA / "patches.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            preset = banks.read(banks.system_folder() / row["bank"])[int(row["index_in_bank"])]
            assert preset.name == row["name"]
            np.testing.assert_allclose(preset.patch(), [float(row[name]) for name in amsynth.NAMES], rtol=1e-6)


def test_a_bank_keeps_its_bytes_odd_names_properties_and_ending(tmp_path: Path) -> None:
    text = SMALL.replace("A\n", " two  spaces \n<property> tuning_scl_file x\n", 1)
    data = text.encode().replace(b"two", b"tw\xff")
    path = tmp_path / "odd.bank"
    path.write_bytes(data)
    bank = banks.read_bank(path)
    banks.write(path, bank)
    assert path.read_bytes() == data
    assert [preset.name for preset in bank.presets][1] == ""


def test_parameters_that_amsynth_does_not_know_are_dropped_and_named() -> None:
    """amSynth aborts on such a file, so none is ever written."""
    old = "<parameter> lfo_depth 0.5\n<parameter> reverb_dry 1\n<parameter> lfo_depth 0.7\n"
    bank = banks.parse_bank(SMALL.replace("<parameter> lfo_freq", f"{old}<parameter> lfo_freq"), "x")
    assert bank.to_text() == SMALL
    assert [preset.dropped for preset in bank.presets] == [(), ("lfo_depth", "reverb_dry")]
    assert banks.dropped(bank.presets) == {"lfo_depth": 1, "reverb_dry": 1}
    preset = banks.parse_preset(f"amSynth1.0preset\n<preset> <name> p\n{old}<parameter> lfo_freq 1\n", "x")
    assert preset.to_text() == "amSynth1.0preset\n<preset> <name> p\n<parameter> lfo_freq 1\n"
    assert dict(preset.values) == {"lfo_freq": 1.0}


def test_missing_parameters_hold_amsynths_defaults() -> None:
    patch = Preset("empty", {}, ()).patch()
    assert patch[amsynth.INDEX["filter_kbd_track"]] == 1.0
    assert np.array_equal(patch, amsynth.DEFAULT)


@pytest.mark.parametrize(
    ("name", "written", "held"),
    [
        ("amp_attack", 9.0, 2.5),
        ("filter_env_amount", -17.0, -16.0),
        ("osc2_pitch", 3.4, 3.0),
        ("osc2_pitch", -3.5, -3.0),
        ("osc1_waveform", 2.5, 3.0),
        ("osc1_waveform", 7.0, 4.0),
        ("portamento_mode", 0.787, 0.787),
    ],
)
def test_values_are_clamped_and_stepped_as_amsynth_does(name: str, written: float, held: float) -> None:
    patch = Preset("p", {name: written}, ()).patch()
    assert patch[amsynth.INDEX[name]] == held
    assert (patch != amsynth.DEFAULT).sum() == 1


@given(PARAMS, NAMES)
def test_a_new_preset_reads_back_as_it_was_written(params: amsynth.Array, name: str) -> None:
    patch = amsynth.to_patch(params)
    preset = Preset.from_patch(name, patch)
    assert np.abs(preset.patch() - patch).max() <= 1e-6
    assert preset.name == name


@given(PARAMS)
def test_amsynth_reads_written_values_to_a_millionth_of_the_range(params: amsynth.Array) -> None:
    patch = amsynth.to_patch(params)
    lines = Preset.from_patch("p", patch).lines
    read = np.array([_amsynth_reads(line.split(" ")[2]) for line in lines], dtype=np.float64)
    assert (np.abs(read - patch) / amsynth.SPAN).max() <= 1e-6


@given(st.lists(st.tuples(NAMES, PARAMS), max_size=3))
def test_written_banks_and_presets_are_read_back_unchanged(content: list[tuple[str, amsynth.Array]]) -> None:
    presets = tuple(Preset.from_patch(name, amsynth.to_patch(params)) for name, params in content)
    assert banks.parse_bank(Bank(presets).to_text(), "x").presets == presets
    for preset in presets:
        again = banks.parse_preset(preset.to_text(), "x")
        assert again.values == preset.values
        assert again.name == (preset.name if preset.name.strip() else "New Preset")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ": not an amSynth bank or preset file"),
        (SMALL.replace("\n", "\r\n"), ": Windows line ends (CRLF), which amSynth does not read. Convert it: sed -i "),
        ("amSynth1.0preset\r\n", ": Windows line ends (CRLF)"),
        ("RIFF....", ": not an amSynth bank or preset file"),
        (SMALL.replace("0.5", "0,5"), ":3: amp_attack: found '0,5', expected a number"),
        (SMALL.replace("0.5", "nan"), ":3: amp_attack: found 'nan'"),
        (SMALL.replace("0.5", "1E-5"), ":3: amp_attack: found '1E-5'"),
        (SMALL.replace(" 0.5", ""), ":3: amp_attack: found ''"),
        (SMALL.replace("<preset> <name> A\n", ""), ":2: found '<parameter> amp_attack 0.5' before"),
        (SMALL.replace("<name> A", "<name>"), ":2: found '<preset> <name>'"),
        (SMALL.replace("<parameter> lfo", "\n<parameter> lfo"), ":5: an empty line"),
        (SMALL.replace("<parameter> lfo", "parameter lfo"), ":5: found 'parameter lfo"),
        (SMALL + "\nmore", ":6: found 'EOF' and more"),
        (SMALL.removesuffix("08\nEOF"), ":5: the file ends within a line"),
        ("amSynth\n" + "<preset> <name> x\n" * 129 + "EOF\n", ": 129 presets"),
        ("amSynth1.0preset\nEOF\n", ":2: found 'EOF' before"),
        ("amSynth1.0preset\n", ": 0 presets"),
        ("amSynth1.0preset\n<preset> <name> a", ":2: the file ends within a line"),
    ],
)
def test_a_broken_file_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    path = _file(tmp_path, text)
    with pytest.raises(BankError) as caught:
        banks.read(path)
    assert f"{path}{message}" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.hint


@given(st.binary(max_size=200))
def test_any_bytes_are_read_as_a_bank_or_refused(data: bytes) -> None:
    text = ("amSynth\n" + "<preset> <name> x\n").encode() + data
    try:
        bank = banks.parse_bank(text.decode("utf-8", "surrogateescape"), "x")
    except BankError:
        return
    if not banks.dropped(bank.presets):
        assert bank.to_text().encode("utf-8", "surrogateescape") == text
    assert all(np.isfinite(preset.patch()).all() for preset in bank.presets)


def test_a_missing_file_and_a_folder_without_banks_are_named(tmp_path: Path) -> None:
    with pytest.raises(BankError, match=r"nothing\.bank: No such file"):
        banks.read(tmp_path / "nothing.bank")
    with pytest.raises(BankError, match="no bank or preset file"):
        banks.bank_files([tmp_path])


def test_a_folder_stands_for_the_bank_files_in_it(tmp_path: Path) -> None:
    (tmp_path / "b.bank").write_text(SMALL)
    (tmp_path / "a.preset").write_text("amSynth1.0preset\n<preset> <name> a\n")
    (tmp_path / "notes.txt").write_text("not a bank")
    assert [path.name for path in banks.bank_files([tmp_path])] == ["a.preset", "b.bank"]


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    preset = Preset.from_patch("a", amsynth.DEFAULT)
    with pytest.raises(BankError, match="at most 128"):
        Bank((preset,) * 129).to_text()
    with pytest.raises(BankError, match="one line"):
        Preset.from_patch("a\nb", amsynth.DEFAULT)
    with pytest.raises(BankError, match="41 finite numbers"):
        Preset.from_patch("a", amsynth.DEFAULT * np.nan)
    with pytest.raises(UserError, match="missing/x"):
        banks.write(tmp_path / "missing" / "x", preset)
    assert list(tmp_path.iterdir()) == []


def test_a_link_stays_a_link_and_a_pipe_gets_the_text(tmp_path: Path) -> None:
    preset = banks.Preset.from_patch("mine", amsynth.DEFAULT)
    target, link, pipe = (tmp_path / name for name in ("target", "link", "pipe"))
    target.write_text("old")
    link.symlink_to(target)
    banks.write(link, preset)
    assert link.is_symlink()
    assert banks.read_preset(target).name == "mine"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    banks.write(pipe, preset)
    assert os.read(reading, 65536).decode() == preset.to_text()
    os.close(reading)
    assert pipe.is_fifo()
