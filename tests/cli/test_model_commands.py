"""`latentd decode`, `encode`, `render` and `train` as a user or a script meets them."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from latentd.instrument.pad import Pad
from latentd.model import bundle
from latentd.synth import amsynth, banks
from latentd.synth.banks import Bank, Preset
from latentd.system import resources
from tests.support.limits import NO_PRIVILEGES, full_disk


def _run(*arguments: str, stdin: str = "", before: str = "") -> subprocess.CompletedProcess[str]:
    """The real program. `before` runs in its process first."""
    code = f"import sys\n{before}\nfrom latentd.cli import main\nmain()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], input=stdin, capture_output=True, text=True, check=False, timeout=120
    )


def _decoded(x: float, y: float) -> amsynth.Array:
    model = bundle.load()
    return amsynth.to_patch(model.decoder.decode(Pad(model.box).to_z((x, y))))


def test_decode_prints_all_parameters_in_the_synths_units_and_order() -> None:
    done = _run("decode", "0.25", "0.75", "--json")
    patch = json.loads(done.stdout)
    assert done.returncode == 0
    assert list(patch) == list(amsynth.NAMES)
    np.testing.assert_allclose(list(patch.values()), _decoded(0.25, 0.75), rtol=1e-8, atol=1e-12)
    assert all(isinstance(patch[p.name], int) == bool(p.step) for p in amsynth.PARAMETERS)
    assert _run("decode", "0.25", "0.75").stdout == done.stdout


def test_decode_streams_points_one_object_a_line(tmp_path: Path) -> None:
    text = "0,0\n\n 0.5 , 1 \n1e-3,0.25\n"
    (tmp_path / "points.csv").write_text(text)
    from_file = _run("decode", "--points", str(tmp_path / "points.csv"))
    from_stdin = _run("decode", "--points", "-", stdin=text)
    rows = [json.loads(line) for line in from_file.stdout.splitlines()]
    assert from_file.stdout == from_stdin.stdout
    np.testing.assert_allclose([list(row.values()) for row in rows][1], _decoded(0.5, 1.0), rtol=1e-8, atol=1e-12)
    assert len(rows) == 3


def test_decode_answers_each_point_before_the_next_is_asked() -> None:
    command = [sys.executable, "-m", "latentd", "decode", "--points", "-", "--model", "paper"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin and process.stdout
        for x in ("0.1", "0.9"):
            process.stdin.write(f"{x},0.5\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["master_vol"] == 0.6
        process.stdin.close()
        assert process.wait(60) == 0


def test_decode_writes_a_preset_that_reads_back_as_the_same_patch(tmp_path: Path) -> None:
    path = tmp_path / "new.preset"
    assert _run("decode", "0.3", "0.8", "--preset", str(path)).returncode == 0
    assert (np.abs(banks.read_preset(path).patch() - _decoded(0.3, 0.8)) / amsynth.SPAN).max() <= 1e-6


def test_decode_writes_the_whole_pad_as_banks(tmp_path: Path) -> None:
    done = _run("decode", "--grid", "12", "--banks", str(tmp_path / "banks"))
    files = [Path(line) for line in done.stdout.splitlines()]
    presets = [preset for file in files for preset in banks.read_bank(file).presets]
    assert [len(banks.read_bank(file).presets) for file in files] == [128, 16]
    assert (presets[1].name, presets[12].name) == ("0.09091 0", "0 0.09091")
    assert (np.abs(presets[-1].patch() - _decoded(1.0, 1.0)) / amsynth.SPAN).max() <= 1e-6


def test_decode_follows_a_path_at_an_even_pace() -> None:
    rows = [json.loads(line) for line in _run("decode", "--path", "0,0 0,1 1,1", "--steps", "5").stdout.splitlines()]
    for row, point in zip(rows, [(0, 0), (0, 0.5), (0, 1), (0.5, 1), (1, 1)], strict=True):
        np.testing.assert_allclose(list(row.values()), _decoded(*point), rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--path", "0,0"], "--path: found '0,0'. Write at least two points"),
        (["--path", "0,0 2,0"], "--path:2: found 2 0, the pad is 0..1"),
        (["--path", "0,0 1,1", "--grid", "3"], "--path excludes X Y, --preset and the other options for points"),
        (["0.5", "0.5", "--banks", "x"], "--banks needs many points"),
        (["2", "0.5"], "found 2 0.5, the pad is 0..1"),
        (["-0.1", "0.5"], "found -0.1 0.5, the pad is 0..1"),
        (["nan", "0.5"], "found nan 0.5, the pad is 0..1"),
        (["0.5"], "X and Y are missing"),
        ([], "X and Y are missing"),
        (["0.5", "0.5", "--points", "-"], "--points excludes X Y"),
        (["--points", "nothing.csv"], "nothing.csv: No such file"),
        (["0.5", "0.5", "--model", "nothing"], "No model named 'nothing'. There are: paper, timbre"),
        (["0.5", "0.5", "--preset", "no/such/folder"], "no/such/folder: No such file"),
    ],
)
def test_decode_names_a_mistake_in_one_line(arguments: list[str], message: str) -> None:
    done = _run("decode", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("line", ["0.5", "0.5,0.5,0.5", "a,b", "0.5;0.5", "0.5,1.01", "inf,0"])
def test_decode_names_the_line_of_a_bad_point_after_answering_the_good_ones(line: str) -> None:
    done = _run("decode", "--points", "-", stdin=f"0.5,0.5\n{line}\n")
    assert done.returncode == 2
    assert done.stdout.count("\n") == 1
    assert "standard input:2: found" in done.stderr
    assert done.stderr.count("\n") == 1


def test_encode_prints_a_pad_point_for_each_preset_of_each_file(tmp_path: Path) -> None:
    model = bundle.load()
    patches = [_decoded(0.2, 0.3), amsynth.DEFAULT]
    presets = tuple(Preset.from_patch(name, patch) for name, patch in zip(("ä", ""), patches, strict=True))
    banks.write(tmp_path / "two.bank", Bank(presets))
    banks.write(tmp_path / "one.preset", presets[0])
    done = _run("encode", str(tmp_path / "two.bank"), str(tmp_path / "one.preset"), "--json")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(row["name"], Path(row["file"]).name, row["index"]) for row in rows] == [
        ("ä", "two.bank", 0), ("", "two.bank", 1), ("ä", "one.preset", 0),
    ]  # fmt: skip
    z = model.encoder.encode(amsynth.to_params(amsynth.DEFAULT[None]))[0]
    np.testing.assert_allclose((rows[1]["x"], rows[1]["y"]), np.clip(Pad(model.box).to_pad(z), 0, 1), atol=1e-6)
    assert (rows[0]["x"], rows[0]["y"]) == (rows[2]["x"], rows[2]["y"])


@pytest.mark.real
def test_encode_names_parameters_that_amsynth_does_not_know(tmp_path: Path) -> None:
    path = tmp_path / "old.preset"
    path.write_text("amSynth1.0preset\n<preset> <name> old\n<parameter> lfo_depth 1\n<parameter> reverb_dry 1\n")
    done = _run("encode", str(path))
    assert done.returncode == 0
    assert done.stderr == f"{path}: dropped, unknown to amSynth: lfo_depth, reverb_dry\n"
    assert json.loads(done.stdout)["name"] == "old"


def test_encode_puts_a_preset_of_the_corpus_on_its_landmark() -> None:
    done = _run("encode", str(banks.system_folder() / "amsynth_factory.bank"), "--model", "paper")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    landmarks = bundle.load("paper").landmarks[: len(rows)]
    assert [(row["name"], row["x"], row["y"]) for row in rows] == [tuple(mark) for mark in landmarks]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing.bank"], "nothing.bank: No such file"),
        ([__file__], ".py: not an amSynth bank or preset file"),
        ([__file__, "--by", "sound", "--model", "paper"], "The model paper has no sound encoder"),
    ],
)
def test_encode_names_a_mistake_in_one_line(arguments: list[str], message: str) -> None:
    done = _run("encode", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--points", ".1,.1", "--out", "/proc"], "/proc: No such file or directory. Choose another --out"),
        (["--points", ".1,.1", "--out", __file__], f"{__file__}: File exists. Choose another --out"),
        (["--points", ".1,.1", "--model", "nothing"], "No model named 'nothing'"),
        (["--points", ".1,.1", "--note", "128"], "note: found 128, 0..127 is allowed"),
        (["--points", ".1,.1", "--length", "nan"], "length: found nan, 0.1..600 is allowed"),
        (["--points", ".1;.1"], "Found '.1;.1'. Write pad points as two numbers 0..1"),
        (["--points", ".1,1.1"], "Found .1,1.1, both coordinates must be within 0..1"),
        (["--points", "--path", ".1,.1"], "--points and --path exclude each other"),
        (["--bogus"], "--bogus: No such file"),
        ([], "Nothing to render"),
    ],
)
def test_render_names_a_mistake_in_one_line_before_it_renders(arguments: list[str], message: str) -> None:
    done = _run("render", *arguments, before="import sys; sys.modules['scipy'] = None")
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("command", [["encode"], ["render", "--out", "{folder}"]])
def test_a_locked_folder_is_named(command: list[str], tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0)
    arguments = [argument.format(folder=tmp_path) for argument in command]
    done = _run(*arguments, str(tmp_path / "locked"), before=NO_PRIVILEGES)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"latentd: {tmp_path}/locked: Permission denied. Check its name and its permissions\n"


@pytest.mark.parametrize("command", [["encode", "x.bank"], ["render", "--points", ".5,.5"], ["decode", ".5", ".5"]])
def test_a_model_in_a_locked_folder_and_one_with_too_long_a_name_are_named(command: list[str], tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0)
    locked = f"{tmp_path}/locked/m"
    for model, message in ((locked, f"{locked}: Permission denied. "), ("x" * 300, "File name too long. ")):
        done = _run(*command, "--model", model, before=NO_PRIVILEGES)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.endswith(f"{message}Check its name and its permissions\n")
        assert done.stderr.count("\n") == 1


def test_a_full_disk_behind_the_output_is_a_failure_in_one_line(tmp_path: Path) -> None:
    banks.write(tmp_path / "a.preset", Preset.from_patch("a", amsynth.DEFAULT))
    command = [sys.executable, "-m", "latentd", "encode", str(tmp_path / "a.preset")]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=120)
    assert done.returncode == 1
    assert done.stderr == "latentd: No space left on device. Free some space, then try again\n"


BANKS = ["decode", "--grid", "4", "--banks"]
INSTALL = ["midimap", "--install"]


@pytest.mark.parametrize(("command", "names_folder"), [(BANKS, True), (INSTALL, False)], ids=["banks", "midimap"])
@pytest.mark.parametrize("inside", ["", "new"])
def test_a_full_disk_is_a_failure_and_a_folder_that_may_not_be_written_a_mistake(
    command: list[str], names_folder: bool, inside: str, tmp_path: Path
) -> None:
    """Exit codes 1 and 2, whether the folder or a file in it is what cannot be made."""
    (tmp_path / "open").mkdir()
    (tmp_path / "locked").mkdir(mode=0o500)
    for place, before, code, why in (
        ("open", full_disk(100), 1, "File too large. Free some space, then run the command again"),
        ("locked", NO_PRIVILEGES, 2, "Permission denied. "),
    ):
        folder = tmp_path / place / inside
        home = f"\nimport os; os.environ['XDG_CONFIG_HOME'] = {str(folder)!r}"
        done = _run(*command, *[str(folder)] * names_folder, before=before + home)
        assert (done.returncode, done.stderr.count("\n")) == (code, 1), done.stderr
        assert done.stderr.startswith(f"latentd: {tmp_path / place}")
        assert why in done.stderr


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_an_output_file_that_may_grow_no_further_is_a_failure_in_one_line(tmp_path: Path, unbuffered: str) -> None:
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    with (tmp_path / "out").open("w") as out, (tmp_path / "errors").open("w+") as errors:
        code = f"{full_disk(200)}\nfrom latentd.cli import main\nmain()"
        command = [sys.executable, "-c", code, "decode", "0.5", "0.5"]
        done = subprocess.run(command, stdout=out, stderr=errors, env=environment, check=False, timeout=120)
        errors.seek(0)
        assert (done.returncode, errors.read()) == (1, "latentd: File too large. Free some space, then try again\n")


OUTPUT_FAILS = """
import sys
import latentd.cli
def fail(**_):
    raise OSError(int(sys.argv[1]), "it is so", *sys.argv[2:])
