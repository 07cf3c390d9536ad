"""The MIDI channel that latentd plays on, and the amSynths that do not listen to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from latentd.config.config import Config, load_config
from latentd.daemon import midi_channel, synth_link
from latentd.daemon.midi_channel import mismatches
from latentd.daemon.synth_link import SynthLink
from latentd.outputs.alsa import AlsaOut
from latentd.outputs.amsynth_osc.output import run_now
from latentd.schema.documents import DocumentErrors
from latentd.synth.amsynth_config import AmsynthConfig
from latentd.synth.running import RunningSynth
from tests.support.sequencer import SYNTH, Sequencer


@pytest.fixture(autouse=True)
def config_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where amSynth's config file would lie."""
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    path = tmp_path / "amsynth" / "config"
    path.parent.mkdir()
    return path


def synth(channel: int | None, client: str = "amsynth") -> RunningSynth:
    return RunningSynth(7, client, channel)


@pytest.mark.parametrize("section", ["jack", "alsa"])
def test_the_channel_is_the_configured_one_or_else_amsynths_or_else_the_first(section: str) -> None:
    output = {"output": section}
    for configured, amsynths, plays in [
        (None, 0, 1), (None, 5, 5), (3, 5, 3), (16, 0, 16), (None, 17, 1), (None, -1, 1),
    ]:  # fmt: skip
        config = Config.model_validate(output | {section: {"channel": configured}})
        assert midi_channel.midi_channel(config, AmsynthConfig(midi_channel=amsynths)) == plays


@pytest.mark.parametrize("value", ["0", "17", "two", "1.5"])
@pytest.mark.parametrize("section", ["jack", "alsa"])
def test_a_channel_that_midi_does_not_have_is_refused(section: str, value: str) -> None:
    with pytest.raises(DocumentErrors, match=f"{section}.channel"):
        load_config(None, [f"{section}.channel={value}"])


@pytest.mark.parametrize(
    ("file", "synths", "found"),
    [
        ("", [], []),
        ("", [synth(None)], []),
        ("", [synth(2)], ["-c 2"]),
        ("", [synth(1)], []),
        ("", [synth(0)], []),
        ("", [synth(17)], ["-c 17"]),
        ("midi_channel\t2\n", [], ["midi_channel 2"]),
        ("midi_channel\t2\n", [synth(None)], ["midi_channel 2"]),
        ("midi_channel\t2\n", [synth(0)], []),  # the option overrides the file
        ("midi_channel\t2\n", [synth(1), synth(None)], ["midi_channel 2"]),
        ("midi_channel\t2\n", [synth(3), synth(4)], ["-c 3", "-c 4"]),
        ("", [synth(2, "another")], []),  # latentd does not play it
    ],
)
def test_each_amsynth_that_ignores_the_channel_is_named(
    config_file: Path, file: str, synths: list[RunningSynth], found: list[str]
) -> None:
    config_file.write_text(file, encoding="ascii")
    mismatching = list(mismatches(Config(), 1, synths))
    assert len(mismatching) == len(found)
    for mismatch, part in zip(mismatching, found, strict=True):
        assert part in mismatch.found
        assert "ignores MIDI channel 1" in mismatch.found


def test_the_next_step_sets_the_channel_of_the_output_that_plays() -> None:
    alsa = Config.model_validate({"output": "alsa", "alsa": {"out": "amSynth"}})
    (mismatch,) = mismatches(alsa, 1, [synth(2, "another")])
    assert mismatch.step == "Set alsa.channel to 2 in latentd's configuration"
    (mismatch,) = mismatches(Config(), 1, [synth(17)])
    assert mismatch.step == "Start amSynth with channel 1, or 0 for all"


def test_a_running_synth_reads_the_config_file_in_its_own_environment(config_file: Path, tmp_path: Path) -> None:
    config_file.write_text("midi_channel\t2\n", encoding="ascii")
    theirs = tmp_path / "theirs"
    another = synth(None)._replace(environ={"XDG_CONFIG_HOME": str(theirs), "HOME": str(tmp_path / "home")})
    assert not list(mismatches(Config(), 1, [another]))
    (theirs / "amsynth").mkdir(parents=True)
    (theirs / "amsynth" / "config").write_text("midi_channel\t4\n", encoding="ascii")
    (mismatch,) = mismatches(Config(), 1, [another])
    assert f"({theirs / 'amsynth' / 'config'}) has midi_channel 4" in mismatch.found


@pytest.mark.parametrize(
    "port",
    [{"output": "alsa", "alsa": {"out": "microKORG"}}, {"output": "jack", "jack": {"playback": "yoshimi:midi in"}}],
)
def test_the_channel_of_amsynth_does_not_matter_to_another_synth(config_file: Path, port: dict[str, Any]) -> None:
    config_file.write_text("midi_channel\t2\n", encoding="ascii")
    assert not list(mismatches(Config.model_validate(port), 1, [synth(2)]))


def test_the_log_names_a_mismatch_once_however_often_the_synth_comes_back(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sequencer = Sequencer()
    monkeypatch.setattr(
        synth_link, "_alsa_out", lambda _config, cc_map, channel: AlsaOut("amsynth", cc_map, sequencer.open, channel)
    )
    monkeypatch.setattr(midi_channel, "running", lambda: [synth(2)])
    config = Config.model_validate({"output": "alsa", "alsa": {"out": "amsynth"}})
    link = SynthLink(config, lambda _packet, _address: None, run_now)
    try:
        for now in range(6):
            sequencer.names = [SYNTH] if now % 2 else []
            link.poll(float(now))
        assert link.facts()["alsa"]["connections"] == 3  # type: ignore[index]  # a plain dict
        assert [m for m in caplog.messages if "ignores MIDI channel 1" in m] == [
            "amSynth (pid 7) was started with -c 2: it ignores MIDI channel 1, on which latentd plays. "
            "Set alsa.channel to 2 in latentd's configuration, then restart latentd"
        ]
    finally:
        link.close()


def test_a_config_file_that_cannot_be_read_is_a_warning_and_channel_1(
    config_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config_file.mkdir()
    link = SynthLink(Config(output="jack"), lambda _packet, _address: None, run_now)
    try:
        facts: Any = link.facts()["jack"]
        assert facts["channel"] == 1
        (warning,) = [m for m in caplog.messages if "MIDI channel" in m]
        assert str(config_file) in warning
    finally:
        link.close()
