"""What both ends of ALSA MIDI share: opening the sequencer through python-rtmidi, and finding a port by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from latentd.errors import LatentdError, UserError

# A broken build of it (there are no wheels for some Pythons) must become one clear message, not an import error.
_broken = ""
try:
    import rtmidi
except ImportError as error:
    _broken = str(error)
    ERRORS: tuple[type[Exception], ...] = (OSError,)
else:
    # What a call of python-rtmidi raises when the sequencer or the other end fails it.
    ERRORS = (rtmidi.RtMidiError, OSError)

SEQUENCER = Path("/dev/snd/seq")
# How often absent ports are looked for, and present ones looked after.
LOOK_S = 0.5

Message = tuple[Sequence[int], float]  # rtmidi's: bytes, seconds since the message before


class RtPort(Protocol):
    """The part of python-rtmidi's MidiIn and MidiOut that both have."""

    def get_ports(self) -> list[str]:
        """Names of the ports one could open."""

    def open_port(self, port: int = 0, name: str | None = None) -> object:
        """Connect to the port of this number in `get_ports()`."""

    def close_port(self) -> None:
        """Disconnect."""

    def delete(self) -> None:
        """Leave the sequencer; the object is of no use afterwards."""


class RtOut(RtPort, Protocol):
    """python-rtmidi's MidiOut."""

    def send_message(self, message: Sequence[int]) -> None:
        """Hand one message to the kernel."""


class RtIn(RtPort, Protocol):
    """python-rtmidi's MidiIn. Its callbacks come in a thread of its own."""

    def set_callback(self, func: Callable[[Message, Any], None], data: Any = None) -> None:
        """Call `func((message, delta), data)` for every message."""

    def ignore_types(self, sysex: bool = True, timing: bool = True, active_sense: bool = True) -> None:
        """Which messages not to call back for."""

    def cancel_callback(self) -> None:
        """No more calls."""


def open_out() -> RtOut:
    """An end that can send.

    Raises:
        LatentdError: no sequencer, or no working python-rtmidi.
    """
    end: RtOut = _open("MidiOut")
    return end


def open_in() -> RtIn:
    """An end that can hear; raises as `open_out` does."""
    end: RtIn = _open("MidiIn")
    return end


def _open(kind: str) -> Any:
    # Looked at first because libasound writes a complaint of its own to standard error.
    if not SEQUENCER.exists():
        raise LatentdError(f"no ALSA sequencer on this machine ({SEQUENCER} is missing)", _NO_SEQUENCER)
    if _broken:
        raise LatentdError(f"python-rtmidi does not load: {_broken}", "Run ./setup.sh test again")
    try:
        return getattr(rtmidi, kind)(rtmidi.API_LINUX_ALSA, "latentd")
    except ERRORS as error:
        raise LatentdError(f"the ALSA sequencer does not open: {error}", _NO_SEQUENCER) from error


_NO_SEQUENCER = "Run `sudo modprobe snd-seq`, or use JACK or OSC instead"


def matcher(pattern: str) -> re.Pattern[str]:
    """What finds `pattern` in port names: as plain text where it is one, else as a regular expression; case ignored.

    Raises:
        UserError: it is empty, or neither.
    """
    if not pattern.strip():
        raise UserError(
            "the name of an ALSA port is empty",
            "Name it with alsa.out (to play into) or alsa.inputs (to hear); `latentd ports` lists them",
        )
    try:
        return re.compile(f"{re.escape(pattern)}|{pattern}", re.IGNORECASE)
    except re.error as error:
        hint = "List the ports with `latentd ports`"
        raise UserError(f"ALSA port {pattern!r}: not a regular expression ({error})", hint) from error
