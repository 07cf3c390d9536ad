"""Which ports a pattern of the configuration matches."""

from __future__ import annotations

import re

import pytest

from latentd.system.port_patterns import alsa_matcher, matches_jack

KEYSTEP = ("system:midi_capture_2", "alsa_pcm:Arturia-KeyStep-32/midi_capture_1", "Arturia-KeyStep-32:midi/playback_1")


@pytest.mark.parametrize("pattern", [*KEYSTEP, ".*KeyStep.*", r"system:midi_capture_\d+"])
def test_a_jack_port_goes_by_its_name_and_its_aliases(pattern: str) -> None:
    assert matches_jack(pattern, KEYSTEP)


@pytest.mark.parametrize("pattern", ["system:midi_capture_", "KeyStep", "system:midi_capture_1", ""])
def test_a_jack_pattern_matches_all_of_one_name(pattern: str) -> None:
    assert not matches_jack(pattern, KEYSTEP)


def test_a_jack_name_need_not_be_an_expression_of_itself() -> None:
    assert matches_jack("a2j:nano [1] (capture): knob", ["a2j:nano [1] (capture): knob"])


@pytest.mark.parametrize(
    ("pattern", "name", "found"),
    [
        ("Port 1", "rig:Port 1 20:0", True),
        ("Port 1", "rig:Port 10 20:0", False),
        ("Port 1", "rig:Port 10 Port 1", True),
        ("port 10", "rig:Port 10 20:0", True),
        ("1", "Port 21", False),
        ("20:0", "synth 120:0", False),
        ("20:0", "synth 20:0", True),
        ("20:0", "synth 20:01", False),
        ("nano", "nanoKONTROL2 20:0", True),
        ("nanoKONTROL", "nanoKONTROL2 20:0", True),
        ("KONTROL2", "nanoKONTROL2 20:0", True),
        ("^nano.*2$", "nanoKONTROL 2", True),
        ("Port .", "Port 10", False),
        (r"Port \d+", "Port 10", True),
        ("nano|Port 1", "Port 10", False),
        ("nano|Port 1", "Port 1", True),
        ("nanoPAD2 (1)", "nanoPAD2 (1) 20:0", True),
    ],
)
def test_an_alsa_pattern_is_part_of_a_name_but_not_of_a_number(pattern: str, name: str, found: bool) -> None:
    assert bool(alsa_matcher(pattern).search(name)) == found


def test_what_is_no_expression_is_an_error() -> None:
    with pytest.raises(re.error):
        alsa_matcher("am(synth")
