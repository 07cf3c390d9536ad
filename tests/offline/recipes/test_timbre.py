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
from numpy.typing import NDArray

from latentd.errors import UserError
from latentd.model import bundle
from latentd.model.decoder import Decoder
from latentd.offline.corpus import augment
from latentd.offline.corpus.corpus import Corpus
from latentd.offline.corpus.pad_families import PAD_FAMILIES
from latentd.offline.publish import export_timbre
from latentd.offline.recipes import annealing, atlas, levels, limits, relevance, timbre
from latentd.offline.recipes.audible import examples, measure_audible, measure_presets
from latentd.offline.recipes.loss_weights import TimbreWeights, changed
from latentd.offline.recipes.surface import Surface, Teacher
from latentd.offline.recipes.surrogate import HELD, LAYOUT, LUFS, NOTES, VELOCITIES, Surrogate, played, targets
from latentd.offline.recipes.timbre import TimbreRecipe
from latentd.offline.render.clip_spec import USUAL, ClipSpec
from latentd.offline.timbre.measure import Measured
from latentd.synth import amsynth, banks
from latentd.synth.amsynth import Array
from latentd.synth.banks import Bank
from tests.offline import synthetic

pytestmark = pytest.mark.offline

TINY = replace(
    TimbreRecipe(), side=4, moves=2000, proxy_steps=20, again_steps=10, waves=6, hidden=16, imitate_steps=20,
    refine_steps=60, rounds=2, probes=4, mends=1, mend_points=5, mend_steps=20, listener_steps=20, crossed=50,
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
    surface = Surface(6, 1.0, 16, 0, limits.ranges(limits.PLAYABLE))
    points = np.random.default_rng(1).uniform(0, 1, (100, 2))
    with torch.no_grad():
        columns = surface.columns(surface(torch.from_numpy(2 * points - 1).float())).numpy()
    np.testing.assert_allclose(LAYOUT.encode(timbre.decode(surface, points)), columns, atol=1e-5)


def test_an_atlas_interpolated_at_its_nodes_gives_the_nodes() -> None:
    nodes = amsynth.round_steps(np.random.default_rng(1).uniform(size=(4, 4, amsynth.COUNT)))
    ticks = torch.linspace(-1, 1, 4)
    points = torch.cartesian_prod(ticks, ticks).flip(1)
    expected = LAYOUT.encode(nodes.reshape(16, -1))
    np.testing.assert_allclose(Teacher(nodes)(points).numpy(), expected, atol=1e-5)


def _annealed(
    distances: NDArray[np.float32],
    edges: NDArray[np.float32],
    kinds: Array | None = None,
    places: NDArray[np.float32] | None = None,
) -> NDArray[np.int64]:
    """36 of the candidates on 6 x 6 nodes, half of them of each kind if they are in a kind."""
    count = len(distances)
    kinds = np.zeros((count, 1)) if kinds is None else kinds
    places = np.zeros((count, 36), np.float32) if places is None else places
    return annealing.anneal(distances, edges, kinds, np.full(kinds.shape[1], 18.0), places, 6, 300_000, 11.0, 0)


def test_annealing_gives_each_kind_its_nodes_although_others_cover_the_sounds_better() -> None:
    kinds = (np.arange(100) % 5 == 0).astype(float)[:, None]
    distances = np.repeat(kinds * 0.5, 20, axis=1).astype(np.float32)
    nodes = _annealed(distances, np.zeros((100, 100), np.float32), kinds)
    assert kinds[nodes].sum() >= 18


def test_annealing_puts_candidates_where_they_belong() -> None:
    ticks = np.linspace(0.0, 1.0, 6)
    where = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
    wanted = np.random.default_rng(4).permutation(where)
    places = np.square(wanted[:, None] - where[None]).sum(axis=2).astype(np.float32)
    nodes = _annealed(np.zeros((36, 5), np.float32), np.zeros((36, 36), np.float32), places=places)
    assert np.abs(wanted[nodes] - where).mean() < 0.05


def test_x_follows_brightness_and_y_a_fast_attack() -> None:
    random = np.random.default_rng(5)
    params, descriptors = random.uniform(size=(50, amsynth.COUNT)), random.uniform(0, 100, (50, 7))
    costs = atlas.place_costs(params, descriptors, 4).reshape(50, 4, 4)
    brightest, slowest = descriptors[:, 2].argmax(), params[:, amsynth.INDEX["amp_attack"]].argmax()
    assert (costs[brightest].argmin(axis=1) == 3).all()
    assert (costs[slowest].argmin(axis=0) == 0).all()


def test_the_nodes_of_a_rare_family_are_copied_most() -> None:
    nodes = np.tile(amsynth.to_params(amsynth.DEFAULT), (10, 10, 1))
    slow = amsynth.INDEX["amp_attack"]
    nodes[2, 7, slow] = 0.5
    nodes[:, :5, amsynth.INDEX["filter_resonance"]] = 0.9  # a family of half of the nodes
    teacher = Teacher(nodes)
    np.testing.assert_allclose(teacher.rare.numpy(), [[7 / 9 * 2 - 1, 2 / 9 * 2 - 1]], atol=1e-6)
    near = teacher.near_rare(100, torch.Generator().manual_seed(0))
    attacks = teacher(near)[:, LAYOUT.continuous.index(slow)]
    assert 0.2 < float(attacks.min()) < float(attacks.max()) <= 0.5


def test_the_surrogate_learns_what_note_and_velocity_change() -> None:
    torch.set_num_threads(1)
    params = synthetic.presets(200).params[1:]
    specs = [ClipSpec(note, velocity) for note in NOTES for velocity in VELOCITIES]
    sets = [measure_audible(params, synthetic.measure, spec) for spec in specs]
    surrogate = Surrogate(examples(sets, []), 0)
    surrogate.learn(examples(sets, []), 300, 2e-3, 0, lambda *_: None)
    columns = torch.from_numpy(LAYOUT.encode(params)).float()
    level = {
        spec: float(surrogate(columns, torch.from_numpy(played(spec, len(params))))[:, LUFS].mean()) for spec in specs
    }
    assert level[ClipSpec(84, 100)] - level[ClipSpec(36, 100)] == pytest.approx(4.0, abs=0.5)
    assert level[ClipSpec(60, 127)] - level[ClipSpec(60, 40)] == pytest.approx(4.35, abs=0.5)
    assert float(surrogate(columns)[:, LUFS].mean()) == pytest.approx(level[USUAL])


def test_the_level_of_a_held_note_follows_its_spectrogram() -> None:
    mel = np.full((2, 90, 64), -40.0, np.float16)
    mel[1, 20:] = -60.0  # it falls by 20 dB after a second
    sounds = targets(np.full((2, 7), 50.0), np.array([-17.0, -17.0]), mel)
    np.testing.assert_allclose(sounds[:, HELD], [-17.0, -37.0], atol=0.1)


def test_annealing_uses_each_candidate_once_and_sorts_a_line() -> None:
    values = np.random.default_rng(2).permutation(36).astype(np.float32)
    edges = np.abs(values[:, None] - values[None]) / 36
    distances = np.zeros((36, 5), np.float32)
    nodes = _annealed(distances, edges)
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


def test_smoothing_takes_no_node_out_of_its_family_of_sounds() -> None:
    nodes = np.tile(amsynth.to_params(amsynth.DEFAULT), (5, 5, 1))
    release, rate = amsynth.INDEX["amp_release"], amsynth.INDEX["lfo_freq"]
    nodes[2, 2, [release, rate]] = 0.5  # a release of 2 s
    relevant = relevance.weights(nodes.reshape(-1, amsynth.COUNT)).reshape(nodes.shape)
    plain = atlas.smoothed(nodes, relevant)
    assert plain[2, 2, release] < 0.4  # 1 s
    kept = atlas.smoothed_within_families(nodes, relevant)
    assert kept[2, 2, release] == 0.5
    assert kept[2, 2, rate] < 0.1  # without an LFO at work its rate is free
    np.testing.assert_array_equal(kept[0, 0], plain[0, 0])


def test_neighbours_of_one_family_cost_less() -> None:
    params = np.tile(amsynth.to_params(amsynth.DEFAULT), (3, 1))
    params[1:, amsynth.INDEX["filter_type"]] = 0.25, 0.5  # high pass and band pass are one family
    costs = atlas.edge_costs(params, np.full((3, 7), 50.0), np.zeros_like(params))
    assert costs[1, 2] == 0.0
    assert costs[0, 1] == costs[1, 0] == costs[0, 2] > 0.01


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

    def measure(some: Array, spec: ClipSpec) -> Measured:
        if spec == USUAL:
            patches.append(len(some))
        return synthetic.measure(some, spec)

    pad = timbre.train(rows, replace(TINY, rounds=0, mends=0), measure, _ignore)
    assert pad.doubt == []
    assert patches == [90, 89, 89, 89, 2500, TINY.crossed, 90]


def test_presets_become_playable_and_equally_loud_where_the_volume_reaches(rows: Corpus) -> None:
    """The synthetic sounds know no volume, so these are louder by what amSynth's formula gives."""

    def measure(some: Array, spec: ClipSpec) -> Measured:
        silent = np.zeros((len(some), amsynth.COUNT)) + amsynth.to_params(amsynth.DEFAULT)
        silent[:, amsynth.INDEX["master_vol"]] = 0.5
        params = amsynth.to_params(some)
        silent[:, amsynth.INDEX["distortion_crunch"]] = params[:, amsynth.INDEX["distortion_crunch"]]
        gain = levels.gained(silent, params) * 0.8  # a limiter takes the rest
        return synthetic.measure(some, spec)._replace(lufs=-20 + gain)

    presets = measure_presets(rows, measure)
    moved = timbre.playable(presets, limits.PLAYABLE, measure)
    np.testing.assert_array_equal(moved.params, limits.within(moved.params, limits.PLAYABLE))
    full = moved.params[:, amsynth.INDEX["master_vol"]] == 1.0
    assert (~full).sum() > 40
    np.testing.assert_allclose(moved.lufs[~full], levels.TARGET_LUFS, atol=1.5)


def test_training_the_level_makes_a_pad_level_and_changes_nothing_else() -> None:
    """A pad that copied presets of unequal levels, and a synth that knows nothing but its volume."""
    surface = Surface(12, 1.0, 64, 0, limits.ranges(limits.PLAYABLE))
    recipe = replace(TINY, mends=2, mend_points=10, mend_steps=200)
    torch.set_num_threads(1)
    points = timbre.grid_points(20)

    def measure(some: Array, spec: ClipSpec = USUAL) -> Measured:
        volume = np.maximum(amsynth.to_params(some)[:, amsynth.INDEX["master_vol"]], 0.02)
        mix = amsynth.to_params(some)[:, amsynth.INDEX["osc_mix"]]
        return synthetic.measure(some, spec)._replace(lufs=-8 + 40 * np.log10(volume) + 30 * (mix - 0.5))

    def spread() -> float:
        lufs = measure(amsynth.to_patch(timbre.decode(surface, points))).lufs
        return float(np.abs(lufs - levels.TARGET_LUFS).max())

    before = timbre.decode(surface, points)
    assert spread() > 3
    timbre.level(surface, measure, recipe, _ignore)
    assert spread() < 1
    after = timbre.decode(surface, points)
    others = [i for i in LAYOUT.continuous if i != amsynth.INDEX["master_vol"]]
    assert np.abs(after - before)[:, others].max() < 0.1


def test_only_noises_may_die() -> None:
    held = {family: TimbreRecipe.of(family).weights.held for family in ("all", *PAD_FAMILIES)}
    assert [family for family, weight in held.items() if not weight] == ["noise"]


def test_the_pad_of_a_family_keeps_to_its_own_limits(rows: Corpus, tmp_path: Path) -> None:
    recipe = replace(TINY, family="noise", rounds=0, mends=0)
    pad = timbre.train(rows, recipe, synthetic.measure, _ignore)
    model = bundle.load(str(export_timbre.export(pad, recipe, rows, rows.take([]), "tiny", tmp_path)))
    assert model.manifest.ranges == limits.patch_ranges(limits.of("noise"))
    assert "osc2_detune" not in model.manifest.ranges
    params = model.decoder.decode_many(2 * timbre.grid_points(20) - 1)
    low, high = limits.ranges(limits.of("noise"))
    assert ((params >= low - 1e-9) & (params <= high + 1e-9)).all()
    assert np.abs(amsynth.to_patch(params)[:, amsynth.INDEX["osc2_detune"]]).max() > 0.1


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
