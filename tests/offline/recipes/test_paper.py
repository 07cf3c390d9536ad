"""From banks to a bundle with torch, on a slice: reproducible, and equal to the daemon's numpy."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from latentd.model import bundle
from latentd.model.bundle import SNAPSHOTS_FILE
from latentd.model.decoder import Decoder, Layout
from latentd.offline.corpus import corpus
from latentd.offline.corpus.corpus import PAPER_CONSTANTS, Corpus, paper_layout
from latentd.offline.publish.export import export, write
from latentd.offline.recipes import pca
from latentd.offline.recipes.loss_weights import TimbreWeights, VaeWeights
from latentd.offline.recipes.paper import Epoch, Recipe, Trained, networks, train
from latentd.offline.recipes.vae_net import VAE
from latentd.synth import amsynth, banks
from latentd.synth.amsynth import Array
from latentd.synth.banks import Bank, Preset

pytestmark = pytest.mark.offline

TINY = Recipe(epochs=3)
GRID = np.stack(np.meshgrid(*2 * [np.linspace(-4.0, 4.0, 33)]), axis=-1).reshape(-1, 2)


def _bank(folder: Path, name: str, count: int, seed: int) -> Path:
    random = np.random.default_rng(seed)
    patches = amsynth.to_patch(random.uniform(size=(count, amsynth.COUNT)))
    path = folder / name
    banks.write(path, Bank(tuple(Preset.from_patch(f"p{i}", patch) for i, patch in enumerate(patches))))
    return path


@pytest.fixture
def rows(tmp_path: Path) -> Corpus:
    """Sixty random presets."""
    return corpus.read([_bank(tmp_path, "made.bank", 60, 1)])


def _ignore(epoch: Epoch) -> None:
    assert epoch.number > 0


def _train(rows: Corpus, seed: int = 0) -> Trained:
    return train(paper_layout(), rows, rows, replace(TINY, seed=seed), _ignore)


def _torch_params(model: VAE, zs: Array) -> Array:
    """The params of points in torch, in the simplest form: logistic function and argmax."""
    with torch.no_grad():
        scores = model.decode(torch.from_numpy(zs).float()).double()
    layout = model.layout
    params = amsynth.to_params(np.array([PAPER_CONSTANTS.get(p.name, p.default) for p in amsynth.PARAMETERS]))
    params = np.tile(params, (len(zs), 1))
    params[:, list(layout.continuous)] = torch.sigmoid(scores[:, : len(layout.continuous)]).numpy()
    for i, columns in zip(layout.categories, layout.slices(), strict=True):
        params[:, i] = scores[:, columns].argmax(dim=1).numpy() / (amsynth.PARAMETERS[i].count - 1)
    return params


def _shipped_model() -> VAE:
    """The bundle `paper`'s weights back in torch."""
    folder = bundle.find("paper")
    decoder, encoder = load_file(folder / bundle.DECODER_FILE), load_file(folder / bundle.ENCODER_FILE)
    model = VAE(paper_layout(), len(decoder["0.bias"]), bundle.load("paper").manifest.network.slope)
    named = {"decode_hidden": (decoder, 0), "decode_output": (decoder, 1)}
    named |= {"encode_hidden": (encoder, 0), "encode_mean": (encoder, 1)}
    for name, (tensors, i) in named.items():
        layer = model.get_submodule(name)
        layer.load_state_dict({key: torch.from_numpy(tensors[f"{i}.{key}"]) for key in ("weight", "bias")})
    return model


def test_numpy_decodes_the_shipped_weights_as_torch_does() -> None:
    model, shipped = _shipped_model(), bundle.load("paper")
    lo, hi = shipped.box
    grid = lo + (GRID / 8.0 + 0.5) * (hi - lo)
    np.testing.assert_allclose(shipped.decoder.decode_many(grid), _torch_params(model, grid), atol=1e-5)
    singly = np.array([shipped.decoder.decode(z) for z in grid])
    np.testing.assert_allclose(singly, _torch_params(model, grid), atol=1e-5)


