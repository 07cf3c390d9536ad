"""Families of pads: a patch on each side of every border, and the share of the banks that each has."""

from __future__ import annotations

import re

import numpy as np
import pytest

from latentd.errors import UserError
from latentd.offline.corpus import corpus
from latentd.offline.corpus.corpus import Corpus, CorpusRow
from latentd.offline.corpus.pad_families import PAD_FAMILIES, share
from latentd.synth import amsynth, banks

pytestmark = pytest.mark.offline

# Family -> the values of a member, and changes of one value, each of which ends the membership.
BORDERS: dict[str, tuple[dict[str, float], dict[str, float]]] = {
    "keys": (
        {"amp_attack": 0.36, "amp_sustain": 0.59, "amp_decay": 0.38},
        {"amp_attack": 0.37, "amp_sustain": 0.61, "amp_decay": 0.36, "osc1_waveform": 3},
    ),
    "pads": (
        {"amp_attack": 0.47, "amp_sustain": 0.41},
        {"amp_attack": 0.46, "amp_sustain": 0.39, "osc1_waveform": 4},
    ),
    "bass": (
        {"filter_cutoff": 0.59, "osc2_range": 1, "amp_release": 0.99},
        {"filter_cutoff": 0.61, "osc2_range": 2, "amp_release": 1.01, "filter_type": 2, "amp_attack": 0.37},
    ),
    "leads": (
        {"filter_cutoff": 0.61, "amp_sustain": 0.41},
        {"filter_cutoff": 0.59, "amp_sustain": 0.39, "amp_attack": 0.37, "osc1_waveform": 3},
    ),
    "noise": ({"amp_sustain": 0.09, "amp_decay": 0.52}, {"amp_sustain": 0.11, "amp_decay": 0.54}),
}


def _rows(**values: float) -> Corpus:
    """amSynth's defaults with only oscillator 1 and these values."""
    patch = amsynth.DEFAULT.copy()
    for name, value in ({"osc_mix": -1.0} | values).items():
        patch[amsynth.INDEX[name]] = value
    return Corpus((CorpusRow("one", "made.bank", 0),), amsynth.to_params(patch)[None])


def _is_in(family: str, **values: float) -> bool:
    try:
        return len(share(_rows(**values), family).rows) == 1
    except UserError:
        return False


@pytest.mark.parametrize("family", PAD_FAMILIES)
def test_a_family_ends_where_its_definition_says(family: str) -> None:
    inside, outside = BORDERS[family]
    assert _is_in(family, **inside)
    for name, value in outside.items():
        assert not _is_in(family, **(inside | {name: value})), name


def test_a_long_release_and_wide_vibrato_and_noise_are_enough() -> None:
    assert _is_in("pads", amp_release=0.94)
    assert _is_in("noise", freq_mod_amount=0.51)
    assert _is_in("noise", osc1_waveform=3)


def test_no_preset_at_all_is_the_users_mistake() -> None:
    with pytest.raises(UserError, match=re.escape("None of 1 presets is of the family noise")):
        share(_rows(), "noise")


@pytest.mark.real
def test_each_family_has_enough_presets_in_amsynths_own_banks() -> None:
    trained_on, unseen = corpus.paper(banks.system_folder())
    for family in PAD_FAMILIES:
        assert share(trained_on, family).distinct() >= 250
        assert share(unseen, family).distinct() >= 90
    shares = [{(row.bank, row.index) for row in share(trained_on, family).rows} for family in PAD_FAMILIES]
    assert len(set.union(*shares)) > 0.9 * len(trained_on.rows)
    assert np.mean([len(one) for one in shares]) < 0.5 * len(trained_on.rows)
