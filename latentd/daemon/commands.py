"""The OSC control interface: what a client may say to a running daemon, and what it answers."""

from __future__ import annotations

import difflib
import functools
import json
import logging
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from latentd.daemon.background import Background
from latentd.daemon.engine import Engine
from latentd.daemon.monitor import Monitors
from latentd.daemon.network import Sender
from latentd.daemon.subscribers import Feedback
from latentd.errors import LatentdError, UserError
from latentd.instrument.landmarks import UserLandmarks
from latentd.instrument.motion import Playback, Recording, Wander
from latentd.instrument.pad import XY, clip
from latentd.instrument.point import Point
from latentd.model import bundle
from latentd.osc.packets import Malformed, Message, is_pattern, matches, read_untagged
from latentd.synth import banks
from latentd.synth.amsynth import INDEX, MINIMUM, NAMES, SPAN

log = logging.getLogger(__name__)

# Names end up as file names or in files: letters, digits and a few signs, no path, not hidden.
_NAME = re.compile(r"\w[\w .+-]{0,63}")
_MOST_LANDMARKS = 128  # the status names them all in one datagram
_MOST_UNDO = 64
_LONGEST_GLIDE_S = 3600.0
_SAID_S = 1.0  # mistakes go to the log no more often: anyone may make any number of them
_ROUNDING = 1e-5  # of a parameter's span: a limit may come as a float of 32 bits

# All other messages are about the point as the messages before them left it.
_BEFORE_POINTS = {"xy", "z", "status", "ping"}

# Type tags of messages from senders that leave them out, where they are not one integer.
_UNTAGGED = {
    "xy": "ff", "z": "ff", "lock": "si", "landmark/save": "s", "landmark/goto": "s", "landmark/delete": "s",
    "save": "s", "model": "s", "undo": "", "panic": "", "status": "", "ping": "",
}  # fmt: skip
_PREFIX = "/latentd/"
_MOST_PATTERNS = 256

# What we answer ourselves. Never answered, or two daemons could be made to talk to each other for ever.
_ANSWERS = {"error", "pong", "saved", "loaded"}

Args = tuple[object, ...]


class Host(Protocol):
    """What carrying out a message needs of the daemon."""

    engine: Engine
    background: Background
    feedback: Feedback
    monitors: Monitors

    def reply(self, sender: Sender, address: str, *args: str | float) -> None:
        """Answer a client."""

    def ask_status(self, sender: Sender) -> None:
        """Answer a client with the status, once this turn's input is answered."""

    def panic(self, now: float) -> None:
        """End every note."""


