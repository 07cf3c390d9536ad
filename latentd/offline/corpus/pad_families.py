"""Families of pads: which presets a pad of keys, pads, basses, leads or noises is trained on. Pure.

They are read from the parameters, since most presets of the banks have no telling name. A preset may be in several, or
in none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from latentd.errors import UserError
from latentd.offline.corpus.corpus import Corpus
from latentd.offline.corpus.families import FAMILIES, Mask
from latentd.synth import amsynth
from latentd.synth.amsynth import Array

_LOW_PASS = 0


def _value(patches: Array, name: str) -> Array:
    return np.asarray(patches[:, amsynth.INDEX[name]])


def _seconds(patches: Array, name: str) -> Array:
    return np.asarray(_value(patches, name) ** 3 + 0.0005)


def _noisy(patches: Array) -> Mask:
    return FAMILIES["noise"].contains(patches)


def _quick(patches: Array) -> Mask:
    """A pitched sound that starts at once."""
    return np.asarray((_seconds(patches, "amp_attack") < 0.05) & ~_noisy(patches))


def _dark(patches: Array) -> Mask:
    """A low-pass filter that is not wide open, and no high octaves."""
    closed = (_value(patches, "filter_type") == _LOW_PASS) & (_value(patches, "filter_cutoff") < 0.6)
    return np.asarray(closed & (_value(patches, "osc2_range") <= 1))


def _keys(patches: Array) -> Mask:
    decays = (_value(patches, "amp_sustain") < 0.6) & (_seconds(patches, "amp_decay") > 0.05)
    return np.asarray(_quick(patches) & decays)


def _pads(patches: Array) -> Mask:
    long = (_seconds(patches, "amp_attack") > 0.1) | (_seconds(patches, "amp_release") > 0.8)
    return np.asarray(long & (_value(patches, "amp_sustain") >= 0.4) & ~_noisy(patches))


def _bass(patches: Array) -> Mask:
    return np.asarray(_quick(patches) & _dark(patches) & (_seconds(patches, "amp_release") < 1.0))


def _leads(patches: Array) -> Mask:
    return np.asarray(_quick(patches) & ~_dark(patches) & (_value(patches, "amp_sustain") >= 0.4))


def _noise(patches: Array) -> Mask:
    short = (_value(patches, "amp_sustain") < 0.1) & (_seconds(patches, "amp_decay") < 0.15)
    return np.asarray(_noisy(patches) | short | (_value(patches, "freq_mod_amount") > 0.5))


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
