"""amSynth's own config file and its command line: which MIDI channel it listens to."""

from __future__ import annotations

from pathlib import Path

import pytest

from latentd.errors import UserError
from latentd.synth import amsynth_config
from latentd.synth.amsynth_config import AmsynthConfig, parse
from latentd.synth.running import RunningSynth, running


@pytest.mark.parametrize(
    ("data", "channel"),
    [
        (b"midi_channel\t2\n", 2),
        (b"midi_driver\talsa\nmidi_channel\t16\npolyphony\t10\n", 16),
        (b"midi_channel\t0\n", 0),
        (b"", 0),
        # What amSynth itself makes of each was measured with 1.13.2.
        (b"midi_channel 2\n", 2),
        (b"midi_channel\n2\n", 2),
        (b"midi_channel\t2", 2),
        (b"midi_channel\t2\r\n", 2),
        (b"midi_channel\t2\nmidi_channel\t3\n", 3),
        (b"#midi_channel\t2\n", 0),
        (b"# midi_channel 2\nmidi_channel\t3\n", 3),
        (b"tuning_file\t\nmidi_channel\t2\n", 0),  # the key is the value of the one before
        (b"new_key midi_channel 2\n", 0),
        (b"midi_channel\t17\n", 17),
        (b"midi_channel\t-1\n", -1),
        (b"midi_channel\t2x\n", 2),
        (b"midi_channel\ttwo\n", 0),
    ],
)
def test_the_channel_is_the_one_that_amsynth_reads(data: bytes, channel: int) -> None:
    assert parse(data).midi_channel == channel


@pytest.mark.parametrize(
    ("data", "ignored"),
    [
        (b"ignored_parameters\tmaster_vol\nmidi_channel\t2\n", ("master_vol",)),
        # amSynth reads one word, and the others as keys and values.
        (b"ignored_parameters\tmaster_vol reverb_wet\n", ("master_vol",)),
        (b"ignored_parameters\t\njack_autoconnect\ttrue\n", ()),
        (b"ignored_parameters\tvolume\n", ()),
        (b"", ()),
    ],
)
def test_the_ignored_parameters_are_those_that_amsynth_reads(data: bytes, ignored: tuple[str, ...]) -> None:
    assert parse(data).ignored == ignored


def test_the_file_lies_where_amsynth_looks_for_it(tmp_path: Path) -> None:
    home, config = {"HOME": str(tmp_path)}, {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "xdg")}
    assert amsynth_config.installed(home) == AmsynthConfig()
    (tmp_path / ".amSynthrc").write_text("midi_channel\t5\n", encoding="ascii")
    assert amsynth_config.installed(home).midi_channel == 5  # which amSynth moves to its new place
    for folder, channel in ((tmp_path / ".config", 6), (tmp_path / "xdg", 7)):
        (folder / "amsynth").mkdir(parents=True)
        (folder / "amsynth" / "config").write_text(f"midi_channel\t{channel}\n", encoding="ascii")
    assert amsynth_config.installed(home).midi_channel == 6
    assert amsynth_config.installed(config).midi_channel == 7


def test_a_file_that_cannot_be_read_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / ".config" / "amsynth" / "config"
    path.mkdir(parents=True)
    with pytest.raises(UserError, match="Is a directory") as caught:
        amsynth_config.installed({"HOME": str(tmp_path)})
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "client", "channel"),
    [
        ("-x -a jack", "amsynth", None),
        ("-x -a jack -n lead -c 2", "lead", 2),
        ("-c3 -xnlead", "lead", 3),
        ("-c 3 -c 2", "amsynth", 2),
        ("-c 0", "amsynth", 0),
        ("--jack_autoconnect=false -c 4", "amsynth", 4),
        ("--jack_autoconnect -c 4", "amsynth", 4),
        ("bank -c 4", "amsynth", 4),
        ("-c x", "amsynth", 0),
        ("-c 17", "amsynth", 17),
    ],
)
def test_the_options_of_a_running_amsynth_are_read(
    tmp_path: Path, arguments: str, client: str, channel: int | None
) -> None:
    programs = {
        "7": f"/usr/bin/amsynth {arguments}",
        "8": f"bash -c amsynth {arguments}",
        "9": "",  # a kernel thread
    }
    for pid, words in programs.items():
        (tmp_path / pid).mkdir()
        argv = "".join(f"{word}\0" for word in words.split())
        (tmp_path / pid / "cmdline").write_text(argv, encoding="utf-8")
    environ = {"HOME": "/home/me", "XDG_CONFIG_HOME": "/config"}
    (tmp_path / "7" / "environ").write_text("A=b\0HOME=/home/me\0XDG_CONFIG_HOME=/config\0", encoding="ascii")
    (tmp_path / "10").mkdir()  # it has ended
    (tmp_path / "uptime").write_text("1 2", encoding="ascii")
    assert list(running(tmp_path)) == [RunningSynth(7, client, channel, environ)]
