"""The recipe `vae` on a slice, with synthetic sounds: it learns, is reproducible and loadable."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from latentd.model import bundle
from latentd.offline.corpus.corpus import Corpus
from latentd.offline.publish.export import export
from latentd.offline.recipes import vae
from latentd.offline.recipes.loss_weights import VaeWeights
from latentd.offline.recipes.paper import Trained, networks
from latentd.offline.recipes.surrogate import LAYOUT
from latentd.offline.recipes.vae import MARGIN, VaeEpoch, VaeRecipe
from latentd.synth import amsynth
from tests.offline import synthetic

pytestmark = pytest.mark.offline

TINY = VaeRecipe(epochs=4, batch=32, hidden=16, rounds=1, proxy_steps=20, again_steps=10)


@pytest.fixture(scope="module")
def rows() -> Corpus:
    return synthetic.presets()


def _ignore(part: str, done: int, total: int) -> None:
    assert part
    assert 0 <= done <= total


def _trained(rows: Corpus, recipe: VaeRecipe) -> Trained:
    return vae.train(rows, recipe, synthetic.measure, _ignore)


def test_one_seed_gives_the_same_bundle_byte_for_byte_and_it_loads(rows: Corpus, tmp_path: Path) -> None:
    folders = []
    for name in ("one", "two"):
        folders.append(export(_trained(rows, TINY), TINY, rows, rows.take([]), "tiny", tmp_path / name, MARGIN))
    for file in sorted(path.name for path in folders[0].iterdir()):
        assert (folders[0] / file).read_bytes() == (folders[1] / file).read_bytes(), file
    model = bundle.load(str(folders[0]))
    assert model.decoder.margin == MARGIN
    assert len(model.landmarks) == 90
    assert set(model.decoder.layout.continuous + model.decoder.layout.categories) == set(range(amsynth.COUNT))
    assert model.manifest.training["weight_of_mel"] == TINY.weights.mel


def test_the_loss_falls_in_every_part_and_epochs_are_counted_through_all_rounds(rows: Corpus) -> None:
    curve = _trained(rows, replace(TINY, epochs=61, rounds=2, learning_rate=3e-3)).curve
    assert [epoch.number for epoch in curve] == list(range(1, 62))
    first, last = curve[0], curve[-1]
    assert isinstance(first, VaeEpoch)
    assert isinstance(last, VaeEpoch)
    assert last.train_continuous < first.train_continuous
    assert last.train_categories < first.train_categories
    assert last.train_sound < first.train_sound


def test_epochs_may_be_fewer_than_rounds(rows: Corpus) -> None:
    curve = _trained(rows, replace(TINY, epochs=1, rounds=2)).curve
    assert [epoch.number for epoch in curve] == [1]
    assert np.isfinite(curve[0].train)


def test_every_weight_of_the_loss_changes_the_model(rows: Corpus) -> None:
    usual = _trained(rows, replace(TINY, epochs=1, rounds=0)).curve[-1].train
    for name in ("descriptors", "loudness", "mel", "doubt"):
        other = replace(TINY, epochs=1, rounds=0, weights=replace(VaeWeights(), **{name: 7.0}))
        assert _trained(rows, other).curve[-1].train > usual, name


def test_numpy_decodes_and_encodes_as_torch_does(rows: Corpus) -> None:
    model = _trained(rows, replace(TINY, epochs=1, rounds=0)).model
    decoder, encoder = networks(model)
    columns = LAYOUT.encode(rows.params)
    with torch.no_grad():
        mean, _ = model.encode(torch.from_numpy(columns).float())
        scores = model.decode(mean)
    np.testing.assert_allclose(encoder(columns), mean.numpy(), atol=1e-5)
    np.testing.assert_allclose(decoder(mean.numpy().astype(float)), scores.numpy(), atol=1e-5)


def test_of_more_dimensions_the_pad_shows_a_plane(rows: Corpus, tmp_path: Path) -> None:
    recipe = replace(TINY, latent=3, epochs=2)
    model = bundle.load(str(export(_trained(rows, recipe), recipe, rows, rows.take([]), "deep", tmp_path, MARGIN)))
    assert model.manifest.quality["plane"]["latent"] == 3
    assert model.encoder.encode(rows.params).shape == (90, 2)
