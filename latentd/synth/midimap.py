"""Which MIDI controller (CC) reaches which parameter: amSynth's controllers file, read, extended and written.

The file is `$XDG_CONFIG_HOME/amsynth/controllers`: 128 names, the one on line N+1 is the parameter that CC N sets, or
`null`. amSynth reads it once, when it starts (`MidiController.cpp: loadControllerMap`); where two CCs set one
parameter, it reports that parameter with the higher one, so that is the one we send. Without the file amSynth maps
only a few by itself: CC 1 and 7 in 1.13.2 (measured), nine in newer versions (read there).

Our own map keeps those nine, since players know them, and three more controllers where the MIDI standard means just
that parameter (76 vibrato rate, 92 tremolo depth, 94 detune). The other 29 parameters lie, in amSynth's own order, on
CC 20-31 and 102-118: the standard leaves them undefined, so no keyboard or pedal sends them unasked. Left alone on
purpose, because a mapped CC loses its usual meaning in amSynth: bank select 0 and 32, data entry 6 and 38, pan 10,
pedals 64-69, RPN and NRPN 96-101, channel modes 120-127; and because keyboards send them by themselves: breath 2,
foot 4, balance 8, expression 11, general purpose 16-19 and 80-83, LSBs 33-63, portamento control 84, high resolution
velocity 88.

A fault of amSynth to know about (measured with 1.13.2): once any controllers file with a `null` in it was read, one
received CC 127 ("poly mode on") ends the program. We never send that one; a keyboard wired to amSynth directly could.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from latentd.errors import LatentdError, UserError
from latentd.synth import amsynth

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
    """

    parameters: tuple[int | None, ...]

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
        """The controllers file that says this."""
        return "".join(f"{NOTHING if p is None else amsynth.NAMES[p]}\n" for p in self.parameters)


def from_ccs(ccs: Mapping[str, int]) -> Midimap:
    """The map in which each named parameter has the given CC, and no other parameter has any."""
    parameters: list[int | None] = [None] * CC_COUNT
    for name, cc in ccs.items():
        parameters[cc] = amsynth.INDEX[name]
    return Midimap(tuple(parameters))


def parse(text: str, name: str) -> Midimap:
    """Read a controllers file's text; `name` stands for the file in messages.

    Raises:
        UserError: it is not such a file; names the first wrong line.
    """
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    if len(lines) != CC_COUNT:
        raise UserError(f"{name}: found {len(lines)} lines; amSynth's controllers file has {CC_COUNT}", _MOVE_AWAY)
    return Midimap(tuple(_parameter(line.strip(), f"{name}:{n}") for n, line in enumerate(lines, 1)))


_MOVE_AWAY = "Move the file away and run `latentd midimap --install` again"


def _parameter(word: str, where: str) -> int | None:
    if word == NOTHING:
        return None
    if word not in amsynth.INDEX:
        near = difflib.get_close_matches(word, [*amsynth.NAMES, NOTHING], n=1)
        shown = word if len(word) <= 40 else word[:37] + "..."
        advice = f"; did you mean {near[0]}?" if near else ""
        raise UserError(f"{where}: found {shown!r}; a parameter of amSynth or {NOTHING}{advice}", _MOVE_AWAY)
    return amsynth.INDEX[word]


def read(path: Path) -> Midimap | None:
    """The map in a controllers file; None where there is no such file.

    Raises:
        UserError: it is not a controllers file.
        LatentdError: it cannot be read.
    """
    try:
        text = path.read_text(encoding="ascii", errors="replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LatentdError(f"{path}: {error.strerror or error}", "Check the file and its permissions") from error
    return parse(text, str(path))


def named(path: Path) -> Midimap:
    """The map in the controllers file that somebody named.

    Raises:
        UserError: there is no such file, or it is no controllers file.
        LatentdError: it cannot be read.
    """
    found = read(path)
    if found is None:
        raise UserError(f"{path}: no such controllers file", "`latentd midimap --install` writes one")
    return found


def extend(existing: Midimap) -> Midimap:
    """The same map with a CC for every parameter that had none: its CC of our own map, or else a spare one.

    Raises:
        UserError: too few CCs are free.
    """
    parameters = list(existing.parameters)
    for name in existing.missing:
        candidates = (OURS.cc[amsynth.INDEX[name]], *_SPARE)
        free = next((cc for cc in candidates if cc is not None and parameters[cc] is None), None)
        if free is None:
            raise UserError(f"the existing controllers file leaves no free CC for {name}", _MOVE_AWAY)
        parameters[free] = amsynth.INDEX[name]
    return Midimap(tuple(parameters))


def controllers_path(environ: Mapping[str, str] | None = None) -> Path:
    """Where amSynth looks for its controllers file."""
    environ = os.environ if environ is None else environ
    base = environ.get("XDG_CONFIG_HOME") or str(Path(environ.get("HOME") or Path.home()) / ".config")
    return Path(base) / "amsynth" / "controllers"


def installed(environ: Mapping[str, str] | None = None) -> Midimap:
    """The map that amSynth goes by when it starts now: the file's, or the synth's own where there is none."""
    return read(controllers_path(environ)) or BUILT_IN


def _ours() -> Midimap:
    rest = [name for name in amsynth.NAMES if name not in _MEANT]
    return from_ccs(_MEANT | dict(zip(rest, _UNDEFINED, strict=False)))


OURS = _ours()
# What every known version maps without a file. Newer ones map more, but counting on it would be wrong on Debian 12.
BUILT_IN = from_ccs({"freq_mod_amount": 1, "master_vol": 7})
