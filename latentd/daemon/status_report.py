"""What `/latentd/status` answers, and when."""

from __future__ import annotations

import contextlib
import json
import time
from typing import TYPE_CHECKING

from latentd import __version__
from latentd.config.config import Config
from latentd.daemon.datagrams import Datagrams
from latentd.daemon.engine import Engine
from latentd.daemon.idle import IdleMotion
from latentd.daemon.own_notes import OwnNotes
from latentd.daemon.sender import Sender
from latentd.daemon.synth_link import SynthLink
from latentd.daemon.turns import Turns
from latentd.errors import LatentdError
from latentd.instrument.landmarks import UserLandmarks
from latentd.osc import packets
from latentd.synth import units
from latentd.synth.amsynth import NAMES

if TYPE_CHECKING:
    from latentd.inputs.alsa import AlsaIn

MAX_ASKERS = 16  # in one turn of the loop


class StatusReport:
    """Answers those who ask once the turn's tick is over, each once.

    Attributes:
        asked: somebody waits for an answer.
    """

    def __init__(
        self,
        config: Config,
        datagrams: Datagrams,
        engine: Engine,
        link: SynthLink,
        landmarks: UserLandmarks,
        alsa_in: AlsaIn | None,
        idle: IdleMotion,
        notes: OwnNotes,
        turns: Turns,
    ) -> None:
        self._config = config
        self._datagrams = datagrams
        self._engine = engine
        self._link = link
        self._landmarks = landmarks
        self._alsa_in = alsa_in
        self._idle, self._notes, self._turns = idle, notes, turns
        self._started = time.monotonic()
        self._askers: dict[Sender, None] = {}
        self.asked = False

    def patterns_without_port(self) -> dict[str, list[str]]:
        """The patterns of the configuration that match no MIDI port now, by key."""
        found = self._link.patterns_without_port()
        return found | self._alsa_in.patterns_without_port if self._alsa_in is not None else found

    def ask(self, sender: Sender) -> None:
        """Have `sender` answered at the end of this turn.

        Raises:
            LatentdError: too many wait.
        """
        if len(self._askers) >= MAX_ASKERS and sender not in self._askers:
            raise LatentdError(f"{MAX_ASKERS} others ask at this moment", "Ask again")
        self._askers[sender] = None
        self.asked = True

    def answer(self, now: float, resting: bool) -> None:
        """Answer all who asked; `resting`: no tick is due."""
        askers, self._askers, self.asked = self._askers, {}, False
        text = json.dumps(self.facts(now, resting), separators=(",", ":"), ensure_ascii=False)
        packet = packets.write("/latentd/status", text)
        for sender in askers:
            with contextlib.suppress(OSError):  # it is gone
                self._datagrams.send(packet, sender)

    def facts(self, now: float, resting: bool) -> dict[str, object]:
        """A fresh plain dict."""
        engine, config, status = self._engine, self._config, self._engine.status
        patch = engine.patch()
        counters = status.counters
        return {
            "version": __version__,
            "uptime_s": round(now - self._started, 3),
            "listen": config.listen,
            "allow": config.allow,
            "model": engine.model.name,
            "mappings": config.mappings,
            "output": engine.output.name,
            "why": self._link.why,
            "xy": engine.xy,
            "source": engine.gesture.leader,
            "touch": engine.gesture.touched,
            "frozen": engine.frozen,
            "recording": None if engine.recording is None else len(engine.recording.points),
            "motion": type(engine.motion).__name__.lower() if engine.motion is not None else "",
            "idle": self._idle.state.value,
            "notes": self._notes.facts(),
            "nearest": engine.pad.nearest(engine.xy) if engine.xy else "",
            "landmarks": sorted(self._landmarks.points),
            "own": engine.shaping.own,
            "limits": {NAMES[i]: units.amounts(NAMES[i], *ends) for i, ends in engine.shaping.limits.items()},
            "patch": None if patch is None else dict(zip(NAMES, patch.tolist(), strict=True)),
            "settled": resting and engine.output.settled(),
            "counters": {name: getattr(counters, name) for name in counters.__slots__}
            | self._link.counts()
            | {"overrun": self._datagrams.overrun()},
            "latency": status.latency.facts(),
            "lateness": status.lateness.facts(),
            "turns": self._turns.facts(),
            "ways": self._link.facts(),
            "unreached": [n for n, reached in zip(NAMES, engine.output.reachable, strict=True) if not reached],
            "patterns_without_port": self.patterns_without_port(),
            "alsa_in": self._alsa_in.facts() if self._alsa_in is not None else None,
        }
