"""The demo while it plays: moves the point, asks the daemon, shows what it says. One thread, one loop."""

from __future__ import annotations

import json
import math
import os
import select
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from latentd.demo.hand import ADDRESS, Hand
from latentd.demo.view import Picture, Setting
from latentd.instrument.pad import XY
from latentd.osc.client import Client
from latentd.system.processes import Child, Children
from latentd.system.terminal import says_end

_MOVE_S = 1.0 / 60.0
_ASK_S = 1.0 / 20.0
_CHECK_S = 0.25
_TRAIL = 120  # places: six seconds

Show = Callable[[Picture, float], None]


class Performance:
    """Plays until the time is up or somebody ends it.

    Args:
        seconds: when to end; None: when told.
    """

    def __init__(
        self, children: Children, client: Client, band: Child, setting: Setting, seconds: float | None
    ) -> None:
        self._children = children
        self._client = client
        self._band = band
        self._setting = setting
        self._seconds = seconds
        self._start_s = time.monotonic()
        self._hand = Hand(self._start_s)
        self._facts: dict[str, Any] | None = None
        self._trail: deque[XY] = deque(maxlen=_TRAIL)
        self._asked = 0  # questions of ours that the daemon counts as received
        self._rate = Rate()
        self._band_text = b""
        self._peak = 0.0
        self.band_facts: dict[str, Any] = {}

    def run(self, show: Show, show_every_s: float, keys: int | None) -> None:
        """Play until the end.

        Args:
            show: takes a picture and the seconds since the start, every `show_every_s`.
            keys: descriptor of a terminal where q ends it.

        Raises:
            LatentdError: something that plays has ended by itself.
        """
        assert self._band.process.stdout is not None
        watched = [self._client.fileno(), self._band.process.stdout.fileno()]

        def picture(now: float) -> None:
            if self._facts is not None:
                show(self._picture(self._facts, now), now - self._start_s)

        every = {self._move: _MOVE_S, self._ask: _ASK_S, self._check: _CHECK_S, picture: show_every_s}
        due = dict.fromkeys(every, self._start_s)
        while self._seconds is None or time.monotonic() < self._start_s + self._seconds:
            wait_s = max(min(due.values()) - time.monotonic(), 0.0)
            ready, _, _ = select.select([*watched, *([] if keys is None else [keys])], [], [], wait_s)
            if keys in ready and says_end(keys):
                return
            now = time.monotonic()
            self._hear(now)
            self.hear_band()
            for job, at in due.items():
                if now >= at:
                    job(now)
                    due[job] = max(at + every[job], now + every[job] / 2)  # late ones are not made up for

    # -- what is due -------------------------------------------------------------------------------

    def _move(self, now: float) -> None:
        if (message := self._hand.message(now)) is not None:
            self._client.send(ADDRESS, *message)

    def _ask(self, now: float) -> None:
        self._asked += 1
        self._client.send("/latentd/status")

    def _check(self, now: float) -> None:
        self._children.check()

    def _picture(self, facts: dict[str, Any], now: float) -> Picture:
        peak, self._peak = self._peak, float(self.band_facts.get("peak", 0.0))  # a picture without news shows the last
        level_db = 20.0 * math.log10(peak) if peak > 0.0 else -math.inf
        recorded_s = float(self.band_facts.get("seconds", 0.0)) if self._setting.records else None
        return Picture(
            self._setting, facts, self._trail, self._rate.a_second, level_db, self._hand.waits(now), recorded_s
        )

    # -- what is heard -----------------------------------------------------------------------------

    def _hear(self, now: float) -> None:
        for message in self._client.take():
            if message.address != "/latentd/status" or not message.args:
                continue
            facts: dict[str, Any] = json.loads(str(message.args[0]))
            self._facts = facts
            xy = None if facts["xy"] is None else (facts["xy"][0], facts["xy"][1])
            self._hand.heard(facts["source"], xy, facts["touch"], now)
            answers = facts["ways"].get("osc", {}).get("acknowledged", 0)
            self._rate.count(facts["counters"]["received"] - answers - self._asked, now)
            if xy is not None and (not self._trail or self._trail[-1] != xy):
                self._trail.append(xy)

    def hear_band(self) -> None:
        """Take what the band has reported so far."""
        assert self._band.process.stdout is not None
        try:
            data = os.read(self._band.process.stdout.fileno(), 65536)
        except BlockingIOError:
            return
        *lines, self._band_text = (self._band_text + data).split(b"\n")
        for line in lines:
            self.band_facts |= json.loads(line)
            self._peak = max(self._peak, float(self.band_facts["peak"]))


class Rate:
    """How fast a counter grows, over about a second."""

    def __init__(self) -> None:
        self.a_second = 0.0
        self._since: tuple[float, int] | None = None

    def count(self, total: int, now: float) -> None:
        """Take the counter's value at `now`."""
        if self._since is None:
            self._since = (now, total)
        elif now - self._since[0] >= 1.0:
            self.a_second = max(total - self._since[1], 0) / (now - self._since[0])
            self._since = (now, total)
