"""The daemon's life: open everything in order, one loop with a deadline, close everything in reverse."""

from __future__ import annotations

import contextlib
import logging
import socket
import time
from typing import TYPE_CHECKING

from latentd.config.config import Config
from latentd.daemon import signals, state_folder, systemd
from latentd.daemon.background import Background
from latentd.daemon.collector import Collector
from latentd.daemon.commands import Control
from latentd.daemon.datagram_work import MAX_WORK
from latentd.daemon.datagrams import Datagrams
from latentd.daemon.engine import Engine
from latentd.daemon.home import HomePoint
from latentd.daemon.idle import IdleMotion
from latentd.daemon.intervals import AtMostEvery
from latentd.daemon.own_notes import OwnNotes
from latentd.daemon.pattern_log import PatternLog
from latentd.daemon.poller import Poller
from latentd.daemon.sender import Sender
from latentd.daemon.service_log import ServiceLog
from latentd.daemon.session import Session
from latentd.daemon.session import path as session_file
from latentd.daemon.session_keeper import SessionKeeper, restore
from latentd.daemon.status_report import StatusReport
from latentd.daemon.subscribers import Feedback
from latentd.daemon.synth_link import SynthLink
from latentd.daemon.tick_clock import TickClock, TickState
from latentd.daemon.turns import Turns
from latentd.errors import LatentdError
from latentd.inputs.mapping import load_mapping
from latentd.inputs.pad_range import warn_clipped
from latentd.inputs.receiver import JACK_PORT, Inputs
from latentd.instrument.gesture import Gesture
from latentd.instrument.gesture_settings import GestureSettings
from latentd.instrument.shaping import limits_of
from latentd.model.playable import Playable
from latentd.osc.packets import Message
from latentd.status import Status
from latentd.system.keep_warm import KeepWarm

if TYPE_CHECKING:
    from latentd.inputs.alsa import AlsaIn

log = logging.getLogger(__name__)

_INPUT = TickState.INPUT  # an Enum's attribute costs 0.1 us on Python 3.11
# Without any event the loop wakes this often.
_IDLE_S = 30.0
# After a bug in a turn the next one waits this long.
_AFTER_FAULT_S = 0.1


