"""The rows about played notes, on notes with known pitch and level."""

from __future__ import annotations

import numpy as np
import pytest

from latentd.offline.evaluation import playing
from latentd.offline.timbre.play import Note, Played
from latentd.synth.amsynth import Array

COUNT = 40


def _notes(cents: float = 0.0, lufs: float = -20.0, end_db: float = -20.0) -> dict[Note, Played]:
    """The same on every patch and note."""
    found = {}
    for note in playing.NOTES:
        hz = 440.0 * 2 ** ((note.number - 69) / 12 + cents / 1200)
        found[note] = Played(np.full(COUNT, lufs), np.full(COUNT, end_db), np.full(COUNT, hz))
    return found


def _values(played: dict[Note, Played]) -> dict[str, float]:
    return {name: row.value for name, row in playing.rows(played).items()}


def test_a_pad_in_tune_even_and_sustained_has_the_best_values() -> None:
    assert _values(_notes()) == {
        "in_tune": 1.0, "pitched": 1.0, "other_pitch": 0.0, "held_silent": 0.0, "level": 0.0, "level_all": 0.0,
        "too_loud": 0.0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("cents", "in_tune", "other_pitch"), [(24, 1, 0), (-24, 1, 0), (26, 0, 0), (59, 0, 0), (61, 0, 1), (-300, 0, 1)]
)
def test_in_tune_is_within_25_cents_and_another_pitch_beyond_60(cents: int, in_tune: int, other_pitch: int) -> None:
    values = _values(_notes(cents))
    assert (values["in_tune"], values["other_pitch"]) == (in_tune, other_pitch)


def test_notes_without_a_pitch_count_only_for_pitched() -> None:
    played = _notes()
    played[Note(48, 100)].hz[:10] = np.nan
    played[Note(60, 100)].hz[:6] *= 2 ** (50 / 1200)
    values = _values(played)
    assert values["pitched"] == pytest.approx(1 - 10 / 120)
    assert values["in_tune"] == pytest.approx(1 - 6 / 110)
    for note in played:
        played[note].hz[:] = np.nan
    assert playing.tuning(playing.cents_off(played)) == (0.0, 0.0, 0.0)


def test_only_the_three_notes_of_the_protocol_count_for_pitch() -> None:
    played = _notes()
    for note in (Note(36, 100), Note(60, 40), Note(84, 127)):
        played[note].hz[:] = 100.0
    assert _values(played)["in_tune"] == 1.0


def test_a_held_note_is_silent_below_minus_45_db_at_its_end() -> None:
    played = _notes()
    played[playing.C4].end_db[:3] = [-45.1, -np.inf, -44.9]
    assert _values(played)["held_silent"] == 2 / COUNT


def _ramp(low: float, high: float) -> Array:
    return np.linspace(low, high, COUNT)


def test_level_is_from_the_5th_to_the_95th_percentile_and_level_all_of_the_worst_Note() -> None:
    played = _notes()
    played[playing.C4].lufs[:] = _ramp(-30.0, -20.0)
    played[Note(36, 40)].lufs[:] = _ramp(-50.0, -20.0)
    values = _values(played)
    assert values["level"] == pytest.approx(9.0)
    assert values["level_all"] == pytest.approx(27.0)


def test_silence_counts_as_minus_70_lufs() -> None:
    played = _notes()
    played[playing.C4].lufs[:20] = -np.inf
    assert _values(played)["level"] == pytest.approx(50.0)


def test_too_loud_is_the_share_of_the_loudest_Note() -> None:
    played = _notes()
    played[Note(36, 127)].lufs[:4] = -8.9
    played[Note(84, 127)].lufs[4:6] = -8.9
    assert _values(played)["too_loud"] == 4 / COUNT


def test_intervals_hold_the_values() -> None:
    played = _notes()
    played[Note(60, 100)].hz[::4] *= 2 ** (30 / 1200)
    row = playing.rows(played)["in_tune"]
    assert row.interval is not None
    assert row.interval[0] < row.value < row.interval[1]
