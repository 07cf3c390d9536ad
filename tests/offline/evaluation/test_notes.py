"""The row about presets played over the keyboard."""

from __future__ import annotations

import numpy as np
import pytest

from latentd.offline.evaluation import notes
from latentd.offline.timbre.measure import Measured
from latentd.offline.timbre.play import Note
from latentd.synth import amsynth
from latentd.synth.amsynth import Array
from tests.offline import synthetic


def test_presets_that_are_on_the_pad_have_no_error() -> None:
    presets = synthetic.presets(20).params
    row, each = notes.row(amsynth.to_patch(presets), presets, lambda patches, _: synthetic.measure(patches))
    assert row.value == 0.0
    assert set(each.values()) == {0.0}
    numbers = [f"notes_{number}_{velocity}" for number in (36, 60, 84) for velocity in (40, 100)]
    assert list(each) == [*numbers, "notes_one_place"]


def test_the_error_is_a_mean_over_the_notes_and_each_is_looked_up_by_itself() -> None:
    presets = synthetic.presets(12).params
    pad = amsynth.to_patch(presets)

    def measure(patches: Array, note: Note) -> Measured:
        """The presets' descriptors are 12 higher for one note; its pad is in another order."""
        found = synthetic.measure(patches)
        if note != Note(36, 40):
            return found
        if patches is pad:
            return found._replace(descriptors=found.descriptors[::-1], mel=found.mel[::-1])
        return found._replace(descriptors=found.descriptors.clip(0, 80) + 12.0)

    row, each = notes.row(pad, presets, measure)
    assert 0.0 < each["notes_36_40"] <= 12.0
    assert row.value == pytest.approx(each["notes_36_40"] / 6)
    assert each["notes_one_place"] > row.value  # the pad of that note is in another order


def test_silent_presets_do_not_count_and_only_the_first_ones_are_used() -> None:
    presets = synthetic.presets(30).params  # the first is silent
    used: list[int] = []

    def measure(patches: Array, _: Note) -> Measured:
        used.append(len(patches))
        return synthetic.measure(patches)

    row, _ = notes.row(amsynth.to_patch(presets[15:]), presets, measure, 10)
    assert used[::2] == [10] * 6
    assert np.isfinite(row.value)
    alone, _ = notes.row(amsynth.to_patch(presets[15:]), presets[1:], measure, 9)
    assert row.value == pytest.approx(alone.value)
