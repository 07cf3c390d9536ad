"""Synthetic presets and measurements: the sounds are smooth functions of the parameters."""

from __future__ import annotations

import numpy as np

from latentd.offline.corpus.corpus import Corpus, CorpusRow
from latentd.offline.render.clip_spec import USUAL, ClipSpec
from latentd.offline.timbre.measure import Measured
from latentd.synth import amsynth
from latentd.synth.amsynth import Array


def presets(count: int = 90) -> Corpus:
    """Random presets; the first is silent."""
    params = amsynth.round_steps(np.random.default_rng(1).uniform(size=(count, amsynth.COUNT)))
    params[0, amsynth.INDEX["master_vol"]] = 0.0
    return Corpus(tuple(CorpusRow(f"p{i}", "made.bank", i) for i in range(count)), params)


def measure(patches: Array, spec: ClipSpec = USUAL) -> Measured:
    """Measurements without rendering; a patch at zero volume is silent, and a higher or harder note is louder."""
    params = amsynth.to_params(patches)
    mix = np.random.default_rng(5).normal(size=(amsynth.COUNT, 7 + 64))
    levels = np.tanh(params @ mix / 3)
    descriptors, lufs = 50 + 40 * levels[:, :7], -20 + 5 * levels[:, 0]
    lufs += (spec.note - USUAL.note) / 12 + (spec.velocity - USUAL.velocity) / 20
    mel = np.repeat(levels[:, None, 7:] * 20 - 20, 16, axis=1).astype(np.float16)
    silent = params[:, amsynth.INDEX["master_vol"]] == 0
    descriptors[silent], lufs[silent] = np.nan, -np.inf
    end = np.full(len(params), 4.0)
    return Measured(descriptors, lufs, np.zeros(len(params)), end, mel, {})
