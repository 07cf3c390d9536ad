"""MIDI in musicians' names, and that the daemon does without them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from latentd.midi.names import describe, lasting_name
from tests.support.rig import LIMIT_S


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("913c5a", "note_on channel=2 note=60 (C4) velocity=90"),
        ("8f0000", "note_off channel=16 note=0 (C-1) velocity=0"),
        ("a03d10", "polytouch channel=1 note=61 (C#4) value=16"),
        ("b00764", "control_change channel=1 control=7 value=100"),
        ("c205", "program_change channel=3 program=5"),
        ("d07f", "aftertouch channel=1 value=127"),
        ("e00040", "pitchwheel channel=1 pitch=0"),
        ("f0", "sysex"),
        ("f20040", "songpos pos=8192"),
        ("f6", "tune_request"),
    ],
)
def test_messages_have_midos_names_and_channels_count_from_1(message: str, text: str) -> None:
    assert describe(bytes.fromhex(message)) == text


@pytest.mark.parametrize(
    ("ports", "names"),
    [
        (["nanoKONTROL2:nanoKONTROL2 MIDI 1 20:0"], ["nanoKONTROL2 MIDI 1"]),
        (["LPD8:LPD8 MIDI 1 20:0", "LPD8:LPD8 MIDI 1 24:0"], ["LPD8 MIDI 1", "LPD8:LPD8 MIDI 1 24:0"]),
        (["A:port 0 20:0", "B:port 0 24:0"], ["port 0", "B:port 0"]),  # the client's name differs
        (["LPD8 24:0"], ["LPD8"]),
        (["odd"], ["odd"]),
    ],
)
def test_a_lasting_name_leaves_out_the_numbers_and_finds_the_same_port(ports: list[str], names: list[str]) -> None:
    assert [lasting_name(port, ports) for port in ports] == names


def test_the_daemon_and_its_jack_process_do_not_load_mido() -> None:
    code = (
        "import json, sys\n"
        "import latentd.cli.run, latentd.daemon.service, latentd.inputs.alsa, latentd.outputs.jack.child\n"
        "print(json.dumps(sorted(name.partition('.')[0] for name in sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=LIMIT_S)
    assert "latentd" in json.loads(done.stdout)
    assert "mido" not in json.loads(done.stdout)
