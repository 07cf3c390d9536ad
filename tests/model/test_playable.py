"""A model that goes from one process to another is the same to the last bit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentd.model import bundle
from latentd.model.decoder import Decoder
from latentd.model.playable import Playable, pack, unpack
from latentd.synth import amsynth

SHIPPED = [bundle.load(name) for name in ("paper", "timbre")]


def _narrowed(model: Playable) -> Playable:
    """The model with ranges of its continuous parameters."""
    decoder = model.decoder
    ranges = np.random.default_rng(1).uniform([[0.0], [0.5]], [[0.5], [1.0]], (2, amsynth.COUNT))
    constants = np.array(decoder.constants)
    return replace(
        model, name="narrowed", decoder=Decoder(decoder.layout, decoder.network, constants, decoder.margin, ranges)
    )


PAIRS = [(model, unpack(pack(model))) for model in (*SHIPPED, _narrowed(SHIPPED[1]))]


@given(st.sampled_from(PAIRS), st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.data())
def test_it_decodes_every_point_to_the_same_patch(
    pair: tuple[Playable, Playable], x: float, y: float, data: st.DataObject
) -> None:
    model, copy = pair
    z = model.box[0] + np.array([x, y]) * (model.box[1] - model.box[0])
    held = [data.draw(st.integers(0, n - 1)) for n in model.decoder.layout.classes]
    assert copy.decoder.decode(z) == model.decoder.decode(z)
    assert copy.decoder.decode(z, held) == model.decoder.decode(z, held)
    assert (copy.decoder.decode_many(z[None]) == model.decoder.decode_many(z[None])).all()


@pytest.mark.parametrize(("model", "copy"), PAIRS, ids=lambda model: model.name)
def test_its_name_folder_and_landmarks_are_sent_and_nothing_else(model: Playable, copy: Playable) -> None:
    assert type(copy) is Playable
    assert (copy.name, copy.folder, copy.landmarks) == (model.name, model.folder, model.landmarks)
    assert isinstance(copy.folder, Path)
    assert (copy.box == model.box).all()
