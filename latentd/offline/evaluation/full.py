"""The whole quality table of a model."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from latentd.model.bundle import Model
from latentd.offline.corpus.corpus import Corpus
from latentd.offline.evaluation import evaluate, metrics, morph, notes, playing, variety, walks
from latentd.offline.evaluation.criteria import GOALS
from latentd.offline.evaluation.evaluate import Evaluation
from latentd.offline.timbre.measure import Measured
from latentd.offline.timbre.perform import Perform
from latentd.offline.timbre.picture import Draw
from latentd.offline.timbre.play import Note, Play
from latentd.synth import amsynth
from latentd.synth.amsynth import Array

CELLS = 20  # per side, in the protocol


class Renderer(Protocol):
    """What the rows are measured with; `timbre.renderer.Renderer` is one."""

    def measure(self, patches: Array, note: Note | None = None) -> Measured:
        """Describe patches (n, 41) in the synth's units, with C4 at velocity 100 or another note."""
        ...

    @property
    def draw(self) -> Draw:
        """Draws pictures of patches."""
        ...

    @property
    def performs(self) -> bool:
        """True if patches can change while they are played; else there are no rows about walks."""
        ...

    @property
    def perform(self) -> Perform:
        """Plays notes while the patch changes."""
        ...

    @property
    def play(self) -> Play:
        """Plays notes on patches."""
        ...


def full(
    model: Model, held_out: Corpus, renderer: Renderer, size: int = metrics.GRID, known: Corpus | None = None
) -> Evaluation:
    """Measure all rows; arguments and errors as of `evaluate.evaluate`.

    A grid of fewer than 20 points per side also has fewer cells and walks, for a quick look.
    """
    timbre = evaluate.evaluate(model, held_out, renderer.measure, size, known)
    cells, unseen = min(CELLS, size), evaluate.distinct(held_out)
    sizes = {
        "cells": cells,
        "walks": walks.WALKS if cells == CELLS else cells,
        "presets": min(5 * cells, len(unseen)),
        "pairs": min(2 * cells, len(unseen) // 2),
    }
    points = metrics.cell_points(cells)
    patches = amsynth.to_patch(evaluate.decoded(model, points))
    presets = amsynth.to_patch(evaluate.distinct(held_out, *([known] if known else [])))
    pad = renderer.draw(patches)
    axes, correlations = variety.axes(points, evaluate.clip_sounds(renderer.measure(patches)).descriptors, pad.rise_s)
    heard, by_note = notes.row(patches, unseen, renderer.measure, sizes["presets"])
    morphed, parts = morph.row(model, unseen, renderer.measure, sizes["pairs"])
    rows = (
        timbre.rows
        | playing.rows(playing.notes(patches, renderer.play))
        | variety.rows(pad.mel, patches, renderer.draw(presets).mel, presets)
        | {"axes": axes, "morph": morphed, "notes": heard}
    )
    if renderer.performs:
        courses = [amsynth.to_patch(evaluate.decoded(model, path)) for path in walks.paths(sizes["walks"])]
        rows |= walks.rows(courses, renderer.perform)
    return replace(
        timbre,
        rows={name: rows[name] for name in GOALS if name in rows},
        families=variety.family_shares(patches),
        extra=timbre.extra | {"presets_drawn": len(presets)} | correlations | parts | by_note,
        sizes=timbre.sizes | sizes,
    )
