"""The notes that the rig plays by itself, through whatever carries notes to the synth."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import Path

from latentd.daemon.synth_link import SynthLink
from latentd.instrument import midi_file, note_player
from latentd.instrument.note_player import Message, NotePlayer, NotesSettings

log = logging.getLogger(__name__)

# Controllers that end every note of amSynth 1.13.2, on any channel [measured]. The pedal going up ends no held key.
_ENDS_ALL = (120, 123, 124, 125, 126, 127)
# JACK, the synth and latentd may start in any order.
_MISSING_S = 10.0


class NotesState(Enum):
    """See `OwnNotes`."""

    OFF = "off"
    WAITING = "waiting for the synth"
    PLAYING = "sent to the synth"  # whether it sounds, only the synth knows


_OFF, _WAITING, _PLAYING = NotesState


class OwnNotes:
    """Plays a chord or a file from the beginning whenever the synth is reached, and releases it.

        state   | event                     | next state
        WAITING | the synth is reached      | PLAYING
        PLAYING | the synth is lost         | WAITING
        PLAYING | the synth is reached anew | PLAYING
        PLAYING | switched on               | PLAYING
        any     | switched off, or a panic  | OFF
        OFF     | switched on               | WAITING

    amSynth has one voice a key, whatever the channel, so a keyboard that plays and releases a key of the chord ends the
    chord's note. It is struck again by itself where `heard` takes the release, else when it is switched on once more.

    Without notes in the configuration it is OFF for ever. A synth that is not reached for 10 s is logged once.

    Args:
        note_on: called for every note that begins.

    Raises:
        UserError: the file cannot be read, or holds no notes.
    """

    def __init__(self, settings: NotesSettings, link: SynthLink, note_on: Callable[[], object]) -> None:
        self._link = link
        self._note_on = note_on
        self._player = _player(settings, link.channel)
        self._holds = bool(settings.chord)
        self.what = settings.file or " ".join(map(str, settings.chord))
        self.state = _OFF if self._player is None else _WAITING
        self._connection: int | None = None
        self._missing_since: float | None = None
        self._warned = False

    def step(self, now: float) -> float | None:
        """Play what is due; returns when to call again."""
        if self.state is _OFF or self._player is None:
            return None
        connection = self._link.notes_connection
        if connection != self._connection:
            self._connection = connection
            self._reached(self._player, now)
        if self.state is _WAITING:
            return self._warn(now)
        if now >= self._player.due:
            self._send(self._player.step(now))
        return self._player.due

    def switch(self, on: bool, now: float) -> None:
        """Play, or release what sounds and be silent."""
        if self._player is None:
            return
        if not on:
            self._send(self._player.stop())
            self.state = _OFF
        elif self.state is _OFF:
            self.state, self._connection, self._missing_since = _WAITING, None, now
        elif self.state is _PLAYING and self._holds:
            self._send(self._player.start(now))

    def heard(self, message: bytes, now: float) -> None:
        """A device has sent this, and perhaps to the synth, too: what it ends of a chord is struck again."""
        if self.state is not _PLAYING or self._player is None or len(message) != 3:
            return
        status, data1, data2 = message
        kind = status & 0xF0
        if kind == 0x80 or (kind == 0x90 and not data2):
            self._player.ended(data1, now)
        elif kind == 0xB0 and data1 in _ENDS_ALL:
            self._player.ended(None, now)

    def facts(self) -> dict[str, object]:
        """For status."""
        return {"plays": self.what, "state": self.state.value}

    def _reached(self, player: NotePlayer, now: float) -> None:
        """A synth may have kept what sounded, if only the connection was lost: that is released first."""
        if self._connection is None:
            self._send(player.stop())
            self.state, self._missing_since = _WAITING, now
        else:
            self._send(player.start(now))
            self.state, self._warned = _PLAYING, False

    def _warn(self, now: float) -> float | None:
        if self._missing_since is None:
            self._missing_since = now
        if self._warned:
            return None
        if now < self._missing_since + _MISSING_S:
            return self._missing_since + _MISSING_S
        self._warned = True
        why = self._link.notes_problem
        log.warning(
            "the configured notes cannot sound, as no MIDI output reaches the synth%s. `latentd doctor` checks why",
            why and f": {why}",
        )
        return None

    def _send(self, messages: Sequence[Message]) -> None:
        for message in messages:
            self._link.note(*message)
            if message[0] & 0xF0 == 0x90:
                self._note_on()


def _player(settings: NotesSettings, channel: int) -> NotePlayer | None:
    if not settings.chord and not settings.file:
        return None
    song = midi_file.load(Path(settings.file)) if settings.file else note_player.chord(settings.chord)
    return NotePlayer(song, settings.channel or channel, settings.level)
