"""Model bundles: the shipped ones give the values of their training, and a damaged one is never loaded."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from latentd.errors import UserError
from latentd.instrument.pad import Pad
from latentd.model import bundle
from latentd.model.bundle import BundleError
from latentd.synth import amsynth
from latentd.system import resources

DATA = Path(__file__).parents[1] / "data"
SHIPPED = bundle.load(bundle.DEFAULT)
PAPER = bundle.load("paper")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the model `paper` that a test may damage."""
    return Path(shutil.copytree(resources.folder("models") / "paper", tmp_path / "copy"))


@pytest.fixture
def sound_copy(tmp_path: Path) -> Path:
    """A copy of the default model, which encodes by sound."""
    return Path(shutil.copytree(resources.folder("models") / bundle.DEFAULT, tmp_path / "copy"))


def _edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / bundle.MODEL_FILE
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


def _rehash(folder: Path, files: tuple[str, ...] = bundle.HASHED) -> None:
    _edit(folder, lambda m: m["sha256"].update({f: bundle.digest((folder / f).read_bytes()) for f in files}))


def _refused(folder: Path) -> str:
    with pytest.raises(BundleError) as caught:
        bundle.load(str(folder))
    assert "\n" not in str(caught.value)
    assert caught.value.hint
    return str(caught.value)


@pytest.mark.parametrize("name", ["paper", bundle.DEFAULT])
def test_a_shipped_model_still_gives_the_patches_that_it_gave_when_it_was_made(name: str) -> None:
    golden = json.loads((DATA / f"{name}.json").read_text())
    params = bundle.load(name).decoder.decode_many(np.array(golden["z"]))
    np.testing.assert_allclose(params, golden["params"], atol=1e-5)


def test_every_shipped_model_loads_and_its_card_and_loss_curve_are_there() -> None:
    folders = [path.parent for path in resources.folder("models").glob("*/model.json")]
    assert folders
    for folder in folders:
        model = bundle.load(str(folder))
        assert model.name == folder.name
        assert (folder / bundle.CARD_FILE).read_text(encoding="utf-8").startswith(f"# {model.name}\n")
        if model.manifest.training["name"] == "paper":
            assert len((folder / "losses.csv").read_text().splitlines()) == model.manifest.training["epochs"] + 1


def test_the_model_paper_has_the_rows_and_columns_of_the_paper() -> None:
    trained_on = PAPER.manifest.corpus["trained_on"]
    assert trained_on["presets"] == 2586
    assert list(trained_on["banks"]) == [
        "amsynth_factory.bank",
        *(f"BriansBank{i:02}.amSynth.bank" for i in range(1, 21)),
    ]
    assert PAPER.decoder.layout.width == 56
    assert len(PAPER.decoder.layout.continuous) == 27
    assert PAPER.decoder.layout.classes == (5, 5, 7, 2, 5, 2, 3)
    training = PAPER.manifest.training
    assert (training["epochs"], training["batch"], training["learning_rate"]) == (500, 16, 1e-3)


def test_the_pad_of_the_model_paper_reaches_both_states_of_every_two_way_switch() -> None:
    """The published program could never choose a category's last class."""
    grid = np.stack(np.meshgrid(*2 * [np.linspace(0, 1, 101)]), axis=-1).reshape(-1, 2)
    zs = PAPER.box[0] + grid * (PAPER.box[1] - PAPER.box[0])
    reached = PAPER.decoder.layout.class_of(PAPER.decoder.decode_many(zs))
    assert set(reached[:, PAPER.decoder.categories.index(amsynth.INDEX["filter_slope"])]) == {0, 1}
    assert set(reached[:, PAPER.decoder.categories.index(amsynth.INDEX["osc2_sync"])]) == {0, 1}


@given(st.floats(0, 1), st.floats(0, 1))
def test_any_pad_point_gives_a_patch_that_the_synth_would_hold(x: float, y: float) -> None:
    patch = amsynth.to_patch(SHIPPED.decoder.decode(Pad(SHIPPED.box).to_z((x, y))))
    assert np.isfinite(patch).all()
    assert ((patch >= amsynth.MINIMUM) & (patch <= amsynth.MAXIMUM)).all()


def test_landmarks_are_the_presets_of_the_corpus() -> None:
    assert len(SHIPPED.landmarks) == 2586
    assert SHIPPED.landmarks[0].name == "Derren 1"
    assert all(0 <= mark.x <= 1 and 0 <= mark.y <= 1 for mark in SHIPPED.landmarks)


