"""Points to params and back: within range, exact classes, no flips at borders, the same one by one as in bulk."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from latentd.model.decoder import Decoder, Encoder, Layout, Network, SoundEncoder
from latentd.model.pad_sounds import PICTURE, Sounds
from latentd.synth import amsynth
from latentd.synth.amsynth import Array

WAVE, TYPE, SYNC = (amsynth.INDEX[name] for name in ("osc1_waveform", "filter_type", "osc2_sync"))
LAYOUT = Layout(continuous=(amsynth.INDEX["filter_cutoff"], amsynth.INDEX["osc2_pitch"]), categories=(TYPE, WAVE, SYNC))
POINTS = arrays(np.float64, 2, elements=st.floats(-1e6, 1e6))
PARAMS = arrays(np.float64, amsynth.COUNT, elements=st.floats(0, 1))


def _network(*widths: int, seed: int = 1) -> Network:
    random = np.random.default_rng(seed)
    pairs = itertools.pairwise(widths)
    return Network(tuple((random.normal(size=(b, a)), random.normal(size=b)) for a, b in pairs), 0.2)


def _wavy(seed: int = 3) -> Decoder:
    """A decoder whose network sees a point as waves."""
    random = np.random.default_rng(seed)
    layers = _network(2 * 6 + 2, 8, LAYOUT.width).layers
    return Decoder(LAYOUT, Network(layers, 0.1, random.normal(size=(6, 2))), np.full(amsynth.COUNT, 0.25), 0.5)


def _decoder(*hidden: int, margin: float = 0.5) -> Decoder:
    return Decoder(LAYOUT, _network(2, *hidden, LAYOUT.width), np.full(amsynth.COUNT, 0.25), margin)


@given(POINTS)
def test_params_are_finite_and_within_range_for_any_finite_point(z: Array) -> None:
    params = np.array(_decoder(8).decode(z))
    assert params.shape == (amsynth.COUNT,)
    assert np.isfinite(params).all()
    assert ((params >= 0) & (params <= 1)).all()


@given(POINTS, st.integers(1, 3))
def test_values_stay_within_their_ranges_at_any_point(z: Array, seed: int) -> None:
    ranges = np.tile([[0.0], [1.0]], amsynth.COUNT)
    ranges[:, LAYOUT.continuous[0]] = 0.25, 0.375
    decoder = Decoder(LAYOUT, _network(2, 8, LAYOUT.width, seed=seed), np.zeros(amsynth.COUNT), 0.5, ranges)
    for params in (np.array(decoder.decode(z)), decoder.decode_many(z[None])[0]):
        assert 0.25 <= params[LAYOUT.continuous[0]] <= 0.375
        assert 0.0 <= params[LAYOUT.continuous[1]] <= 1.0


def test_a_range_is_reached_from_end_to_end() -> None:
    ranges = np.tile([[0.0], [1.0]], amsynth.COUNT)
    ranges[:, LAYOUT.continuous[0]] = 0.25, 0.375
    whole, part = (
        Decoder(LAYOUT, _network(2, 8, LAYOUT.width), np.zeros(amsynth.COUNT), 0.5, r) for r in (None, ranges)
    )
    zs = np.random.default_rng(2).normal(size=(200, 2)) * 3
    expected = whole.decode_many(zs)
    expected[:, LAYOUT.continuous[0]] = 0.25 + 0.125 * expected[:, LAYOUT.continuous[0]]
    np.testing.assert_allclose(part.decode_many(zs), expected, atol=1e-12)
    np.testing.assert_allclose([part.decode(z) for z in zs], expected, atol=1e-5)


@given(POINTS)
def test_categories_lie_exactly_on_a_class_and_the_rest_keeps_its_constant(z: Array) -> None:
    params = np.array(_decoder(8).decode(z))
    for i in LAYOUT.categories:
        classes = np.arange(amsynth.PARAMETERS[i].count) * amsynth.PARAMS_STEP[i]
        assert params[i] in classes
    others = [i for i in range(amsynth.COUNT) if i not in LAYOUT.continuous + LAYOUT.categories]
    assert (params[others] == 0.25).all()


@pytest.mark.parametrize("hidden", [(), (8,), (8, 5)])
def test_one_by_one_and_in_bulk_agree(hidden: tuple[int, ...]) -> None:
    decoder = _decoder(*hidden)
    zs = np.random.default_rng(2).normal(size=(200, 2)) * 3
    np.testing.assert_allclose(decoder.decode_many(zs), [decoder.decode(z) for z in zs], atol=1e-5)


@given(POINTS)
def test_a_result_is_not_changed_by_the_next_call(z: Array) -> None:
    decoder = _decoder(8)
    first = decoder.decode(z)
    kept = first.copy()
    decoder.decode(z + 1.0)
    assert first == kept


@given(POINTS, st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 1)))
def test_a_class_stays_while_the_point_rests(z: Array, held: tuple[int, int, int]) -> None:
    decoder = _decoder(8)
    first = np.array(decoder.decode(z, held))
    again = decoder.decode(z, LAYOUT.class_of(first))
    assert np.array_equal(first, again)


def test_jitter_at_a_border_flips_nothing_and_a_real_crossing_flips_once() -> None:
    """Along a line from one class to another, with noise smaller than the margin can absorb."""
    decoder = _decoder(margin=0.5)
    weights = decoder.network.layers[0][0][list(range(*LAYOUT.slices()[0].indices(LAYOUT.width)))]
    noise = 0.2 / np.abs(weights[:, None] - weights[None]).max()
    random = np.random.default_rng(3)
    path = np.linspace((-3.0, -1.0), (3.0, 1.0), 4000) + random.uniform(-noise, noise, (4000, 2)) / 2
    held, seen = None, []
    for z in path:
        held = LAYOUT.class_of(np.array(decoder.decode(z, held)))
        seen.append(int(held[0]))
    flips = np.count_nonzero(np.diff(seen))
    assert flips == len(set(seen)) - 1 > 0


def test_encoding_and_choosing_invert_each_other() -> None:
    params = amsynth.to_params(amsynth.DEFAULT)[None].repeat(5, axis=0)
    params[:, WAVE] = np.arange(5) / 4
    columns = LAYOUT.encode(params)
    assert columns.shape == (5, LAYOUT.width) == (5, 2 + 5 + 5 + 2)
    assert np.array_equal(columns[:, LAYOUT.slices()[1]], np.eye(5))
    assert np.array_equal(columns[:, :2], params[:, list(LAYOUT.continuous)])
    assert np.array_equal(LAYOUT.class_of(params)[:, 1], np.arange(5))


@given(PARAMS)
def test_an_encoder_answers_any_patch_with_a_point(params: Array) -> None:
    z = Encoder(LAYOUT, _network(LAYOUT.width, 8, 2)).encode(params[None])
    assert z.shape == (1, 2)
    assert np.isfinite(z).all()


def test_one_by_one_and_in_bulk_agree_with_waves() -> None:
    decoder = _wavy()
    zs = np.random.default_rng(2).uniform(-1, 1, (200, 2))
    np.testing.assert_allclose(decoder.decode_many(zs), [decoder.decode(z) for z in zs], atol=1e-5)


def test_a_stepped_parameter_can_be_a_choice_of_steps() -> None:
    pitch = amsynth.INDEX["osc2_pitch"]
    layout = Layout(continuous=(), categories=(pitch,))
    decoder = Decoder(layout, _network(2, 8, 25), np.full(amsynth.COUNT, 0.25), 0.5)
    params = decoder.decode_many(np.random.default_rng(2).normal(size=(200, 2)) * 3)
    np.testing.assert_array_equal(params[:, pitch], amsynth.round_steps(params)[:, pitch])
    assert len(np.unique(params[:, pitch])) > 1


def test_an_encoder_by_sound_puts_every_patch_on_a_point_of_its_map() -> None:
    random = np.random.default_rng(4)
    levels = random.integers(0, 256, (9, PICTURE[0] * PICTURE[1]), dtype=np.uint8)
    sounds = Sounds(random.uniform(0, 100, (9, 7)), np.zeros(9), levels)
    box = np.array([[-1.0, -1.0], [1.0, 1.0]])
    encoder = SoundEncoder(LAYOUT, _network(LAYOUT.width, 8, 7 + levels.shape[1]), sounds, box)
    points = encoder.encode(random.uniform(size=(50, amsynth.COUNT)))
    assert points.shape == (50, 2)
    assert np.isin(points, (-1.0, 0.0, 1.0)).all()


def test_a_layout_refuses_parameters_in_the_wrong_place() -> None:
    with pytest.raises(ValueError, match="in the columns twice"):
        Layout(continuous=(0, 0), categories=())
    with pytest.raises(ValueError, match="osc1_waveform is of kind category"):
        Layout(continuous=(WAVE,), categories=())
    with pytest.raises(ValueError, match="filter_cutoff is of kind continuous"):
        Layout(continuous=(), categories=(amsynth.INDEX["filter_cutoff"],))
