"""MIDI CC through a JACK port in a child process: wanted values in shared memory, restarts, MIDI in.

Nothing here waits for JACK. The engine writes bytes into memory; the child writes whatever differs into the next
period. A child that dies is restarted, and because the wanted state stays in memory here, the new one writes
everything again.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

import numpy as np

from latentd.errors import UserError
from latentd.instrument.point import Change
from latentd.outputs.jack.memory import (
    CC_COUNT,
    CLOSING,
    DONE,
    NOT_DONE,
    ORDER,
    RESEND,
    SIZE,
    STATE,
    UNSET,
    Fact,
    Memory,
)
from latentd.outputs.jack.process import JackProcess, command
from latentd.outputs.jack.rings import MidiIn, NotesOut
from latentd.synth import amsynth
from latentd.synth.amsynth import Array, Motion
from latentd.synth.midimap import Midimap

# Without a cycle for so long the port is reported as stalled, and for so long its process is restarted.
STALLED_S = 0.5
RESTART_S = 10.0
POLL_S = 0.25
BUDGET_PER_S = 4000.0
# The most audible goes first when not everything fits into one period.
_AUDIBLE = (Motion.PITCH, Motion.TIMBRE, Motion.SWITCH, Motion.SMOOTHED, Motion.TIME)


def audible_order() -> list[int]:
    """Parameter indices, most audible first."""
    return sorted(range(amsynth.COUNT), key=lambda i: _AUDIBLE.index(amsynth.PARAMETERS[i].motion))


class JackPort:
    """The `jack` output: see `Output`. Also receives MIDI for the inputs: `take_midi`.

    Args:
        midimap: which CC sets which parameter, as the running amSynth has it.
        client_name: name of the JACK client; its ports are `NAME:midi_in` and `NAME:midi_out`.
        playback: the synth's port: full name or alias, or a regular expression that matches all of it.
        sources: ports to receive from, likewise.
        keyboards: ports to connect to the synth's port whenever both are there, likewise.
        budget_per_s: most messages a second, repeats included.
        channel: the MIDI channel of all controllers, 1..16.

    Raises:
        UserError: a pattern is not a valid regular expression.
    """

    name = "jack"
    # A ramp moves a CC by two steps at a time; the child writes as fast as the periods allow.
    interval_s = 0.002

    def __init__(
        self,
        midimap: Midimap,
        client_name: str = "latentd",
        playback: str = "amsynth:midi_in",
        sources: Sequence[str] = (),
        budget_per_s: float = BUDGET_PER_S,
        channel: int = 1,
        keyboards: Sequence[str] = (),
    ) -> None:
        for pattern in (playback, *sources, *keyboards):
            _check(pattern)
        self.resolution: Array = np.full(amsynth.COUNT, 1 / 127)
        self.reachable = midimap.reachable
        self.budget_per_s: float | None = budget_per_s
        self._cc = midimap.cc
        self.channel = channel
        self._refused = self._resent = 0
        self._memory_fd = os.memfd_create("latentd-jack")
        os.ftruncate(self._memory_fd, SIZE)
        self._memory = Memory(self._memory_fd)
        self._prepare()
        self._notes = NotesOut(self._memory, self._cc)
        self._midi_in = MidiIn(self._memory)
        fds = (self._memory_fd, self._midi_in.wake_fd)
        self._patterns = [
            ("jack.playback", playback),
            *(("jack.sources", pattern) for pattern in sources),
            *(("jack.keyboards", pattern) for pattern in keyboards),
        ]
        patterns = (playback, str(len(sources)), *sources, *keyboards)
        self._process = JackProcess(self._command(*fds, client_name, *patterns), fds)
        self._cycles = 0
        self._cycled_at = 0.0
        self._stalled = False
        self._closed = False

    def _command(self, memory_fd: int, wake_fd: int, *arguments: str) -> list[str]:
        return command(memory_fd, wake_fd, *arguments)

    def _prepare(self) -> None:
        memory = self._memory.bytes
        memory[STATE] = bytes([UNSET]) * CC_COUNT + bytes(STATE.stop - CC_COUNT)
        ccs = [cc for i in audible_order() if (cc := self._cc[i]) is not None]
        memory[ORDER] = bytes(ccs).ljust(CC_COUNT, bytes([UNSET]))
        memory[DONE] = NOT_DONE
        self._memory.facts[Fact.BUDGET] = int(self.budget_per_s or BUDGET_PER_S)
        self._memory.facts[Fact.CHANNEL] = self.channel

    @property
    def running(self) -> bool:
        """The child runs, as a client of a JACK server."""
        return self._process.pid is not None and bool(self._memory.facts[Fact.RUNNING])

    @property
    def connected(self) -> bool:
        """It runs, and is connected to the synth's port."""
        return self.running and bool(self._memory.facts[Fact.CONNECTED])

    @property
    def patterns_without_port(self) -> dict[str, list[str]]:
        """Those of the configuration that match no port now, by key; none while no server shows its ports."""
        found: dict[str, list[str]] = {}
        for key, pattern in (self._patterns[i] for i in self._process.unmatched):
            found.setdefault(key, []).append(pattern)
        return found

    @property
    def connections(self) -> int:
        """How often `midi_out` has been connected to a port so far."""
        return self._memory.facts[Fact.CONNECTIONS]

    @property
    def stalled(self) -> bool:
        """The server has stopped for a moment: what is sent now may be played much later."""
        return self._stalled

    def release(self) -> None:
        """Want nothing any more: another output plays now."""
        self._memory.bytes[:CC_COUNT] = bytes([UNSET]) * CC_COUNT
        self.resend_all(0.0)  # the synth may not hold what was written any more

    def send(self, changes: Sequence[Change], now: float) -> None:
        """Overwrite the wanted values; the child's next period carries them."""
        memory, ccs = self._memory.bytes, self._cc
        for parameter, value in changes:
            cc = ccs[parameter]
            if cc is None:
                continue
            if 0.0 <= value <= 1.0:
                memory[cc] = int(value * 127.0 + 0.5)
            else:  # NaN and out of range: the value before stays
                self._refused += 1

    def resend_all(self, now: float) -> None:
        """Have every wanted value written again."""
        self._resent += 1
        self._memory.bytes[RESEND] = (self._memory.bytes[RESEND] + 1) & 0xFF

    def settled(self) -> bool:
        """True when the child has written all that is wanted to a connected port."""
        memory = self._memory
        return bool(memory.facts[Fact.CONNECTED]) and memory.bytes[DONE] == memory.bytes[STATE]

    def note(self, status: int, data1: int, data2: int) -> bool:
        """Play one channel message; False for one that could change or end the synth (see `Notes`)."""
        return self._notes.play(status, data1, data2)

    def take_midi(self) -> list[tuple[bytes, float]]:
        """Messages received on `midi_in` since the last call, oldest first, with their time on the monotonic clock."""
        return self._midi_in.take()

    def poll(self, now: float) -> float | None:
        """Restart the child if it is gone, read its lines, notice when JACK stalls."""
        if self._closed:
            return None
        self._midi_in.drain()
        if not self._process.poll(now):
            self._restart(now)
        self._check_cycles(now)
        self._notes.push_waiting()
        poll_at = now + (self.interval_s if self._notes.waits and self.connected else POLL_S)
        restart_at = self._process.restart_at
        return poll_at if restart_at is None else min(restart_at, poll_at)

    def _restart(self, now: float) -> None:
        """Without a child nothing is connected; start a new one when it is due."""
        memory = self._memory
        memory.facts[Fact.RUNNING] = memory.facts[Fact.CONNECTED] = 0
        if self._process.restart_at is None or now < self._process.restart_at:
            return
        memory.bytes[CLOSING] = 0
        memory.bytes[DONE] = NOT_DONE
        self._notes.drop_unplayed()
        self._cycled_at = now
        self._process.start(now)

    def _check_cycles(self, now: float) -> None:
        facts = self._memory.facts
        cycles = facts[Fact.CYCLES]
        if cycles != self._cycles or not facts[Fact.RUNNING]:
            self._cycles, self._cycled_at, self._stalled = cycles, now, False
        elif now - self._cycled_at > RESTART_S:
            self._cycled_at = now
            self._process.kill()
        elif now - self._cycled_at > STALLED_S:
            self._stalled = True

    def filenos(self) -> Sequence[int]:
        """MIDI in, and the child's lines and end."""
        return [] if self._closed else [self._midi_in.wake_fd, *self._process.filenos()]

    def facts(self) -> dict[str, object]:
        """For status."""
        facts = self._memory.facts
        return {
            "running": self.running,
            "connected": self.connected,
            "stalled": self._stalled,
            "problem": self._process.problem or self._no_synth(),
            "channel": self.channel,
            "period_frames": facts[Fact.PERIOD],
            "rate_hz": facts[Fact.RATE],
            "cycles": facts[Fact.CYCLES],
            "xruns": facts[Fact.XRUNS],
            "events": facts[Fact.EVENTS],
            "faults": facts[Fact.FAULTS],
            "connections": self.connections,
            "resent": self._resent + max(facts[Fact.CONNECTIONS] - 1, 0),
            "restarts": max(self._process.starts - 1, 0),
            "child_pid": self._process.pid,
            "refused": self._refused + self._notes.refused,
            "notes_lost": self._notes.lost,
            "midi_lost": self._midi_in.lost,
            "midi_malformed": facts[Fact.MALFORMED],
        }

    def _no_synth(self) -> str:
        missing = self.patterns_without_port.get("jack.playback")
        return f"no JACK port matches {missing[0]!r}" if missing else ""

    def close(self) -> None:
        """Release all held notes and end the child; waits for it less than a second."""
        if self._closed:
            return
        self._closed = True
        self._notes.release_all()
        self._process.close()
        self._midi_in.close()
        self._memory.close()
        os.close(self._memory_fd)


def _check(pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise UserError(
            f"JACK port {pattern!r}: not a regular expression ({error})", "Write \\( and \\) for brackets in a name"
        ) from error
