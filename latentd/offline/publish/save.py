"""Adds measurements to a bundle: the quality table, the map of the pad, pictures, and a new card."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np

from latentd.errors import LatentdError
from latentd.model import bundle
from latentd.model.bundle import Model
from latentd.offline.corpus.corpus import Corpus
from latentd.offline.evaluation import figures, maps, metrics
from latentd.offline.evaluation.evaluate import Evaluation, clip_sounds, decoded, distinct, encoded_points
from latentd.offline.publish import card
from latentd.offline.timbre.measure import Measure
from latentd.synth import amsynth
from latentd.system import files

COORDINATES_FILE = "coordinates.png"
PAIRS_FILE = "real-against-reconstructed.png"
REFERENCE = "paper"
_HINT = "Copy the model to a folder where you may write"


def save(model: Model, result: Evaluation, measure: Measure, held_out: Corpus, size: int) -> None:
    """Add to a bundle's folder. `evaluate` has rendered all the clips that this needs.

    Raises:
        LatentdError: the folder cannot be written, or a clip cannot be rendered.
    """
    pad = maps.measured(model, measure, size)
    contents = {
        maps.DATA_FILE: pad.tensors(),
        maps.PICTURE_FILE: figures.overview(pad, model.name),
        COORDINATES_FILE: _coordinates(model),
        PAIRS_FILE: _pairs(model, measure, held_out),
    }
    manifest = model.manifest.model_copy(deep=True)
    manifest.quality["instrument"] = _stored(result)
    manifest.sha256[maps.DATA_FILE] = bundle.digest(contents[maps.DATA_FILE])
    contents[bundle.MODEL_FILE] = (json.dumps(manifest.model_dump(), indent=1, ensure_ascii=False) + "\n").encode()
    contents[bundle.CARD_FILE] = card.text(manifest, reference(result.held_out), contents).encode()
    files.write(model.folder, contents, _HINT)


def check(model: Model) -> None:
    """Refuse a bundle that `save` cannot change, before anything is measured.

    Raises:
        UserError: its folder cannot be written.
        BundleError: its manifest lacks what the card needs.
        LatentdError: the disk is full.
    """
    files.check_folder(model.folder, _HINT)
    try:
        card.text(model.manifest)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        path = model.folder / bundle.MODEL_FILE
        raise bundle.BundleError(f"{path}: the card cannot be made from it: {error!r}", "Train again") from error


def reference(held_out: Mapping[str, object]) -> dict[str, dict[str, float]] | None:
    """The measured rows of the model `paper`; None if it has none, or was measured on other presets or another grid."""
    try:
        instrument = bundle.load(REFERENCE).manifest.quality["instrument"]
    except (LatentdError, KeyError):
        return None
    alike = instrument["held_out"]["banks"] == held_out["banks"] and held_out.get("grid", metrics.GRID) == metrics.GRID
    rows: dict[str, dict[str, float]] = instrument["rows"]
    return rows if alike else None


def _stored(result: Evaluation) -> dict[str, object]:
    """Plain data, rounded so that a card does not change with the last bit of a sum."""
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
    return {
        "rows": rows,
        "by_descriptor": by_descriptor,
        "held_out": result.held_out,
        "extra": extra,
        "sizes": result.sizes,
        "families": {name: _short(share) for name, share in result.families.items()},
    }


def _short(value: float) -> float:
    return float(f"{value:.5g}")


def _coordinates(model: Model) -> bytes:
    """All landmarks on the pad, coloured by the cutoff of the pad at that point."""
    points = np.array([(mark.x, mark.y) for mark in model.landmarks])
    cutoff = decoded(model, points)[:, amsynth.INDEX["filter_cutoff"]]
    title = f"{model.name}: {len(points)} presets on the pad"
    return figures.coordinates(points, None, cutoff, "filter_cutoff at that point", title, ("x", "y"))


def _pairs(model: Model, measure: Measure, held_out: Corpus) -> bytes:
    """Descriptors of unseen presets against those of the patch at their pad point, encoded from parameters alone."""
    params = distinct(held_out)
    real = clip_sounds(measure(amsynth.to_patch(params))).descriptors
    made = clip_sounds(measure(amsynth.to_patch(decoded(model, encoded_points(model, params))))).descriptors
    audible = ~np.isnan(real).any(axis=1)
    return figures.pairs(metrics.clipped(real[audible]), np.nan_to_num(metrics.clipped(made[audible])))
