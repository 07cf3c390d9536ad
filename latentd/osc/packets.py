"""OSC 1.0 packets: bytes to messages and back. Pure: no socket, no clock. Address patterns: `osc_patterns`.

Rules: Open Sound Control 1.0 Specification (opensoundcontrol.org/spec-1_0). Writing goes through python-osc's builder.
Reading is our own because python-osc's reader (seen and tried in 1.10.2) does not do what an instrument on an open
network needs: a message without a type tag string raises, and takes the rest of its bundle along; after a tag that it
does not know (`S` and `c` among them) it goes on reading the following arguments at the wrong place; bytes that are not
UTF-8, as the floats of an untagged message, raise UnicodeDecodeError past its own ParseError; a bundle element of size
-4 keeps it busy for ever; deep nesting raises RecursionError; and its dispatcher sleeps until a bundle's time tag.
"""

from __future__ import annotations

import functools
import struct
from typing import TYPE_CHECKING, Final, NamedTuple

from pythonosc.osc_message_builder import OscMessageBuilder

from latentd.osc.patterns import MAX_ADDRESS
from latentd.osc.patterns import is_pattern as is_pattern
from latentd.osc.patterns import matches as matches

if TYPE_CHECKING:
    from latentd.status import Counters

# No UDP datagram is larger than this; the other limits keep hostile packets cheap.
MAX_PACKET = 65_507
MAX_STRING = 60_000  # of strings that are sent, the longest is our own status
MAX_ARGUMENTS = 1_024
MAX_DEPTH = 16  # of bundles in bundles, and of arrays in arrays
MAX_MESSAGES = 128  # in one packet: a tracker's bundle has some dozens

# Heads (address and type tags) whose layout is known. Cleared when full, so that made-up addresses cannot grow it.
_MAX_HEADS = 1_024
_MAX_HEAD_BYTES = 256

# Tag -> struct code, for the types of fixed size that struct turns into the right Python value by itself.
_FIXED: Final = {"i": "i", "f": "f", "h": "q", "d": "d", "t": "Q", "r": "I"}
_CONSTANTS: Final = {"T": True, "F": False, "N": None}


class Malformed(Exception):
    """These bytes are not OSC, or carry a type tag that the specification does not know."""


class Message(NamedTuple):
    """One OSC message.

    Attributes:
        address: as sent, so it may be a pattern (see `is_pattern`).
        args: int (`i h t r`), float (`f d`), str (`s S c`), bytes (`b m`), bool (`T F`), None (`N`), `IMPULSE` (`I`)
            and tuples of these (arrays).
        untagged: the bytes after the address when the sender left out the type tag string; then `args` is empty,
            since nothing says what they mean (`read_untagged` reads them for somebody who knows). Else None.
    """

    address: str
    args: tuple[object, ...]
    untagged: bytes | None = None


class Impulse:
    """The type of `IMPULSE`."""

    def __repr__(self) -> str:
        return "IMPULSE"


IMPULSE = Impulse()  # what tag `I` stands for: it happened, without a value

_make = functools.partial(tuple.__new__, Message)  # a third of what Message(...) costs
_heads: dict[bytes, tuple[str, struct.Struct, int]] = {}


def read(datagram: bytes, counters: Counters | None = None) -> list[Message]:
    """All messages of one packet, bundles flattened, in packet order.

    Time tags are read over on purpose: phones and instruments share no clock, and nothing may wait for one.

    Args:
        datagram: one UDP datagram.
        counters: where to count a bad message inside an otherwise sound bundle (`malformed`); the rest of the bundle
            is then returned. Without it, such a message makes the whole packet malformed.

    Raises:
        Malformed: the packet, or its only message, cannot be read.
    """
    known = _known(datagram)
    if known is not None:
        return [known]
    if len(datagram) > MAX_PACKET:
        raise Malformed(f"{len(datagram)} bytes in one packet")
    if not datagram.startswith(b"#bundle\0"):
        return [_message(datagram)]
    found: list[Message] = []
    _bundle(datagram, found, counters, 1)
    return found


def _known(data: bytes) -> Message | None:
    """The message, if one of the same address, type tags and size was read before: the usual, fast case."""
    end = (data.find(b"\0", data.find(b"\0,") + 2) + 4) & ~3
    head = _heads.get(data[:end])
    if head is None or head[2] != len(data):
        return None
    return _make((head[0], head[1].unpack_from(data, end), None))


