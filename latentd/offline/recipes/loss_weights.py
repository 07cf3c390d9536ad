"""What a pad is judged by while it is trained: the weights of the parts of a loss, which `--weight` changes."""

from __future__ import annotations

import difflib
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

from latentd.errors import UserError


@dataclass(frozen=True)
class TimbreWeights:
    """Of the recipe `timbre`, against 1 for the distance of a preset from its place on the pad."""

    jump: float = 0.8  # of the worst descriptor between neighbours, beyond
    jump_free: float = 3.0
    even: float = 0.3  # coefficient of variation of the change between neighbours
    step: float = 10.0  # mean change of the continuous parameters
    flip: float = 2.0  # change of the classes' probabilities
    range: float = 0.03  # distance of the pad's distribution of each descriptor from the corpus's
    doubt: float = 0.3  # where the two networks of the proxy differ
    faint: float = 3.0  # dB below -36 LUFS
    teacher: float = 0.5  # distance from the atlas


@dataclass(frozen=True)
class VaeWeights:
    """Of the recipe `vae`, against 1 for the cross entropy of the classes."""

    descriptors: float = 1.0  # differences of all seven, in units of 13.5
    loudness: float = 0.05  # dB
    mel: float = 0.33  # mean dB of the small picture
    doubt: float = 0.3  # where the two networks of the proxy differ


W = TypeVar("W", bound=TimbreWeights | VaeWeights)


def changed(weights: W, changes: Sequence[str]) -> W:
    """Weights with changes such as `step=5`.

    Raises:
        UserError: not of that form, no such weight (names the nearest one), or not a number from 0 up.
    """
    known = [field.name for field in fields(weights)]
    values: dict[str, Any] = {}
    for change in changes:
        name, _, text = change.partition("=")
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {near[0]}" if near else f"There are: {', '.join(known)}"
            raise UserError(f"--weight {change}: there is no weight {name!r}", hint)
        values[name] = _number(change, text)
    return replace(weights, **values)


def _number(change: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise UserError(f"--weight {change}: found {text!r}, a number from 0 up is needed", "Write NAME=VALUE")
    return value
