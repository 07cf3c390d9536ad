"""latentd reads bank files as amSynth does, and amSynth reads those that latentd writes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from latentd.osc.client import Client
from latentd.synth import amsynth, banks
from latentd.synth.amsynth import Array
from latentd.synth.banks import Bank, Preset
from tests.support import rig
from tests.support.daemon import decoded, latentd
from tests.support.oracle import Oracle

pytestmark = pytest.mark.real

# amSynth saves six digits, and its own reader of numbers is not exact either.
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    """One amSynth for all tests here, and the server that asks it."""
    with Oracle() as oracle, rig.jackd() as server, rig.amsynth(server, nsm_port=oracle.port):
        yield oracle


def _held(oracle: Oracle, folder: Path, bank: bytes, number: int) -> Array:
    """The patch that amSynth holds after loading preset `number` of a bank."""
    folder.mkdir()
    (folder / "bank").write_bytes(bank)
    (folder / "preset_number").write_text(f"{number}\n")
    oracle.load(folder)
    held = oracle.read()
    return np.array([held[name] for name in amsynth.NAMES])


def _assert_same(held: Array, expected: Array) -> None:
    assert (np.abs(held - expected) / amsynth.SPAN).max() <= TOLERANCE


# Each kind of bank: 36 parameters, 40, all 41, and values that newer amSynths would step.
@pytest.mark.parametrize(
    "name", ["amsynth_factory.bank", "BriansBank18.amSynth.bank", "BriansBank19.amSynth.bank", "PatriksBank01.bank"]
)
def test_amsynth_holds_the_patches_that_latentd_reads(oracle: Oracle, tmp_path: Path, name: str) -> None:
    path = banks.system_folder() / name
    for number, preset in enumerate(banks.read_bank(path).presets):
        _assert_same(_held(oracle, tmp_path / str(number), path.read_bytes(), number), preset.patch())


def test_amsynth_reads_the_banks_that_latentd_writes(oracle: Oracle, tmp_path: Path) -> None:
    random = np.random.default_rng(7)
    patches = amsynth.to_patch(random.uniform(size=(40, amsynth.COUNT)))
    bank = Bank(tuple(Preset.from_patch(f"p {i}", patch) for i, patch in enumerate(patches)))
    for number, patch in enumerate(patches):
        _assert_same(_held(oracle, tmp_path / str(number), bank.to_text().encode(), number), patch)


def test_amsynth_holds_what_decode_writes_as_banks_and_prints_as_json(oracle: Oracle, tmp_path: Path) -> None:
    grid, path = tmp_path / "grid", tmp_path / "path"
    lines = _decode("--grid", "4").splitlines() + _decode("--path", "0.1,0.9 0.8,0.2", "--steps", "6").splitlines()
    _decode("--grid", "4", "--banks", str(grid))
    _decode("--path", "0.1,0.9 0.8,0.2", "--steps", "6", "--banks", str(path))
    files = [(file, number) for file, count in ((grid, 16), (path, 6)) for number in range(count)]
    for (folder, number), line in zip(files, lines, strict=True):
        (file,) = folder.iterdir()
        held = _held(oracle, tmp_path / f"{folder.name}{number}", file.read_bytes(), number)
        _assert_same(held, np.array(list(json.loads(line).values())))


def _decode(*arguments: str) -> str:
    command = [sys.executable, "-m", "latentd", "decode", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


def test_amsynth_clamps_rounds_and_fills_as_latentd_does(oracle: Oracle, tmp_path: Path) -> None:
    random = np.random.default_rng(8)
    for number in range(20):
        lines = []
        for p in random.permutation(np.array(amsynth.PARAMETERS, dtype=object))[: random.integers(1, 41)]:
            low, high = p.minimum - 1.0, p.maximum + 1.0
            value = random.integers(int(2 * low), int(2 * high)) / 2 if p.step else random.uniform(low, high)
            lines.append(f"<parameter> {p.name} {value:.6g}\n")
        text = "amSynth\n<preset> <name> x\n" + "".join(lines) + "EOF\n"
        expected = banks.parse_bank(text, "x").presets[0].patch()
        _assert_same(_held(oracle, tmp_path / str(number), text.encode(), 0), expected)


def test_a_bank_that_amsynth_saved_is_read_and_written_unchanged(oracle: Oracle, tmp_path: Path) -> None:
    patch = amsynth.to_patch(np.random.default_rng(9).uniform(size=amsynth.COUNT))
    bank = Bank((Preset.from_patch("one", patch),))
    _held(oracle, tmp_path / "mine", bank.to_text().encode(), 0)
    oracle.load(tmp_path / "mine")
    oracle.save()
    saved = (tmp_path / "mine" / "bank").read_bytes()
    assert banks.read_bank(tmp_path / "mine" / "bank").to_text().encode() == saved
    assert saved != bank.to_text().encode(), "amSynth has written it anew"


def test_amsynth_loads_what_a_daemon_saved(oracle: Oracle, tmp_path: Path) -> None:
    name = "evening - 2nd set"
    with latentd("--output", "print") as daemon:
        daemon.send("/latentd/xy", 0.31, 0.62)
        daemon.send("/latentd/param/filter_cutoff", -0.25)
        daemon.settle()
        with Client(f"127.0.0.1:{daemon.port}") as client:
            assert client.ask("/latentd/save", name, limit_s=rig.LIMIT_S).args == (name,)
        bank = (daemon.state / "banks" / f"{name}.bank").read_bytes()
    wanted = decoded(0.31, 0.62) | {"filter_cutoff": -0.25}
    _assert_same(_held(oracle, tmp_path / "session", bank, 0), np.array(list(wanted.values())))


def test_amsynth_aborts_on_a_parameter_that_it_does_not_know_and_takes_what_latentd_makes_of_the_file(
    oracle: Oracle, tmp_path: Path
) -> None:
    text = "amSynth\n<preset> <name> x\n<parameter> lfo_depth 0.5\n<parameter> amp_attack 2\nEOF\n"
    bank = banks.parse_bank(text, "x")
    _assert_same(_held(oracle, tmp_path / "mended", bank.to_text().encode(), 0), bank.presets[0].patch())
    with Oracle() as other, rig.jackd() as server, rig.amsynth(server, nsm_port=other.port) as synth:
        folder = tmp_path / "old"
        folder.mkdir()
        (folder / "bank").write_text(text)
        (folder / "preset_number").write_text("0\n")
        other.send("/nsm/client/open", str(folder), "oracle", "oracle")
        rig.wait_for(lambda: not synth.running(), "amSynth to end")
        assert synth.exit_code() == -signal.SIGABRT


def test_amsynth_skips_the_line_after_an_empty_one_so_latentd_refuses_it(oracle: Oracle, tmp_path: Path) -> None:
    text = "amSynth\n<preset> <name> x\n\n<parameter> amp_attack 2\n<parameter> amp_decay 2\nEOF\n"
    held = _held(oracle, tmp_path / "gap", text.encode(), 0)
    assert held[amsynth.INDEX["amp_attack"]] == 0.0
    assert held[amsynth.INDEX["amp_decay"]] == 2.0
    with pytest.raises(banks.BankError, match="x:3: an empty line"):
        banks.parse_bank(text, "x")
