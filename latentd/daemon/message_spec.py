"""A row of the table of control messages, and how a message is read by its row. Pure."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from latentd.daemon.arguments import Argument, Choice, WrongValueError
from latentd.errors import UserError
from latentd.osc.packets import IMPULSE, Malformed, Message, read_untagged

PREFIX = "/latentd/"
# The end of an address whose name cannot be an argument.
_IN_ADDRESS = "/NAME"
_LONGEST_SHOWN = 40

Args = tuple[object, ...]


class UsageError(UserError):
    """A message with other arguments than those of its row.

    Attributes:
        mistake: the same for the same mistake, whatever the numbers in it.
    """

    def __init__(self, usage: str, args: Args, hint: str) -> None:
        super().__init__(f"{usage}: found {_shown(args)}", hint)
        self.mistake = (usage, hint, *(arg[:_LONGEST_SHOWN] for arg in args if isinstance(arg, str)))


@dataclass(frozen=True)
class Command:
    """One message: a row of the table.

    Attributes:
        address: below `/latentd/`. One that ends in `/NAME` has its first argument in the address, always.
        arguments: what it takes. A name comes first, and may be in the address instead.
        handler: called with a `Call` and the arguments, as `Argument.read` returns them.
        does: one line of documentation, beginning with a verb.
        limits: what bounds it, besides the limits of its arguments.
        after_points: it is about the point where the messages before it left it, so those are followed first.
        plays: it comes from somebody who plays, so the rig is not idle.
        undo: `/latentd/undo` takes it back.
        answers: address below `/latentd/` and type tags of the answer that every request gets; empty for none.
        sends: the same of a message that may come besides.
        work: what carrying it out takes, in the units of `DatagramWork`.
    """

    address: str
    arguments: tuple[Argument, ...]
    handler: Callable[..., None]
    does: str
    limits: str = ""
    after_points: bool = True
    plays: bool = True
    undo: bool = False
    answers: str = ""
    sends: str = ""
    work: int = 1

    @functools.cached_property
    def path(self) -> str:
        """The whole address, without the name that may follow."""
        return PREFIX + self.address.removesuffix(_IN_ADDRESS)

    @functools.cached_property
    def only_in_address(self) -> bool:
        """The name cannot be an argument."""
        return self.address.endswith(_IN_ADDRESS)

    @functools.cached_property
    def takes_name(self) -> bool:
        """The first argument is a name, so it can be in the address."""
        return bool(self.arguments) and self.arguments[0].is_name

    @functools.cached_property
    def is_trigger(self) -> bool:
        """It needs no value besides its name, so a button can send it: 0 is the button's release."""
        return all(argument.optional or argument.is_name for argument in self.arguments)

    @functools.cached_property
    def usage(self) -> str:
        """Address, type tags and arguments: `/latentd/landmark/goto sf NAME [SECONDS]`."""
        return self.usage_of(self.only_in_address)

    def usage_of(self, in_address: bool) -> str:
        """The same, with the name in the address or as an argument."""
        arguments = self.sent(in_address)
        names = (f"[{a.name}]" if a.optional else a.name for a in arguments)
        path = f"{self.path}/{self.arguments[0].name}" if in_address else self.path
        return " ".join((path, *filter(None, ("".join(a.tag for a in arguments), *names))))

    def sent(self, in_address: bool) -> tuple[Argument, ...]:
        """The arguments that are sent as such: all, or all but the name in the address."""
        return self.arguments[1:] if in_address else self.arguments

    def addresses(self) -> Iterator[str]:
        """Every address that is known beforehand: its own, and those with one of a few names."""
        if not self.only_in_address:
            yield self.path
        if self.takes_name and isinstance(first := self.arguments[0], Choice):
            yield from (f"{self.path}/{value}" for value in first.values)

    @functools.cached_property
    def own_tags(self) -> str:
        """The type tags of what latentd itself sends under this address; empty when it sends nothing there."""
        pairs = (text.partition(" ") for text in (self.answers, self.sends))
        return next((tags for address, _, tags in pairs if address == self.address), "")

    def is_answer(self, message: Message) -> bool:
        """True for what latentd itself sends under this address: another daemon's answer."""
        return len(message.args) == len(self.own_tags) > 0 and isinstance(message.args[0], str)

    def read(self, message: Message, name: str | None = None) -> Sequence[object] | None:
        """The arguments for the handler; None for the release of a button, which does nothing.

        Args:
            message: as it came. Without type tags it is read as the row says.
            name: the first argument, where the address holds it.

        Raises:
            WrongValueError: it takes others.
        """
        args = message.args
        if name is not None or message.untagged is not None:
            args = self._args(message, name)
        readers = self._readers
        if self.is_trigger and len(args) > self._fewest:
            pressed = self._pressed(args, name is not None)
            if pressed is None:
                return None
            args = pressed
        if not self._fewest <= len(args) <= len(readers):
            raise WrongValueError(self._advice(name is not None))
        return [readers[i](arg) for i, arg in enumerate(args)]

    def refusal(self, message: Message, name: str | None, why: WrongValueError) -> UsageError:
        """The answer to a message with wrong arguments."""
        return UsageError(self.usage_of(name is not None), self._args(message, name), str(why))

    def facts(self) -> dict[str, object]:
        """The row for programs."""
        return {
            "address": PREFIX + self.address,
            "usage": self.usage,
            "tags": "".join(a.tag for a in self.sent(self.only_in_address)),
            "arguments": [argument.facts() for argument in self.arguments],
            "name_in_address": self.takes_name,
            "trigger": self.is_trigger,
            "does": self.does,
            "limits": self.limits,
            "after_points": self.after_points,
            "undo": self.undo,
            "answers": self.answers and PREFIX + self.answers,
            "sends": self.sends and PREFIX + self.sends,
        }

    @functools.cached_property
    def _readers(self) -> list[Callable[[object], object]]:
        return [argument.read for argument in self.arguments]

    @functools.cached_property
    def _fewest(self) -> int:
        return sum(not argument.optional for argument in self.arguments)

    def _args(self, message: Message, name: str | None) -> Args:
        """The arguments as sent, a name in the address first."""
        args = message.args if message.untagged is None else self._untagged(message.untagged, name is not None)
        return args if name is None else (name, *args)

    def _pressed(self, args: Args, in_address: bool) -> Args | None:
        """The arguments of a trigger without a button's value; None where that is 0: the button was released.

        The number that is sent alone is the button, even where it has a meaning besides, as seconds; the name is then
        in the address, or there is none.
        """
        has_meaning = len(self.arguments) > self._fewest
        is_alone = in_address or not self._fewest
        if len(args) != self._fewest + 1 or (has_meaning and not is_alone):
            return args
        button = args[-1]
        if button == 0:
            return None
        if button is None or button is IMPULSE:
            return args[:-1]
        is_value = isinstance(button, (int, float)) and math.isfinite(button)
        return args[:-1] if is_value and not has_meaning else args

    def _untagged(self, data: bytes, in_address: bool) -> Args:
        """The arguments in bytes without type tags, or none where they do not fit."""
        tags = "".join(a.tag for a in self.sent(in_address))
        fewest = len(tags) - len(self.arguments) + self._fewest
        layouts = [tags[:n] for n in range(len(tags), fewest - 1, -1)]
        if self.is_trigger and not tags and len(data) == 4:
            layouts = ["f"]  # a button's value; more zeros than that are padding
        for layout in layouts:
            try:
                return read_untagged(data, layout)
            except Malformed:
                continue
        return ()

    def _advice(self, in_address: bool) -> str:
        """The next step for who sent too few or too many arguments."""
        wanted = [f"{'perhaps ' * a.optional}{a.name} ({a.legal})" for a in self.sent(in_address)]
        return "Send " + (" and ".join(wanted) or "it alone, or with the 1 and 0 of a button")


def _shown(args: Args) -> str:
    text = ", ".join(repr(a)[:20] for a in args[:4]) or "nothing"
    return text + (" …" if len(args) > 4 else "")
