"""OSC 1.0 address patterns: does `/pad/[1-4]/*` match `/pad/2/x`? Pure.

Rules: Open Sound Control 1.0 Specification (opensoundcontrol.org/spec-1_0), the section on pattern matching.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Final

# Longer patterns and addresses match nothing: the limit bounds the time of one match.
MAX_ADDRESS = 512

_SPECIAL: Final = frozenset("?*[]{}")
_STARS = re.compile(r"\*\*+")

_Tree = dict[str, "_Tree"]


def is_pattern(address: str) -> bool:
    """True if an address contains characters with a meaning in patterns."""
    return not _SPECIAL.isdisjoint(address)


def matches(pattern: str, address: str) -> bool:
    """Does this address pattern match this address?

    `?` is one character, `*` any number of characters, and there are `[abc]`, `[a-z]`, `[!a-z]`, `{foo,bar}`. None of
    them crosses a `/`. A pattern with a bracket that does not close matches nothing. Takes at worst time proportional
    to the lengths of pattern and address multiplied: all alternatives are followed together, without backtracking.
    """
    if len(pattern) > MAX_ADDRESS or len(address) > MAX_ADDRESS:
        return False
    parts, names = pattern.split("/"), address.split("/")
    return len(parts) == len(names) and all(map(_part_matches, parts, names))


def can_match(pattern: str) -> bool:
    """False for a pattern that matches no address: a bracket does not close before the next `/`, or is empty."""
    return all(map(_part_can_match, pattern.split("/")))


def _part_can_match(pattern: str) -> bool:
    at = 0
    while at < len(pattern):
        char, at = pattern[at], at + 1
        if char in "[{":
            close = pattern.find("]" if char == "[" else "}", at)
            if close < 0 or (char == "[" and not _has_members(pattern[at:close])):
                return False
            at = close + 1
    return True


def _has_members(inside: str) -> bool:
    return inside.startswith("!") or any(first <= last for first, last in _members(inside))


def _part_matches(pattern: str, name: str) -> bool:
    """One part between slashes. Bit i of `here`: the pattern so far can match the first i characters of the name."""
    here = 1
    at = 0
    places = _places(name)
    while at < len(pattern) and here:
        char = pattern[at]
        at += 1
        if char == "*":
            here = ((2 << len(name)) - 1) & ~((here & -here) - 1)
        elif char == "?":
            here = (here << 1) & ((2 << len(name)) - 1)
        elif char in "[{":
            close = pattern.find("]" if char == "[" else "}", at)
            if close < 0:
                return False
            inside, at = pattern[at:close], close + 1
            here = _step_class(here, inside, places) if char == "[" else _step_any(here, inside, places)
        else:
            here = (here & places.get(char, 0)) << 1
    return bool(here >> len(name))


def _step_any(here: int, choices: str, places: Mapping[str, int]) -> int:
    """The state after any of the comma-separated strings."""
    after = 0
    for choice in choices.split(","):
        state = here
        for char in choice:
            state = (state & places.get(char, 0)) << 1
            if not state:
                break
        after |= state
    return after


def _step_class(here: int, inside: str, places: Mapping[str, int]) -> int:
    """The state after one character of a `[...]`."""
    negated, ascii_chars, ranges = _class(inside)
    found = 0
    for char, at in places.items():
        if (char in ascii_chars or (char > "\x7f" and any(a <= char <= b for a, b in ranges))) != negated:
            found |= at
    return (here & found) << 1


@functools.lru_cache(maxsize=512)
def _class(inside: str) -> tuple[bool, frozenset[str], list[tuple[str, str]]]:
    """A `[...]`: whether it is negated, its ASCII characters, its ranges."""
    ranges = _members(inside.removeprefix("!"))
    codes = (range(ord(first), min(ord(last), 0x7F) + 1) for first, last in set(ranges))
    return inside.startswith("!"), frozenset(map(chr, itertools.chain.from_iterable(codes))), ranges


def _members(inside: str) -> list[tuple[str, str]]:
    """The ranges of a character class; a `-` at the end is a plain character."""
    ranges: list[tuple[str, str]] = []
    at = 0
    while at < len(inside):
        if inside[at + 1 : at + 2] == "-" and at + 2 < len(inside):
            ranges.append((inside[at], inside[at + 2]))
            at += 3
        else:
            ranges.append((inside[at], inside[at]))
            at += 1
    return ranges


@functools.lru_cache(maxsize=512)
def _places(name: str) -> Mapping[str, int]:
    """Where each character of the name is: bit i is set if it is character i."""
    places: dict[str, int] = {}
    for i, char in enumerate(name):
        places[char] = places.get(char, 0) | 1 << i
    return places


class Addresses:
    """Known addresses, and which of them a pattern matches; parts that several addresses share are compared once."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._known = frozenset(addresses)
        self._tree: _Tree = {}
        for address in addresses:
            node = self._tree
            for part in address.split("/"):
                node = node.setdefault(part, {})

    def matching(self, pattern: str) -> list[str]:
        """The addresses that this pattern matches."""
        if len(pattern) > MAX_ADDRESS:
            return []
        found: list[tuple[str, _Tree]] = [("", self._tree)]
        for part in _STARS.sub("*", pattern).split("/"):
            names = {name for _, node in found for name in node}
            same = {name: _part_matches(part, name) for name in names}
            found = [(f"{path}/{name}", child) for path, node in found for name, child in node.items() if same[name]]
        return [path[1:] for path, _ in found if path[1:] in self._known]