class Control:
    """Carries out `/latentd/...` messages. Runs on the engine's thread; whatever takes time goes to the background."""

    def __init__(self, host: Host, folder: Path) -> None:
        self._host = host
        self._engine = host.engine
        self._folder = folder
        self._undo: list[Callable[[], None]] = []
        self._recording: Recording | None = None
        self._said = -_SAID_S  # when a mistake was logged
        self._patterns: dict[str, list[str]] = {}  # address pattern -> the messages that it names
        self.landmarks = UserLandmarks(load_landmarks(folder / "landmarks.json"))
        # Address below /latentd/ -> handler(args, sender, now). Longer paths carry a name in their last part.
        self._handlers: dict[str, Callable[[Args, Sender, float], None]] = {
            "xy": self._xy, "z": self._z, "touch": self._touch, "freeze": self._freeze, "lock": self._lock,
            "landmark/save": self._landmark_save, "landmark/goto": self._landmark_goto,
            "landmark/delete": self._landmark_delete, "save": self._save, "undo": self._undo_last,
            "panic": self._panic, "model": self._model, "wander": self._wander, "record": self._record,
            "play": self._play, "status": self._status, "ping": self._ping, "subscribe": self._subscribe,
            "monitor": self._monitor,
        }  # fmt: skip

    def receive(self, message: Message, sender: Sender, now: float) -> bool:
        """Carry out one message; False when the address is not of this interface. Mistakes are answered."""
        if is_pattern(message.address):
            names = self._matching(message.address)
            for name in names:
                self._carry_out(name, message, sender, now)
            return bool(names)
        if not message.address.startswith(_PREFIX):
            return False
        name = message.address.removeprefix(_PREFIX)
        if name in _ANSWERS or (name == "status" and message.args):
            return False
        self._carry_out(name, message, sender, now)
        return True

    def _carry_out(self, name: str, message: Message, sender: Sender, now: float) -> None:
        if name not in _BEFORE_POINTS:
            self._engine.catch_up(now)
        try:
            if name.startswith("param/"):
                self._param(name.removeprefix("param/"), _arguments(message, "f"))
            elif handler := self._handlers.get(name):
                handler(_arguments(message, _UNTAGGED.get(name, "i")), sender, now)
            else:
                raise UserError(f"{message.address[:80]!r}: no such message", "latentd/README.md lists them")
        except LatentdError as error:
            self._refuse(str(error), sender, now)

    def _matching(self, pattern: str) -> list[str]:
        """The messages that an OSC address pattern names; none of other interfaces."""
        if pattern not in self._patterns:
            if len(self._patterns) >= _MOST_PATTERNS:
                self._patterns.clear()
            known = (*self._handlers, *(f"param/{name}" for name in NAMES))
            self._patterns[pattern] = [name for name in known if matches(pattern, _PREFIX + name)]
        return self._patterns[pattern]

    def _refuse(self, why: str, sender: Sender, now: float) -> None:
        """Answer a mistake, and log it, at most once a second: many senders do not look at answers."""
        self._host.reply(sender, "/latentd/error", why)
        if now >= self._said + _SAID_S:
            self._said = now
            log.warning("from %s:%d: %s", *sender, why)

    # -- the point -------------------------------------------------------------------------------

    def _xy(self, args: Args, sender: Sender, now: float) -> None:
        values = _floats(tuple(0.0 if arg is None else arg for arg in args), "xy", 2)
        x, y = (None if arg is None else value for arg, value in zip(args, values, strict=True))
        self._point(x, y, now)

    def _z(self, args: Args, sender: Sender, now: float) -> None:
        x, y = self._engine.pad.to_pad(np.array(_floats(args, "z", 2)))
        self._point(x, y, now)

    def _point(self, x: float | None, y: float | None, now: float) -> None:
        """Move the point; None leaves an axis where it is."""
        x, y = (None if value is None else clip(value) for value in (x, y))
        self._engine.receive(Point(x, y, None, "latentd", now))

    def _touch(self, args: Args, sender: Sender, now: float) -> None:
        if not _flag(args, "touch"):
            self._engine.gesture.release("latentd")
            return
        x, y = self._engine.xy or self._engine.gesture.xy
        self._engine.receive(Point(x, y, True, "latentd", now))

    def _freeze(self, args: Args, sender: Sender, now: float) -> None:
        self._engine.frozen = _flag(args, "freeze")

    # -- landmarks -------------------------------------------------------------------------------

    def _landmark_save(self, args: Args, sender: Sender, now: float) -> None:
        name, xy = _name(args, "landmark/save"), self._present()
        if name not in self.landmarks.points and len(self.landmarks.points) >= _MOST_LANDMARKS:
            raise UserError(f"{_MOST_LANDMARKS} landmarks are kept at most", "Delete one first")
        self._change_landmarks({**self.landmarks.points, name: xy}, sender)

    def _landmark_delete(self, args: Args, sender: Sender, now: float) -> None:
        name = _name(args, "landmark/delete")
        self.landmarks.find(name)
        self._change_landmarks({key: xy for key, xy in self.landmarks.points.items() if key != name}, sender)

    def _change_landmarks(self, points: dict[str, XY], sender: Sender) -> None:
        before = self.landmarks.points
        self._remember(lambda: self._set_landmarks(before, sender))
        self._set_landmarks(points, sender)

    def _set_landmarks(self, points: dict[str, XY], sender: Sender) -> None:
        self.landmarks.points = points
        self._write("landmarks.json", lambda: json.dumps(points, indent=1).encode(), sender)

    def _landmark_goto(self, args: Args, sender: Sender, now: float) -> None:
        name = _name(args[:1], "landmark/goto")
        glide_s = _floats(args[1:], "landmark/goto", 1)[0] if len(args) > 1 else 0.0
        if not 0.0 <= glide_s <= _LONGEST_GLIDE_S:
            raise UserError(f"/latentd/landmark/goto: a glide lasts 0 to {_LONGEST_GLIDE_S:.0f} s, not {glide_s:g}")
        goal = self.landmarks.find(name)
        self._remember_place()
        self._engine.go_to(goal, glide_s, now)

    # -- the patch -------------------------------------------------------------------------------

    def _param(self, name: str, args: Args) -> None:
        index = _parameter(name)
        value = _floats(args, f"param/{name}", 1)[0]
        low, span = float(MINIMUM[index]), float(SPAN[index])
        if not -_ROUNDING <= (value - low) / span <= 1.0 + _ROUNDING:
            raise UserError(f"/latentd/param/{name}: takes {low:g} to {low + span:g}, found {value:g}")
        self._remember_own()
        self._engine.shaping.tweak(index, (value - low) / span)

    def _lock(self, args: Args, sender: Sender, now: float) -> None:
        index = _parameter(_text(args, "lock"))
        on = _flag(args[1:], "lock NAME")
        self._remember_own()
        if on:
            self._engine.shaping.lock(index)
        else:
            self._engine.shaping.tweak(index, None)

    def _save(self, args: Args, sender: Sender, now: float) -> None:
        name = _name(args, "save")
        patch = self._engine.patch()
        if patch is None:
            raise UserError("there is no sound to save yet", "Move the point first")
        bank = banks.Bank((banks.Preset.from_patch(name, patch),))
        self._write(
            f"banks/{name}.bank",
            lambda: bank.to_text().encode(),
            sender,
            lambda: self._host.reply(sender, "/latentd/saved", name),
        )

    def _model(self, args: Args, sender: Sender, now: float) -> None:
        name = _name(args, "model")

        def loaded(result: Any) -> None:
            if isinstance(result, Exception):
                self._refuse(str(result), sender, now)
                return
            before = self._engine.model
            self._remember(lambda: self._engine.use_model(before))
            self._engine.use_model(result)
            self._host.reply(sender, "/latentd/loaded", result.name)
            log.info("model %s, wanted by %s", result.name, sender[0])

        self._background(lambda: bundle.load(name), loaded)

    # -- the performance -------------------------------------------------------------------------

    def _wander(self, args: Args, sender: Sender, now: float) -> None:
        on = _flag(args, "wander")
        if on:
            self._engine.begin(Wander(self._engine.xy or self._engine.gesture.xy, now), now)
        elif isinstance(self._engine.motion, Wander):
            self._engine.motion = None

    def _record(self, args: Args, sender: Sender, now: float) -> None:
        if _flag(args, "record"):
            self._engine.recording = Recording()
        elif self._engine.recording is not None:
            self._recording, self._engine.recording = self._engine.recording, None

    def _play(self, args: Args, sender: Sender, now: float) -> None:
        if not _flag(args, "play"):
            if isinstance(self._engine.motion, Playback):
                self._engine.motion = None
            return
        if self._recording is None or not self._recording.points:
            raise UserError(
                "/latentd/play: nothing is recorded", "Send /latentd/record 1, move, then /latentd/record 0"
            )
        self._engine.begin(Playback(self._recording, now), now)

    def _panic(self, args: Args, sender: Sender, now: float) -> None:
        self._engine.motion = None
        self._host.panic(now)

    def _undo_last(self, args: Args, sender: Sender, now: float) -> None:
        if not self._undo:
            raise UserError("there is nothing to undo")
        self._undo.pop()()

    # -- talking ---------------------------------------------------------------------------------

    def _status(self, args: Args, sender: Sender, now: float) -> None:
        self._host.ask_status(sender)

    def _ping(self, args: Args, sender: Sender, now: float) -> None:
        self._host.reply(sender, "/latentd/pong")

    def _subscribe(self, args: Args, sender: Sender, now: float) -> None:
        self._host.feedback.subscribe(sender[0], _flag(args, "subscribe"))

    def _monitor(self, args: Args, sender: Sender, now: float) -> None:
        self._host.monitors.subscribe(sender, _flag(args, "monitor"), now)

    # -- helpers ---------------------------------------------------------------------------------

    def _present(self) -> XY:
        if self._engine.xy is None:
            raise UserError("there is no point yet", "Move the point first")
        return self._engine.xy

    def _remember(self, undo: Callable[[], None]) -> None:
        self._undo.append(undo)
        del self._undo[:-_MOST_UNDO]

    def _remember_own(self) -> None:
        before = self._engine.shaping.own_values()
        self._remember(lambda: self._engine.shaping.take_own(before))

    def _remember_place(self) -> None:
        if (before := self._engine.xy) is not None:
            self._remember(lambda: self._engine.go_to(before, 0.0, 0.0))

    def _write(
        self, name: str, data: Callable[[], bytes], sender: Sender, then: Callable[[], None] | None = None
    ) -> None:
        """Have `data()` made and written in the background; a failure is answered."""

        def written(result: Any) -> None:
            if isinstance(result, Exception):
                why = f"{self._folder / name} was not written: {getattr(result, 'strerror', None) or result}"
                log.warning("%s", why)
                self._host.reply(sender, "/latentd/error", f"{why}. Make room, or set `state:` to another folder")
            elif then is not None:
                then()

        self._background(lambda: write_file(self._folder / name, data()), written)

    def _background(self, job: Callable[[], Any], then: Callable[[Any], None]) -> None:
        if not self._host.background.submit(job, then):
            raise LatentdError("the disk does not keep up", "Try again in a moment")


