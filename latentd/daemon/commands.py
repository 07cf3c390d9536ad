"""The OSC control interface: one table of all messages, and the way from a message to its handler.

A new message is a row here and a function in `handlers/`. `latentd messages`, `latentd send`, the documentation and
the answers to mistakes are made from the table.
"""

from __future__ import annotations

from pathlib import Path

from latentd.daemon import landmark_file
from latentd.daemon.arguments import Choice, Flag, Name, Number, WrongValueError, nearest
from latentd.daemon.context import Call, Context, Host
from latentd.daemon.datagram_work import MISTAKE, DatagramWork, of_pattern
from latentd.daemon.handlers import clients, landmarks, model, patch, performance, point
from latentd.daemon.history import MAX_CHANGES
from latentd.daemon.message_spec import PREFIX, Command
from latentd.daemon.monitor import LASTS_S, MAX_COPIES_PER_S, MAX_MONITORS
from latentd.daemon.sender import Sender
from latentd.daemon.subscribers import LASTS_DAYS, MAX_HOSTS, MAX_PER_S
from latentd.errors import LatentdError, UserError
from latentd.instrument.landmarks import UserLandmarks
from latentd.instrument.motion import MAX_RECORDED
from latentd.osc.packets import Message, is_pattern
from latentd.osc.patterns import Addresses
from latentd.synth.amsynth import NAMES

_LONGEST_GLIDE_S = 3600.0
MAX_PATTERNS = 256
_LONGEST_SHOWN = 80
_TOO_MUCH = "one datagram asks for too much: the rest of it is ignored"
_LESS = "Send fewer messages, address patterns and mistakes in one"

_NAME = Name("NAME")
_PARAMETER = Choice(
    "NAME", values=tuple(NAMES), what="a parameter's name", listed="`latentd decode 0.5 0.5` lists the parameters"
)
_ON = Flag("ON")


def _coordinate(name: str) -> Number:
    return Number(name, low=0.0, high=1.0, clipped=True, nil=True)


COMMANDS = (
    Command(
        "xy", (_coordinate("X"), _coordinate("Y")), point.xy,
        "move the point on the pad, X right, Y up; nil leaves that axis where it is", after_points=False,
    ),
    Command("x", (_coordinate("X"),), point.x, "move along x alone, for a fader", after_points=False),
    Command("y", (_coordinate("Y"),), point.y, "move along y alone", after_points=False),
    Command(
        "z", (Number("Z0"), Number("Z1")), point.z,
        "move the point to where the pad shows this latent point", after_points=False,
    ),
    Command("touch", (_ON,), point.touch, "hold the point against all other sources; 0 lets it go"),
    Command("freeze", (_ON,), point.freeze, "ignore all input while 1"),
    Command(
        "landmark/save", (_NAME,), landmarks.save,
        "keep the point under a name", limits=f"{landmark_file.MAX_LANDMARKS} landmarks", undo=True, work=3,
    ),
    Command(
        "landmark/goto", (_NAME, Number("SECONDS", optional=True, low=0.0, high=_LONGEST_GLIDE_S, unit="s")),
        landmarks.goto, "go to a landmark, gliding for SECONDS", undo=True,
    ),
    Command("landmark/delete", (_NAME,), landmarks.delete, "forget a landmark", undo=True, work=4),
    Command("lock", (_PARAMETER, _ON), patch.lock, "hold a parameter where it is; 0 gives it back", undo=True),
    Command(
        "param/NAME", (_PARAMETER, Number("VALUE")), patch.param,
        "set a parameter by hand, in the synth's units; it stays until `/latentd/lock NAME 0`",
        limits="the parameter's range", undo=True,
    ),
    Command(
        "limit", (_PARAMETER, Number("LOW", nil=True), Number("HIGH", nil=True)), patch.limit,
        "keep a parameter from LOW to HIGH in its musical unit, whatever moves it; nil: no limit at this end",
        limits="the parameter's range", undo=True,
    ),
    Command(
        "limit/low", (_PARAMETER, Number("LOW", nil=True)), patch.limit_low,
        "the same for the lower end alone, for a fader", limits="the parameter's range", undo=True,
    ),
    Command(
        "limit/high", (_PARAMETER, Number("HIGH", nil=True)), patch.limit_high,
        "the same for the upper end alone", limits="the parameter's range", undo=True,
    ),
    Command(
        "save", (_NAME,), patch.save,
        "write what the synth holds (what no CC reaches: as it would be sent) as the bank file `banks/NAME.bank` in "
        "the state folder", limits=f"{patch.MAX_BANKS} banks", answers="saved s", work=8,
    ),
    Command(
        "undo", (), performance.undo, "take back the last change that can be undone; a model is loaded again",
        limits=f"{MAX_CHANGES} changes, a fader's movement is one", sends="loaded s",
    ),
    Command(
        "panic", (), performance.panic, "end every note, stop what moves by itself, send the whole patch again", work=8,
    ),
    Command("model", (_NAME,), model.model, "play another model", undo=True, answers="loaded s", work=2),
    Command("wander", (_ON,), performance.wander, "walk over the pad by itself until a hand moves the point"),
    Command("notes", (_ON,), performance.notes, "play the notes of the configuration, a held chord anew; or end them"),
    Command("record", (_ON,), performance.record, "remember the gesture from 1 to 0", limits=f"{MAX_RECORDED} points"),
    Command("play", (_ON,), performance.play, "play the recorded gesture in a loop"),
    Command(
        "subscribe", (_ON,), clients.subscribe, "send the point as it moves to this host, at the feedback port",
        plays=False, limits=f"{MAX_PER_S} a second, {MAX_HOSTS} hosts, {LASTS_DAYS} days after the host's last message",
        sends="xy ff",
    ),
    Command(
        "monitor", (_ON,), clients.monitor,
        "send copies of what arrives: kind, source, bytes or nil, copies withheld", plays=False,
        limits=f"{MAX_COPIES_PER_S} a second, {MAX_MONITORS} clients, {LASTS_S:g} s unless asked again",
        sends="monitor ssbi",
    ),
    Command(
        "status", (), clients.status, "answer with the status as JSON", after_points=False, plays=False,
        answers="status s",
    ),
    Command("ping", (), clients.ping, "answer at once", after_points=False, plays=False, answers="pong"),
)  # fmt: skip

