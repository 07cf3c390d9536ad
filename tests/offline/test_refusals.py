"""Mistakes in the offline commands: one line, an exit code, before the work, and nothing half written."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from latentd.cli import cli
from latentd.errors import LatentdError, UserError
from latentd.model import bundle
from latentd.offline.evaluation.evaluate import evaluate
from latentd.offline.publish import export
from latentd.offline.recipes import paper
from latentd.offline.recipes.timbre import TimbreRecipe
from latentd.offline.recipes.vae import VaeRecipe
from latentd.offline.render import workers
from latentd.offline.timbre import measure
from latentd.offline.timbre.measure import Measured
from latentd.synth import amsynth, banks
from latentd.synth.banks import Bank, Preset
from latentd.system import resources
from tests.offline import synthetic
from tests.support.limits import NO_PRIVILEGES, full_disk

pytestmark = pytest.mark.offline

NO_MEASURING = """
from latentd.errors import LatentdError
from latentd.offline.evaluation import full
def broken(*_): raise LatentdError("Broken", "Mend it")
full.full = broken
"""


@pytest.fixture(autouse=True)
def _no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is refused in this process is refused before it renders or trains."""
    monkeypatch.setattr(workers, "run", _work)
    monkeypatch.setattr(paper, "train", _work)


def _work(*_: object, **__: object) -> None:
    raise AssertionError("it works already")


def _run(*arguments: str, before: str = "") -> subprocess.CompletedProcess[str]:
    """The real program. `before` runs in its process first."""
    code = f"{before}\nfrom latentd.cli import main\nmain()"
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


def _refusal(*arguments: str) -> tuple[int, str]:
    """Exit code and message of a command in this process."""
    done = CliRunner().invoke(cli, arguments)
    assert done.stdout == ""
    if isinstance(done.exception, LatentdError):
        return done.exception.exit_code, str(done.exception)
    assert isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stderr


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
        ["train", "--recipe", "paper", "--cache", "/proc/cache", "--out", "{folder}"],
    ],
)
def test_a_target_that_cannot_be_written_is_refused_before_the_work(arguments: list[str], tmp_path: Path) -> None:
    code, message = _refusal(*(argument.format(folder=tmp_path) for argument in arguments))
    assert code == 2
    assert ": No such file or directory. Choose another " in message


def test_a_model_that_cannot_be_written_is_refused_before_the_work(tmp_path: Path) -> None:
    model = tmp_path / "paper"
    shutil.copytree(bundle.find("paper"), model)
    model.chmod(0o555)
    done = _run("evaluate", str(model), "--save", before=NO_PRIVILEGES)
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
    assert _refusal(*arguments)[0] == 2


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
    ("model.json", "cut off"),
    ("model.json", "missing"),
    ("decoder.safetensors", "cut off"),
    ("decoder.safetensors", "missing"),
    ("sounds.safetensors", "cut off"),
    ("landmarks.json", "missing"),
]


@pytest.mark.parametrize(("file", "damage"), DAMAGES)
def test_a_damaged_model_is_the_same_error_in_every_command(
    file: str, damage: str, model: Path, tmp_path: Path
) -> None:
    data = (model / file).read_bytes()
    (model / file).unlink()
    if damage == "cut off":
        (model / file).write_bytes(data[: len(data) // 2])
    preset = tmp_path / "a.preset"
    banks.write(preset, Preset.from_patch("a", amsynth.DEFAULT))
    messages = set()
    for arguments in COMMANDS:
        found, message = _refusal(*(a.format(model=model, preset=preset, folder=tmp_path / "out") for a in arguments))
        assert found == 2
        assert file in message
        messages.add(message)
    assert len(messages) == 1
    assert str(model) in messages.pop()


def test_a_model_whose_card_cannot_be_written_is_refused_before_the_work(model: Path) -> None:
    path = model / bundle.MODEL_FILE
    manifest = json.loads(path.read_text())
    del manifest["quality"]["reconstruction"]
    path.write_text(json.dumps(manifest))
    message = f"{path}: the card cannot be made from it: KeyError('reconstruction'). Train again"
    assert _refusal("evaluate", str(model), "--save") == (2, message)


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
    code, text = _refusal("train", str(bank), "--recipe", recipe, "--out", str(out))
    assert code == 2
    assert text.startswith(message)
    assert not out.exists()


def test_the_minimum_of_presets_is_in_the_help_and_in_the_documentation() -> None:
    few, many = paper.Recipe.MIN_PRESETS, TimbreRecipe.MIN_PRESETS
    assert many == VaeRecipe.MIN_PRESETS
    text = " ".join(CliRunner().invoke(cli, ["train", "--help"]).stdout.split())
    assert f"timbre and vae {many} that can be heard, paper {few}." in text
    readme = (resources.folder("models") / "README.md").read_text(encoding="utf-8")
    assert f"need at least {many} distinct, audible presets to train on, `paper` at least {few}." in readme


def test_a_scheduler_that_does_not_answer_is_refused_before_the_training(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    code, message = _refusal("train", "--recipe", "paper", "--dask", address, "--out", str(tmp_path))
    assert code == 1
    assert message.startswith(f"No dask scheduler answers at {address}. Start it there")


def test_a_model_that_cannot_be_measured_is_kept_and_the_next_step_named(tmp_path: Path) -> None:
    bank = _bank(tmp_path / "a.bank", 40)
    arguments = [str(bank), "--recipe", "paper", "--epochs", "1", "--name", "m", "--out", str(tmp_path)]
    done = _run("train", *arguments, before=NO_MEASURING)
    assert done.returncode == 1
    message = (
        f"latentd: {tmp_path}/m: trained, but not measured: Broken. Mend it. To measure it later: latentd evaluate"
    )
    assert done.stderr.splitlines()[-1] == f"{message} {tmp_path}/m --banks BANKS --save"
    assert bundle.load(str(tmp_path / "m")).name == "m"


def test_a_preset_that_cannot_be_rendered_is_not_encoded_by_sound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(patches: amsynth.Array, **_: object) -> Measured:
        return synthetic.measure(patches)._replace(failed={0: "amSynth was killed"})

    monkeypatch.setattr(measure, "measure", failing)
    banks.write(tmp_path / "a.preset", Preset.from_patch("a", amsynth.DEFAULT))
    done = CliRunner().invoke(cli, ["encode", "--by", "sound", str(tmp_path / "a.preset")])
    assert isinstance(done.exception, LatentdError)
    assert "Preset 0 could not be rendered: amSynth was killed" in str(done.exception)
    assert done.stdout == ""


def test_too_few_presets_to_measure_on_are_refused_before_the_pad_is_rendered() -> None:
    measured: list[int] = []

    def counted(patches: amsynth.Array) -> Measured:
        measured.append(len(patches))
        return synthetic.measure(patches)

    with pytest.raises(UserError, match="1 of 2 presets can be heard, at least 2 are needed"):
        evaluate(bundle.load(), synthetic.presets().take([0, 1]), counted)
    assert measured == [2]


def test_an_older_bundle_comes_back_if_the_new_one_cannot_take_its_place(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    with pytest.raises(FileNotFoundError):
        export._replace(tmp_path / "m", tmp_path / "missing", tmp_path / "old")
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


def test_equal_presets_count_once(tmp_path: Path) -> None:
    bank = _bank(tmp_path / "small.bank", 15)
    twice = [str(bank), str(shutil.copy(bank, tmp_path / "copy.bank"))]
    code, message = _refusal("train", *twice, "--recipe", "paper", "--out", str(tmp_path / "models"))
    assert code == 2
    assert " distinct presets to train on (" in message


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
