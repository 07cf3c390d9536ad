"""The daemon's life: open everything in order, one loop with a deadline, close everything in reverse."""

from __future__ import annotations

import contextlib
import gc
import json
import logging
import select
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from latentd import __version__
from latentd.config.config import Config
from latentd.daemon import signals, systemd
from latentd.daemon.background import Background
from latentd.daemon.commands import Control
from latentd.daemon.engine import Engine
from latentd.daemon.monitor import Monitors
from latentd.daemon.network import Allowed, Sender, listen, overrun
from latentd.daemon.subscribers import Feedback
from latentd.daemon.synth_link import SynthLink
from latentd.errors import LatentdError
from latentd.inputs.mapping import load_mapping
from latentd.inputs.pad_range import warn_clipped
from latentd.inputs.receiver import JACK_PORT, Inputs
from latentd.instrument.gesture import Gesture
from latentd.instrument.gesture_settings import GestureSettings
from latentd.model.playable import Playable
from latentd.osc import packets
from latentd.status import Status
from latentd.synth.amsynth import NAMES
from latentd.system.keep_warm import Alert

if TYPE_CHECKING:
    from latentd.inputs.alsa import AlsaIn

log = logging.getLogger(__name__)

# One turn of the loop looks at no more datagrams than this, for no longer, before it answers the newest point.
_DATAGRAMS_A_TURN = 256
_READING_S = 0.005
_LARGEST_DATAGRAM = 65536
_USUAL_DATAGRAM = 1024
# Without any event the loop wakes this often. Garbage is collected as often at rest, and without a rest every so often.
_IDLE_S = 30.0
_LONGEST_S = 300.0
_SUMMARY_S = 1.0
_MOST_ASKERS = 16


