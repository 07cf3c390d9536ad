"""Which CC map the outputs go by."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from latentd.config.config import Config
from latentd.daemon.synth_link import cc_map
from latentd.errors import UserError
from latentd.synth import midimap


@pytest.fixture(autouse=True)
def _plain_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else has run here, `caplog` hears the log."""
    monkeypatch.setattr(logging.getLogger("latentd"), "propagate", True)


@pytest.fixture
def controllers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where amSynth's own file would lie."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    path = tmp_path / "amsynth" / "controllers"
    path.parent.mkdir()
    return path


def test_the_map_is_that_of_amsynths_own_file(controllers: Path) -> None:
    assert cc_map(Config()) == midimap.BUILT_IN
    controllers.write_text(midimap.OURS.text(), encoding="ascii")
    assert cc_map(Config()) == midimap.OURS


def test_a_damaged_file_that_nobody_named_is_a_warning(controllers: Path, caplog: pytest.LogCaptureFixture) -> None:
    controllers.write_text("hello\n", encoding="ascii")
    for output in ("auto", "osc", "jack", "alsa"):
        caplog.clear()
        assert cc_map(Config(output=output)) == midimap.BUILT_IN
        (warning,) = caplog.messages
        assert str(controllers) in warning and "latentd midimap --install" in warning


def test_a_file_that_cannot_be_read_is_a_warning_too(controllers: Path, caplog: pytest.LogCaptureFixture) -> None:
    controllers.mkdir()
    assert cc_map(Config()) == midimap.BUILT_IN
    assert str(controllers) in caplog.text


def test_a_dry_run_does_not_look_at_it(controllers: Path, caplog: pytest.LogCaptureFixture) -> None:
    controllers.write_text("hello\n", encoding="ascii")
    assert cc_map(Config(output="print")) == midimap.BUILT_IN
    assert not caplog.messages


@pytest.mark.parametrize("output", ["auto", "print"])
def test_a_file_that_the_configuration_names_must_be_right(output: str, tmp_path: Path) -> None:
    named = tmp_path / "mine"
    config = Config.model_validate({"controllers": str(named), "output": output})
    with pytest.raises(UserError, match="no such controllers file"):
        cc_map(config)
    named.write_text("hello\n", encoding="ascii")
    with pytest.raises(UserError, match="found 1 lines"):
        cc_map(config)
    named.write_text(midimap.OURS.text(), encoding="ascii")
    assert cc_map(config) == midimap.OURS
