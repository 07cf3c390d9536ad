"""The paper's figures and Table I, drawn again from a model: what it showed, with the numbers that say what they mean.

Peachey, Oore, Malloch, "Creating Latent Representations of Synthesizer Patches using Variational Autoencoders", 2023.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from latentd.errors import LatentdError, UserError
from latentd.model.bundle import CURVE_FILE, SNAPSHOTS_FILE, Model
from latentd.model.decoder import Decoder, Network
from latentd.offline.corpus import corpus
from latentd.offline.corpus.corpus import Corpus, constant_params
from latentd.offline.evaluation import figures, maps, metrics
from latentd.offline.evaluation.evaluate import clip_sounds, decoded, distinct, encoded_points
from latentd.offline.timbre.describe import DESCRIPTORS
from latentd.offline.timbre.measure import Measure
from latentd.synth import amsynth, banks
from latentd.synth.amsynth import Array

# The mean errors of its Table I, in the order of DESCRIPTORS.
PUBLISHED = (11.7, 11.0, 10.3, 17.7, 9.7, 12.6, 8.3)
REACH = 4.0  # its maps show the latent square -4..4
_SHOWN = "filter_cutoff"
_FIELD = 100  # points a side of a map that needs no rendering
_PAIRINGS = 20  # random pairings, averaged
_RANKS = (0.1, 0.5, 0.9)  # of the patches whose parallel coordinates are drawn, by their error


@dataclass(frozen=True)
class Table:
    """Table I: row -> seven mean errors. `errors` (n, 7) and `at_random` (n, 7) are single patches' errors."""

    rows: dict[str, Array]
    errors: Array
    at_random: Array

    def text(self) -> str:
        """Markdown."""
        lines = [f"| | {' | '.join(DESCRIPTORS)} | mean |", "|---" * (len(DESCRIPTORS) + 2) + "|"]
        for name, seven in self.rows.items():
            lines.append(f"| {name} | " + " | ".join(f"{v:.1f}" for v in seven) + f" | {seven.mean():.2f} |")
        return "\n".join(lines) + "\n"