latentd.cli.cli.main = fail
latentd.cli.main()
"""


@pytest.mark.parametrize(
    ("number", "file", "line"),
    [
        (errno.ENOSPC, [], "latentd: it is so. Free some space, then try again"),
        (errno.EDQUOT, [], "latentd: it is so. Free some space, then try again"),
        (errno.EFBIG, ["/tmp/x"], "latentd: /tmp/x: it is so. Free some space, then try again"),
        (errno.EIO, [], "latentd: it is so. Write the output elsewhere"),
        (errno.EIO, ["/tmp/x"], "Traceback (most recent call last):"),
        (errno.EBADF, [], "Traceback (most recent call last):"),
    ],
)
def test_whatever_keeps_the_output_from_being_written_is_a_failure_in_one_line_and_bugs_are_not(
    number: int, file: list[str], line: str
) -> None:
    command = [sys.executable, "-c", OUTPUT_FAILS, str(number), *file]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stderr.splitlines()[0]) == (1, line)
    assert line.startswith("Traceback") or done.stderr.count("\n") == 1


def test_names_of_files_need_not_be_text(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"\xff.preset")
    banks.write(path, Preset.from_patch("a", amsynth.DEFAULT))
    done = _run("encode", str(path), before="sys.stdout.reconfigure(encoding='utf-8', errors='strict')")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["file"] == str(path)


def test_train_without_torch_names_what_to_install_in_one_line() -> None:
    done = _run("train", before="sys.modules['torch'] = None")
    assert done.returncode == 1
    assert re.fullmatch(r"latentd: Training needs torch.*\. Install it: \S+ -m pip install .*offline.*\n", done.stderr)


@pytest.mark.parametrize("name", ["decode", "encode", "render", "train"])
def test_help_has_an_example(name: str) -> None:
    assert f"  latentd {name} " in _run(name, "--help").stdout.partition("Example")[2]


@pytest.mark.parametrize("command", ["evaluate", "map"])
def test_measuring_without_its_libraries_says_what_to_install(command: str) -> None:
    done = _run(command, "paper", before="sys.modules['scipy'] = sys.modules['pyloudnorm'] = None")
    assert (done.returncode, done.stdout) == (1, "")
    assert "needs scipy, pyloudnorm" in done.stderr
    assert done.stderr.endswith(f". {resources.install('render')}\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ("decode", "0.5", "0.5", "--model", "{}"),
        ("encode", "{}/../one.bank", "--model", "{}"),
        ("render", "--points", "0.5,0.5", "--model", "{}", "--out", "{}/../out"),
        ("check", "--config", "{}/../config.yaml"),
        ("run", "--output", "print", "--set", "state={}/../state", "--model", "{}"),
        ("run", "--output", "print", "--set", "state={}/../state", "--config", "{}/../config.yaml"),
    ],
)
@pytest.mark.parametrize("damaged", ["model.json", "decoder.safetensors"])
def test_a_damaged_model_is_exit_code_2_in_every_command_of_the_small_install(
    tmp_path: Path, arguments: tuple[str, ...], damaged: str
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(bundle.load().folder, folder)
    (folder / damaged).write_bytes(b"damaged")
    (tmp_path / "one.bank").write_text(
        Bank((Preset.from_patch("one", _decoded(0.5, 0.5)),)).to_text(), encoding="utf-8"
    )
    (tmp_path / "config.yaml").write_text(f"model: {folder}\n", encoding="utf-8")
    done = _run(*(argument.format(folder) for argument in arguments))
    assert (done.returncode, damaged in done.stderr) == (2, True), done.stderr


def test_banks_without_presets_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty.bank").write_text("amSynth\nEOF\n", encoding="utf-8")
    for command in ("encode", "corpus"):
        done = _run(command, str(tmp_path / "empty.bank"))
        assert (done.returncode, "No presets in these files" in done.stderr) == (2, True), done.stderr
