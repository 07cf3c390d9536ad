"""OSC 1.0 packets: bytes to messages and back. Pure: no socket, no clock. Address patterns: `patterns.py`.

Rules: Open Sound Control 1.0 Specification (opensoundcontrol.org/spec-1_0). python-osc builds what we send. Reading is
our own, because python-osc's reader (tried: 1.10.2) raises on a message without type tags and drops the rest of its
bundle, loops for ever on a bundle element of size -4, and its dispatcher sleeps until a bundle's time tag.
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
MAX_STRING = 60_000  # the longest string in use is our own status
MAX_ARGUMENTS = 1_024  # of one message
MAX_VALUES = 2_048  # arguments of all messages in one packet; a tracker's bundle of 64 cursors has 700
MAX_DEPTH = 16  # of bundles in bundles
MAX_MESSAGES = 128  # in one packet; a tracker's bundle holds a few dozen
MAX_ELEMENTS = 256  # in one packet: messages, bundles in it, and what is neither

# Heads (address and type tags) whose layout is known. Cleared when full: random addresses cannot make it grow.
MAX_HEADS = 1_024
_MAX_HEAD_BYTES = 256

# Tag -> struct code of the fixed-size types that struct converts to the right Python value.
_FIXED: Final = {"i": "i", "f": "f", "h": "q", "d": "d", "t": "Q", "r": "I"}
_CONSTANTS: Final = {"T": True, "F": False, "N": None}

# Without type tags, 4 bytes are an integer or a float. These integers would be denormal floats, or NaN with a payload
# (the plain NaN of x86 is 0xFFC00000).
_ONLY_INTEGERS = (-0x3FFFFF, 0x7FFFFF)
# A float of this size would be an integer of at least 900 million.
_PLAUSIBLE = (1e-6, 1e9)
_INTEGER, _FLOAT = struct.Struct(">i"), struct.Struct(">f")


class Malformed(Exception):
    """These bytes are not OSC, or contain a type tag that the specification does not define."""


class Message(NamedTuple):
    """One OSC message.

    Attributes:
        address: as sent, so it may be a pattern (see `is_pattern`).
        args: int (`i h t r`), float (`f d`), str (`s S c`), bytes (`b m`), bool (`T F`), None (`N`), `IMPULSE` (`I`).
            The values of an array (`[ ]`) are listed among the others.
        untagged: the bytes after the address if the sender left out the type tags; `args` is then empty, and
            `read_untagged` reads the bytes for a receiver that knows their types. Otherwise None.
    """

    address: str
    args: tuple[object, ...]
    untagged: bytes | None = None


class Impulse:
    """Type of `IMPULSE`."""

    def __repr__(self) -> str:
        return "IMPULSE"


IMPULSE = Impulse()  # the value of tag `I`, which has no data

_make = functools.partial(tuple.__new__, Message)  # a third of what Message(...) costs
_heads: dict[bytes, tuple[str, struct.Struct, int]] = {}


def read(datagram: bytes, counters: Counters | None = None) -> list[Message]:
    """All messages of one packet, bundles flattened, in packet order.

    Time tags are ignored: phones and instruments share no clock, and nothing may wait for one. Extra zero bytes at the
    end are ignored, too: some senders send their whole buffer.

    Args:
        datagram: one UDP datagram.
        counters: counts a bad message inside an otherwise valid bundle (`malformed`); the other messages of the bundle
            are returned. Without counters, such a message makes the whole packet malformed.

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
    found = _Found()
    _bundle(datagram, found, counters, 1)
    return found.messages


def _known(data: bytes) -> Message | None:
    """The message, if one of the same address, type tags and size was read before: the fast path."""
    end = (data.find(b"\0", data.find(b"\0,") + 2) + 4) & ~3
    head = _heads.get(data[:end])
    if head is None or head[2] != len(data):
        return None
    return _make((head[0], head[1].unpack_from(data, end), None))


class _Found:
    """What a packet has contained so far: its messages, and how many elements and arguments."""

    __slots__ = ("elements", "messages", "values")

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.elements = self.values = 0