def draw(model: Model, measure: Measure, folder: Path, size: int, corpora: tuple[Corpus, Corpus] | None = None) -> None:
    """Write everything into `folder`.

    Args:
        corpora: presets that the model was trained on, and unseen ones; the paper's rows and the banks it never saw
            where None.

    Raises:
        UserError: the folder cannot be written.
    """
    trained, unseen = corpora or corpus.paper(banks.system_folder())
    params = distinct(unseen)
    points = encoded_points(model, params)
    real = clip_sounds(measure(amsynth.to_patch(params)))
    made = clip_sounds(measure(amsynth.to_patch(decoded(model, points))))
    result = table(real.descriptors, made.descriptors)
    heard = ~np.isnan(real.descriptors).any(axis=1)
    shown = np.clip(np.nan_to_num(made.descriptors[heard]), 0.0, 100.0)
    pictures = {
        "fig5-parallel-coordinates.png": figures.timbral_parallel(metrics.clipped(real.descriptors[heard]), shown),
        "fig6a-latent-coordinates.png": _coordinates(model, trained.params),
        "fig7-error-boxes.png": figures.error_boxes(
            {"reconstructed": result.errors, "paired at random": result.at_random}, PUBLISHED
        ),
        "parameters.png": _parallel(model, params),
        "real-against-reconstructed.png": figures.pairs(metrics.clipped(real.descriptors[heard]), shown),
        **dict(_training(model)),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in pictures.items():
            (folder / name).write_bytes(data)
        (folder / "table1.md").write_text(result.text(), encoding="utf-8")
        (folder / "table1.json").write_text(
            json.dumps({k: dict(zip(DESCRIPTORS, v.tolist(), strict=True)) for k, v in result.rows.items()}, indent=1)
        )
    except OSError as error:
        raise UserError(f"{folder}: {error.strerror or error}", "Choose another folder for --figures") from error
    maps.write(maps.measured(model, measure, size), f"{model.name} (the paper's Figs. 6b and 8)", folder)


def table(real: Array, made: Array) -> Table:
    """Table I from the descriptors of presets and of what came back for them (n, 7); silent presets are left out."""
    heard = ~np.isnan(real).any(axis=1)
    real, made = real[heard], made[heard]
    errors = metrics.timbre_errors(real, made)
    random = np.random.default_rng(0)
    paired = np.stack([metrics.timbre_errors(real, made[random.permutation(len(made))]) for _ in range(_PAIRINGS)])
    median = np.tile(np.median(metrics.clipped(real), axis=0), (len(real), 1))
    rows = {
        "the paper's Table I": np.array(PUBLISHED),
        "this model": errors.mean(axis=0),
        "this model, paired at random": paired.mean(axis=(0, 1)),
        "always the median, no model at all": metrics.timbre_errors(real, median).mean(axis=0),
    }
    return Table(rows, errors, paired[0])


def _parallel(model: Model, params: Array) -> bytes:
    """Three presets: one that comes back well, a middling one, and one that comes back badly."""
    learned = [*model.decoder.layout.continuous, *model.decoder.layout.categories]
    made = decoded(model, encoded_points(model, params))
    errors = np.abs(made[:, learned] - params[:, learned]).mean(axis=1)
    order = np.argsort(errors)
    chosen = order[[round(rank * (len(order) - 1)) for rank in _RANKS]]
    titles = [
        f"better than {1 - rank:.0%} of the presets: mean error {errors[i]:.3f}"
        for rank, i in zip(_RANKS, chosen, strict=True)
    ]
    names = [amsynth.NAMES[i] for i in learned]
    return figures.parallel(params[chosen][:, learned], made[chosen][:, learned], names, titles)


def _coordinates(model: Model, params: Array) -> bytes:
    """The presets trained on, where the encoder puts them."""
    points = model.encoder.encode(params)
    values = params[:, amsynth.INDEX[_SHOWN]]
    title = f"{model.name}: {len(params)} presets in the latent space"
    return figures.coordinates(points, model.box, values, f"{_SHOWN} (share of its range)", title)


def _training(model: Model) -> Iterator[tuple[str, bytes]]:
    """Loss curves and the emergence of a map, of models that kept them."""
    curve = model.folder / CURVE_FILE
    if curve.is_file():
        with curve.open(encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        columns = {key: [float(row[key]) for row in rows if row[key]] for key in rows[0]}
        yield "fig4-losses.png", figures.losses(columns)
    snapshots = model.folder / SNAPSHOTS_FILE
    if snapshots.is_file():
        fields = {epoch: _shown(decoder) for epoch, decoder in read_snapshots(model, snapshots)}
        yield "fig3-emergence.png", figures.emergence(fields, _SHOWN, REACH)


def read_snapshots(model: Model, path: Path) -> Iterator[tuple[int, Decoder]]:
    """Decoders as they were after some epochs of the training.

    Raises:
        LatentdError: the file is damaged.
    """
    try:
        tensors = load_file(path)
        epochs = sorted({int(name.partition(".")[0]) for name in tensors})
        for epoch in epochs:
            count = sum(name.startswith(f"{epoch}.") for name in tensors) // 2
            layers = [
                (tensors[f"{epoch}.{i}.weight"].astype(float), tensors[f"{epoch}.{i}.bias"].astype(float))
                for i in range(count)
            ]
            network = Network(tuple(layers), model.manifest.network.slope)
            constants = constant_params(model.manifest.constants)
            yield epoch, Decoder(model.decoder.layout, network, constants, 0.0)
    except (KeyError, ValueError) as error:
        raise LatentdError(f"{path}: {error}", "Train again") from error


def _shown(decoder: Decoder) -> Array:
    """One parameter (size, size) over the latent square."""
    params = decoder.decode_many((metrics.grid_points(_FIELD) * 2.0 - 1.0) * REACH)
    field: Array = params[:, amsynth.INDEX[_SHOWN]].reshape(_FIELD, _FIELD)
    return field
