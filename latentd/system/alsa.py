"""Shared by ALSA MIDI input and output: opening the sequencer through python-rtmidi, and finding a port by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from latentd.errors import LatentdError, UserError
from latentd.system.port_patterns import alsa_matcher

# A broken build (there are no wheels for some Pythons) must become one clear message, not an import error.
_broken = ""
try:
    import rtmidi
except ImportError as error:
    _broken = str(error)
    ERRORS: tuple[type[Exception], ...] = (OSError,)
else:
    # What python-rtmidi raises when the sequencer or the other port fails.
    ERRORS = (rtmidi.RtMidiError, OSError)

SEQUENCER = Path("/dev/snd/seq")
# How often ports are looked for, and connected ones checked.
LOOK_S = 0.5

Message = tuple[Sequence[int], float]  # of rtmidi: bytes, seconds since the previous message


class RtPort(Protocol):
    """The part of python-rtmidi's MidiIn and MidiOut that both have."""

    def get_ports(self) -> list[str]:
        """Names of the ports that can be opened."""

    def open_port(self, port: int = 0, name: str | None = None) -> object:
        """Connect to the port of this number in `get_ports()`."""

    def close_port(self) -> None:
        """Disconnect."""

    def delete(self) -> None:
        """Close the sequencer client; the object cannot be used afterwards."""


class RtOut(RtPort, Protocol):
    """python-rtmidi's MidiOut."""

    def send_message(self, message: Sequence[int]) -> None:
        """Send one message."""


class RtIn(RtPort, Protocol):
    """python-rtmidi's MidiIn. It calls back in a thread of its own."""

    def set_callback(self, func: Callable[[Message, Any], None], data: Any = None) -> None:
        """Call `func((message, delta), data)` for every message."""

    def ignore_types(self, sysex: bool = True, timing: bool = True, active_sense: bool = True) -> None:
        """Choose the messages that are not delivered."""

    def cancel_callback(self) -> None:
        """Stop the calls."""


def open_out() -> RtOut:
    """A client that can send.

    Raises:
        LatentdError: no sequencer, or no working python-rtmidi.
    """
    end: RtOut = _open("MidiOut")
    return end


def open_in() -> RtIn:
    """A client that can receive; raises as `open_out` does."""
    end: RtIn = _open("MidiIn")
    return end


def _open(kind: str) -> Any:
    # Checked first, because libasound would write a message of its own to standard error.
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
    """`alsa_matcher` of a name that a user gave.

    Raises:
        UserError: it is empty or neither.
    """
    if not pattern.strip():
        raise UserError(
            "the name of an ALSA port is empty",
            "Set alsa.out (to send) or alsa.inputs (to receive); `latentd ports` lists the names",
        )
    try:
        return alsa_matcher(pattern)
    except re.error as error:
        hint = "List the ports with `latentd ports`"
        raise UserError(f"ALSA port {pattern!r}: not a regular expression ({error})", hint) from error
