"""Families of pads: which presets a pad of keys, pads, basses, leads or noises is trained on. Pure.

They are read from the parameters, since most presets of the banks have no telling name. A preset may be in several, or
in none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from latentd.errors import UserError
from latentd.offline.corpus.corpus import Corpus
from latentd.offline.corpus.families import FAMILIES, Mask, seconds, value
from latentd.synth import amsynth
from latentd.synth.amsynth import Array

_LOW_PASS = 0


def _noisy(patches: Array) -> Mask:
    return FAMILIES["noise"].contains(patches)


def _quick(patches: Array) -> Mask:
    """A pitched sound that starts at once."""
    return np.asarray((seconds(patches, "amp_attack") < 0.05) & ~_noisy(patches))


def _dark(patches: Array) -> Mask:
    """A low-pass filter that is not wide open, and no high octaves."""
    closed = (value(patches, "filter_type") == _LOW_PASS) & (value(patches, "filter_cutoff") < 0.6)
    return np.asarray(closed & (value(patches, "osc2_range") <= 1))


def _keys(patches: Array) -> Mask:
    decays = (value(patches, "amp_sustain") < 0.6) & (seconds(patches, "amp_decay") > 0.05)
    return np.asarray(_quick(patches) & decays)


def _pads(patches: Array) -> Mask:
    long = (seconds(patches, "amp_attack") > 0.1) | (seconds(patches, "amp_release") > 0.8)
    return np.asarray(long & (value(patches, "amp_sustain") >= 0.4) & ~_noisy(patches))


def _bass(patches: Array) -> Mask:
    return np.asarray(_quick(patches) & _dark(patches) & (seconds(patches, "amp_release") < 1.0))


def _leads(patches: Array) -> Mask:
    return np.asarray(_quick(patches) & ~_dark(patches) & (value(patches, "amp_sustain") >= 0.4))


def _noise(patches: Array) -> Mask:
    short = (value(patches, "amp_sustain") < 0.1) & (seconds(patches, "amp_decay") < 0.15)
    return np.asarray(_noisy(patches) | short | (value(patches, "freq_mod_amount") > 0.5))


PAD_FAMILIES: Mapping[str, Callable[[Array], Mask]] = {
    "keys": _keys,  # struck and plucked
    "pads": _pads,  # slow and long
    "bass": _bass,
    "leads": _leads,
    "noise": _noise,  # percussion and effects: noise, very short notes, wide vibrato
}


def share(rows: Corpus, family: str) -> Corpus:
    """The presets of a family.

    Raises:
        UserError: there is none.
    """
    chosen = np.flatnonzero(PAD_FAMILIES[family](amsynth.to_patch(rows.params))) if rows.rows else np.empty(0, int)
    if not len(chosen):
        raise UserError(f"None of {len(rows.rows)} presets is of the family {family}", "Name more banks")
    return rows.take(chosen.tolist())
