"""Notes while the patch changes, on the real synth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from latentd.offline.render import synths
from latentd.offline.render.clip_spec import ClipSpec
from latentd.offline.timbre import perform, pitch
from latentd.offline.timbre.perform import HeldNote
from latentd.synth import amsynth

pytestmark = pytest.mark.offline

BLOCKS = 750  # 2 s


def test_the_patch_follows_its_course_and_each_note_has_its_pitch(tmp_path: Path) -> None:
    course = np.tile(amsynth.DEFAULT, (BLOCKS, 1))
    course[:, amsynth.INDEX["amp_release"]] = 0.2
    detuned, fading = course.copy(), course.copy()
    detuned[BLOCKS // 2 :, amsynth.INDEX["osc_mix"]] = 1.0
    detuned[:, amsynth.INDEX["osc2_detune"]] = 0.2  # 77 cents, once oscillator 2 is all there is
    detuned[: BLOCKS // 2, amsynth.INDEX["osc_mix"]] = -1.0
    fading[BLOCKS // 2 :, amsynth.INDEX["master_vol"]] = 0.0
    notes = (HeldNote(60, 100, 0, BLOCKS // 2), HeldNote(64, 100, BLOCKS // 2, BLOCKS))
    plain, second, silent = perform.perform([course, detuned, fading], notes, jobs=1, cache=tmp_path)
    numbers = np.array([60, 64])
    np.testing.assert_allclose(pitch.cents_off(plain.hz, numbers), 0.0, atol=8.0)
    np.testing.assert_allclose(pitch.cents_off(second.hz, numbers), [0.0, 1200 * np.log2(1.25) * 0.2], atol=8.0)
    assert (plain.lufs > -40.0).all()
    assert (silent.lufs[:7] > -40.0).all()
    assert (silent.lufs[-4:] < -60.0).all()
    assert np.isnan(silent.hz[1])
    again = perform.perform([course, detuned, fading], notes, jobs=1, cache=tmp_path)
    np.testing.assert_array_equal(again[1].lufs, second.lufs)
    np.testing.assert_array_equal(again[1].hz, second.hz)


def test_a_patch_that_stays_sounds_as_in_a_clip() -> None:
    patch = amsynth.DEFAULT.copy()
    patch[amsynth.INDEX["reverb_wet"]] = 0.3
    params = synths.to_params(patch)
    synth = synths.open_synth()
    try:
        clip = synth.play(params, ClipSpec(60, 100, 2.0))
        course = synth.perform(np.tile(params, (BLOCKS, 1)), (HeldNote(60, 100, 0, BLOCKS),))
    finally:
        synth.close()
    assert course.shape == clip.shape
    later = slice(4800, None)  # the reverb glides to its value in the first 20 ms, from a different rest
    assert np.abs(course - clip)[later].max() < 0.005
    assert np.abs(clip).max() > 0.1