def write_file(path: Path, data: bytes) -> None:
    """Write a whole file or nothing: aside, then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.new")
    aside.write_bytes(data)
    aside.replace(path)


def load_landmarks(path: Path) -> dict[str, XY]:
    """The performer's landmarks; a damaged file is kept aside and said so, the instrument plays on."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return {_checked(name): (clip(_finite(x)), clip(_finite(y))) for name, (x, y) in rows.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError, TypeError, RecursionError) as error:
        log.warning("%s cannot be read (%s): kept as %s.damaged, starting without landmarks", path, error, path.name)
        try:
            path.replace(path.with_name(f"{path.name}.damaged"))
        except OSError as failure:
            log.warning("%s could not be put aside: %s", path, failure)
        return {}


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a landmark")
    return name


def _finite(value: object) -> float:
    if not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"{value!r} is no coordinate")
    return float(value)


def _arguments(message: Message, tags: str) -> Args:
    """A message's arguments; without type tags as these tags say, or none where they do not fit."""
    if message.untagged is None:
        return message.args
    try:
        return read_untagged(message.untagged, tags)
    except Malformed:
        return ()


def _floats(args: Args, what: str, count: int) -> list[float]:
    numbers = [float(a) for a in args if isinstance(a, (int, float)) and math.isfinite(a)]
    if len(args) != count or len(numbers) != count:
        raise UserError(f"/latentd/{what}: takes {count} number{'s' if count > 1 else ''}, found {_shown(args)}")
    return numbers


