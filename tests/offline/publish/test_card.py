"""The model card says what was measured of the model, and nothing that was not."""

from __future__ import annotations

from typing import Any

import pytest

from latentd.model import bundle
from latentd.model.bundle import Manifest
from latentd.offline.publish import card

NAMES = ["timbre", "paper"]


def manifest(name: str = "timbre", **extra: Any) -> Manifest:
    """Of a shipped model, with other figures beside its rows."""
    changed = bundle.load(name).manifest.model_copy(deep=True)
    changed.quality["instrument"]["extra"] |= extra
    return changed


def weaknesses(of: Manifest) -> str:
    return " ".join(card.text(of).partition("## Known weaknesses")[2].split())


def test_the_command_that_makes_it_is_one_that_does() -> None:
    for name, command in (("timbre", "latentd train"), ("paper", "latentd train --recipe paper")):
        assert f"made by `{command}`." in card.text(manifest(name))
    mine = manifest().model_copy(update={"name": "mine"})
    mine.training["seed"] = 7
    assert "made by `latentd train --seed 7 --name mine`." in card.text(mine)
    mine.corpus["trained_on"]["banks"] = {"mine.bank": 100}
    assert "made by `latentd train BANKS… --seed 7 --name mine`." in card.text(mine)


def test_what_is_not_learned_has_a_line_only_where_there_is_something() -> None:
    assert "Not learned" not in card.text(manifest())
    assert "Not learned, always at these values: master_vol 0.6, " in card.text(manifest("paper"))


@pytest.mark.parametrize("name", NAMES)
def test_the_weaknesses_are_in_the_models_own_figures(name: str) -> None:
    said = weaknesses(manifest(name, p5_lufs=-30.0, p95_lufs=-10.25, way_back=0.123))
    rows = manifest(name).quality["instrument"]["rows"]
    heard, placed, worst = (
        rows[row]["value"] for row in ("timbre_by_sound", "timbre_by_parameters", "p95_patch_error")
    )
    assert f"comes back {placed / heard:.1f} times as wrong" in said
    assert f"the nearest sound of the pad is wrong by {worst:.3g} or more" in said
    assert "19.8 LU or more above" in said
    assert "12.3% of the pad's side" in said


def test_a_figure_that_was_not_measured_is_not_named() -> None:
    old = manifest()
    for name in ("p5_lufs", "p95_lufs", "way_back"):
        del old.quality["instrument"]["extra"][name]
    assert "LU " not in weaknesses(old)
    assert "way back" not in weaknesses(old)
    assert "times as wrong" in weaknesses(old)


def test_a_model_that_nobody_has_measured_says_so() -> None:
    new = manifest()
    del new.quality["instrument"]
    assert "has not been measured yet" in weaknesses(new)


def test_a_model_without_any_error_by_sound_has_a_card_too() -> None:
    perfect = manifest()
    perfect.quality["instrument"]["rows"]["timbre_by_sound"]["value"] = 0.0
    assert "times as wrong" not in weaknesses(perfect)
