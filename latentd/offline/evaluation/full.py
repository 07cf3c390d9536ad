"""The whole quality table of a model."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from latentd.model.bundle import Model
from latentd.offline.corpus.corpus import Corpus
from latentd.offline.evaluation import evaluate, metrics, playing
from latentd.offline.evaluation.evaluate import Evaluation
from latentd.offline.timbre.measure import Measure
from latentd.offline.timbre.play import Play
from latentd.synth import amsynth

CELLS = 20  # per side, in the protocol


class Renderer(Protocol):
    """What the rows are measured with; `timbre.renderer.Renderer` is one."""

    @property
    def measure(self) -> Measure:
        """Describes patches."""
        ...

    @property
    def play(self) -> Play:
        """Plays notes on patches."""
        ...


def full(
    model: Model, held_out: Corpus, renderer: Renderer, size: int = metrics.GRID, known: Corpus | None = None
) -> Evaluation:
    """Measure all rows; arguments and errors as of `evaluate.evaluate`.

    A grid of fewer than 20 points per side also has fewer cells, for a quick look.
    """
    timbre = evaluate.evaluate(model, held_out, renderer.measure, size, known)
    cells = min(CELLS, size)
    patches = amsynth.to_patch(evaluate.decoded(model, metrics.cell_points(cells)))
    rows = timbre.rows | playing.rows(playing.notes(patches, renderer.play))
    return replace(timbre, rows=rows, sizes=timbre.sizes | {"cells": cells})