def _flag(args: Args, what: str) -> bool:
    if len(args) != 1 or args[0] not in (0, 1):  # also 0.0, 1.0, false, true
        raise UserError(f"/latentd/{what}: takes 1 or 0, found {_shown(args)}")
    return bool(args[0])


def _text(args: Args, what: str) -> str:
    if not args or not isinstance(args[0], str):
        raise UserError(f"/latentd/{what}: takes a name, found {_shown(args)}")
    return args[0]


def _name(args: Args, what: str) -> str:
    name = _text(args, what)
    if not _NAME.fullmatch(name):
        raise UserError(
            f"/latentd/{what}: {name[:40]!r} is no name", "Use up to 64 letters, digits, spaces and . + - _, no slashes"
        )
    return name


def _parameter(name: str) -> int:
    if name not in INDEX:
        raise UserError(f"no parameter {name[:40]!r}", _nearest(name[:40]))
    return INDEX[name]


@functools.lru_cache(256)  # a misspelled fader sends it with every movement, and comparing takes up to 0.9 ms
def _nearest(name: str) -> str:
    near = difflib.get_close_matches(name, NAMES, n=1)
    return f"Did you mean {near[0]!r}?" if near else "See `latentd decode`"


def _shown(args: Args) -> str:
    text = ", ".join(repr(a)[:20] for a in args[:4]) or "nothing"
    return text + (" …" if len(args) > 4 else "")
