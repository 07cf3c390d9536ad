"""Notes on patches: the measurements of known signals, and the real synth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from latentd.errors import LatentdError
from latentd.model import bundle
from latentd.offline.render import pool, workers
from latentd.offline.render.clip_spec import ClipSpec
from latentd.offline.timbre import pitch, play
from latentd.synth import amsynth
from latentd.synth.amsynth import Array
from tests.offline import yin

RATE = 48000


def test_the_end_of_a_note_has_the_power_of_both_channels_in_its_last_0_4_s() -> None:
    audio = np.zeros((3 * RATE, 2))
    assert play.end_db(audio) == -np.inf
    audio[: -round(0.4 * RATE)] = 1.0
    assert play.end_db(audio) == -np.inf
    audio[-round(0.4 * RATE) :] = 0.1
    assert play.end_db(audio) == pytest.approx(-20.0 + 10 * np.log10(2.0))


def test_a_clip_that_cannot_be_rendered_is_an_error() -> None:
    with pytest.raises(LatentdError, match="amSynth was killed"):
        play.checked([np.zeros(3).tobytes(), workers.Failed("amSynth was killed")])


def _patch(**values: float) -> Array:
    patch = amsynth.DEFAULT.copy()
    for name, value in values.items():
        patch[amsynth.INDEX[name]] = value
    return patch


@pytest.mark.offline
def test_two_pitch_trackers_agree_on_notes_of_the_shipped_pad() -> None:
    """Two that work differently: a network, and periods in the waveform."""
    model = bundle.load("timbre")
    ticks = (np.arange(6) + 0.5) / 6
    points = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
    params = model.decoder.decode_many(model.box[0] + points * (model.box[1] - model.box[0]))
    clips = pool.render(amsynth.to_patch(params), ClipSpec(60, 100, 1.6), jobs=1)
    monos = [clip.sum(axis=1).astype(np.float64) for clip in clips]
    one = pitch.cents_off(np.array([pitch.steady_hz(pitch.track(mono, RATE)) for mono in monos]), 60)
    other = pitch.cents_off(np.array([yin.steady_hz(mono, RATE) for mono in monos]), 60)
    both = ~np.isnan(one) & ~np.isnan(other)
    assert both.mean() > 0.7
    assert np.mean((np.abs(one) <= 25.0)[both] == (np.abs(other) <= 25.0)[both]) > 0.85


@pytest.mark.offline
def test_notes_without_pitch_have_the_same_levels(tmp_path: Path) -> None:
    patches = np.stack([_patch(), _patch(master_vol=0.3)])
    notes = [play.Note(60, 100)]
    (found,) = play.play(patches, notes, jobs=1, cache=tmp_path)
    (levels,) = play.play(patches, notes, jobs=1, cache=tmp_path, pitch=False)
    np.testing.assert_array_equal(levels.lufs, found.lufs)
    np.testing.assert_array_equal(levels.end_db, found.end_db)
    assert np.isnan(levels.hz).all()
    assert not np.isnan(found.hz).any()


@pytest.mark.offline
def test_notes_of_the_real_synth_have_their_pitch_level_and_end(tmp_path: Path) -> None:
    cents = 1200 * np.log2(1.25) * 0.2  # of oscillator 2 alone, at this detune
    patches = np.stack(
        [
            _patch(),
            _patch(osc_mix=1.0, osc2_detune=0.2),
            _patch(amp_sustain=0.0, amp_decay=0.3),
            _patch(osc1_waveform=3.0, osc_mix=-1.0),
            _patch(master_vol=0.1),
            _patch(master_vol=0.2),
        ]
    )
    notes = [play.Note(60, 100), play.Note(48, 40)]
    high, low = play.play(patches, notes, jobs=1, cache=tmp_path)
    for number, played in ((60, high), (48, low)):
        off = pitch.cents_off(played.hz, number)
        assert off[0] == pytest.approx(0.0, abs=6.0)
        assert off[1] == pytest.approx(cents, abs=8.0)
        assert np.isnan(off[[2, 3]]).all()  # it ends before 0.3 s; noise
        assert played.end_db[2] < -100.0 < -40.0 < played.end_db[0]
        # master_vol is squared; far below the limiter, or it would take some of the difference.
        assert played.lufs[5] - played.lufs[4] == pytest.approx(40 * np.log10(2.0), abs=0.1)
    assert (high.lufs > low.lufs).all()
    again = play.play(patches, notes, jobs=1, cache=tmp_path)
    np.testing.assert_array_equal(again, [high, low])
