"""The model card: all that was measured of the model, and nothing that was not."""

from __future__ import annotations

from typing import Any

import pytest

from latentd.model import bundle
from latentd.model.bundle import Manifest
from latentd.offline.publish import card

NAMES = ["timbre", "paper"]


def manifest(name: str = "timbre", **extra: Any) -> Manifest:
    """The manifest of a shipped model, with some of its extra figures changed."""
    changed = bundle.load(name).manifest.model_copy(deep=True)
    changed.quality["instrument"]["extra"] |= extra
    return changed


def weaknesses(of: Manifest) -> str:
    return " ".join(card.text(of).partition("## Known weaknesses")[2].split())


def test_the_card_names_the_command_that_makes_the_model() -> None:
    for name, command in (("timbre", "latentd train"), ("paper", "latentd train --recipe paper")):
        assert f"made by `{command}`." in card.text(manifest(name))
    mine = manifest().model_copy(update={"name": "mine"})
    mine.training["seed"] = 7
    assert "made by `latentd train --seed 7 --name mine`." in card.text(mine)
    mine.corpus["trained_on"]["banks"] = {"mine.bank": 100}
    assert "made by `latentd train BANKS… --seed 7 --name mine`." in card.text(mine)


def test_the_command_of_a_family_names_it_although_some_banks_have_none_of_it() -> None:
    bass = manifest().model_copy(update={"name": "bass"})
    bass.training["family"] = "bass"
    del bass.corpus["trained_on"]["banks"]["BriansBank07.amSynth.bank"]
    assert "made by `latentd train --family bass`." in card.text(bass)
    assert "| family | bass |" in card.text(bass)
    assert "shipped under the licence of latentd" in card.text(bass)
    low = bass.model_copy(update={"name": "low"})
    assert "made by `latentd train --family bass --name low`." in card.text(low)
    low.corpus["trained_on"]["banks"] = {"mine.bank": 100}
    assert "made by `latentd train BANKS… --family bass --name low`." in card.text(low)


def test_ranges_have_a_line_only_if_there_are_any() -> None:
    assert "At every point" not in card.text(manifest())
    limited = manifest().model_copy(update={"ranges": {"amp_sustain": (0.0501, 1.0), "osc2_detune": (-0.031, 0.031)}})
    expected = (
        "At every point within these values, in the synth's units: amp_sustain 0.0501..1, osc2_detune -0.031..0.031."
    )
    assert expected in card.text(limited)


def test_constants_have_a_line_only_if_there_are_any() -> None:
    assert "Not learned" not in card.text(manifest())
    assert "Not learned, always at these values: master_vol 0.6, " in card.text(manifest("paper"))


@pytest.mark.parametrize("name", NAMES)
def test_the_weaknesses_are_in_the_models_own_figures(name: str) -> None:
    text = weaknesses(manifest(name, p5_lufs=-30.0, p95_lufs=-10.25, way_back=0.123))
    rows = manifest(name).quality["instrument"]["rows"]
    by_sound, by_parameters, worst = (
        rows[row]["value"] for row in ("timbre_by_sound", "timbre_by_parameters", "p95_patch_error")
    )
    assert f"a preset has {by_parameters / by_sound:.1f} times the timbre error" in text
    assert f"the nearest sound of the pad has a timbre error of {worst:.3g} or more" in text
    assert "19.8 LU or more above" in text
    assert "12.3% of the pad's side" in text


def test_a_figure_that_was_not_measured_is_left_out() -> None:
    old = manifest()
    for name in ("p5_lufs", "p95_lufs", "way_back"):
        del old.quality["instrument"]["extra"][name]
    assert "LU " not in weaknesses(old)
    assert "of the pad's side" not in weaknesses(old)
    assert "times the timbre error" in weaknesses(old)


def test_the_card_of_a_model_without_measurements_says_so() -> None:
    new = manifest()
    del new.quality["instrument"]
    assert "has not been measured yet" in weaknesses(new)


def test_an_error_of_zero_by_sound_has_no_ratio() -> None:
    perfect = manifest()
    perfect.quality["instrument"]["rows"]["timbre_by_sound"]["value"] = 0.0
    assert "times the timbre error" not in weaknesses(perfect)


def test_families_that_are_hardly_on_the_pad_are_a_weakness() -> None:
    measured = manifest()
    assert "of its pad each" not in weaknesses(measured)
    measured.quality["instrument"]["families"] = {"sync": 0.0, "plucks": 0.01, "noise": 0.0099}
    assert "Less than 1% of its pad each: sync, noise." in weaknesses(measured)
