"""Mistakes in the offline commands: one line, an exit code, before the work, and nothing half written."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from latentd.model import bundle
from latentd.synth import amsynth, banks
from latentd.synth.banks import Bank, Preset
from tests.support.limits import NO_PRIVILEGES, full_disk

pytestmark = pytest.mark.offline

# Rendering is an error: what is refused is refused before it.
NO_RENDERING = "from latentd.offline.render import workers; workers.run = None"


def _run(*arguments: str, before: str = "") -> subprocess.CompletedProcess[str]:
    """The real program. `before` runs in its process first."""
    code = f"{before}\nfrom latentd.cli import main\nmain()"
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


def _bank(path: Path, count: int) -> Path:
    random = np.random.default_rng(count)
    patches = amsynth.to_patch(random.uniform(size=(count, amsynth.COUNT)))
    banks.write(path, Bank(tuple(Preset.from_patch(f"p{i}", patch) for i, patch in enumerate(patches))))
    return path


def _refused(done: subprocess.CompletedProcess[str], code: int, message: str) -> None:
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["map", "paper", "--out", "/proc"],
        ["evaluate", "paper", "--figures", "/proc"],
        ["train", "--recipe", "paper", "--out", "/proc"],
        ["train", "--out", "/proc/models"],
    ],
)
def test_a_target_that_cannot_be_written_is_refused_before_the_work(arguments: list[str]) -> None:
    _refused(_run(*arguments, before=NO_RENDERING), 2, ": No such file or directory. Choose another ")


def test_a_model_that_cannot_be_written_is_refused_before_the_work(tmp_path: Path) -> None:
    model = tmp_path / "paper"
    shutil.copytree(bundle.find("paper"), model)
    model.chmod(0o555)
    done = _run("evaluate", str(model), "--save", before=NO_RENDERING + NO_PRIVILEGES)
    _refused(done, 2, f"{model}: Permission denied. Copy the model to a folder where you may write")


@pytest.mark.parametrize(
    "arguments",
    [
        ["map", "nothing"],
        ["evaluate", "nothing"],
        ["evaluate", "paper", "--banks", "nothing"],
        ["encode", "nothing", "--by", "sound"],
        ["train", "nothing"],
        ["train", "--name", "a:b"],
        ["train", "--name", "x" * 65],
        ["timbre", "nothing"],
        ["map", "--grid", "1"],
        ["map", "--jobs", "0"],
        ["evaluate", "--bogus"],
    ],
)
def test_a_wrong_word_is_the_users_mistake(arguments: list[str]) -> None:
    _refused(_run(*arguments, before=NO_RENDERING), 2, "")


COMMANDS = [
    ["encode", "{preset}", "--model", "{model}"],
    ["render", "--points", ".5,.5", "--out", "{folder}", "--model", "{model}"],
    ["map", "{model}", "--out", "{folder}"],
    ["evaluate", "{model}"],
    ["decode", ".5", ".5", "--model", "{model}"],
]


@pytest.fixture
def model(tmp_path: Path) -> Iterator[Path]:
    """A copy of a shipped model."""
    folder = tmp_path / "model"
    shutil.copytree(bundle.find("timbre"), folder)
    yield folder


DAMAGES = [
    ("model.json", "cut off", 1),
    ("model.json", "missing", 2),  # then it is no model at all
    ("decoder.safetensors", "cut off", 1),
    ("decoder.safetensors", "missing", 1),
    ("sounds.safetensors", "cut off", 1),
    ("landmarks.json", "missing", 1),
]


@pytest.mark.parametrize(("file", "damage", "code"), DAMAGES)
def test_a_damaged_model_is_the_same_error_in_every_command(
    file: str, damage: str, code: int, model: Path, tmp_path: Path
) -> None:
    data = (model / file).read_bytes()
    (model / file).unlink()
    if damage == "cut off":
        (model / file).write_bytes(data[: len(data) // 2])
    preset = tmp_path / "a.preset"
    banks.write(preset, Preset.from_patch("a", amsynth.DEFAULT))
    messages = set()
    for arguments in COMMANDS:
        done = _run(*(a.format(model=model, preset=preset, folder=tmp_path / "out") for a in arguments))
        _refused(done, code, file)
        messages.add(done.stderr)
    assert len(messages) == 1
    assert str(model) in messages.pop()


def test_a_model_whose_card_cannot_be_written_is_refused_before_the_work(model: Path) -> None:
    path = model / bundle.MODEL_FILE
    manifest = json.loads(path.read_text())
    del manifest["quality"]["reconstruction"]
    path.write_text(json.dumps(manifest))
    done = _run("evaluate", str(model), "--save", before=NO_RENDERING)
    _refused(done, 1, f"{path}: the card cannot be made from it: KeyError('reconstruction'). Train again")


@pytest.mark.parametrize(
    ("recipe", "count", "message"),
    [
        ("timbre", 50, "45 distinct presets to train on (5 held out), the recipe timbre needs 50. Name more banks"),
        ("vae", 50, "45 distinct presets to train on (5 held out), the recipe vae needs 50"),
        ("paper", 20, "18 distinct presets to train on (2 held out), the recipe paper needs 20"),
    ],
)
def test_too_few_presets_are_refused_before_the_work(recipe: str, count: int, message: str, tmp_path: Path) -> None:
    bank, out = _bank(tmp_path / "small.bank", count), tmp_path / "models"
    _refused(_run("train", str(bank), "--recipe", recipe, "--out", str(out), before=NO_RENDERING), 2, message)
    assert list(out.iterdir()) == []
    help_text = " ".join(_run("train", "--help").stdout.split())
    minimum = message.partition(" needs ")[2].partition(".")[0]
    assert f" {recipe} " in help_text.partition("minimum")[2]
    assert minimum in help_text.partition("minimum")[2]


def test_equal_presets_count_once(tmp_path: Path) -> None:
    bank = _bank(tmp_path / "small.bank", 15)
    twice = [str(bank), str(shutil.copy(bank, tmp_path / "copy.bank"))]
    done = _run("train", *twice, "--recipe", "paper", "--out", str(tmp_path / "models"))
    assert (done.returncode, done.stdout) == (2, "")
    assert " distinct presets to train on (" in done.stderr


def test_a_full_disk_leaves_no_bundle_and_the_older_one(tmp_path: Path) -> None:
    bank, out = _bank(tmp_path / "a.bank", 40), tmp_path / "models"
    command = ["train", str(bank), "--recipe", "paper", "--epochs", "1", "--grid", "0", "--out", str(out)]
    full = full_disk(3000)
    done = _run(*command, "--name", "m", before=full)
    assert done.returncode == 1
    assert done.stderr.endswith("File too large. Free some space, then run the command again\n")
    assert list(out.iterdir()) == []
    assert _run(*command, "--name", "m").returncode == 0
    before = {path.name: path.read_bytes() for path in (out / "m").iterdir()}
    assert _run(*command, "--name", "m", "--seed", "1", before=full).returncode == 1
    assert [path.name for path in out.iterdir()] == ["m"]
    assert {path.name: path.read_bytes() for path in (out / "m").iterdir()} == before


def test_a_full_disk_leaves_no_clip(tmp_path: Path) -> None:
    spec = ["--points", ".5,.5", "--length", "0.5", "--jobs", "1"]
    out = tmp_path / "out"
    # The synth's shared memory of 192,000 bytes is within the limit, the file with its header is not.
    done = _run("render", *spec, "--out", str(out), before=full_disk(192_010))
    _refused(done, 1, f"{out}: File too large. Free some space, then run the command again")
    assert list(out.iterdir()) == []


def test_timbre_names_what_it_cannot_open(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0)
    (tmp_path / "noise.raw").write_bytes(b"noise" * 100)
    files = [tmp_path / "locked" / "a.wav", tmp_path, tmp_path / "noise.raw"]
    done = _run("timbre", *map(str, files), before=NO_PRIVILEGES)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        f"latentd: {files[0]}: Permission denied. Check its name and its permissions",
        f"latentd: {files[1]}: Is a directory. Check its name and its permissions",
        f"latentd: {files[2]}: not an audio file that can be read. Use WAV, FLAC or AIFF",
    ]
