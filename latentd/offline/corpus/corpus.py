"""Preset banks become a data set: which files, which rows, which columns, and a hash of it all."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from latentd.errors import UserError
from latentd.model.decoder import Layout
from latentd.synth import amsynth, banks
from latentd.synth.amsynth import Array, Kind

# What the paper trained on: 26 + 20 x 128 = 2,586 presets. The other seven banks that come with amSynth it never saw.
PAPER_BANKS = ("amsynth_factory.bank", *(f"BriansBank{i:02}.amSynth.bank" for i in range(1, 21)))
UNSEEN_BANKS = (
    "BriansBank21.amSynth.bank", "BriansBank22.amSynth.bank", *(f"PatriksBank{i:02}.bank" for i in range(1, 6)),
)  # fmt: skip

# What the paper leaves out, with the values its program sends instead (`LatentGUI.py: build_format_preset`).
PAPER_CONSTANTS = {
    "master_vol": 0.6,
    "distortion_crunch": 0.0,
    "portamento_time": 0.0,
    "keyboard_mode": 0.0,
    "filter_vel_sens": 1.0,
    "amp_vel_sens": 1.0,
    "portamento_mode": 0.0,
}


def paper_layout() -> Layout:
    """The paper's 56 columns: 27 continuous (octave and semitones of oscillator 2 among them), 7 categories one-hot."""
    learned = [(i, p.kind) for i, p in enumerate(amsynth.PARAMETERS) if p.name not in PAPER_CONSTANTS]
    return Layout(
        continuous=tuple(i for i, kind in learned if kind is not Kind.CATEGORY),
        categories=tuple(i for i, kind in learned if kind is Kind.CATEGORY),
    )


@dataclass(frozen=True)
class CorpusRow:
    """Where one preset comes from. `index` counts from 0 within the bank."""

    name: str
    bank: str
    index: int


@dataclass(frozen=True)
class Corpus:
    """Presets as the synth would hold them: `params` (n, 41) 0..1, one row each."""

    rows: tuple[CorpusRow, ...]
    params: Array

    def facts(self) -> dict[str, object]:
        """What a manifest notes: size, presets a bank, and a hash of the numbers."""
        counts: dict[str, int] = {}
        for row in self.rows:
            counts[row.bank] = counts.get(row.bank, 0) + 1
        distinct = len(np.unique(self.params, axis=0)) if self.rows else 0
        digest = hashlib.sha256(np.ascontiguousarray(self.params, dtype="<f8").tobytes()).hexdigest()
        return {"presets": len(self.rows), "distinct": distinct, "banks": counts, "sha256": digest}

    def take(self, indexes: Sequence[int]) -> Corpus:
        """Only these rows, in this order."""
        return Corpus(tuple(self.rows[i] for i in indexes), self.params[list(indexes)])


def read(paths: Iterable[Path]) -> Corpus:
    """All presets of these bank and preset files (a folder stands for the files in it), in order.

    Raises:
        UserError: a file that cannot be read, or no preset at all.
    """
    rows: list[CorpusRow] = []
    patches: list[Array] = []
    for path in banks.bank_files(paths):
        for i, preset in enumerate(banks.read(path)):
            rows.append(CorpusRow(preset.name, path.name, i))
            patches.append(preset.patch())
    if not rows:
        raise UserError("No presets in the files named", "Name bank files that hold presets")
    return Corpus(tuple(rows), amsynth.to_params(np.array(patches)))


def paper(folder: Path) -> tuple[Corpus, Corpus]:
    """The paper's rows, and those of the banks it never saw, from the folder of amSynth's own banks."""
    return read(folder / name for name in PAPER_BANKS), read(folder / name for name in UNSEEN_BANKS)


def without(paths: Iterable[Path], aside: Iterable[Path]) -> list[Path]:
    """The bank and preset files that these paths stand for, but for those that are held out.

    Raises:
        UserError: nothing is left.
    """
    held_out = {path.resolve() for path in banks.bank_files(aside)}
    left = [path for path in banks.bank_files(paths) if path.resolve() not in held_out]
    if not left:
        raise UserError("All banks are held out, none is left to train on", "Name more banks")
    return left


def split(corpus: Corpus, seed: int, share: float = 0.1) -> tuple[Corpus, Corpus]:
    """Train on most presets, keep a random share aside: for banks of one's own, too few to hold out whole ones.

    Equal presets stay together, so that none is trained on and measured.
    """
    _, group, counts = np.unique(corpus.params, axis=0, return_inverse=True, return_counts=True)
    left = round(len(corpus.rows) * share)
    aside = []
    for one in np.random.default_rng(seed).permutation(len(counts)):
        if counts[one] <= left:
            aside.append(one)
            left -= counts[one]
    kept = np.isin(group.ravel(), aside)
    return corpus.take(np.flatnonzero(~kept).tolist()), corpus.take(np.flatnonzero(kept).tolist())


def constant_params(constants: dict[str, float]) -> Array:
    """Params (41,): the constants (in the synth's units) in their places, the synth's defaults elsewhere."""
    patch = amsynth.DEFAULT.copy()
    for name, value in constants.items():
        patch[amsynth.INDEX[name]] = value
    return amsynth.to_params(patch)
