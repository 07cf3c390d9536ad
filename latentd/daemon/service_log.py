"""What the log says of a daemon that runs: what it plays, through which output, and how much comes in."""

from __future__ import annotations

import logging

from latentd import __version__
from latentd.config.config import Config
from latentd.daemon import systemd
from latentd.daemon.engine import Engine
from latentd.daemon.intervals import AtMostEvery
from latentd.daemon.session import Session
from latentd.daemon.synth_link import OutputChoice, SynthLink
from latentd.osc.address import join_address
from latentd.synth.amsynth import NAMES

log = logging.getLogger(__name__)


class ServiceLog:
    """Logs the start, each change of the output that plays, and once a second a summary of what came in."""

    def __init__(self, config: Config, engine: Engine, link: SynthLink) -> None:
        self._config = config
        self._engine = engine
        self._link = link
        self._counters = engine.status.counters
        self._choice: OutputChoice | None = None  # as last logged
        self._received = self._sent = 0  # at the last summary
        self._summary_limit = AtMostEvery(1.0)
        self._unreached_logged = False

    def start(self, restored: Session | None) -> None:
        """The daemon is about to play; `restored`: what the last one played."""
        config, where = self._config, join_address(*self._config.address)
        log.info("latentd %s: model %s, OSC on %s", __version__, self._engine.model.name, where)
        log.info("mappings in use: %s", ", ".join(config.mappings) or "none")
        if what := str(restored or ""):
            log.info("restored what played last: %s. `latentd run --fresh` starts without it", what)
        self._log_output()

    def step(self, now: float) -> None:
        """A turn of the loop ends."""
        if self._link.choice is not self._choice:
            self._log_output()
        if not self._unreached_logged and self._engine.output.name != "osc" and self._link.notes_connection is not None:
            self._log_unreached()
        if self._counters.received != self._received and self._summary_limit.allows(now):
            self._log_summary()

    def _log_output(self) -> None:
        output, self._choice = self._engine.output, self._link.choice
        log.info("output %s: %s", output.name, self._link.why)
        systemd.status(f"playing through {output.name}: {self._link.why}")

    def _log_unreached(self) -> None:
        """MIDI plays a synth. What amSynth's own interface does not reach is in the log already."""
        self._unreached_logged = True
        names = [name for name, reached in zip(NAMES, self._engine.output.reachable, strict=True) if not reached]
        if names:
            log.warning(
                "MIDI does not reach %d of %d parameters: run `latentd midimap --install`, then restart amSynth and "
                "latentd. Missing: %s",
                len(names),
                len(NAMES),
                ", ".join(names),
            )

    def _log_summary(self) -> None:
        counters = self._counters
        log.debug("%d messages in, %d values out", counters.received - self._received, counters.sent - self._sent)
        self._received, self._sent = counters.received, counters.sent
