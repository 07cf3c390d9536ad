"""MIDI CC through python-rtmidi to a named ALSA port: hardware synths, and rigs without JACK."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import numpy as np

from latentd.instrument.point import Change
from latentd.midi.messages import CC
from latentd.outputs.notes import Notes, WaitingReleases
from latentd.synth import amsynth
from latentd.synth.amsynth import Array
from latentd.synth.midimap import Midimap
from latentd.system import alsa

log = logging.getLogger(__name__)


class AlsaOut:
    """The `alsa` output: see `Output`.

    python-rtmidi opens the sequencer in non-blocking mode, so no call here waits. It does not report when the other end
    goes away, so the list of ports is read twice a second; a port that comes back is sent everything again.

    Args:
        port: part of the port's name, or a regular expression found in it.
        open_out: opens python-rtmidi's output.
        channel: the MIDI channel of all controllers, 1..16.

    Raises:
        LatentdError: no ALSA sequencer on this machine.
        UserError: `port` is blank, or neither part of a name nor a regular expression.
    """

    name = "alsa"
    interval_s = 0.004
    # A MIDI cable carries 31,250 bits a second: 1,041 messages of three bytes at ten bits each.
    budget_per_s: float | None = 900.0

    def __init__(
        self, port: str, midimap: Midimap, open_out: Callable[[], alsa.RtOut] = alsa.open_out, channel: int = 1
    ) -> None:
        self.resolution: Array = np.full(amsynth.COUNT, 1 / 127)
        self.reachable = midimap.reachable
        self._cc = midimap.cc
        self.channel = channel
        self._status = CC | channel - 1
        self._pattern = port
        self._matcher = alsa.matcher(port)
        self._out = open_out()
        self._wanted: dict[int, int] = {}  # CC -> value
        self._written: dict[int, int] = {}
        self._notes = Notes(self._cc)
        self._waiting = WaitingReleases()  # for the port
        self._connected = ""  # name of the port
        self._problem = "starting"
        self._matched = True
        self._look_at = 0.0
        self._counts = dict.fromkeys(("sent", "failed", "connections", "resent", "refused"), 0)

    def send(self, changes: Sequence[Change], now: float) -> None:
        """Write what differs at once; without a port, keep it until there is one."""
        for parameter, value in changes:
            cc = self._cc[parameter]
            if cc is None:
                continue
            if 0.0 <= value <= 1.0:
                self._wanted[cc] = int(value * 127.0 + 0.5)
                self._write(cc)
            else:  # NaN and out of range: the value before stays
                self._counts["refused"] += 1

    def resend_all(self, now: float) -> None:
        """Write every wanted value again."""
        self._counts["resent"] += 1
        self._write_all()

    def _write_all(self) -> None:
        self._written.clear()
        for cc in self._wanted:
            self._write(cc)

    def _write(self, cc: int) -> None:
        value = self._wanted[cc]
        if self._written.get(cc) != value and self._emit(self._status, cc, value):
            self._written[cc] = value

    def _emit(self, *message: int) -> bool:
        if not self._connected:
            return False
        try:
            self._out.send_message(message[:2] if message[0] & 0xE0 == 0xC0 else message)
        except alsa.ERRORS as error:
            self._counts["failed"] += 1
            self._lose(str(error))
            return False
        self._counts["sent"] += 1
        return True

    def note(self, status: int, data1: int, data2: int) -> bool:
        """Send one channel message; False: it is not allowed (see `Notes`), or no port is connected.

        A release is sent all the same, once the port is back: the synth may hold the note until then.
        """
        if not self._notes.accept(status, data1, data2):
            return False
        sent = self._emit(status, data1, data2)
        if not sent:
            self._waiting.add(status, data1, data2)
        return sent

    def poll(self, now: float) -> float | None:
        """Connect when the port appears, notice when it is gone."""
        if now >= self._look_at:
            self._look_at = now + alsa.LOOK_S
            self._look()
        return self._look_at

    def _look(self) -> None:
        try:
            names = self._out.get_ports()
        except alsa.ERRORS as error:
            self._lose(str(error))
            return
        if self._connected and self._connected not in names:
            self._lose("the port is gone")
        if not self._connected:
            self._connect(names)

    def _connect(self, names: list[str]) -> None:
        number = next((i for i, name in enumerate(names) if self._matcher.search(name)), None)
        self._matched = number is not None
        if number is None:
            self._problem = f"no ALSA port matches {self._pattern!r}; available: {', '.join(names) or 'none'}"
            return
        try:
            self._out.open_port(number)
        except alsa.ERRORS as error:
            self._problem = str(error)
            return
        self._connected, self._problem = names[number], ""
        self._counts["connections"] += 1
        self._counts["resent"] += self._counts["connections"] > 1
        log.info("connected to ALSA port %s", names[number])
        self._waiting.send(self._emit)
        self._write_all()

    def _lose(self, why: str) -> None:
        if self._connected:
            log.warning("lost ALSA port %s: %s", self._connected, why)
            self._out.close_port()
        self._connected, self._problem = "", why

    def settled(self) -> bool:
        """True when a port is connected and all wanted values are written."""
        return bool(self._connected) and self._written == self._wanted

    @property
    def connected(self) -> bool:
        """A port is connected."""
        return bool(self._connected)

    @property
    def patterns_without_port(self) -> dict[str, list[str]]:
        """Those of the configuration that match no port now, by key."""
        return {} if self._matched else {"alsa.out": [self._pattern]}

    @property
    def connections(self) -> int:
        """How often a port has been connected so far."""
        return self._counts["connections"]

    def filenos(self) -> Sequence[int]:
        """None: python-rtmidi has no file descriptor for output."""
        return []

    def facts(self) -> dict[str, object]:
        """For status."""
        refused = self._counts["refused"] + self._notes.refused
        port = {"connected": bool(self._connected), "port": self._connected, "problem": self._problem}
        return {**port, "channel": self.channel, **self._counts, "refused": refused}

    def close(self) -> None:
        """End all held notes and leave the sequencer."""
        for message in self._notes.releases():
            self._emit(*message)
        if self._connected:
            self._connected = ""
            self._out.close_port()
        self._out.delete()
