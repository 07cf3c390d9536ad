"""What a set of preset banks contains: duplicate and near-duplicate presets, parameters left to defaults, and hashes.

`latentd corpus` prints it, and writes it beside the tables.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from latentd.errors import UserError
from latentd.model.decoder import Layout
from latentd.offline.corpus.corpus import Corpus, CorpusRow, paper_layout
from latentd.synth import amsynth, banks
from latentd.synth.amsynth import Array

NEAR_WITHIN = 0.02  # of a parameter's range: less than a step of any switch
NEAR_EXCEPT = 2  # this many parameters may differ by more

Group = tuple[int, ...]  # rows of a corpus


@dataclass(frozen=True)
class BankFile:
    """One file of presets.

    Attributes:
        filled: parameter -> number of presets that do not list it, and so get the default.
        dropped: name that is no parameter of amSynth -> number of presets that list it.
    """

    name: str
    presets: int
    sha256: str
    filled: dict[str, int]
    dropped: dict[str, int]


@dataclass(frozen=True)
class Survey:
    """Rows of a corpus that duplicate each other, and held-out rows that leak into the training set.

    Attributes:
        equal: groups of rows with the same 41 values.
        near: pairs of unequal rows of which at most two parameters differ by more than 2 % of their range.
        leaks: held-out rows with a duplicate or near duplicate among the others.
    """

    files: tuple[BankFile, ...]
    equal: tuple[Group, ...]
    near: tuple[tuple[int, int], ...]
    leaks: Group

    def repeated(self) -> int:
        """Rows that can be removed without losing a sound."""
        return sum(len(group) - 1 for group in self.equal)


def survey(corpus: Corpus, paths: Sequence[Path], excluded: Sequence[str]) -> Survey:
    """Compare all rows with each other. `paths`: the files they come from; `excluded`: names of the held-out banks."""
    equal = _equal(corpus.params)
    pairs = _near(corpus.params)
    held = [row.bank in excluded for row in corpus.rows]
    leaks = {row for pair in pairs for row in pair if held[row] and held[pair[0]] != held[pair[1]]}
    near = tuple((a, b) for a, b in pairs if (corpus.params[a] != corpus.params[b]).any())
    return Survey(tuple(_file(path) for path in paths), equal, near, tuple(sorted(leaks)))


def held_out(files: Sequence[Path], names: Sequence[str]) -> list[str]:
    """The file names of the banks in `names`, each given whole or up to a dot.

    Raises:
        UserError: a name that no file has.
    """
    found = []
    for name in names:
        same = [path.name for path in files if path.name == name or path.name.startswith(f"{name}.")]
        if not same:
            raise UserError(f"--hold-out: no bank {name!r}", f"The banks are: {', '.join(path.name for path in files)}")
        found += same
    return found


def select(corpus: Corpus, excluded: Sequence[str]) -> tuple[Corpus, Corpus]:
    """Rows to train on, and rows of the excluded banks."""
    held = [row.bank in excluded for row in corpus.rows]
    rest = corpus.take([i for i, out in enumerate(held) if not out])
    return rest, corpus.take([i for i, out in enumerate(held) if out])


def table(corpus: Corpus, layout: Layout | None = None) -> str:
    """CSV in the paper's format: name, bank, index, 27 columns 0..1 in the synth's ranges and 29 one-hot columns."""
    layout = layout or paper_layout()
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["preset_name", "bank", "index", *columns(layout)])
    columns_of_all = layout.encode(corpus.params)
    values = len(layout.continuous)
    for row, numbers in zip(corpus.rows, columns_of_all.tolist(), strict=True):
        floats = [f"{number:.9g}" for number in numbers[:values]]
        writer.writerow([_printable(row.name), row.bank, row.index, *floats, *(f"{n:g}" for n in numbers[values:])])
    return text.getvalue()


def columns(layout: Layout) -> list[str]:
    """The column names, with classes numbered as in the paper's table: `osc1_waveform_0`, …"""
    names = [amsynth.NAMES[i] for i in layout.continuous]
    for i, count in zip(layout.categories, layout.classes, strict=True):
        names += [f"{amsynth.NAMES[i]}_{n}" for n in range(count)]
    return names


def manifest(result: Survey, rows: Corpus, excluded: Corpus, layout: Layout | None = None) -> dict[str, object]:
    """Plain data: the files with their hashes, the rows, the columns with their ranges, and the duplicates."""
    layout = layout or paper_layout()
    return {
        "synth": "amsynth 1.13",
        "files": [vars(file) for file in result.files],
        "rows": rows.facts(),
        "held_out": excluded.facts() if excluded.rows else None,
        "columns": columns(layout),
        "ranges": {
            amsynth.NAMES[i]: [amsynth.PARAMETERS[i].minimum, amsynth.PARAMETERS[i].maximum] for i in layout.continuous
        },
        "equal": len(result.equal),
        "repeated": result.repeated(),
        "near_pairs": len(result.near),
        "near_within": NEAR_WITHIN,
        "near_but": NEAR_EXCEPT,
        "leaks": len(result.leaks),
        "presets": len(rows.rows) + len(excluded.rows),
    }


def label(row: CorpusRow) -> str:
    """`BANK:INDEX NAME`."""
    return f"{row.bank}:{row.index} {_printable(row.name)}".rstrip()


def _printable(name: str) -> str:
    return name.encode("utf-8", "replace").decode()


def _equal(params: Array) -> tuple[Group, ...]:
    _, which = np.unique(params, axis=0, return_inverse=True)
    groups: dict[int, list[int]] = {}
    for row, group in enumerate(which.ravel().tolist()):
        groups.setdefault(group, []).append(row)
    return tuple(sorted(tuple(group) for group in groups.values() if len(group) > 1))


def _near(params: Array) -> list[tuple[int, int]]:
    """All pairs of duplicate or near-duplicate rows."""
    pairs = []
    for row in range(len(params) - 1):
        differing = (np.abs(params[row + 1 :] - params[row]) > NEAR_WITHIN).sum(axis=1)
        pairs += [(row, row + 1 + other) for other in np.flatnonzero(differing <= NEAR_EXCEPT).tolist()]
    return pairs


def _file(path: Path) -> BankFile:
    presets = banks.read(path)
    filled = {name: sum(name not in preset.values for preset in presets) for name in amsynth.NAMES}
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    filled = {name: count for name, count in filled.items() if count}
    return BankFile(path.name, len(presets), digest, filled, banks.dropped(presets))
