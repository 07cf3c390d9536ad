"""Shipped models agree with their cards: samples of the pad and of unseen presets, rendered and measured again."""

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
def test_the_pad_sounds_as_in_its_map(name: str) -> None:
    model = bundle.load(name)
    stored = load_file(model.folder / maps.DATA_FILE)
    size = len(stored["lufs"])
    chosen = np.random.default_rng(1).choice(size * size, 12, replace=False)
    patches = amsynth.to_patch(evaluate.decoded(model, metrics.grid_points(size)))[chosen]
    measured = measure.measure(patches)
    np.testing.assert_allclose(measured.descriptors, stored["descriptors"].reshape(-1, 7)[chosen], atol=0.05)
    np.testing.assert_allclose(measured.lufs, stored["lufs"].ravel()[chosen], atol=0.05)


@pytest.mark.parametrize("name", MODELS)
def test_the_rows_that_need_no_rendering_are_those_of_the_card(name: str) -> None:
    model = bundle.load(name)
    rows = model.manifest.quality["instrument"]["rows"]
    stored = load_file(model.folder / maps.DATA_FILE)
    size = len(stored["lufs"])
    change = metrics.changes(stored["descriptors"].reshape(-1, 7).astype(float), size)
    lines = metrics.crossings(lambda points: evaluate.decoded(model, points))
    assert metrics.flips(lines).mean() == pytest.approx(rows["flips_per_crossing"]["value"], rel=0.02)
    steps = metrics.steps(lines, corpus.paper_layout().continuous)
    assert steps.mean() == pytest.approx(rows["mean_step"]["value"], rel=1e-3)
    assert metrics.p95_jump(change.worst) == pytest.approx(rows["p95_jump"]["value"], rel=1e-3)
    assert metrics.evenness_cv(change.mean) == pytest.approx(rows["evenness_cv"]["value"], rel=1e-3)
    assert stored["silent"].mean() == pytest.approx(rows["silent_area"]["value"], abs=1e-9)


@pytest.mark.parametrize("name", MODELS)
def test_the_error_of_a_sample_of_unseen_presets_agrees_with_the_card(name: str) -> None:
    """The mean of thirty presets may differ from that of all by three standard errors.

    The standard deviation comes from the card's interval of the mean of all. That of the sample would be too small: the
    greatest errors are rare, and a sample may have none of them.
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
def test_the_card_is_that_of_its_manifest(name: str) -> None:
    model = bundle.load(name)
    instrument = model.manifest.quality["instrument"]
    files = {path.name for path in model.folder.iterdir()}
    written = (model.folder / bundle.CARD_FILE).read_text(encoding="utf-8")
    assert card.text(model.manifest, save.reference(instrument["held_out"]), files) == written
