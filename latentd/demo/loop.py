"""The demo while it plays: asks the daemon for its status, shows it. One thread, one loop."""

from __future__ import annotations

import json
import math
import os
import select
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from latentd.demo.view import Picture, Setting
from latentd.instrument.pad import XY
from latentd.osc.client import Client
from latentd.system.processes import Program, Programs
from latentd.system.terminal import end_requested

_ASK_S = 1.0 / 20.0
_CHECK_S = 0.25
_TRAIL = 120  # points: six seconds

Show = Callable[[Picture, float], None]


class Loop:
    """Plays until the time is up or the user ends it.

    Args:
        audio: the running `latentd.demo.jack_client`.
        seconds: when to end; None: when the user does.

    Attributes:
        audio_facts: the latest reports of `audio`, merged.
    """

    def __init__(
        self, programs: Programs, client: Client, audio: Program, setting: Setting, seconds: float | None
    ) -> None:
        self._programs = programs
        self._client = client
        self._audio = audio
        self._setting = setting
        self._seconds = seconds
        self._start_s = time.monotonic()
        self._status: dict[str, Any] | None = None
        self._trail: deque[XY] = deque(maxlen=_TRAIL)
        self._asked = 0  # requests of this loop, which the daemon counts as received
        self._rate = Rate()
        self._audio_text = b""
        self._peak = 0.0
        self.audio_facts: dict[str, Any] = {}

    def run(self, show: Show, show_every_s: float, keys: int | None) -> None:
        """Play until the end.

        Args:
            show: takes a picture and the seconds since the start, every `show_every_s`.
            keys: descriptor of a terminal where q ends it.

        Raises:
            LatentdError: one of the programs has ended by itself.
        """
        assert self._audio.process.stdout is not None
        sources = [self._client.fileno(), self._audio.process.stdout.fileno(), *([] if keys is None else [keys])]

        def picture(now: float) -> None:
            if self._status is not None:
                show(self._picture(self._status, now), now - self._start_s)

        every = {self._ask: _ASK_S, self._check: _CHECK_S, picture: show_every_s}
        due = dict.fromkeys(every, self._start_s)
        while self._seconds is None or time.monotonic() < self._start_s + self._seconds:
            wait_s = max(min(due.values()) - time.monotonic(), 0.0)
            ready, _, _ = select.select(sources, [], [], wait_s)
            if keys in ready and end_requested(keys):
                return
            now = time.monotonic()
            self._read_status(now)
            self.read_audio()
            for job, at in due.items():
                if now >= at:
                    job(now)
                    due[job] = max(at + every[job], now + every[job] / 2)  # a late job is not repeated to catch up

    # -- what is due -------------------------------------------------------------------------------

    def _ask(self, now: float) -> None:
        self._asked += 1
        self._client.send("/latentd/status")

    def _check(self, now: float) -> None:
        self._programs.check()

    def _picture(self, status: dict[str, Any], now: float) -> Picture:
        # A picture without a new report shows the last peak again.
        peak, self._peak = self._peak, float(self.audio_facts.get("peak", 0.0))
        level_db = 20.0 * math.log10(peak) if peak > 0.0 else -math.inf
        recorded_s = float(self.audio_facts.get("seconds", 0.0)) if self._setting.records else None
        return Picture(self._setting, status, self._trail, self._rate.per_second, level_db, recorded_s)

    # -- what arrives ------------------------------------------------------------------------------

    def _read_status(self, now: float) -> None:
        for message in self._client.take():
            if message.address != "/latentd/status" or not message.args:
                continue
            status: dict[str, Any] = json.loads(str(message.args[0]))
            self._status = status
            xy = None if status["xy"] is None else (status["xy"][0], status["xy"][1])
            answers = status["ways"].get("osc", {}).get("acknowledged", 0)
            self._rate.count(status["counters"]["received"] - answers - self._asked, now)
            if xy is not None and (not self._trail or self._trail[-1] != xy):
                self._trail.append(xy)

    def read_audio(self) -> None:
        """Take what the JACK client has reported so far."""
        assert self._audio.process.stdout is not None
        try:
            data = os.read(self._audio.process.stdout.fileno(), 65536)
        except BlockingIOError:
            return
        *lines, self._audio_text = (self._audio_text + data).split(b"\n")
        for line in lines:
            self.audio_facts |= json.loads(line)
            self._peak = max(self._peak, float(self.audio_facts["peak"]))


class Rate:
    """How fast a counter grows, measured over about a second."""

    def __init__(self) -> None:
        self.per_second = 0.0
        self._since: tuple[float, int] | None = None

    def count(self, total: int, now: float) -> None:
        """Take the counter's value at `now`."""
        if self._since is None:
            self._since = (now, total)
        elif now - self._since[0] >= 1.0:
            self.per_second = max(total - self._since[1], 0) / (now - self._since[0])
            self._since = (now, total)
