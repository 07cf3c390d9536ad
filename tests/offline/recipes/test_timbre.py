"""The recipe `timbre` on a slice, with synthetic sounds: complete, reproducible, loadable."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from latentd.errors import UserError
from latentd.model import bundle
from latentd.model.decoder import Decoder
from latentd.offline.corpus import augment
from latentd.offline.corpus.corpus import Corpus
from latentd.offline.publish import export_timbre
from latentd.offline.recipes import annealing, atlas, relevance, timbre
from latentd.offline.recipes.loss_weights import TimbreWeights, changed
from latentd.offline.recipes.surface import Surface, Teacher, straight_through
from latentd.offline.recipes.surrogate import LAYOUT
from latentd.offline.recipes.timbre import TimbreRecipe
from latentd.offline.timbre.measure import Measured
from latentd.synth import amsynth, banks
from latentd.synth.amsynth import Array
from latentd.synth.banks import Bank
from tests.offline import synthetic

pytestmark = pytest.mark.offline

TINY = replace(
    TimbreRecipe(), side=4, moves=2000, proxy_steps=20, again_steps=10, waves=6, hidden=16, imitate_steps=20,
    refine_steps=60, rounds=2, probes=4, listener_steps=20,
    crossed=50,
)  # fmt: skip


def _ignore(part: str, done: int, total: int) -> None:
    assert part
    assert 0 <= done <= total


@pytest.fixture(scope="module")
def rows() -> Corpus:
    return synthetic.presets()


def test_one_seed_gives_the_same_bundle_byte_for_byte_and_it_loads(rows: Corpus, tmp_path: Path) -> None:
    folders = []
    for name in ("one", "two"):
        pad = timbre.train(rows, TINY, synthetic.measure, _ignore)
        folders.append(export_timbre.export(pad, TINY, rows, rows.take([]), "tiny", tmp_path / name))
    for file in sorted(path.name for path in folders[0].iterdir()):
        assert (folders[0] / file).read_bytes() == (folders[1] / file).read_bytes(), file
    model = bundle.load(str(folders[0]))
    assert model.sounds is not None
    assert model.sounds.size == 50
    assert len(model.landmarks) == 90
    points = model.encoder.encode(rows.params)
    assert ((points >= -1) & (points <= 1)).all()
    assert sum(path.stat().st_size for path in folders[0].iterdir()) < 3_000_000


def test_numpy_decodes_as_torch_does() -> None:
    surface = Surface(6, 1.0, 16, 0)
    points = np.random.default_rng(1).uniform(0, 1, (100, 2))
    with torch.no_grad():
        columns = straight_through(surface(torch.from_numpy(2 * points - 1).float())).numpy()
    np.testing.assert_allclose(LAYOUT.encode(timbre.decode(surface, points)), columns, atol=1e-5)


def test_an_atlas_interpolated_at_its_nodes_gives_the_nodes() -> None:
    nodes = amsynth.round_steps(np.random.default_rng(1).uniform(size=(4, 4, amsynth.COUNT)))
    ticks = torch.linspace(-1, 1, 4)
    points = torch.cartesian_prod(ticks, ticks).flip(1)
    expected = LAYOUT.encode(nodes.reshape(16, -1))
    np.testing.assert_allclose(Teacher(nodes)(points).numpy(), expected, atol=1e-5)


def test_annealing_uses_each_candidate_once_and_sorts_a_line() -> None:
    values = np.random.default_rng(2).permutation(36).astype(np.float32)
    edges = np.abs(values[:, None] - values[None]) / 36
    distances = np.zeros((36, 5), np.float32)
    nodes = annealing.anneal(distances, edges, np.zeros((36, 1)), 0.0, 6, 300_000, 11.0, 0)
    assert len(np.unique(nodes)) == 36
    square = values[nodes].reshape(6, 6)
    by_chance = np.abs(np.diff(np.random.default_rng(3).permutation(values).reshape(6, 6), axis=0)).mean()
    assert np.abs(np.diff(square, axis=0)).mean() + np.abs(np.diff(square, axis=1)).mean() < by_chance


def test_inaudible_parameters_take_their_neighbours_values() -> None:
    nodes = np.full((3, 3, amsynth.COUNT), 0.5)
    nodes = amsynth.round_steps(nodes)
    relevant = np.ones_like(nodes)
    cutoff, wave = amsynth.INDEX["filter_cutoff"], amsynth.INDEX["lfo_waveform"]
    nodes[0, 0, cutoff], nodes[0, 0, wave] = 1.0, 0.0
    np.testing.assert_allclose(atlas.smoothed(nodes, relevant), nodes)
    relevant[0, 0, [cutoff, wave]] = 0.0
    smooth = atlas.smoothed(nodes, relevant)
    np.testing.assert_allclose(smooth[0, 0, [cutoff, wave]], nodes[1, 1, [cutoff, wave]])


def test_a_bypassed_filter_and_a_silent_oscillator_are_inaudible() -> None:
    patch = amsynth.DEFAULT.copy()
    patch[amsynth.INDEX["filter_type"]], patch[amsynth.INDEX["osc_mix"]] = 4.0, -1.0
    weights = relevance.weights(amsynth.to_params(patch)[None])[0]
    for name in ("filter_cutoff", "filter_resonance", "osc2_waveform", "osc2_pitch", "lfo_freq", "reverb_damp"):
        assert weights[amsynth.INDEX[name]] == 0, name
    for name in ("osc1_waveform", "amp_attack", "filter_type"):
        assert weights[amsynth.INDEX[name]] == 1, name


@pytest.mark.real
def test_a_preset_of_the_corpus_is_encoded_by_sound_to_its_landmark(tmp_path: Path) -> None:
    bank = banks.read(banks.system_folder() / "amsynth_factory.bank")
    banks.write(tmp_path / "some.bank", Bank(bank[:3]))
    command = [sys.executable, "-m", "latentd", "encode", "--by", "sound", str(tmp_path / "some.bank")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = [(row["name"], row["x"], row["y"]) for row in map(json.loads, done.stdout.splitlines())]
    assert found == [tuple(mark) for mark in bundle.load().landmarks[:3]]


def test_crossed_patches_are_within_range_and_have_whole_classes() -> None:
    presets = amsynth.round_steps(np.random.default_rng(1).uniform(size=(20, amsynth.COUNT)))
    crossed = augment.crossed(presets, 200, 0)
    assert ((crossed >= 0) & (crossed <= 1)).all()
    stepped = amsynth.STEPPED
    np.testing.assert_allclose(crossed[:, stepped], amsynth.round_steps(crossed)[:, stepped], atol=1e-12)
    assert len(np.unique(crossed, axis=0)) > 190


def test_too_few_presets_are_the_users_mistake(rows: Corpus) -> None:
    with pytest.raises(UserError, match="9 of 10 distinct presets can be heard, at least 50 are needed"):
        timbre.train(rows.take(range(10)), TINY, synthetic.measure, _ignore)


def test_the_pad_has_whole_classes() -> None:
    decoder = Decoder(LAYOUT, Surface(6, 3.0, 16, 1).network(), np.zeros(amsynth.COUNT), timbre.MARGIN)
    params = decoder.decode_many(2 * timbre.grid_points(20) - 1)
    stepped = amsynth.STEPPED
    np.testing.assert_allclose(params[:, stepped], amsynth.round_steps(params)[:, stepped], atol=1e-12)


def test_without_rounds_only_presets_and_the_finished_pad_are_measured(rows: Corpus) -> None:
    patches = []

    def measure(some: Array) -> Measured:
        patches.append(len(some))
        return synthetic.measure(some)

    pad = timbre.train(rows, replace(TINY, rounds=0), measure, _ignore)
    assert pad.doubt == []
    assert patches == [90, 2500, TINY.crossed, 90]


def test_a_weight_is_changed_by_its_name() -> None:
    assert changed(TimbreWeights(), ["teacher=0", "jump_free=2.5"]) == replace(
        TimbreWeights(), teacher=0.0, jump_free=2.5
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("techer=0", "no weight 'techer'. Did you mean teacher"),
        ("x=1", "The weights are: jump, jump_free"),
        ("step", "a number from 0 up is needed"),
        ("step=-1", "found '-1'"),
        ("step=nan", "found 'nan'"),
    ],
)
def test_a_wrong_weight_is_the_users_mistake_and_the_right_ones_are_listed(change: str, message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        changed(TimbreWeights(), [change])