def _bundle(data: bytes, found: list[Message], counters: Counters | None, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise Malformed("bundles nested too deeply")
    if len(data) < 16:
        raise Malformed("a bundle without a time tag")
    at = 16
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        at += 4
        if size == 0 or size % 4 or at + size > len(data):
            raise Malformed(f"a bundle element of {size} bytes")
        element = data[at : at + size]
        at += size
        if element.startswith(b"#bundle\0"):
            _bundle(element, found, counters, depth + 1)
            continue
        if len(found) >= MAX_MESSAGES:
            raise Malformed(f"more than {MAX_MESSAGES} messages in one packet")
        try:
            found.append(_known(element) or _message(element))
        except Malformed:
            if counters is None:
                raise
            counters.malformed += 1


def _message(data: bytes) -> Message:
    if not data.startswith(b"/"):
        raise Malformed("neither a message nor a bundle")
    address, at = _string(data, 0, MAX_ADDRESS)
    if at == len(data):
        return Message(address, ())  # old senders leave the type tags out where there are no arguments
    if data[at] != 0x2C:
        if len(data) % 4:
            raise Malformed("the size is not a multiple of 4")
        return Message(address, (), data[at:])
    tags, end = _string(data, at, MAX_ARGUMENTS)
    args, last = _arguments(data, end, tags[1:])
    if last != len(data):
        raise Malformed(f"{len(data) - last} bytes too many")
    if end <= _MAX_HEAD_BYTES and data.find(b"\0,") == at - 1 and all(tag in _FIXED for tag in tags[1:]):
        if len(_heads) >= _MAX_HEADS:
            _heads.clear()
        _heads[data[:end]] = (address, _layout(tags[1:]), len(data))
    return Message(address, args)


@functools.lru_cache(maxsize=256)
def _layout(tags: str) -> struct.Struct:
    """Layout of arguments that are all of fixed size."""
    return struct.Struct(">" + "".join(_FIXED[tag] for tag in tags))


def _string(data: bytes, at: int, longest: int) -> tuple[str, int]:
    """The OSC string at `at`, and where the next thing begins."""
    stop = data.find(b"\0", at)
    end = (stop + 4) & ~3
    if stop < 0 or end > len(data):
        raise Malformed("a string without its end")
    if stop - at > longest:
        raise Malformed(f"a string of {stop - at} bytes")
    try:
        return data[at:stop].decode(), end
    except UnicodeDecodeError as error:
        raise Malformed("a string that is not UTF-8") from error


def _arguments(data: bytes, at: int, tags: str) -> tuple[tuple[object, ...], int]:
    """The values that `tags` promises at `at`, and where they end."""
    stack: list[list[object]] = [[]]
    for tag in tags:
        if tag == "[":
            if len(stack) > MAX_DEPTH:
                raise Malformed("arrays nested too deeply")
            stack.append([])
        elif tag == "]":
            if len(stack) == 1:
                raise Malformed("an array that ends before it begins")
            array = tuple(stack.pop())
            stack[-1].append(array)
        else:
            value, at = _value(data, at, tag)
            stack[-1].append(value)
    if len(stack) > 1:
        raise Malformed("an array without its end")
    return tuple(stack[0]), at


def _value(data: bytes, at: int, tag: str) -> tuple[object, int]:
    if tag in _FIXED:
        layout = _layout(tag)
        if at + layout.size > len(data):
            raise Malformed("fewer arguments than type tags")
        return layout.unpack_from(data, at)[0], at + layout.size
    if tag in _CONSTANTS:
        return _CONSTANTS[tag], at
    if tag == "I":
        return IMPULSE, at
    if tag in "sS":
        return _string(data, at, MAX_STRING)
    if tag in "cm":
        if at + 4 > len(data):
            raise Malformed("fewer arguments than type tags")
        return chr(data[at + 3]) if tag == "c" else data[at : at + 4], at + 4
    if tag == "b":
        return _blob(data, at)
    raise Malformed(f"unknown type tag {tag!r}")


def _blob(data: bytes, at: int) -> tuple[bytes, int]:
    size = int.from_bytes(data[at : at + 4], "big")
    end = at + 4 + (size + 3 & ~3)
    if at + 4 > len(data) or end > len(data):
        raise Malformed(f"a blob of {size} bytes")
    return data[at + 4 : at + 4 + size], end


def read_untagged(data: bytes, tags: str) -> tuple[object, ...]:
    """The arguments of a message that came without type tags, for a mapping that declares them (as `ff`).

    Raises:
        Malformed: the bytes do not fill exactly these tags.
    """
    args, end = _arguments(data, 0, tags)
    if end != len(data):
        raise Malformed(f"{len(data) - end} bytes too many")
    return args


def write(address: str, *args: float | str | bytes | None) -> bytes:
    """One message; float becomes `f`, int `i` (or `h` where 32 bits are too few), bool `T` or `F`, None `N`."""
    builder = OscMessageBuilder(address)
    for arg in args:
        wide = isinstance(arg, int) and not isinstance(arg, bool) and not -(2**31) <= arg < 2**31
        builder.add_arg(arg, builder.ARG_TYPE_INT64 if wide else None)
    datagram: bytes = builder.build().dgram
    return datagram
