"""Which MIDI controller (CC) sets which parameter: amSynth's controllers file, read, completed and written.

The file is `$XDG_CONFIG_HOME/amsynth/controllers`. amSynth reads it once, at its start, as words between white space
(`MidiController.cpp: loadControllerMap`; every rule here measured with 1.13.2):

- Word N+1 is the parameter that CC N sets. `null`, like any other word, clears it.
- CCs beyond the last word keep the built-in map: CC 1 and 7 in 1.13.2, nine CCs in newer versions (read in the source).
  Words beyond the 128th are not read, nor is a last word that no white space follows.
- Of two CCs that set one parameter amSynth reports it with the higher one, so latentd sends that one.
- Without the file it first moves `~/.amSynthControllersrc`, the file of its first versions, to that place.

latentd's map keeps those nine, since players know them, and adds three where the MIDI standard means exactly that
parameter (76 vibrato rate, 92 tremolo depth, 94 detune). The other 29 parameters are on CC 20-31 and 102-118, in
amSynth's order: the standard leaves these undefined, so keyboards and pedals do not send them. Two kinds of CC are not
used. A mapped CC loses its usual meaning in amSynth: bank select 0 and 32, data entry 6 and 38, pan 10, pedals 64-69,
RPN and NRPN 96-101, channel modes 120-127. And keyboards send these unasked: breath 2, foot 4, balance 8, expression
11, general purpose 16-19 and 80-83, LSBs 33-63, portamento control 84, high resolution velocity 88.

A bug of amSynth (measured with 1.13.2): after it has read a controllers file with a `null` in it, CC 127 ("poly mode
on") ends the program. latentd does not send CC 127; a keyboard that is connected to amSynth directly can.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from latentd.errors import UserError
from latentd.synth import amsynth
from latentd.system import files

CC_COUNT = 128
# What amSynth writes for a CC that sets nothing.
NOTHING = "null"
_MEANT = {
    "freq_mod_amount": 1,  # modulation wheel
    "portamento_time": 5,
    "master_vol": 7,
    "filter_resonance": 71,
    "amp_release": 72,
    "amp_attack": 73,
    "filter_cutoff": 74,  # brightness
    "amp_decay": 75,
    "lfo_freq": 76,  # vibrato rate
    "reverb_wet": 91,
    "amp_mod_amount": 92,  # tremolo depth
    "osc2_detune": 94,
}
_UNDEFINED = (*range(20, 32), *range(102, 120))
# Undefined or free for any sound: what a partial map is completed from, once its parameters' own CCs are taken.
_SPARE = (*_UNDEFINED, 3, 9, 14, 15, 85, 86, 87, 89, 90, 70, 77, 78, 79, 93, 95, 12, 13)


@dataclass(frozen=True)
class Midimap:
    """One assignment of CCs to parameters.

    Attributes:
        parameters: for each CC 0..127 the index of its parameter in `amsynth.PARAMETERS`, or None.
        unknown: words of its file that are neither a parameter nor `null`.
    """

    parameters: tuple[int | None, ...]
    unknown: tuple[str, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        assert len(self.parameters) == CC_COUNT

    @property
    def cc(self) -> tuple[int | None, ...]:
        """For each of the 41 parameters the CC that sets it, or None where none does."""
        found: list[int | None] = [None] * amsynth.COUNT
        for cc, parameter in enumerate(self.parameters):
            if parameter is not None:
                found[parameter] = cc
        return tuple(found)

    @property
    def reachable(self) -> NDArray[np.bool_]:
        """Which of the 41 parameters have a CC."""
        return np.array([cc is not None for cc in self.cc])

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of the parameters that no CC sets."""
        return tuple(name for name, cc in zip(amsynth.NAMES, self.cc, strict=True) if cc is None)

    def text(self) -> str:
        """The controllers file of this map."""
        return "".join(f"{NOTHING if p is None else amsynth.NAMES[p]}\n" for p in self.parameters)


def from_ccs(ccs: Mapping[str, int]) -> Midimap:
    """The map of these CCs: parameter -> CC. No other parameter has one."""
    parameters: list[int | None] = [None] * CC_COUNT
    for name, cc in ccs.items():
        parameters[cc] = amsynth.INDEX[name]
    return Midimap(tuple(parameters))


def parse(data: bytes) -> Midimap:
    """What amSynth makes of a controllers file with this content. There is no content that it refuses."""
    words = data.split()  # at the white space of C++ streams
    if words and not data[-1:].isspace():
        words.pop()
    parameters = list(BUILT_IN.parameters)
    unknown = []
    for cc, word in enumerate(words[:CC_COUNT]):
        name = word.partition(b"\0")[0].decode("utf-8", "replace")
        parameters[cc] = amsynth.INDEX.get(name)
        if name not in amsynth.INDEX and name != NOTHING:
            unknown.append(name)
    return Midimap(tuple(parameters), tuple(unknown))


def read(path: Path) -> Midimap | None:
    """The map in a controllers file; None where there is no such file.

    Raises:
        UserError: it cannot be read.
    """
    try:
        return parse(files.read(path))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}", "Check the file and its permissions") from error


def read_required(path: Path) -> Midimap:
    """The map in a controllers file that has to exist.

    Raises:
        UserError: there is no such file, or it cannot be read.
    """
    found = read(path)
    if found is None:
        raise UserError(f"{path}: no such controllers file", "`latentd midimap --install` writes one")
    return found


def extend(existing: Midimap) -> Midimap:
    """The same map with a CC for every parameter that had none: the CC of latentd's map, or else a spare one.

    Raises:
        UserError: too few CCs are free.
    """
    parameters = list(existing.parameters)
    for name in existing.missing:
        candidates = (OURS.cc[amsynth.INDEX[name]], *_SPARE)
        free = next((cc for cc in candidates if cc is not None and parameters[cc] is None), None)
        if free is None:
            step = "Move the file away and run `latentd midimap --install` again"
            raise UserError(f"the existing controllers file leaves no free CC for {name}", step)
        parameters[free] = amsynth.INDEX[name]
    return Midimap(tuple(parameters))


def controllers_path(environ: Mapping[str, str] | None = None) -> Path:
    """Where amSynth looks for its controllers file."""
    environ = os.environ if environ is None else environ
    return Path(environ.get("XDG_CONFIG_HOME") or _home(environ) / ".config") / "amsynth" / "controllers"


def old_controllers_path(environ: Mapping[str, str] | None = None) -> Path:
    """Where amSynth's first versions had it. Without a controllers file amSynth moves this one to its place."""
    return _home(os.environ if environ is None else environ) / ".amSynthControllersrc"


def _home(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("HOME") or Path.home())


def installed(environ: Mapping[str, str] | None = None) -> tuple[Path, Midimap] | None:
    """The controllers file that amSynth takes if it starts now, and its map; None where it takes the built-in map.

    Raises:
        UserError: the file cannot be read.
    """
    for path in (controllers_path(environ), old_controllers_path(environ)):
        found = read(path)
        if found is not None:
            return path, found
    return None


def _ours() -> Midimap:
    rest = [name for name in amsynth.NAMES if name not in _MEANT]
    return from_ccs(_MEANT | dict(zip(rest, _UNDEFINED, strict=False)))


OURS = _ours()
# What every known version maps without a file. Newer ones map more, but Debian 12's does not.
BUILT_IN = from_ccs({"freq_mod_amount": 1, "master_vol": 7})
# No CC sets anything: for a file that latentd cannot read.
EMPTY = from_ccs({})