def test_models_are_found_by_name_and_by_path_and_the_users_own_come_first(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert bundle.load("paper").folder == resources.folder("models") / "paper"
    own = Path(shutil.copytree(copy, bundle.user_folder() / "paper"))
    assert bundle.load("paper").folder == own
    assert bundle.load(str(copy)).folder == copy


@pytest.mark.parametrize("name", ["", "frist", "../models/nothing", "/nothing", ".."])
def test_a_missing_model_is_the_users_mistake(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises((UserError, BundleError)) as caught:
        bundle.load(name)
    assert str(caught.value)


def _drop(key: str) -> Callable[[dict[str, Any]], object]:
    return lambda manifest: manifest.pop(key)


def _put(key: str, value: object) -> Callable[[dict[str, Any]], object]:
    return lambda manifest: manifest.update({key: value})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_put("format", 2), "format 2, this latentd reads 1"),
        (_drop("format"), "format None"),
        (_drop("box"), "box: Field required"),
        (_put("more", 1), "more: Extra inputs"),
        (_put("box", {"low": [-1e300, 0], "high": [1e300, 1], "how": ""}), "none beyond 1e+06"),
        (_put("name", "../escape"), "name: "),
        (_put("name", "a\x1b[31m"), "name: "),
        (_put("margin", -1), "margin: "),
        (_put("box", {"low": [0, 0], "high": [1, 0], "how": ""}), "box: found"),
        (_put("network", {"kind": "pickle", "slope": 0.2}), "network.kind: "),
        (_put("parameters", []), "parameters: found 0, amSynth has 41"),
        (lambda m: m["parameters"][11].update(maximum=2.0), "parameters: name='filter_cutoff'"),
        (lambda m: m["parameters"].reverse(), "parameters: name='portamento_mode'"),
        (lambda m: m["columns"]["continuous"].append("warp"), "no parameter 'warp'"),
        (lambda m: m["columns"]["continuous"].append("amp_attack"), "is in the columns twice"),
        (lambda m: m["columns"]["continuous"].append("osc1_waveform"), "is in the columns twice"),
        (lambda m: m["columns"]["continuous"].pop(), "either learned or constant: filter_kbd_track"),
        (lambda m: m["columns"]["one_hot"].update(osc1_waveform=4), "osc1_waveform has 4 classes, amSynth has 5"),
        (lambda m: m["constants"].pop("master_vol"), "either learned or constant: master_vol"),
        (lambda m: m["constants"].update(master_vol=1.5), "master_vol: found 1.5, allowed 0..1"),
        (lambda m: m.update(ranges={"master_vol": [0, 1]}), "ranges: master_vol is not a continuous column"),
        (lambda m: m.update(ranges={"osc1_waveform": [0, 1]}), "ranges: osc1_waveform is not a continuous column"),
        (lambda m: m.update(ranges={"wobble": [0, 1]}), "ranges: wobble is not a continuous column"),
        (lambda m: m.update(ranges={"amp_sustain": [0.5, 1.5]}), "amp_sustain: found 0.5..1.5, allowed 0..1"),
        (lambda m: m.update(ranges={"amp_sustain": [0.5, 0.5]}), "amp_sustain: found 0.5..0.5, allowed 0..1"),
        (lambda m: m.update(ranges={"amp_sustain": [0.5]}), "ranges.amp_sustain.1: Field required"),
        (lambda m: m["sha256"].pop("decoder.safetensors"), "decoder.safetensors: its SHA-256"),
        (lambda m: m["sha256"].update({"landmarks.json": "0" * 64}), "landmarks.json: its SHA-256"),
    ],
)
def test_a_wrong_manifest_is_refused_with_its_key(
    copy: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    _edit(copy, change)
    assert message in _refused(copy)


def test_a_range_in_the_synths_units_holds_at_every_point(copy: Path) -> None:
    _edit(copy, lambda m: m.update(ranges={"osc2_detune": [-0.25, 0.125], "filter_cutoff": [0.0, 1.5]}))
    decoder = bundle.load(str(copy)).decoder
    zs = np.random.default_rng(1).normal(size=(500, 2)) * 20
    whole, patches = (amsynth.to_patch(d.decode_many(zs)) for d in (PAPER.decoder, decoder))
    detune, cutoff = amsynth.INDEX["osc2_detune"], amsynth.INDEX["filter_cutoff"]
    assert whole[:, cutoff].min() < -0.1
    assert patches[:, detune].min() >= -0.25
    assert patches[:, detune].max() <= 0.125
    assert patches[:, cutoff].min() >= 0.0
    others = [i for i in range(amsynth.COUNT) if i not in (detune, cutoff)]
    np.testing.assert_array_equal(patches[:, others], whole[:, others])


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000, "null", '{"format": 1}'])
def test_a_manifest_that_is_no_json_object_is_refused(copy: Path, text: str) -> None:
    (copy / bundle.MODEL_FILE).write_text(text)
    assert bundle.MODEL_FILE in _refused(copy)


