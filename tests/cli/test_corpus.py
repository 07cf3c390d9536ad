"""`latentd corpus`: what repeats, what is filled in, what is held out, and the tables it writes."""

from __future__ import annotations

import csv
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from latentd.offline.corpus import corpus, survey
from latentd.synth import amsynth, banks
from latentd.synth.banks import Bank, Preset


def _patches(count: int, seed: int = 0) -> amsynth.Array:
    return amsynth.to_patch(np.random.default_rng(seed).uniform(size=(count, amsynth.COUNT)))


def _bank(path: Path, patches: amsynth.Array) -> Path:
    banks.write(path, Bank(tuple(Preset.from_patch(f"{path.stem}{i}", patch) for i, patch in enumerate(patches))))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two banks: the second begins with an equal and two nearly equal presets of the first."""
    first, second = _patches(4), _patches(5, 1)
    second[:3] = first[:3]
    second[1, amsynth.INDEX["filter_cutoff"]] += 0.01 if second[1, amsynth.INDEX["filter_cutoff"]] < 1.4 else -0.01
    second[2, amsynth.INDEX["filter_type"]] = (second[2, amsynth.INDEX["filter_type"]] + 1) % 5
    _bank(tmp_path / "A.bank", first)
    _bank(tmp_path / "B.amSynth.bank", second)
    return tmp_path


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "latentd", "corpus", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_equal_and_near_presets_and_those_that_leak_are_found(folder: Path) -> None:
    files = banks.bank_files([folder])
    found = survey.survey(corpus.read(files), files, ["B.amSynth.bank"])
    assert found.equal == ((0, 4),)
    assert found.near == ((1, 5), (2, 6))
    assert found.leaks == (4, 5, 6)
    assert found.repeated() == 1


def test_what_a_file_does_not_list_is_counted_and_gets_the_synths_defaults(tmp_path: Path) -> None:
    path = tmp_path / "old.bank"
    path.write_text("amSynth\n<preset> <name> x\n<parameter> filter_cutoff 1\nEOF\n")
    (file,) = survey.survey(corpus.read([path]), [path], []).files
    assert len(file.filled) == 40
    assert file.filled["filter_kbd_track"] == 1
    assert corpus.read([path]).params[0, amsynth.INDEX["filter_kbd_track"]] == 1.0
    assert file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_table_has_the_papers_56_columns(folder: Path) -> None:
    rows = corpus.read([folder / "A.bank"])
    header, first, *_ = csv.reader(survey.table(rows).splitlines())
    assert header[:4] == ["preset_name", "bank", "index", "amp_attack"]
    assert len(header) == 3 + 56
    assert header[-3:] == ["freq_mod_osc_0", "freq_mod_osc_1", "freq_mod_osc_2"]
    np.testing.assert_allclose(
        [float(text) for text in first[3:]], corpus.paper_layout().encode(rows.params)[0], rtol=1e-8
    )


def test_the_command_writes_tables_and_a_manifest_with_hashes(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = _run(str(folder), "--hold-out", "B", "--out", str(out))
    assert (done.returncode, done.stderr) == (0, "")
    assert "9 presets, 8 of them distinct" in done.stdout
    assert "to learn from: 4; held out: 5" in done.stdout
    assert "3 held-out presets have an equal or near one" in done.stdout
    assert len((out / "corpus.csv").read_text().splitlines()) == 5
    assert len((out / "held-out.csv").read_text().splitlines()) == 6
    facts = json.loads((out / "manifest.json").read_text())
    assert facts == json.loads(_run(str(folder), "--hold-out", "B", "--json").stdout)
    assert [file["presets"] for file in facts["files"]] == [4, 5]
    assert facts["rows"]["sha256"] == corpus.read([folder / "A.bank"]).facts()["sha256"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{folder}", "--hold-out", "C"], "no bank 'C'. There are: A.bank, B.amSynth.bank"),
        (["{folder}", "--paper"], "--paper comes without BANKS"),
        (["{folder}/nothing"], "nothing: No such file"),
    ],
)
def test_a_mistake_is_named_in_one_line(folder: Path, arguments: list[str], message: str) -> None:
    done = _run(*(argument.format(folder=folder) for argument in arguments))
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
