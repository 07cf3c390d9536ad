"""The paper's figures and Table I, reproduced from a model, with baselines to compare the errors to.

Peachey, Oore, Malloch, "Creating Latent Representations of Synthesizer Patches using Variational Autoencoders", 2023.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from latentd.errors import LatentdError
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
from latentd.system import files

# Mean errors of the paper's Table I, in the order of DESCRIPTORS.
PUBLISHED = (11.7, 11.0, 10.3, 17.7, 9.7, 12.6, 8.3)
HINT = "Choose another folder for --figures"
REACH = 4.0  # the paper's maps show the latent square -4..4
_SHOWN = "filter_cutoff"
_FIELD = 100  # points per side of a map that needs no rendering
_PAIRINGS = 20  # random pairings, averaged
_RANKS = (0.1, 0.5, 0.9)  # by error, of the patches whose parallel coordinates are drawn


@dataclass(frozen=True)
class Table:
    """Table I: row -> seven mean errors. `errors` (n, 7) and `at_random` (n, 7) are errors of single patches."""

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
    """Write all figures and tables into `folder`.

    Args:
        corpora: presets that the model was trained on, and unseen ones. Default: the paper's rows, and the other banks.

    Raises:
        LatentdError: the folder cannot be written, or a clip cannot be rendered.
    """
    trained, unseen = corpora or corpus.paper(banks.system_folder())
    params = distinct(unseen)
    points = encoded_points(model, params)
    real = clip_sounds(measure(amsynth.to_patch(params)))
    made = clip_sounds(measure(amsynth.to_patch(decoded(model, points))))
    result = table(real.descriptors, made.descriptors)
    audible = ~np.isnan(real.descriptors).any(axis=1)
    shown = np.clip(np.nan_to_num(made.descriptors[audible]), 0.0, 100.0)
    contents = {
        "fig5-parallel-coordinates.png": figures.timbral_parallel(metrics.clipped(real.descriptors[audible]), shown),
        "fig6a-latent-coordinates.png": _coordinates(model, trained.params),
        "fig7-error-boxes.png": figures.error_boxes(
            {"reconstructed": result.errors, "paired at random": result.at_random}, PUBLISHED
        ),
        "parameters.png": _parallel(model, params),
        "real-against-reconstructed.png": figures.pairs(metrics.clipped(real.descriptors[audible]), shown),
        **dict(_training(model)),
    }
    rows = {name: dict(zip(DESCRIPTORS, v.tolist(), strict=True)) for name, v in result.rows.items()}
    contents["table1.md"] = result.text().encode()
    contents["table1.json"] = json.dumps(rows, indent=1).encode()
    files.write(folder, contents, HINT)
    maps.write(maps.measured(model, measure, size), f"{model.name} (the paper's Figs. 6b and 8)", folder, HINT)


def table(real: Array, made: Array) -> Table:
    """Table I from descriptors (n, 7) of presets and of their reconstructions; silent presets are left out."""
    audible = ~np.isnan(real).any(axis=1)
    real, made = real[audible], made[audible]
    errors = metrics.timbre_errors(real, made)
    random = np.random.default_rng(0)
    paired = np.stack([metrics.timbre_errors(real, made[random.permutation(len(made))]) for _ in range(_PAIRINGS)])
    median = np.tile(np.median(metrics.clipped(real), axis=0), (len(real), 1))
    rows = {
        "the paper's Table I": np.array(PUBLISHED),
        "this model": errors.mean(axis=0),
        "this model, paired at random": paired.mean(axis=(0, 1)),
        "no model: always the median": metrics.timbre_errors(real, median).mean(axis=0),
    }
    return Table(rows, errors, paired[0])


def _parallel(model: Model, params: Array) -> bytes:
    """Parallel coordinates of three presets with a small, a median and a large error."""
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
    """The training presets at their encoded latent points."""
    points = model.encoder.encode(params)
    values = params[:, amsynth.INDEX[_SHOWN]]
    title = f"{model.name}: {len(params)} presets in the latent space"
    return figures.coordinates(points, model.box, values, f"{_SHOWN} (share of its range)", title)


def _training(model: Model) -> Iterator[tuple[str, bytes]]:
    """Loss curves and the emergence of a map, if the model has them."""
    curve = model.folder / CURVE_FILE
    if curve.is_file():
        yield "fig4-losses.png", figures.losses(_read_losses(curve))
    snapshots = model.folder / SNAPSHOTS_FILE
    if snapshots.is_file():
        fields = {epoch: _shown(decoder) for epoch, decoder in read_snapshots(model, snapshots)}
        yield "fig3-emergence.png", figures.emergence(fields, _SHOWN, REACH)


def _read_losses(path: Path) -> dict[str, list[float]]:
    try:
        with path.open(encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        return {key: [float(row[key]) for row in rows if row[key]] for key in rows[0]}
    except (OSError, LookupError, TypeError, ValueError) as error:
        raise LatentdError(f"{path}: {error}", "Train again") from error


def read_snapshots(model: Model, path: Path) -> Iterator[tuple[int, Decoder]]:
    """The decoder after some of the training epochs.

    Raises:
        LatentdError: the file cannot be read.
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
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise LatentdError(f"{path}: {error}", "Train again") from error


def _shown(decoder: Decoder) -> Array:
    """One parameter (size, size) over the latent square."""
    params = decoder.decode_many((metrics.grid_points(_FIELD) * 2.0 - 1.0) * REACH)
    field: Array = params[:, amsynth.INDEX[_SHOWN]].reshape(_FIELD, _FIELD)
    return field
