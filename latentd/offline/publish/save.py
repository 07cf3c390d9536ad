"""What was measured goes into the bundle: the quality table, the map of the pad, pictures, and the card."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np

from latentd.errors import LatentdError, UserError
from latentd.model import bundle
from latentd.model.bundle import Model
from latentd.offline.corpus.corpus import Corpus
from latentd.offline.evaluation import figures, maps, metrics
from latentd.offline.evaluation.evaluate import Evaluation, clip_sounds, decoded, distinct, encoded_points
from latentd.offline.publish import card
from latentd.offline.timbre.measure import Measure
from latentd.synth import amsynth

COORDINATES_FILE = "coordinates.png"
PAIRS_FILE = "real-against-reconstructed.png"
REFERENCE = "paper"


def save(model: Model, result: Evaluation, measure: Measure, held_out: Corpus, size: int) -> None:
    """Add to a bundle's folder, file by file, the card last. Everything needed has been rendered by `evaluate`.

    Raises:
        UserError: the folder cannot be written.
    """
    pad = maps.measured(model, measure, size)
    files = {
        maps.DATA_FILE: pad.tensors(),
        maps.PICTURE_FILE: figures.overview(pad, model.name),
        COORDINATES_FILE: _coordinates(model),
        PAIRS_FILE: _pairs(model, measure, held_out),
    }
    manifest = model.manifest.model_copy(deep=True)
    manifest.quality["instrument"] = _stored(result)
    manifest.sha256[maps.DATA_FILE] = bundle.digest(files[maps.DATA_FILE])
    files[bundle.MODEL_FILE] = (json.dumps(manifest.model_dump(), indent=1, ensure_ascii=False) + "\n").encode()
    files[bundle.CARD_FILE] = card.text(manifest, reference(result.held_out), files).encode()
    try:
        for name, data in files.items():
            (model.folder / name).write_bytes(data)
    except OSError as error:
        raise UserError(f"{model.folder}: {error.strerror or error}", "Copy the model to a folder of yours") from error


def reference(held_out: Mapping[str, object]) -> dict[str, dict[str, float]] | None:
    """The measured rows of the model `paper`; None where there are none, or they were measured on something else."""
    try:
        instrument = bundle.load(REFERENCE).manifest.quality["instrument"]
    except (LatentdError, KeyError):
        return None
    alike = instrument["held_out"]["banks"] == held_out["banks"] and held_out.get("grid", metrics.GRID) == metrics.GRID
    rows: dict[str, dict[str, float]] = instrument["rows"]
    return rows if alike else None


def _stored(result: Evaluation) -> dict[str, object]:
    """Rounded, so that a card does not change with the last bit of a sum."""
    rows = {
        name: {
            "value": _short(row.value),
            "interval": [_short(v) for v in row.interval] if row.interval else None,
            "halves": [_short(v) for v in row.halves] if row.halves else None,
        }
        for name, row in result.rows.items()
    }
    by_descriptor = {k: {name: _short(v) for name, v in seven.items()} for k, seven in result.by_descriptor.items()}
    extra = {name: _short(value) for name, value in result.extra.items()}
    return {"rows": rows, "by_descriptor": by_descriptor, "held_out": result.held_out, "extra": extra}


def _short(value: float) -> float:
    return float(f"{value:.5g}")


def _coordinates(model: Model) -> bytes:
    """Every landmark on the pad, coloured by the cutoff that the pad gives there."""
    points = np.array([(mark.x, mark.y) for mark in model.landmarks])
    cutoff = decoded(model, points)[:, amsynth.INDEX["filter_cutoff"]]
    title = f"{model.name}: {len(points)} presets on the pad"
    return figures.coordinates(points, None, cutoff, "filter_cutoff of the pad there", title, ("x", "y"))


def _pairs(model: Model, measure: Measure, held_out: Corpus) -> bytes:
    """Each never-seen preset's descriptors against those of the patch at its pad point, found by parameters alone."""
    params = distinct(held_out)
    real = clip_sounds(measure(amsynth.to_patch(params))).descriptors
    made = clip_sounds(measure(amsynth.to_patch(decoded(model, encoded_points(model, params))))).descriptors
    heard = ~np.isnan(real).any(axis=1)
    return figures.pairs(metrics.clipped(real[heard]), np.nan_to_num(metrics.clipped(made[heard])))