class Service:
    """Everything that one running daemon holds.

    Raises:
        LatentdError: something that it needs cannot be opened; whatever was opened is closed again.
    """

    def __init__(self, config: Config, model: Playable) -> None:
        self.config = config
        self.status = Status()
        self._started = time.monotonic()
        self._stopping = False
        self._alert = Alert()
        self._heard = b""  # the last datagram that could be read, of the usual size
        # A fresh buffer of this size for each datagram would have the heap grow and shrink with every one.
        self._room = memoryview(bytearray(_LARGEST_DATAGRAM))
        self._handlers: dict[int, Callable[[float], object]] = {}  # descriptor -> what reads it
        self._link_fds: list[int] = []
        self._askers: list[Sender] = []  # they are told how things are once the tick has answered the input
        self._deadlines: list[float | None] = [None]
        self._last_tick = self._last_answer = self._warm = self._rested = self._said = self._summed = 0.0
        self._next_tick: float | None = None
        self._fresh = True  # something came that a tick has to answer
        self._alive_s, self._alive_t = systemd.interval_s(), 0.0
        self._seen = (0, 0)
        self._allowed = Allowed(config.allow)
        with contextlib.ExitStack() as stack:
            self._open(stack, model)
            self._stack = stack.pop_all()

    def _open(self, stack: contextlib.ExitStack, model: Playable) -> None:
        config = self.config
        mappings = [load_mapping(name) for name in config.mappings]
        self._socket = stack.enter_context(listen(config.address))
        self.background = Background()
        stack.callback(self.background.close)
        self.link = SynthLink(config, self.send, self.background.submit)
        stack.callback(self.link.close)
        self._alsa_in = _alsa_in(config)
        if self._alsa_in is not None:
            stack.callback(self._alsa_in.close)
        settings = {mapping.name: mapping.gesture for mapping in mappings}
        settings["latentd"] = GestureSettings(filter=None, retake=0.0)  # the control interface is obeyed to the digit
        inputs, gesture = Inputs(mappings, self.status.counters), Gesture(settings)
        self.engine = Engine(inputs, gesture, model, config.shaping, self.link.output, self.status)
        self.feedback = Feedback(self.send, config.feedback_port)
        self.monitors = Monitors(self.send)
        self.control = Control(self, config.state_folder)

    # -- life ------------------------------------------------------------------------------------

    def run(self) -> None:
        """Play until SIGTERM or Ctrl-C; then close everything, in reverse order."""
        with (
            self._stack,
            contextlib.closing(select.epoll()) as self._epoll,
            signals.signals(self._stop) as wakeup,
            signals.calm_collector(),
        ):
            self._watch(wakeup.fileno(), lambda _now: wakeup.recv(64))
            self._watch(self._socket.fileno(), self._on_datagrams)
            self._watch(self.background.fileno(), self._on_background)
            if self._alsa_in is not None:
                self._watch(self._alsa_in.fileno(), self._on_alsa)
            self._say_hello()
            systemd.ready()
            self._deadlines = [time.monotonic()]  # the first turn waits for nobody: ports open, the watchdog is fed
            while not self._stopping:
                self._turn()
            self._alert.rest()
            systemd.stopping()
        log.info("stopped")

    def close(self) -> None:
        """Close everything without having run."""
        self._stack.close()

    def _stop(self) -> None:
        self._stopping = True

    def _say_hello(self) -> None:
        host, port = self.config.address
        log.info("latentd %s: model %s, OSC on %s:%d", __version__, self.engine.model.name, host, port)
        log.info("mappings in use: %s", ", ".join(self.config.mappings) or "none")
        self._say_output()

    def _say_output(self) -> None:
        output = self.engine.output
        log.info("output %s: %s", output.name, self.link.why)
        systemd.status(f"playing through {output.name}: {self.link.why}")
        names = [name for name, reached in zip(NAMES, output.reachable, strict=True) if not reached]
        if names:
            log.warning(
                "MIDI does not reach %d of %d parameters: run `latentd midimap --install`, then restart amSynth and "
                "latentd. Missing: %s",
                len(names),
                len(NAMES),
                ", ".join(names),
            )

    # -- the loop --------------------------------------------------------------------------------

    def _turn(self) -> None:
        """Wait for input or the next deadline, take what came, answer the newest."""
        self._watch_link()
        deadline = min(t for t in (*self._deadlines, time.monotonic() + _IDLE_S) if t is not None)
        ready = self._epoll.poll(max(deadline - time.monotonic(), 0.0))
        now = time.monotonic()
        if not ready:
            self.status.lateness.add(now - deadline)
        try:
            for fd, _ in ready:
                self._handlers[fd](now)
            self._answer(now)
        except Exception:
            # A bug on one message's path must not end the performance; it is counted and said.
            self.status.counters.faults += 1
            self._deadlines = [now + 0.1]
            if now - self._said >= _SUMMARY_S:
                self._said = now
                log.exception("fault in the loop (%d so far)", self.status.counters.faults)

    def _answer(self, now: float) -> None:
        """Let every part do what is due at `now`, and learn when each wants to be called again."""
        tick = self._tick(now)  # before all else: nothing stands between a point and the synth
        link = self.link.poll(now)
        if self.link.output is not self.engine.output:
            self.engine.use_output(self.link.output)
            self._say_output()
            self._fresh = True
            tick = self._tick(now)
        feedback = self.feedback.step(self.engine.xy, now)
        alsa = self._alsa_in.poll(now) if self._alsa_in is not None else None
        self._deadlines = [tick, link, alsa, feedback, self._alive(now), self._alert.due(self._warm, now)]
        if self._askers:
            self._tell(now)
        if self.engine.inputs.clipped:
            warn_clipped(self.engine.inputs.clipped)
        if now - self._rested >= (_IDLE_S if tick is None else _LONGEST_S):
            self._rested = now
            gc.collect()  # what is frozen is not looked at: a fraction of a millisecond
        self._sum_up(now)

    def _tick(self, now: float) -> float | None:
        """One pass of the straight line, unless the last was too short ago: then newest wins until it is due."""
        engine = self.engine
        if not self._fresh and (self._next_tick is None or now < self._next_tick):
            if now >= self._alert.due(self._warm, now):
                self._rehearse(now)
            if not self._fresh:
                return self._next_tick  # the turn was for something else, as the synth's acknowledgement
        # A step of a ramp does not make the point that follows it wait.
        due = (self._last_answer if self._fresh else self._last_tick) + engine.output.interval_s * 0.5
        if now < due:
            return due
        self._last_tick = self._warm = now
        if self._fresh:
            self._last_answer, self._fresh = now, False
        sent = self.status.counters.sent
        self._next_tick = engine.tick(now)
        if engine.point_t is not None:
            if self.status.counters.sent != sent:
                self.status.latency.add(time.monotonic() - engine.point_t)
            engine.point_t = None
            self._alert.heard(now)
        return self._next_tick

    def _rehearse(self, now: float) -> None:
        """Take the way of a point through the code with nothing new, unless something new comes at this moment."""
        self._warm = now
        self._on_datagrams(now)
        if not self._fresh:
            with contextlib.suppress(packets.Malformed):
                packets.read(self._heard)
            self.engine.rehearse()

    def _sum_up(self, now: float) -> None:
        """While something comes in, a summary of it once a second."""
        counters = self.status.counters
        received, sent = self._seen
        if counters.received != received and now - self._summed >= _SUMMARY_S:
            self._summed, self._seen = now, (counters.received, counters.sent)
            log.debug("%d messages in, %d values out", counters.received - received, counters.sent - sent)

    def _alive(self, now: float) -> float | None:
        if self._alive_s is None:
            return None
        if now - self._alive_t >= self._alive_s:
            self._alive_t = now
            systemd.alive()
        return self._alive_t + self._alive_s

    def _watch_link(self) -> None:
        """The link may open and close descriptors as synths and servers come and go."""
        wanted = self.link.filenos()
        if wanted == self._link_fds:
            return
        for fd in set(self._link_fds).difference(wanted):
            del self._handlers[fd]
            with contextlib.suppress(OSError):  # closed, it left the list by itself
                self._epoll.unregister(fd)
        for fd in set(wanted).difference(self._link_fds):
            self._watch(fd, self._on_link)
        self._link_fds = wanted

    def _watch(self, fd: int, handler: Callable[[float], object]) -> None:
        self._handlers[fd] = handler
        self._epoll.register(fd, select.EPOLLIN)

    # -- what arrives ----------------------------------------------------------------------------

    def _on_datagrams(self, now: float) -> None:
        receive, room, counters = self._socket.recvfrom_into, self._room, self.status.counters
        enough = now + _READING_S
        for _ in range(_DATAGRAMS_A_TURN):
            try:
                size, sender = receive(room)
            except BlockingIOError:
                return
            except OSError:
                continue  # an ICMP answer to something we sent: the next datagram is behind it
            datagram = bytes(room[:size])
            counters.received += 1
            if self.monitors.any:
                self.monitors.datagram(datagram, sender, sender[0] in self._allowed, now)
            if sender[0] not in self._allowed:
                counters.refused += 1
                self._allowed.log_refused(sender[0], now)
                continue
            try:
                messages = packets.read(datagram, counters)
            except packets.Malformed:
                counters.malformed += 1
                continue
            if size <= _USUAL_DATAGRAM:
                self._heard = datagram
            for message in messages:
                self._dispatch(message, sender, now)
            if time.monotonic() > enough:
                return  # what waits is read in the next turn, behind the tick

    def _dispatch(self, message: packets.Message, sender: Sender, now: float) -> None:
        wanted = self.engine.inputs.osc(message, now)
        if self.control.receive(message, sender, now):
            wanted = True
        self._fresh = self._fresh or wanted
        if not wanted and not self.link.receive(message, sender, now):
            self.status.counters.unmapped += 1

    def _on_background(self, now: float) -> None:
        self.background.collect()
        self._fresh = True

    def _on_link(self, now: float) -> None:
        self.link.wake()
        for data, _arrived in self.link.take_midi():
            self._midi(data, JACK_PORT, now)

    def _on_alsa(self, now: float) -> None:
        assert self._alsa_in is not None
        for data, port, _arrived in self._alsa_in.take_midi():
            self._midi(data, port, now)

    def _midi(self, data: bytes, port: str, now: float) -> None:
        self.status.counters.received += 1
        self._fresh = True
        if self.monitors.any:
            self.monitors.midi(data, port, now)
        if not self.engine.inputs.midi(data, port, now):
            self.status.counters.unmapped += 1
        if len(data) == 3 and data[0] & 0xF0 == 0x90 and data[2]:
            self.engine.shaping.note_on()

    # -- what goes out ---------------------------------------------------------------------------

    def send(self, packet: bytes, address: Sender) -> None:
        """Send one datagram from the listening socket, or lose it: nothing waits for a peer.

        Raises:
            OSError: nobody listens there, or it cannot be reached (never because a buffer is full).
        """
        try:
            self._socket.sendto(packet, address)
        except BlockingIOError:
            self.status.counters.lost += 1

    def reply(self, sender: Sender, address: str, *args: str | float) -> None:
        """Answer a client; one that is gone is no error."""
        with contextlib.suppress(OSError):
            self.send(packets.write(address, *args), sender)

    def ask_status(self, sender: Sender) -> None:
        """Answer with the status after this turn's tick; of more than a few askers in one turn the last ones count."""
        self._askers.append(sender)
        del self._askers[:-_MOST_ASKERS]

    def _tell(self, now: float) -> None:
        askers, self._askers = self._askers, []
        text = json.dumps(self.facts(now), separators=(",", ":"), ensure_ascii=False)
        for sender in askers:
            self.reply(sender, "/latentd/status", text)

    def panic(self, now: float) -> None:
        """Silence: end every note on every channel, and tell the synth its whole patch again.

        Raises:
            LatentdError: no output that carries notes reaches the synth now.
        """
        if not self.link.carries_notes:
            raise LatentdError("notes can only be ended through MIDI, and no MIDI output reaches the synth")
        for channel in range(16):
            for cc in (64, 123, 120):
                self.link.note(0xB0 | channel, cc, 0)
        self.engine.output.resend_all(now)

    # -- status ----------------------------------------------------------------------------------

    def facts(self, now: float) -> dict[str, object]:
        """What `/latentd/status` answers: a fresh plain dict."""
        engine = self.engine
        patch = engine.patch()
        counters = self.status.counters
        return {
            "version": __version__,
            "uptime_s": round(now - self._started, 3),
            "listen": self.config.listen,
            "allow": self.config.allow,
            "model": engine.model.name,
            "mappings": self.config.mappings,
            "output": engine.output.name,
            "why": self.link.why,
            "xy": engine.xy,
            "source": engine.gesture.leader,
            "touch": engine.gesture.touched,
            "frozen": engine.frozen,
            "nearest": engine.pad.nearest(engine.xy) if engine.xy else "",
            "landmarks": sorted(self.control.landmarks.points),
            "own": engine.shaping.own,
            "patch": None if patch is None else dict(zip(NAMES, patch.tolist(), strict=True)),
            "settled": self._deadlines[0] is None and engine.output.settled(),
            "counters": {name: getattr(counters, name) for name in counters.__slots__}
            | self.link.counts()
            | {"overrun": overrun(self._socket)},
            "latency": self.status.latency.facts(),
            "lateness": self.status.lateness.facts(),
            "ways": self.link.facts(),
            "alsa_in": self._alsa_in.facts() if self._alsa_in is not None else None,
        }


def _alsa_in(config: Config) -> AlsaIn | None:
    """ALSA's MIDI inputs, where any are wanted."""
    if not config.alsa.inputs:
        return None
    from latentd.inputs.alsa import AlsaIn

    return AlsaIn(config.alsa.inputs)
