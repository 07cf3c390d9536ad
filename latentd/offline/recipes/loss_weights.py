"""Weights of the parts of the losses, which `--weight` changes."""

from __future__ import annotations

import difflib
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

from latentd.errors import UserError


@dataclass(frozen=True)
class TimbreWeights:
    """Weights of the recipe `timbre`, where the distance of a preset from its nearest sound on the pad has 1."""

    jump: float = 0.5  # greatest descriptor change between neighbours, above
    jump_free: float = 3.0
    even: float = 0.3  # coefficient of variation of the change between neighbours
    step: float = 11.0  # mean change of the continuous parameters between neighbours
    flip: float = 2.5  # change of the class probabilities between neighbours
    range: float = 0.2  # distance between the descriptors' distributions on the pad and in the corpus
    doubt: float = 0.3  # difference between the surrogate's two networks
    faint: float = 3.0  # dB below -36 LUFS
    teacher: float = 0.5  # distance from the atlas
    families: float = 1.5  # distance from the atlas where it has a rare family of sounds
    level: float = 0.2  # LU of the distance from the target level, over notes and velocities
    held: float = 0.1  # dB below -38, of a note after three seconds
    axes: float = 0.4  # 1 - correlation of x with brightness, and of y with a fast attack


@dataclass(frozen=True)
class VaeWeights:
    """Weights of the recipe `vae`, where the cross entropy of the classes has 1."""

    descriptors: float = 1.0  # differences of all seven, in units of 13.5
    loudness: float = 0.05  # dB
    mel: float = 0.33  # mean dB of the small spectrogram
    doubt: float = 0.3  # difference between the surrogate's two networks


W = TypeVar("W", bound=TimbreWeights | VaeWeights)


def changed(weights: W, changes: Sequence[str]) -> W:
    """Weights with changes such as `step=5`.

    Raises:
        UserError: an unknown name, or a value that is not a number from 0 up.
    """
    known = [field.name for field in fields(weights)]
    values: dict[str, Any] = {}
    for change in changes:
        name, _, text = change.partition("=")
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"The weights are: {', '.join(known)}"
            raise UserError(f"--weight {change}: no weight {name!r}", hint)
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
