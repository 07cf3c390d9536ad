"""The data set: presets read from bank files as rows of parameters, with a hash of all of them."""

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

# The paper trained on 26 + 20 x 128 = 2,586 presets, and not on the other seven banks that come with amSynth.
PAPER_BANKS = ("amsynth_factory.bank", *(f"BriansBank{i:02}.amSynth.bank" for i in range(1, 21)))
UNSEEN_BANKS = (
    "BriansBank21.amSynth.bank", "BriansBank22.amSynth.bank", *(f"PatriksBank{i:02}.bank" for i in range(1, 6)),
)  # fmt: skip

# Parameters that the paper does not learn, with the values its program sends (`LatentGUI.py: build_format_preset`).
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
    """The paper's 56 columns: 27 continuous (including octave and semitones of oscillator 2), 7 categories one-hot."""
    learned = [(i, p.kind) for i, p in enumerate(amsynth.PARAMETERS) if p.name not in PAPER_CONSTANTS]
    return Layout(
        continuous=tuple(i for i, kind in learned if kind is not Kind.CATEGORY),
        categories=tuple(i for i, kind in learned if kind is Kind.CATEGORY),
    )


@dataclass(frozen=True)
class CorpusRow:
    """The origin of one preset. `index` counts from 0 within the bank."""

    name: str
    bank: str
    index: int


@dataclass(frozen=True)
class Corpus:
    """Presets as the synth would hold them: `params` (n, 41) in 0..1, one row for each."""

    rows: tuple[CorpusRow, ...]
    params: Array

    def distinct(self) -> int:
        """The number of different rows."""
        return len(np.unique(self.params, axis=0)) if self.rows else 0

    def facts(self) -> dict[str, object]:
        """The facts for a manifest: size, presets of each bank, and a hash of the numbers."""
        counts: dict[str, int] = {}
        for row in self.rows:
            counts[row.bank] = counts.get(row.bank, 0) + 1
        digest = hashlib.sha256(np.ascontiguousarray(self.params, dtype="<f8").tobytes()).hexdigest()
        return {"presets": len(self.rows), "distinct": self.distinct(), "banks": counts, "sha256": digest}

    def take(self, indexes: Sequence[int]) -> Corpus:
        """Only these rows, in this order."""
        return Corpus(tuple(self.rows[i] for i in indexes), self.params[list(indexes)])


def read(paths: Iterable[Path]) -> Corpus:
    """All presets of these bank and preset files (of a folder: the files in it), in order.

    Raises:
        UserError: files that cannot be read, one line for each, or no preset at all.
    """
    rows: list[CorpusRow] = []
    patches: list[Array] = []
    wrong: list[str] = []
    for path in banks.bank_files(paths):
        try:
            presets = banks.read(path)
        except banks.BankError as error:
            wrong.append(str(error))
            continue
        rows += [CorpusRow(preset.name, path.name, i) for i, preset in enumerate(presets)]
        patches += [preset.patch() for preset in presets]
    if wrong:
        raise UserError("\n".join(wrong))
    if not rows:
        raise UserError("No presets in these files", "Name bank files that hold presets")
    return Corpus(tuple(rows), amsynth.to_params(np.array(patches)))


def paper(folder: Path) -> tuple[Corpus, Corpus]:
    """The paper's rows, and those of the banks it did not train on, from the folder of amSynth's own banks."""
    return read(folder / name for name in PAPER_BANKS), read(folder / name for name in UNSEEN_BANKS)


def without(paths: Iterable[Path], excluded: Iterable[Path]) -> list[Path]:
    """The bank and preset files of these paths, except the excluded ones.

    Raises:
        UserError: none is left.
    """
    out = {path.resolve() for path in banks.bank_files(excluded)}
    left = [path for path in banks.bank_files(paths) if path.resolve() not in out]
    if not left:
        raise UserError("All banks are held out, none is left to train on", "Name more banks")
    return left


def split(corpus: Corpus, seed: int, share: float = 0.1) -> tuple[Corpus, Corpus]:
    """Rows to train on, and a random share of held-out rows: for a user's own banks, too few to hold out whole ones.

    Equal presets stay on one side, so that no preset is both trained on and measured.
    """
    _, group, counts = np.unique(corpus.params, axis=0, return_inverse=True, return_counts=True)
    left = round(len(corpus.rows) * share)
    chosen = []
    for one in np.random.default_rng(seed).permutation(len(counts)):
        if counts[one] <= left:
            chosen.append(one)
            left -= counts[one]
    held_out = np.isin(group.ravel(), chosen)
    return corpus.take(np.flatnonzero(~held_out).tolist()), corpus.take(np.flatnonzero(held_out).tolist())


def constant_params(constants: dict[str, float]) -> Array:
    """Params (41,) with these constants (in the synth's units), and the synth's defaults elsewhere."""
    patch = amsynth.DEFAULT.copy()
    for name, value in constants.items():
        patch[amsynth.INDEX[name]] = value
    return amsynth.to_params(patch)
