"""From banks to rows and columns; without torch."""

from __future__ import annotations

from pathlib import Path

import pytest

from latentd.errors import UserError
from latentd.model import bundle
from latentd.offline.corpus import corpus
from latentd.offline.corpus.corpus import PAPER_CONSTANTS, Corpus, paper_layout
from latentd.synth import amsynth, banks
from latentd.synth.banks import Bank, Preset


@pytest.fixture
def rows(tmp_path: Path) -> Corpus:
    """Sixty presets of two banks."""
    for i in (1, 2):
        presets = tuple(Preset(f"p{n}", {"amp_attack": n / 100 * i}, ()) for n in range(30))
        lines = [Preset.from_patch(p.name, p.patch()) for p in presets]
        banks.write(tmp_path / f"{i}.bank", Bank(tuple(lines)))
    return corpus.read([tmp_path])


def test_the_papers_layout_has_its_56_columns() -> None:
    layout = paper_layout()
    assert (layout.width, len(layout.continuous), layout.classes) == (56, 27, (5, 5, 7, 2, 5, 2, 3))
    left = set(range(amsynth.COUNT)) - {*layout.continuous, *layout.categories}
    assert {amsynth.NAMES[i] for i in left} == set(PAPER_CONSTANTS)


@pytest.mark.real
def test_the_papers_rows_are_2586_and_the_unseen_ones_896() -> None:
    rows, unseen = corpus.paper(banks.system_folder())
    assert (len(rows.rows), len(unseen.rows)) == (2586, 896)
    assert rows.facts() == bundle.load().manifest.corpus["trained_on"]
    track = amsynth.INDEX["filter_kbd_track"]
    assert (rows.params[:, track] == 1.0).mean() > 0.85, "old banks lack it, and amSynth's default is 1"


def test_a_split_holds_out_a_tenth_and_loses_nothing(rows: Corpus) -> None:
    most, held_out = corpus.split(rows, seed=3)
    assert (len(most.rows), len(held_out.rows)) == (54, 6)
    assert sorted((*most.rows, *held_out.rows), key=lambda row: (row.bank, row.index)) == list(rows.rows)


def test_rows_have_their_origin_and_equal_numbers_have_equal_hashes(rows: Corpus, tmp_path: Path) -> None:
    assert (rows.rows[31].name, rows.rows[31].bank, rows.rows[31].index) == ("p1", "2.bank", 1)
    facts = rows.facts()
    assert (facts["presets"], facts["distinct"], facts["banks"]) == (60, 45, {"1.bank": 30, "2.bank": 30})
    assert facts["sha256"] == corpus.read([tmp_path / "1.bank", tmp_path / "2.bank"]).facts()["sha256"]
    assert facts["sha256"] != corpus.read([tmp_path / "2.bank", tmp_path / "1.bank"]).facts()["sha256"]


def test_a_file_without_presets_is_the_users_mistake(tmp_path: Path) -> None:
    (tmp_path / "empty.bank").write_text("amSynth\nEOF\n")
    with pytest.raises(UserError, match="No presets"):
        corpus.read([tmp_path / "empty.bank"])
