"""Which CC sets which parameter: the controllers file that amSynth reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from latentd.config.config import Config
from latentd.daemon.synth_link import cc_map
from latentd.errors import LatentdError, UserError
from latentd.synth import midimap
from latentd.synth.amsynth import INDEX, NAMES


def test_the_map_is_that_of_amsynths_own_file(controllers: Path) -> None:
    assert cc_map(Config()) == midimap.BUILT_IN
    controllers.write_text(midimap.OURS.text(), encoding="ascii")
    assert cc_map(Config()) == midimap.OURS


def test_a_file_is_read_as_amsynth_reads_it(controllers: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A short file gives CC 7 another parameter: to guess the built-in map would send the volume into the cutoff."""
    controllers.write_text("null\n" * 7 + "filter_cutoff\n", encoding="ascii")
    found = cc_map(Config())
    assert found.cc[INDEX["filter_cutoff"]] == 7
    assert found.missing == tuple(name for name in NAMES if name != "filter_cutoff")
    assert not caplog.messages


def test_a_file_that_cannot_be_read_is_a_warning_and_no_cc_is_sent(
    controllers: Path, caplog: pytest.LogCaptureFixture
) -> None:
    controllers.mkdir()
    for output in ("auto", "osc", "jack", "alsa"):
        caplog.clear()
        assert not cc_map(Config(output=output)).reachable.any()
        (warning,) = caplog.messages
        assert "no MIDI CC will be sent" in warning
        assert str(controllers) in warning


def test_a_dry_run_does_not_look_at_it(controllers: Path, caplog: pytest.LogCaptureFixture) -> None:
    controllers.mkdir()
    assert cc_map(Config(output="print")) == midimap.BUILT_IN
    assert not caplog.messages


@pytest.mark.parametrize("output", ["auto", "print"])
def test_a_file_that_the_configuration_names_must_be_readable(output: str, tmp_path: Path) -> None:
    named = tmp_path / "mine"
    config = Config.model_validate({"controllers": str(named), "output": output})
    with pytest.raises(UserError, match="no such controllers file"):
        cc_map(config)
    named.mkdir()
    with pytest.raises(LatentdError, match="Is a directory"):
        cc_map(config)
    named.rmdir()
    named.write_text(midimap.OURS.text(), encoding="ascii")
    assert cc_map(config) == midimap.OURS