def test_numpy_encodes_as_torch_does(rows: Corpus) -> None:
    model = _shipped_model()
    with torch.no_grad():
        mean, _ = model.encode(torch.from_numpy(model.layout.encode(rows.params)).float())
    np.testing.assert_allclose(bundle.load("paper").encoder.encode(rows.params), mean.numpy(), atol=1e-4)


def test_a_new_network_gives_the_same_in_numpy_and_torch(rows: Corpus) -> None:
    model = _train(rows).model
    net, _ = networks(model)
    with torch.no_grad():
        scores = model.decode(torch.from_numpy(GRID).float()).numpy()
    np.testing.assert_allclose(net(GRID), scores, atol=1e-5)


def test_one_seed_gives_one_model_and_another_seed_another(rows: Corpus) -> None:
    first, again, other = _train(rows), _train(rows), _train(rows, seed=1)
    assert first.curve == again.curve
    for name, tensor in first.model.state_dict().items():
        assert torch.equal(tensor, again.model.state_dict()[name])
    assert first.curve != other.curve


def test_training_lowers_the_loss_and_reports_every_epoch(rows: Corpus) -> None:
    epochs: list[Epoch] = []
    trained = train(paper_layout(), rows, rows.take([]), replace(TINY, epochs=20), epochs.append)
    assert tuple(epochs) == trained.curve
    assert epochs[-1].train < epochs[0].train
    assert epochs[0].validation is None


def test_every_row_counts_even_in_an_incomplete_batch(rows: Corpus) -> None:
    """With an incomplete batch the mean loss of the first epoch is that of a whole batch of all 60."""
    whole = train(paper_layout(), rows, rows, replace(TINY, epochs=1, batch=60), _ignore)
    parts = train(paper_layout(), rows, rows, replace(TINY, epochs=1, batch=59, learning_rate=1e-12), _ignore)
    assert parts.curve[0].train == pytest.approx(whole.curve[0].train, rel=1e-4)


def test_each_category_is_learned_from_its_own_columns(rows: Corpus) -> None:
    """A loss with wrong columns, as that of the published program for the LFO, would leave rows without a gradient."""
    layout = paper_layout()
    model = VAE(layout, 8, 0.2)
    model.losses(torch.from_numpy(layout.encode(rows.params)).float(), None, 1.0, 0.0).total.backward()
    gradient = model.decode_output.weight.grad
    assert gradient is not None
    assert bool((gradient.abs().sum(dim=1) > 0).all())


def test_a_small_layout_trains_too(rows: Corpus) -> None:
    layout = Layout(continuous=(0, 1), categories=(amsynth.INDEX["filter_type"],))
    assert np.isfinite(train(layout, rows, rows, TINY, _ignore).curve[-1].train)


def _command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "latentd", "train", "--grid", "0", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_the_command_makes_a_bundle_that_loads_and_the_same_one_again(tmp_path: Path) -> None:
    _bank(tmp_path, "a.bank", 40, 1)
    _bank(tmp_path, "b.bank", 20, 2)
    options = [str(tmp_path), "--recipe", "paper", "--epochs", "2", "--out", str(tmp_path / "models")]
    done = _command(*options, "--name", "mine")
    assert (done.returncode, done.stderr) == (0, "")
    model = bundle.load(str(tmp_path / "models" / "mine"))
    before = {path.name: path.read_bytes() for path in model.folder.iterdir()}
    assert _command(*options, "--name", "mine").returncode == 0
    assert {path.name: path.read_bytes() for path in model.folder.iterdir()} == before
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["mine"]
    assert len(model.landmarks) == 54
    assert model.manifest.corpus["kept_aside"]["presets"] == 6
    assert json.loads(before["model.json"])["training"]["epochs"] == 2


