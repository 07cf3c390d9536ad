"""The whole table, with sounds that are functions of the parameters instead of a synth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest

from latentd.model import bundle
from latentd.offline.evaluation import metrics
from latentd.offline.evaluation.criteria import GOALS, protocol
from latentd.offline.evaluation.evaluate import Evaluation
from latentd.offline.evaluation.full import full
from latentd.offline.timbre.measure import Measured
from latentd.offline.timbre.perform import Performance, Performed
from latentd.offline.timbre.picture import Pictures
from latentd.offline.timbre.play import Note, Played
from latentd.synth.amsynth import Array
from tests.offline import synthetic


@pytest.fixture(autouse=True)
def _few_crossings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer than in the protocol, which take seconds."""
    monkeypatch.setattr(metrics, "crossings", partial(metrics.crossings, lines=3))


@dataclass
class _Renderer:
    performs: bool = True
    performed: int = 0

    def measure(self, patches: Array, note: Note | None = None) -> Measured:
        return synthetic.measure(patches)

    def draw(self, patches: Array) -> Pictures:
        mel = synthetic.measure(patches).mel[:, :12, :48].astype(np.float32)
        return Pictures(mel, np.linspace(0.0, 1.0, len(patches)))

    def play(self, patches: Array, notes: Sequence[Note], *, pitch: bool) -> list[Played]:
        lufs = synthetic.measure(patches).lufs
        return [Played(lufs, lufs, 440.0 * 2 ** ((np.full(len(lufs), n.number) - 69) / 12)) for n in notes]

    def perform(self, patches: Sequence[Array], notes: Performance) -> list[Performed]:
        self.performed = len(patches)
        return [Performed(np.full(10, -20.0), np.full(len(notes), 261.6)) for _ in patches]


def _full(size: int, renderer: _Renderer | None = None) -> Evaluation:
    presets = synthetic.presets(40)
    return full(bundle.load(), presets.take(range(30)), renderer or _Renderer(), size, presets.take(range(20, 40)))


def test_every_row_is_measured_in_the_order_of_the_criteria_and_its_protocol_names_the_sizes() -> None:
    renderer = _Renderer()
    found = _full(8, renderer)
    assert list(found.rows) == list(GOALS)
    assert found.sizes == {"grid": 8, "cells": 8, "walks": 8, "presets": 30, "pairs": 15}
    assert renderer.performed == 8
    for name in found.rows:
        text = protocol(name, found.sizes)
        assert "{" not in text
        assert "50 x 50" not in text
        assert "20 x 20" not in text
    assert found.extra["presets_drawn"] == 40  # held out or known, each once
    assert len(found.families) == 15
    assert found.to_json()["sizes"] == found.sizes


def test_a_grid_from_20_on_has_all_cells_and_walks() -> None:
    assert _full(21).sizes == {"grid": 21, "cells": 20, "walks": 30, "presets": 30, "pairs": 15}


def test_rows_about_walks_need_a_synth_that_performs() -> None:
    renderer = _Renderer(performs=False)
    assert set(GOALS) - set(_full(4, renderer).rows) == {"melody", "held_walks"}
    assert renderer.performed == 0
