"""`latentd corpus`: duplicates, defaults, held-out banks, the tables it writes, and files that it cannot read."""

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
from tests.support.limits import NO_PRIVILEGES, full_disk


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


def _run(*arguments: str, before: str = "") -> subprocess.CompletedProcess[str]:
    """The real program. `before` runs in its process first."""
    code = f"{before}\nfrom latentd.cli import main\nmain()"
    command = [sys.executable, "-c", code, "corpus", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_duplicates_near_duplicates_and_leaks_are_found(folder: Path) -> None:
    files = banks.bank_files([folder])
    found = survey.survey(corpus.read(files), files, ["B.amSynth.bank"])
    assert found.equal == ((0, 4),)
    assert found.near == ((1, 5), (2, 6))
    assert found.leaks == (4, 5, 6)
    assert found.repeated() == 1


def test_missing_parameters_are_counted_and_get_the_synths_defaults(tmp_path: Path) -> None:
    path = tmp_path / "old.bank"
    path.write_text("amSynth\n<preset> <name> x\n<parameter> filter_cutoff 1\nEOF\n")
    (file,) = survey.survey(corpus.read([path]), [path], []).files
    assert len(file.filled) == 40
    assert file.filled["filter_kbd_track"] == 1
    assert file.dropped == {}


def test_parameters_that_amsynth_does_not_know_are_named(tmp_path: Path) -> None:
    path = tmp_path / "old.bank"
    old = "<parameter> lfo_depth 1\n"
    x, y = f"{old}<parameter> amp_attack 1\n", f"{old}{old}<parameter> \x1b 1\n"
    path.write_text(f"amSynth\n<preset> <name> x\n{x}<preset> <name> y\n{y}EOF\n")
    (file,) = survey.survey(corpus.read([path]), [path], []).files
    assert file.dropped == {"lfo_depth": 2, "'\\x1b'": 1}
    done = _run(str(path))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0].endswith("; dropped, unknown to amSynth: lfo_depth, '\\x1b' (1)")
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
    assert "to train on: 4; held out: 5" in done.stdout
    assert "3 held-out presets have a duplicate or near duplicate" in done.stdout
    assert len((out / "corpus.csv").read_text().splitlines()) == 5
    assert len((out / "held-out.csv").read_text().splitlines()) == 6
    facts = json.loads((out / "manifest.json").read_text())
    assert facts == json.loads(_run(str(folder), "--hold-out", "B", "--json").stdout)
    assert [file["presets"] for file in facts["files"]] == [4, 5]
    assert facts["rows"]["sha256"] == corpus.read([folder / "A.bank"]).facts()["sha256"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{folder}", "--hold-out", "C"], "no bank 'C'. The banks are: A.bank, B.amSynth.bank"),
        (["{folder}", "--paper"], "--paper takes no BANKS"),
        (["{folder}/nothing"], "nothing: No such file"),
    ],
)
def test_a_mistake_is_named_in_one_line(folder: Path, arguments: list[str], message: str) -> None:
    done = _run(*(argument.format(folder=folder) for argument in arguments))
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_every_bad_file_of_a_folder_is_listed_at_once_in_one_line_each(folder: Path) -> None:
    good = (folder / "A.bank").read_bytes()
    (folder / "crlf.bank").write_bytes(good.replace(b"\n", b"\r\n"))
    (folder / "cut off.bank").write_bytes(good[:-20])
    (folder / "locked.bank").write_bytes(good)
    (folder / "locked.bank").chmod(0)
    (folder / "no.bank").write_text("something else")
    done = _run(str(folder), before=NO_PRIVILEGES)
    assert (done.returncode, done.stdout) == (2, "")
    lines = done.stderr.removeprefix("latentd: ").splitlines()
    assert lines[0] == (
        f"{folder}/crlf.bank: Windows line ends (CRLF), which amSynth does not read. "
        f"Convert it: sed -i 's/\\r$//' {folder}/crlf.bank"
    )
    assert lines[1].startswith(f"{folder}/cut off.bank:") and "the file ends within a line" in lines[1]
    assert lines[2] == f"{folder}/locked.bank: Permission denied. Check its name and its permissions"
    assert lines[3].startswith(f"{folder}/no.bank: ")
    assert len(lines) == 4


def test_the_cure_for_windows_line_ends_is_one(folder: Path) -> None:
    before = (folder / "A.bank").read_bytes()
    (folder / "A.bank").write_bytes(before.replace(b"\n", b"\r\n"))
    cure = _run(str(folder)).stderr.partition("Convert it: ")[2]
    subprocess.run(cure, shell=True, check=True, timeout=60)
    assert (folder / "A.bank").read_bytes() == before
    assert _run(str(folder)).returncode == 0


def test_a_locked_folder_is_named(folder: Path) -> None:
    (folder / "locked").mkdir(mode=0)
    for place in ("locked", "locked/inside.bank"):
        done = _run(str(folder / place), before=NO_PRIVILEGES)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == f"latentd: {folder / place}: Permission denied. Check its name and its permissions\n"


def test_a_full_disk_is_a_failure_and_leaves_no_table(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = _run(str(folder), "--out", str(out), before=full_disk(2000))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"latentd: {out}: File too large. Free some space, then run the command again\n"
    assert list(out.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(folder: Path) -> None:
    done = _run(str(folder), "--out", "/proc")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "latentd: /proc: No such file or directory. Choose another --out\n"