class Service:
    """Everything that one running daemon holds.

    Raises:
        LatentdError: something that it needs cannot be opened; whatever was opened is closed again.
    """

    def __init__(self, config: Config, model: Playable, loaded: str, session: Session | None) -> None:
        self.config = config
        self._loaded, self._restored = loaded, session
        self.status = Status()
        self._stopping = False
        self._tick_clock, self._keep_warm, self._collector = TickClock(), KeepWarm(), Collector()
        self._turns = Turns()
        self._watchdog = systemd.Watchdog()
        self._fault_log = AtMostEvery(1.0)
        self._deadlines: tuple[float | None, ...] = ()
        with contextlib.ExitStack() as stack:
            self._open(stack, model)
            self._stack = stack.pop_all()

    # -- life: open, start, one turn after the other, stop, close ---------------------------------

    def _open(self, stack: contextlib.ExitStack, model: Playable) -> None:
        """Open everything; the stack closes it in reverse order."""
        config = self.config
        mappings = [load_mapping(name) for name in config.mappings]
        self._datagrams = stack.enter_context(
            Datagrams(config.address, config.allow, self.status.counters, self._dispatch)
        )
        self.background = stack.enter_context(contextlib.closing(Background()))
        self.link = stack.enter_context(
            contextlib.closing(SynthLink(config, self._datagrams.send, self.background.submit))
        )
        self._alsa_in = _alsa_in(config)
        if self._alsa_in is not None:
            stack.callback(self._alsa_in.close)
        settings = {mapping.name: mapping.gesture for mapping in mappings}
        settings["latentd"] = GestureSettings(filter=None, retake=0.0)  # the control interface is followed exactly
        inputs, gesture = Inputs(mappings, self.status.counters), Gesture(settings)
        self.engine = Engine(inputs, gesture, model, config.shaping, self.link.output, self.status)
        limits = limits_of(config.limits)
        self.engine.shaping.take_limits(limits)
        self.feedback = Feedback(self._datagrams.send, config.feedback_port)
        self.monitors = self._datagrams.monitors
        self.notes = OwnNotes(config.notes, self.link, self._own_note)
        self._control = Control(self, config.state_folder)
        file = session_file(config.state_folder, config.address[1])
        now = time.monotonic()
        if self._restored is not None:
            restore(self._restored, self.engine, now)
        home = self._home = HomePoint(config.home, self._control.landmarks)
        if self.engine.xy is None and config.home is not None:
            self.engine.place(home.find(), now)
        self.idle = IdleMotion(config.idle, self.engine, home.find, self._tick_clock.input_arrived, now)
        self._session = SessionKeeper(file, config.model, self._loaded, self.engine, self.background, limits)
        self.background.submit(lambda: state_folder.sweep(config.state_folder, config.address[1]), lambda _: None)
        self._report = StatusReport(
            config,
            self._datagrams,
            self.engine,
            self.link,
            self._control.landmarks,
            self._alsa_in,
            self.idle,
            self.notes,
            self._turns,
        )
        self._pattern_log = PatternLog(self._report.patterns_without_port)
        self._service_log = ServiceLog(config, self.engine, self.link)
        self._poller = stack.enter_context(Poller())

    def run(self) -> None:
        """Play until SIGTERM or Ctrl-C; then close everything, in reverse order."""
        with self._stack, signals.signals(self._stop) as wakeup, self._collector.paused():
            self._start(wakeup)
            while not self._stopping:
                self._turn()
            self._keep_warm.rest()
            systemd.stopping()
            self._session.finish(self.engine)
        log.info("stopped")

    def _start(self, wakeup: socket.socket) -> None:
        self._poller.watch(wakeup.fileno(), lambda _now: wakeup.recv(64))
        self._poller.watch(self._datagrams.fileno(), self._on_datagrams)
        self._poller.watch(self.background.fileno(), self._on_background)
        if self._alsa_in is not None:
            self._poller.watch(self._alsa_in.fileno(), self._on_alsa)
        self._service_log.start(self._restored)
        systemd.ready()
        self._deadlines = (time.monotonic(),)  # the first turn does not wait: ports open, the watchdog is fed

    def _turn(self) -> None:
        """Wait for input or the next deadline, take what came, answer the newest."""
        self._poller.watch_changing(self.link.filenos(), self._on_link)
        deadline = min(t for t in (*self._deadlines, time.monotonic() + _IDLE_S) if t is not None)
        handlers = self._poller.wait(deadline)
        now = time.monotonic()
        if not handlers:
            self.status.lateness.add(now - deadline)
        self._turns.begin(now, time.thread_time())
        try:
            for handler in handlers:
                handler(now)
            self._answer(now)
        except Exception:
            # A bug on one message's path must not end the performance; it is counted and logged.
            self.status.counters.faults += 1
            self._deadlines = (now + _AFTER_FAULT_S,)
            if self._fault_log.allows(now):
                log.exception("fault in the loop (%d so far)", self.status.counters.faults)
        end = time.monotonic()
        if self._turns.is_long(end) and (line := self._turns.name(end, time.thread_time())):
            log.warning("%s", line)

    def _stop(self) -> None:
        self._stopping = True

    def close(self) -> None:
        """Close everything without having run."""
        self._stack.close()

    # -- the end of a turn: answer ----------------------------------------------------------------

    def _answer(self, now: float) -> None:
        """Let every part do what is due at `now`, and collect when each wants to be called again."""
        did = self._turns.did
        tick = self._tick(now)  # before all else: nothing stands between a point and the synth
        did("the tick", time.monotonic())
        link = self.link.poll(now)
        if self.link.output is not self.engine.output:
            self.engine.use_output(self.link.output)
            self._tick_clock.input_arrived()
            tick = self._tick(now)
        did("the outputs", time.monotonic())
        feedback = self.feedback.step(self.engine.xy, now)
        did("the subscribers", time.monotonic())
        alsa = self._poll_alsa(now) if self._alsa_in is not None else None
        self._home.step()
        idle, notes = self.idle.step(now), self.notes.step(now)
        did("the idle motion and the notes", time.monotonic())
        session = self._session.step(self.engine, now)
        self._pattern_log.step(now)
        others = (self._datagrams.poll(now), self._watchdog.poll(now), self._keep_warm.due(now))
        self._deadlines = (tick, link, idle, notes, alsa, feedback, session, *others)
        did("the session and the watchdog", time.monotonic())
        if self._report.asked:
            self._report.answer(now, tick is None)
            did("the status", time.monotonic())
        if self.engine.inputs.clipped:
            warn_clipped(self.engine.inputs.clipped)
        self._collector.collect(now, tick is None)
        did("collecting garbage", time.monotonic())
        self._service_log.step(now)

    def _tick(self, now: float) -> float | None:
        """Run the engine's tick if it is due. Returns when the next one is; None at rest."""
        engine, clock = self.engine, self._tick_clock
        due = clock.due(engine.output.interval_s)
        if due is None or now < due:
            if clock.state is _INPUT or now < self._keep_warm.due(now):
                return due
            due = self._rehearse(now)
            if due is None or now < due:
                return due
        self._keep_warm.ran(now)
        sent = self.status.counters.sent
        next_tick = engine.tick(now)
        clock.ticked(now, next_tick)
        if engine.point_t is not None:
            if self.status.counters.sent != sent:
                self.status.latency.add(time.monotonic() - engine.point_t)
            engine.point_t = None
            self._keep_warm.played(now)
        return next_tick

    def _rehearse(self, now: float) -> float | None:
        """Run the code of a point with nothing new, unless something new comes at this moment; as `TickClock.due`."""
        self._keep_warm.ran(now)
        self._datagrams.read(now)
        if self._tick_clock.state is not _INPUT:
            self._datagrams.rehearse()
            self.engine.rehearse()
        return self._tick_clock.due(self.engine.output.interval_s)

    # -- what arrives ----------------------------------------------------------------------------

    def _dispatch(self, messages: list[Message], sender: Sender, now: float, arrived: float) -> None:
        control, work, did = self._control, self._control.work, self._turns.did
        if self.feedback.any:
            self.feedback.received(sender.host, now)
        work.left = MAX_WORK
        for message in messages:
            if work.left >= 0 or not control.refuses(message):
                self._message(message, sender, now, arrived)
                did(message, time.monotonic(), sender)
        if work.refused:
            self.status.counters.excess += control.report_refused(sender, now)

    def _message(self, message: Message, sender: Sender, now: float, arrived: float) -> None:
        wanted = self.engine.inputs.osc(message, now, arrived)
        if self._control.receive(message, sender, now, arrived):
            wanted = True
        if wanted:
            self._tick_clock.input_arrived()
        elif not self.link.receive(message, sender, now):
            self.status.counters.unmapped += 1

    def _on_datagrams(self, now: float) -> None:
        self._datagrams.read(now)
        self._turns.did("reading datagrams", time.monotonic())

    def _on_background(self, now: float) -> None:
        self.background.collect()
        self._turns.did("the results of the background", time.monotonic())
        self._tick_clock.input_arrived()

    def _on_link(self, now: float) -> None:
        self.link.wake()
        for data, arrived in self.link.take_midi():
            self._midi(data, JACK_PORT, now, arrived)
        self._turns.did("MIDI from JACK", time.monotonic())

    def _on_alsa(self, now: float) -> None:
        assert self._alsa_in is not None
        for data, port, arrived in self._alsa_in.take_midi():
            self._midi(data, port, now, arrived)
        self._turns.did("MIDI from ALSA", time.monotonic())

    def _poll_alsa(self, now: float) -> float:
        assert self._alsa_in is not None
        due = self._alsa_in.poll(now)
        self._turns.did("looking for ALSA ports", time.monotonic())
        return due

    def _midi(self, data: bytes, port: str, now: float, arrived: float) -> None:
        self.status.counters.received += 1
        self._tick_clock.input_arrived()
        if self.monitors.any:
            self.monitors.midi(data, port, now)
        if not self.engine.inputs.midi(data, port, now, arrived):
            self.status.counters.unmapped += 1
        if len(data) == 3 and data[0] & 0xF0 == 0x90 and data[2]:
            self.engine.shaping.note_on()
        self.notes.heard(data, now)

    def _own_note(self) -> None:
        self.engine.shaping.note_on()
        self._tick_clock.input_arrived()

    # -- what commands ask for --------------------------------------------------------------------

    def reply(self, sender: Sender, address: str, *args: str | float) -> None:
        """Answer a client; one that is gone is no error."""
        self._datagrams.reply(sender, address, *args)

    def ask_status(self, sender: Sender) -> None:
        """Answer with the status after this turn's tick."""
        self._report.ask(sender)

    def panic(self, now: float) -> None:
        """Silence: release every note on every channel, and send the synth its whole patch again.

        Raises:
            LatentdError: no output that carries notes reaches the synth now.
        """
        self.notes.switch(False, now)
        if not self.link.carries_notes:
            raise LatentdError("notes can only be ended through MIDI, and no MIDI output reaches the synth")
        for channel in range(16):
            for cc in (64, 123, 120):
                self.link.note(0xB0 | channel, cc, 0)
        self.engine.output.resend_all(now)


def _alsa_in(config: Config) -> AlsaIn | None:
    """ALSA's MIDI inputs, where any are wanted."""
    if not config.alsa.inputs:
        return None
    from latentd.inputs.alsa import AlsaIn

    return AlsaIn(config.alsa.inputs)
