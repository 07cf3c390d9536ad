"""Shipped models are what their cards say: a sample of the pad and of unseen presets, rendered and measured again."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
from safetensors.numpy import load_file

from latentd.model import bundle
from latentd.offline.corpus import corpus
from latentd.offline.evaluation import evaluate, maps, metrics
from latentd.offline.publish import card, save
from latentd.offline.timbre import measure
from latentd.synth import amsynth, banks
from latentd.system import resources

pytestmark = pytest.mark.offline

MODELS = sorted(path.parent.name for path in resources.folder("models").glob("*/map.safetensors"))


@pytest.mark.parametrize("name", MODELS)
def test_the_pad_sounds_as_its_map_says(name: str) -> None:
    model = bundle.load(name)
    stored = load_file(model.folder / maps.DATA_FILE)
    size = len(stored["lufs"])
    chosen = np.random.default_rng(1).choice(size * size, 12, replace=False)
    patches = amsynth.to_patch(evaluate.decoded(model, metrics.grid_points(size)))[chosen]
    heard = measure.measure(patches)
    np.testing.assert_allclose(heard.descriptors, stored["descriptors"].reshape(-1, 7)[chosen], atol=0.05)
    np.testing.assert_allclose(heard.lufs, stored["lufs"].ravel()[chosen], atol=0.05)


@pytest.mark.parametrize("name", MODELS)
def test_the_rows_that_need_no_rendering_are_those_of_the_card(name: str) -> None:
    model = bundle.load(name)
    rows = model.manifest.quality["instrument"]["rows"]
    stored = load_file(model.folder / maps.DATA_FILE)
    size = len(stored["lufs"])
    change = metrics.changes(stored["descriptors"].reshape(-1, 7).astype(float), size)
    ways = metrics.crossings(lambda points: evaluate.decoded(model, points))
    assert metrics.flips(ways).mean() == pytest.approx(rows["flips_per_crossing"]["value"], rel=0.02)
    steps = metrics.steps(ways, corpus.paper_layout().continuous)
    assert steps.mean() == pytest.approx(rows["mean_step"]["value"], rel=1e-3)
    assert metrics.p95_jump(change.worst) == pytest.approx(rows["p95_jump"]["value"], rel=1e-3)
    assert metrics.evenness_cv(change.mean) == pytest.approx(rows["evenness_cv"]["value"], rel=1e-3)
    assert stored["silent"].mean() == pytest.approx(rows["silent_area"]["value"], abs=1e-9)


@pytest.mark.parametrize("name", MODELS)
def test_a_sample_of_unseen_presets_comes_back_as_well_as_the_card_says(name: str) -> None:
    """Thirty presets are few: their mean may differ from that of all by three standard errors.

    How far errors lie apart is in the card's interval of the mean of all. A sample does not know it: the greatest
    errors are rare, and where it has none of them it also seems surer than it is.
    """
    model = bundle.load(name)
    _, unseen = corpus.paper(banks.system_folder())
    params = evaluate.distinct(unseen)[:30]
    made = evaluate.decoded(model, evaluate.encoded_points(model, params))
    measured = measure.measure(amsynth.to_patch(np.concatenate([params, made])))
    errors = metrics.timbre_errors(measured.descriptors[:30], measured.descriptors[30:]).mean(axis=1)
    instrument = model.manifest.quality["instrument"]
    row, patches = instrument["rows"]["timbre_by_parameters"], instrument["held_out"]["distinct"]
    error_of_all = (row["interval"][1] - row["interval"][0]) / 2 / NormalDist().inv_cdf(0.95)
    assert abs(errors.mean() - row["value"]) < 3 * error_of_all * np.sqrt(patches / 30)


@pytest.mark.parametrize("name", MODELS)
def test_the_card_is_the_one_that_its_manifest_gives(name: str) -> None:
    model = bundle.load(name)
    instrument = model.manifest.quality["instrument"]
    files = {path.name for path in model.folder.iterdir()}
    written = (model.folder / bundle.CARD_FILE).read_text(encoding="utf-8")
    assert card.text(model.manifest, save.reference(instrument["held_out"]), files) == written