# Address -> row; and the same for addresses that end in a name, without it.
BY_ADDRESS = {command.path: command for command in COMMANDS if not command.only_in_address}
BY_NAMED_ADDRESS = {command.path: command for command in COMMANDS if command.takes_name}
_ADDRESSES = Addresses([address for command in COMMANDS for address in command.addresses()])
_USAGES = {command.path.removeprefix(PREFIX): command.usage for command in COMMANDS}
_KNOWN = tuple(_USAGES)

# What latentd sends itself. Never answered, or two daemons could be made to talk to each other for ever.
_ANSWERS = {
    PREFIX + "error",
    *(PREFIX + text.partition(" ")[0] for command in COMMANDS for text in (command.answers, command.sends) if text),
}.difference(BY_ADDRESS)


def find(address: str) -> tuple[Command, str | None]:
    """The row of an address, and the name in it.

    Raises:
        UserError: there is none; names the nearest one.
    """
    command = BY_ADDRESS.get(address)
    if command is not None:
        return command, None
    head, _, name = address.rpartition("/")
    command = BY_NAMED_ADDRESS.get(head)
    if command is not None:
        return command, name
    wrong = address.removeprefix(PREFIX)
    near = nearest(wrong, _KNOWN) or nearest(wrong.rpartition("/")[0], _KNOWN)
    advice = f"Did you mean {_USAGES[near]}?" if near else "`latentd messages` lists them all"
    raise UserError(f"{address[:_LONGEST_SHOWN]!r}: no such message", advice)


class Control:
    """Carries out `/latentd/...` messages. Runs on the engine's thread.

    Attributes:
        landmarks: the performer's own.
        work: what is left of the work that the present datagram may cause.
    """

    def __init__(self, host: Host, folder: Path) -> None:
        self.landmarks = UserLandmarks(landmark_file.load(folder / landmark_file.FILE))
        self._context = Context(host, folder, self.landmarks)
        self._engine = host.engine
        self._patterns: dict[str, list[str]] = {}  # address pattern -> the addresses that it matches
        self.work = DatagramWork()

    def refuses(self, message: Message) -> bool:
        """Whether a message is ignored once its datagram has caused enough work; no point is."""
        address = message.address
        command = BY_ADDRESS.get(address)
        if not (command.after_points if command else address.startswith(PREFIX) or is_pattern(address)):
            return False
        self.work.refused += 1
        return True

    def report_refused(self, sender: Sender, now: float) -> int:
        """Answer that a part of a datagram was ignored; returns how many messages or addresses."""
        refused, self.work.refused = self.work.refused, 0
        self._context.refuse(UserError(_TOO_MUCH, _LESS), sender, now)
        return refused

    def receive(self, message: Message, sender: Sender, now: float, arrived: float) -> bool:
        """Carry out one message, which `arrived` before `now`; False when the address is not of this interface.

        Mistakes are answered.
        """
        address = message.address
        command = BY_ADDRESS.get(address)
        if command is not None:
            if command.own_tags and command.is_answer(message):
                return False
            self._carry_out(command, None, message, sender, now, arrived)
            return True
        if is_pattern(address):
            found = self._matching(address)
            for done, one in enumerate(found):
                if self.work.left < 0:
                    self.work.refused += len(found) - done
                    break
                self._carry_out(*find(one), message, sender, now, arrived)
            return bool(found)
        if not address.startswith(PREFIX) or address in _ANSWERS:
            return False
        try:
            command, name = find(address)
        except UserError as error:
            self.work.left -= MISTAKE
            self._context.refuse(error, sender, now)
        else:
            self._carry_out(command, name, message, sender, now, arrived)
        return True

    def _carry_out(
        self, command: Command, name: str | None, message: Message, sender: Sender, now: float, arrived: float
    ) -> None:
        if command.after_points:
            self._engine.catch_up(now)
        call = Call(self._context, self._engine, command, sender, now, arrived)
        self.work.left -= command.work
        try:
            values = command.read(message, name)
            if values is not None:
                command.handler(call, *values)
                if command.plays:
                    self._context.host.idle.input(now)
        except WrongValueError as error:
            self.work.left -= MISTAKE
            self._context.refuse(command.refusal(message, name, error), sender, now)
        except LatentdError as error:
            self.work.left -= MISTAKE
            call.refuse(error)

    def _matching(self, pattern: str) -> list[str]:
        """The addresses that an OSC address pattern matches; none of other interfaces."""
        if pattern not in self._patterns:
            if len(self._patterns) >= MAX_PATTERNS:
                self._patterns.clear()
            self.work.left -= of_pattern(pattern)
            self._patterns[pattern] = _ADDRESSES.matching(pattern)
        return self._patterns[pattern]