def test_the_command_measures_on_banks_held_out(tmp_path: Path) -> None:
    a, b = _bank(tmp_path, "a.bank", 20, 1), _bank(tmp_path, "b.bank", 20, 2)
    done = _command(
        str(a), "--hold-out", str(b), "--recipe", "paper", "--epochs", "1", "--out", str(tmp_path), "--name", "m"
    )
    assert done.returncode == 0
    assert bundle.load(str(tmp_path / "m")).manifest.corpus["kept_aside"]["banks"] == {"b.bank": 20}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing.bank"], "nothing.bank: No such file"),
        (["--recipe", "nothing"], "'nothing' is not one of 'timbre', 'vae', 'paper'"),
        (["--name", "../up"], "--name: found '../up'"),
        (["--weight", "techer=0"], "no weight 'techer'. Did you mean teacher"),
        (["--recipe", "vae", "--weight", "teacher=0"], "The weights are: descriptors, loudness, mel, doubt"),
        (["--recipe", "paper", "--weight", "step=0"], "--weight is not an option of the recipe paper. Remove it"),
        (["--recipe", "paper", "--beta", "nan"], "--beta: found nan, a finite number is needed"),
        (["--out", "/proc/nowhere"], "/proc/nowhere: No such file or directory. Choose another --out"),
        (["--recipe", "paper", "--family", "bass"], "--family is not an option of the recipe paper. Remove it"),
        (["--family", "drums"], "'drums' is not one of 'keys', 'pads', 'bass', 'leads', 'noise'"),
        (["--latent", "3"], "--latent is not an option of the recipe timbre. Remove it"),
    ],
)
def test_the_command_names_a_mistake_in_one_line(arguments: list[str], message: str) -> None:
    done = _command(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_what_is_held_out_of_a_folder_is_not_trained_on(tmp_path: Path) -> None:
    (tmp_path / "banks").mkdir()
    _bank(tmp_path / "banks", "a.bank", 20, 1)
    held_out = _bank(tmp_path / "banks", "b.bank", 20, 2)
    options = ["--hold-out", str(held_out), "--recipe", "paper", "--epochs", "1", "--out", str(tmp_path), "--name", "m"]
    assert _command(str(tmp_path / "banks"), *options).returncode == 0
    facts = bundle.load(str(tmp_path / "m")).manifest.corpus
    assert facts["trained_on"]["banks"] == {"a.bank": 20}
    assert facts["kept_aside"]["banks"] == {"b.bank": 20}
    nothing = _command(str(held_out), *options)
    assert nothing.returncode == 2
    assert "none is left to train on" in nothing.stderr


def test_equal_presets_are_held_out_together(rows: Corpus) -> None:
    twice = rows.take([*range(len(rows.rows)), *range(len(rows.rows))])
    trained, held_out = corpus.split(twice, 3)
    assert len(trained.rows) + len(held_out.rows) == len(twice.rows)
    assert 0 < len(held_out.rows) < len(twice.rows) / 4
    known = {row.tobytes() for row in trained.params}
    assert not any(row.tobytes() in known for row in held_out.params)


def test_a_bundle_that_does_not_load_does_not_replace_an_older_one(rows: Corpus, tmp_path: Path) -> None:
    _, model = _exported(rows, TINY, tmp_path)
    files = {path.name: path.read_bytes() for path in model.folder.iterdir()}
    with pytest.raises(bundle.BundleError):
        write(files | {bundle.DECODER_FILE: b"cut off"}, model.folder.name, tmp_path)
    assert {path.name: path.read_bytes() for path in model.folder.iterdir()} == files
    assert not list(tmp_path.glob(".*"))


def test_the_command_replaces_no_folder_that_is_not_a_model(tmp_path: Path) -> None:
    bank = _bank(tmp_path, "a.bank", 30, 1)
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "thesis.txt").write_text("years of work")
    done = _command(str(bank), "--recipe", "paper", "--epochs", "1", "--out", str(tmp_path), "--name", "m")
    assert done.returncode == 2
    assert "exists and is not a model" in done.stderr
    assert (tmp_path / "m" / "thesis.txt").is_file()


