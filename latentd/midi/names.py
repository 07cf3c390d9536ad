"""MIDI messages and ports in the names that musicians read. Not for the daemon: mido takes 8 MB and 30 ms."""

from __future__ import annotations

from collections.abc import Sequence

import mido
from mido.backends.rtmidi_utils import expand_alsa_port_name
from mido.messages.specs import SPEC_BY_TYPE

from latentd.midi.messages import SYSEX

_NOTES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


def describe(message: bytes) -> str:
    """A whole message by mido's names: `control_change channel=1 control=7 value=100`.

    Channels are 1 to 16, as on instruments and in mapping files (mido counts from 0). Middle C, note 60, is C4.
    """
    if message[0] == SYSEX:
        return "sysex"
    decoded = mido.Message.from_bytes(message)
    words = [decoded.type]
    for name in SPEC_BY_TYPE[decoded.type]["value_names"]:
        value = getattr(decoded, name)
        words.append(f"{name}={value + 1 if name == 'channel' else value}")
        if name == "note":
            words.append(f"({_NOTES[value % 12]}{value // 12 - 1})")
    return " ".join(words)


def lasting_name(port: str, ports: Sequence[str]) -> str:
    """The shortest name of an ALSA port that finds it among `ports` next time, too.

    ALSA's names end in `CLIENT:PORT` numbers, which change whenever a device is plugged in:
    `nanoKONTROL2:nanoKONTROL2 MIDI 1 20:0` becomes `nanoKONTROL2 MIDI 1`. The grammar is mido's.
    """
    client_and_port = port.rsplit(None, 1)[0]
    _, colon, port_alone = client_and_port.partition(":")
    shorter = [port_alone, client_and_port] if colon else [client_and_port]
    return next((name for name in shorter if expand_alsa_port_name(ports, name) == port), port)