def test_a_folder_without_a_manifest_is_the_users_mistake(copy: Path) -> None:
    (copy / bundle.MODEL_FILE).unlink()
    with pytest.raises(UserError, match=r"no model folder: no model\.json in it"):
        bundle.load(str(copy))


@pytest.mark.parametrize("file", bundle.HASHED)
def test_a_missing_file_is_named(copy: Path, file: str) -> None:
    (copy / file).unlink()
    assert f"{file}: No such file" in _refused(copy)


@pytest.mark.parametrize("file", bundle.HASHED)
def test_a_changed_file_is_named(copy: Path, file: str) -> None:
    data = bytearray((copy / file).read_bytes())
    data[-3] ^= 1
    (copy / file).write_bytes(bytes(data))
    assert f"{file}: its SHA-256" in _refused(copy)


@pytest.mark.parametrize("data", [b"", b"\x80\x04}.", b"\xff" * 64, b"\x02\x00\x00\x00\x00\x00\x00\x00{}"])
def test_weights_that_are_no_safetensors_are_refused_even_with_the_right_hash(copy: Path, data: bytes) -> None:
    (copy / bundle.DECODER_FILE).write_bytes(data)
    _rehash(copy)
    assert bundle.DECODER_FILE in _refused(copy)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("0.weight", np.zeros((32, 3), np.float32), "layer 0: (32, 3) and (32,) do not fit 2 inputs"),
        ("0.bias", np.zeros(31, np.float32), "layer 0"),
        ("1.weight", np.full((56, 32), np.nan, np.float32), "1.weight has a number that is not finite"),
        ("1.weight", np.zeros((56, 32, 1), np.float32), "layer 1"),
        ("1.bias", None, "3 tensors ending in 32 values, expected 56"),
        ("2.bias", np.zeros(1, np.float32), "5 tensors"),
    ],
)
def test_weights_that_do_not_fit_are_refused(copy: Path, name: str, value: Any, message: str) -> None:
    tensors = load_file(copy / bundle.DECODER_FILE)
    tensors.pop(name, None)
    save_file(tensors if value is None else {**tensors, name: value}, copy / bundle.DECODER_FILE)
    _rehash(copy)
    assert message in _refused(copy)


@pytest.mark.parametrize(
    ("file", "name", "value", "message"),
    [
        (bundle.SOUNDS_FILE, "lufs", np.zeros(2499, np.float32), "does not describe a square of points"),
        (bundle.SOUNDS_FILE, "levels", np.zeros((2500, 256), np.float32), "does not describe a square"),
        (bundle.SOUNDS_FILE, "levels", None, "does not describe a square"),
        (bundle.DECODER_FILE, "waves", np.zeros((48, 3), np.float32), "waves: (48, 3) does not fit 2 inputs"),
        (bundle.DECODER_FILE, "waves", np.zeros((4, 2), np.float32), "layer 0"),
        (bundle.DECODER_FILE, "waves", None, "no tensor waves"),
    ],
)
def test_sounds_and_waves_that_do_not_fit_are_refused(
    sound_copy: Path, file: str, name: str, value: Any, message: str
) -> None:
    tensors = load_file(sound_copy / file)
    tensors.pop(name)
    save_file(tensors if value is None else {**tensors, name: value}, sound_copy / file)
    _rehash(sound_copy, (*bundle.HASHED, bundle.SOUNDS_FILE))
    assert message in _refused(sound_copy)


def test_a_model_that_encodes_by_sound_needs_the_sounds(sound_copy: Path) -> None:
    (sound_copy / bundle.SOUNDS_FILE).unlink()
    assert f"{bundle.SOUNDS_FILE}: No such file" in _refused(sound_copy)


def test_the_default_model_learned_all_parameters_and_no_preset_of_its_held_out_banks() -> None:
    trained_on, aside = (set(SHIPPED.manifest.corpus[part]["banks"]) for part in ("trained_on", "kept_aside"))
    assert len(SHIPPED.decoder.layout.continuous + SHIPPED.decoder.layout.categories) == amsynth.COUNT
    assert len(aside) == 7
    assert not trained_on & aside


def test_landmarks_beyond_the_pad_are_refused(copy: Path) -> None:
    mark = {"name": "a", "bank": "b", "index": 0, "x": 1.5, "y": 0.5}
    (copy / bundle.LANDMARKS_FILE).write_text(json.dumps({"landmarks": [mark]}))
    _rehash(copy)
    assert "landmarks.json: landmarks.0.x" in _refused(copy)