def _exported(rows: Corpus, recipe: Recipe, folder: Path) -> tuple[Trained, bundle.Model]:
    trained = train(paper_layout(), rows, rows.take([]), recipe, _ignore)
    return trained, bundle.load(str(export(trained, recipe, rows, rows.take([]), "m", folder)))


def test_of_four_dimensions_the_pad_shows_the_first_two_principal_components(rows: Corpus, tmp_path: Path) -> None:
    trained, model = _exported(rows, replace(TINY, latent=4, epochs=30), tmp_path)
    decoder, encoder = networks(trained.model)
    points = encoder(paper_layout().encode(rows.params))
    assert points.shape == (60, 4)
    shown = pca.through(points)
    flat = model.encoder.encode(rows.params)
    variances = np.linalg.eigvalsh(np.cov(points.T))
    np.testing.assert_allclose(np.linalg.eigvalsh(np.cov(flat.T)), variances[2:], rtol=1e-4)
    facts = model.manifest.quality["plane"]
    assert facts == {"latent": 4, "variance_kept": pytest.approx(variances[2:].sum() / variances.sum(), abs=1e-4)}
    whole = Decoder(paper_layout(), decoder, np.zeros(amsynth.COUNT), 0.0).decode_many(
        shown.middle + flat @ shown.directions
    )
    learned = list(paper_layout().continuous)
    np.testing.assert_allclose(model.decoder.decode_many(flat)[:, learned], whole[:, learned], atol=1e-5)


def test_the_card_has_the_planes_variance_and_the_losses_in_all_dimensions(rows: Corpus, tmp_path: Path) -> None:
    trained, model = _exported(rows, replace(TINY, latent=3), tmp_path)
    card = (model.folder / bundle.CARD_FILE).read_text()
    kept = model.manifest.quality["plane"]["variance_kept"]
    assert "3 latent dimensions, of which the pad shows a plane, made by " in card
    assert "--recipe paper --latent 3 --name m`." in card
    assert f"with {kept:.1%} of its\nvariance in all 3 dimensions" in card
    assert f"train {trained.curve[-1].train:.4g}" in card
    assert model.manifest.training["latent"] == 3


def test_snapshots_of_more_dimensions_are_of_the_pads_plane(rows: Corpus, tmp_path: Path) -> None:
    _, model = _exported(rows, replace(TINY, latent=5), tmp_path)
    stored = load_file(model.folder / SNAPSHOTS_FILE)
    last = load_file(model.folder / bundle.DECODER_FILE)
    np.testing.assert_array_equal(stored["3.0.weight"], last["0.weight"])
    assert stored["1.0.weight"].shape == (32, 2)


def test_two_dimensions_are_exported_unchanged(rows: Corpus, tmp_path: Path) -> None:
    """Without a plane and without a note of it, so that the shipped bundle `paper` can be reproduced."""
    trained, model = _exported(rows, TINY, tmp_path)
    decoder, _ = networks(trained.model)
    np.testing.assert_array_equal(load_file(model.folder / bundle.DECODER_FILE)["0.weight"], decoder.layers[0][0])
    assert "plane" not in model.manifest.quality
    assert model.manifest.training.keys() == bundle.load("paper").manifest.training.keys()


def test_the_plane_of_flat_points_has_all_variance_and_its_signs_are_fixed() -> None:
    flat = np.random.default_rng(1).normal(size=(50, 2)) * (3.0, 1.0) @ [[0.6, 0.8, 0.0], [0.0, 0.0, -1.0]] + 5.0
    shown = pca.through(flat)
    assert shown.kept == pytest.approx(1.0)
    np.testing.assert_allclose(shown.directions @ shown.directions.T, np.eye(2), atol=1e-12)
    np.testing.assert_allclose(shown.directions, pca.through(10.0 - flat).directions, atol=1e-9)


def test_the_help_names_every_weight_with_its_default() -> None:
    text = " ".join(_command("--help").stdout.split())
    for weights in (TimbreWeights(), VaeWeights()):
        assert ", ".join(f"{name}={value:g}" for name, value in asdict(weights).items()) in text
