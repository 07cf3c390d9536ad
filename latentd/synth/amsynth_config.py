"""amSynth's own config file: its MIDI channel, and what presets do not change. amSynth reads it once, at its start.

The file is `$XDG_CONFIG_HOME/amsynth/config`. amSynth reads it as pairs of words, a key and its value, between white
space of any kind; of a key that occurs twice the last one counts, and a key that begins with `#` makes the rest of its
line a comment (read in the program of 1.13.2, and measured). Without the file amSynth first moves `~/.amSynthrc`, the
file of its first versions, to that place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from latentd.errors import UserError
from latentd.synth import amsynth, midimap
from latentd.system import files

CHANNELS = range(1, 17)
_ENTRY = re.compile(rb"#[^\n]*|(\S+)\s+(\S+)")  # at the white space of C++ streams
_NUMBER = re.compile(rb"[-+]?\d+")


@dataclass(frozen=True)
class AmsynthConfig:
    """What latentd needs of the file; the defaults are amSynth's.

    Attributes:
        midi_channel: the only channel (1..16) that amSynth listens to; 0: all channels; any other number: none.
        ignored: names of the parameters that no preset changes, and so no patch over amSynth's OSC interface. CCs do.
    """

    midi_channel: int = 0
    ignored: tuple[str, ...] = ()


def parse(data: bytes) -> AmsynthConfig:
    """What amSynth makes of a config file with this content. There is no content that it refuses."""
    found = dict(_ENTRY.findall(data))
    words = found.get(b"ignored_parameters", b"").decode("utf-8", "replace").split()
    return AmsynthConfig(number(found.get(b"midi_channel", b"")), tuple(w for w in words if w in amsynth.INDEX))


def number(word: bytes) -> int:
    """The number that amSynth reads at the beginning of a word; 0 where there is none."""
    found = _NUMBER.match(word)
    return int(found.group()) if found else 0


def config_path(environ: Mapping[str, str] | None = None) -> Path:
    """Where amSynth looks for its config file."""
    return midimap.controllers_path(environ).with_name("config")


def old_config_path(environ: Mapping[str, str] | None = None) -> Path:
    """Where amSynth's first versions had it."""
    return midimap.old_controllers_path(environ).with_name(".amSynthrc")


def installed(environ: Mapping[str, str] | None = None) -> AmsynthConfig:
    """The settings that amSynth takes if it starts now: its defaults where there is no file.

    Raises:
        UserError: the file cannot be read.
    """
    for path in (config_path(environ), old_config_path(environ)):
        try:
            return parse(files.read(path))
        except FileNotFoundError:
            continue
        except OSError as error:
            raise UserError(f"{path}: {error.strerror or error}", "Check the file and its permissions") from error
    return AmsynthConfig()
