"""OSC 1.0 address patterns: does `/pad/[1-4]/*` match `/pad/2/x`? Pure.

Rules: Open Sound Control 1.0 Specification (opensoundcontrol.org/spec-1_0), the section on pattern matching.
"""

from __future__ import annotations

import functools
from typing import Final

# Longer patterns and addresses match nothing: the limit bounds the time of one match.
MAX_ADDRESS = 512

_SPECIAL: Final = frozenset("?*[]{}")


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
            here = _step_class(here, inside, name) if char == "[" else _step_any(here, inside, name)
        else:
            here = _step(here, char, name)
    return bool(here >> len(name))


def _step(here: int, chars: str, name: str) -> int:
    """The state after exactly these characters."""
    for char in chars:
        here = (here & _places(name, char)) << 1
    return here


def _step_any(here: int, choices: str, name: str) -> int:
    """The state after any of the comma-separated strings."""
    after = 0
    for choice in choices.split(","):
        after |= _step(here, choice, name)
    return after


def _step_class(here: int, inside: str, name: str) -> int:
    """The state after one character of a `[...]`."""
    wanted = _members(inside.removeprefix("!"))
    negated = inside.startswith("!")
    places = sum(1 << i for i, char in enumerate(name) if any(a <= char <= b for a, b in wanted) != negated)
    return (here & places) << 1


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
def _places(name: str, char: str) -> int:
    """Bit i is set if character i of the name is this one."""
    return sum(1 << i for i, c in enumerate(name) if c == char)
