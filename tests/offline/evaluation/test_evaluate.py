"""The whole chain on a slice, with the real synth: banks to a measured table, a map, a card and the paper's figures."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from latentd.model import bundle
from latentd.offline.corpus import corpus
from latentd.offline.evaluation import evaluate, maps, metrics, reproduce
from latentd.offline.evaluation.criteria import GOALS, protocol
from latentd.offline.timbre import measure
from latentd.offline.timbre.describe import DESCRIPTORS
from latentd.synth import amsynth, banks
from latentd.synth.banks import Bank

pytestmark = pytest.mark.offline

PNG = b"\x89PNG"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a bank of 30 presets, a bank of 6 others, and a model trained on the first for three epochs."""
    folder = tmp_path_factory.mktemp("chain")
    shipped = banks.read_bank(banks.system_folder() / corpus.PAPER_BANKS[1]).presets
    banks.write(folder / "learned.bank", Bank(shipped[:30]))
    banks.write(folder / "other.bank", Bank(shipped[40:46]))
    learned = str(folder / "learned.bank")
    options = ["--recipe", "paper", "--epochs", "3", "--name", "tiny", "--out", str(folder), "--grid", "0"]
    _run("train", learned, *options)
    return folder


def _run(*arguments: str) -> str:
    command = [sys.executable, "-W", "error", "-m", "latentd", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _evaluate(place: Path, *more: str) -> str:
    model, cache = str(place / "tiny"), str(place / "cache")
    options = ["--banks", str(place / "other.bank"), "--grid", "4", "--cache", cache, "--jobs", "1"]
    return _run("evaluate", model, *options, *more)


@pytest.fixture(scope="module")
def result(place: Path) -> dict[str, Any]:
    """The output of `latentd evaluate --json` for that model."""
    found: dict[str, Any] = json.loads(_evaluate(place, "--json"))
    return found


def test_one_command_trains_measures_and_maps(place: Path) -> None:
    options = ["--recipe", "paper", "--epochs", "3", "--grid", "4", "--cache", str(place / "cache"), "--jobs", "1"]
    _run("train", str(place / "learned.bank"), *options, "--name", "whole", "--out", str(place))
    model = bundle.load(str(place / "whole"))
    assert (model.folder / "map.safetensors").is_file()
    assert all((model.folder / name).read_bytes().startswith(PNG) for name in ("map.png", "coordinates.png"))
    instrument = model.manifest.quality["instrument"]
    assert instrument["held_out"]["distinct"] == model.manifest.corpus["kept_aside"]["distinct"]
    card = (model.folder / bundle.CARD_FILE).read_text(encoding="utf-8")
    assert "on a grid of 4 x 4 points instead of 50 x 50" in card
    assert "- Dead zones: " in card
    assert "| paper |" not in card  # measured on something else


def test_too_few_presets_to_measure_on_are_the_user_s_mistake(place: Path) -> None:
    first = banks.read_bank(place / "other.bank").presets[:1]
    banks.write(place / "one.bank", Bank(first))
    command = [sys.executable, "-m", "latentd", "evaluate", str(place / "tiny"), "--grid", "4", "--jobs", "1"]
    more = ["--banks", str(place / "one.bank"), "--cache", str(place / "cache")]
    done = subprocess.run([*command, *more], capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 2
    assert "1 of 1 presets can be heard, at least 2 are needed" in done.stderr


def test_every_row_is_measured_with_its_protocol(result: dict[str, Any]) -> None:
    assert list(result["rows"]) == list(GOALS)
    assert result["sizes"] == {"grid": 4, "cells": 4, "walks": 4, "presets": 6, "pairs": 3}
    for name, row in result["rows"].items():
        assert np.isfinite(row["value"]), name
        assert row["protocol"] == protocol(name, result["sizes"])
        assert "{" not in row["protocol"] and "50 x 50" not in row["protocol"]
        if row["interval"]:
            assert row["interval"][0] <= row["value"] * 1.001 + 1e-9, name
    assert result["held_out"]["distinct"] == result["held_out"]["n1"] + result["held_out"]["n2"] == 6
    assert set(result["by_descriptor"]["timbre_by_sound"]) == set(DESCRIPTORS)


def test_banks_that_the_model_was_trained_on_are_named(place: Path) -> None:
    model, held = bundle.load(str(place / "tiny")), corpus.read([place / "learned.bank"]).take(range(3))
    known = partial(measure.measure, jobs=1, cache=place / "cache")
    assert evaluate.evaluate(model, held, known, 4).held_out["seen_in_training"] == ["learned.bank"]


def test_a_second_run_gives_the_same_and_saves_it_in_bundle_and_card(place: Path, result: dict[str, Any]) -> None:
    text = _evaluate(place, "--save")
    assert "tiny meets " in text.splitlines()[-1]
    for name in GOALS:
        assert f"{name:22}{result['rows'][name]['value']:9.4g}" in text
        assert protocol(name, result["sizes"]) in text
    model = bundle.load(str(place / "tiny"))
    rows = model.manifest.quality["instrument"]["rows"]
    card = (model.folder / "README.md").read_text(encoding="utf-8")
    assert list(rows) == list(GOALS)
    assert f"(`timbre_by_sound`) | {rows['timbre_by_sound']['value']:.4g} [" in card
    assert "![The timbre of the pad](map.png)" in card
    assert (model.folder / "map.png").read_bytes().startswith(PNG)
    data = (model.folder / maps.DATA_FILE).read_bytes()
    assert model.manifest.sha256[maps.DATA_FILE] == bundle.digest(data)
    assert load_file(model.folder / maps.DATA_FILE)["descriptors"].shape == (4, 4, 7)


def test_a_map_is_data_a_table_and_pictures_and_continues_an_interrupted_run(place: Path) -> None:
    out, cache = place / "map", place / "cache"
    model = bundle.load(str(place / "tiny"))
    progress: list[int] = []
    params = evaluate.decoded(model, metrics.grid_points(3))
    measure.measure(amsynth.to_patch(params[:5]), jobs=1, cache=cache)
    measure.measure(amsynth.to_patch(params), jobs=1, cache=cache, progress=progress.append)
    assert progress[0] >= 5
    files = _run("map", str(place / "tiny"), "--grid", "3", "--out", str(out), "--cache", str(cache)).split()
    assert {Path(file).suffix for file in files} == {".safetensors", ".csv", ".png"}
    rows = list(csv.DictReader((out / maps.TABLE_FILE).read_text().splitlines()))
    tensors = load_file(out / maps.DATA_FILE)
    assert [[float(row["x"]), float(row["y"])] for row in rows] == metrics.grid_points(3).tolist()
    np.testing.assert_allclose([float(row["depth"]) for row in rows], tensors["descriptors"][..., 1].ravel(), atol=1e-3)
    np.testing.assert_allclose([float(row["lufs"]) for row in rows], tensors["lufs"].ravel(), atol=1e-3)


def test_snapshots_end_with_the_decoder_itself(place: Path) -> None:
    model = bundle.load(str(place / "tiny"))
    snapshots = dict(reproduce.read_snapshots(model, model.folder / "snapshots.safetensors"))
    grid = metrics.grid_points(5)
    assert list(snapshots) == [1, 2, 3]
    np.testing.assert_allclose(snapshots[3].decode_many(grid), model.decoder.decode_many(grid), atol=1e-6)
    assert np.abs(snapshots[1].decode_many(grid) - model.decoder.decode_many(grid)).max() > 0


def test_table_one_has_the_errors_of_own_and_of_random_reconstructions() -> None:
    real = np.random.default_rng(0).uniform(0.0, 100.0, (200, 7))
    rows = reproduce.table(real, real).rows
    assert rows["this model"].max() == 0.0
    assert rows["this model, paired at random"].min() > 25.0
    assert rows["no model: always the median"].mean() == pytest.approx(25.0, abs=2.0)


def test_the_figures_of_the_paper_are_drawn(place: Path) -> None:
    model, out = bundle.load(str(place / "tiny")), place / "figures"
    small = corpus.read([place / "learned.bank"]), corpus.read([place / "other.bank"])
    reproduce.draw(model, partial(measure.measure, jobs=1, cache=place / "cache"), out, 4, small)
    names = {path.name for path in out.glob("*.png")}
    for figure in ("fig3-", "fig4-", "fig5-", "fig6a-", "fig7-", "map-depth"):
        assert any(name.startswith(figure) for name in names), figure
    assert all(path.read_bytes().startswith(PNG) for path in out.glob("*.png"))
    assert "paired at random" in (out / "table1.md").read_text()
