"""The patterns that name MIDI ports in a configuration or a mapping: which ports each matches."""

from __future__ import annotations

import re
from collections.abc import Iterable

# Not between two digits: `Port 1` is no part of `Port 10`.
_NOT_INSIDE_NUMBER = r"(?!(?<=\d)\d)"


def matches_jack(pattern: str, names: Iterable[str]) -> bool:
    """True if the pattern is one of a port's names (or aliases), or a regular expression that matches all of one."""
    return any(name == pattern or re.fullmatch(pattern, name) for name in names)


def name_part(text: str) -> re.Pattern[str]:
    """Finds the text in ports' names; ignores case."""
    return _whole_numbers(re.escape(text))


def alsa_matcher(pattern: str) -> re.Pattern[str]:
    """Finds the pattern in ALSA's port names, as plain text or as a regular expression; ignores case.

    Raises:
        re.error: it is no regular expression.
    """
    return _whole_numbers(f"(?:{re.escape(pattern)}|{pattern})")


def _whole_numbers(expression: str) -> re.Pattern[str]:
    return re.compile(f"{_NOT_INSIDE_NUMBER}{expression}{_NOT_INSIDE_NUMBER}", re.IGNORECASE)
