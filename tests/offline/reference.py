"""Presets with the extremes of each descriptor: their patches, and the values of timbral_models 0.4.0."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from latentd.offline.timbre import describe
from latentd.synth import amsynth

_FILE = Path(__file__).parent.parent / "data" / "timbre.csv"


def _rows() -> list[dict[str, str]]:
    return list(csv.DictReader(_FILE.read_text(encoding="utf-8").splitlines()))


def patches() -> list[amsynth.Array]:
    """Their patches (41,)."""
    return [np.array([float(row[name]) for name in amsynth.NAMES]) for row in _rows()]


def values() -> amsynth.Array:
    """Their descriptors (clip, 7), in the order of `timbre.DESCRIPTORS`."""
    return np.array([[float(row[name]) for name in describe.DESCRIPTORS] for row in _rows()])