def _bundle(data: bytes, found: _Found, counters: Counters | None, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise Malformed("bundles nested too deeply")
    if len(data) < 16:
        raise Malformed("bundle without a time tag")
    at = 16
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if size == 0 and _only_zeros(data, at):
            return
        at += 4
        if size == 0 or size % 4 or at + size > len(data):
            raise Malformed(f"bundle element of {size} bytes")
        element = data[at : at + size]
        at += size
        found.elements += 1
        if found.elements > MAX_ELEMENTS:
            raise Malformed(f"more than {MAX_ELEMENTS} elements in one packet")
        if element.startswith(b"#bundle\0"):
            _bundle(element, found, counters, depth + 1)
            continue
        if len(found.messages) >= MAX_MESSAGES:
            raise Malformed(f"more than {MAX_MESSAGES} messages in one packet")
        try:
            message = _known(element) or _message(element)
        except Malformed:
            if counters is None:
                raise
            counters.malformed += 1
            continue
        found.values += len(message.args)
        if found.values > MAX_VALUES:
            raise Malformed(f"more than {MAX_VALUES} arguments in one packet")
        found.messages.append(message)


def _message(data: bytes) -> Message:
    if not data.startswith(b"/"):
        raise Malformed("neither a message nor a bundle")
    address, at = _string(data, 0, MAX_ADDRESS)
    if at == len(data):
        return Message(address, ())  # old senders leave out the type tags of a message without arguments
    if data[at] != 0x2C:
        return Message(address, (), data[at:] if len(data) % 4 == 0 else _whole_words(data, at))
    tags, end = _string(data, at, MAX_ARGUMENTS)
    args, last = _arguments(data, end, tags[1:])
    if not _only_zeros(data, last):
        raise Malformed(f"{len(data) - last} bytes too many")
    flat = tags[1:].replace("[", "").replace("]", "")
    if end <= _MAX_HEAD_BYTES and data.find(b"\0,") == at - 1 and all(tag in _FIXED for tag in flat):
        if len(_heads) >= MAX_HEADS:
            _heads.clear()
        _heads[data[:end]] = (address, _layout(flat), last)
    return Message(address, args)


def _only_zeros(data: bytes, at: int) -> bool:
    """Nothing but zero bytes from `at` to the end."""
    return not data[at:].strip(b"\0")


def _whole_words(data: bytes, at: int) -> bytes | None:
    """Arguments without type tags, without the zero bytes beyond a multiple of 4; None if nothing is left."""
    end = len(data) & ~3
    if not _only_zeros(data, end):
        raise Malformed("the size is not a multiple of 4")
    return data[at:end] or None


@functools.lru_cache(maxsize=256)
def _layout(tags: str) -> struct.Struct:
    """Layout of arguments that all have a fixed size."""
    return struct.Struct(">" + "".join(_FIXED[tag] for tag in tags))


def _string(data: bytes, at: int, longest: int) -> tuple[str, int]:
    """The OSC string at `at`, and where it ends with its padding."""
    stop = data.find(b"\0", at)
    end = (stop + 4) & ~3
    if stop < 0 or end > len(data):
        raise Malformed("string without its end")
    if stop - at > longest:
        raise Malformed(f"string of {stop - at} bytes")
    try:
        return data[at:stop].decode(), end
    except UnicodeDecodeError as error:
        raise Malformed("string that is not UTF-8") from error


def _arguments(data: bytes, at: int, tags: str) -> tuple[tuple[object, ...], int]:
    """The values at `at` with these type tags, arrays flattened, and where the values end."""
    args: list[object] = []
    depth = 0
    for tag in tags:
        if tag == "[":
            depth += 1
        elif tag == "]":
            depth -= 1
            if depth < 0:
                raise Malformed("array that ends before it begins")
        else:
            value, at = _value(data, at, tag)
            args.append(value)
    if depth:
        raise Malformed("array without its end")
    return tuple(args), at


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
        raise Malformed(f"blob of {size} bytes")
    return data[at + 4 : at + 4 + size], end


def read_untagged(data: bytes, tags: str) -> tuple[object, ...]:
    """The arguments of a message that came without type tags, for a receiver that declares them (as `ff`).

    Some of these senders (Pure Data's packOSC with `typetags 0`) send a whole number as an integer and any other as a
    float. So for `i` and `f` each value is read as the one of the two that it can be.

    Raises:
        Malformed: the bytes do not have these types.
    """
    args: list[object] = []
    at = 0
    for tag in tags:
        value, end = _value(data, at, tag)
        args.append(_integer_or_float(data, at, tag) if tag in "if" else value)
        at = end
    if not _only_zeros(data, at):
        raise Malformed(f"{len(data) - at} bytes too many")
    return tuple(args)


def _integer_or_float(data: bytes, at: int, tag: str) -> float:
    """Four bytes as an integer if that is small, as a float if that is plausible, otherwise as `tag` says."""
    integer: int = _INTEGER.unpack_from(data, at)[0]
    real: float = _FLOAT.unpack_from(data, at)[0]
    if _ONLY_INTEGERS[0] <= integer <= _ONLY_INTEGERS[1]:
        return integer
    return real if tag == "f" or _PLAUSIBLE[0] <= abs(real) <= _PLAUSIBLE[1] else integer


def write(address: str, *args: float | str | bytes | None) -> bytes:
    """One message: float becomes `f`, int `i` (`h` if it needs more than 32 bits), bool `T` or `F`, None `N`."""
    builder = OscMessageBuilder(address)
    for arg in args:
        wide = isinstance(arg, int) and not isinstance(arg, bool) and not -(2**31) <= arg < 2**31
        builder.add_arg(arg, builder.ARG_TYPE_INT64 if wide else None)
    datagram: bytes = builder.build().dgram
    return datagram
