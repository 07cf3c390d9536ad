"""Writes a trained auto-encoder as a bundle: tensors, manifest, landmarks, loss curve and model card."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from safetensors.numpy import save

from latentd.errors import UserError
from latentd.model import bundle
from latentd.model.bundle import CURVE_FILE, SNAPSHOTS_FILE
from latentd.model.decoder import Decoder, Encoder, Layout, Network, SoundEncoder
from latentd.offline.corpus.corpus import PAPER_CONSTANTS, Corpus, constant_params
from latentd.offline.publish import card
from latentd.offline.recipes import pca
from latentd.offline.recipes.paper import BOX_SHARE, Epoch, Recipe, Trained, networks
from latentd.offline.recipes.vae_net import LATENT
from latentd.synth import amsynth
from latentd.synth.amsynth import Array
from latentd.system import files

if TYPE_CHECKING:
    from latentd.offline.recipes.timbre import TimbreRecipe

MARGIN = 0.03  # logits; in the model `paper` a class is held for 1 % of the pad beyond its border (median)


_HINT = "Choose another --out"


class Parts(NamedTuple):
    """The parts of a manifest that depend on the recipe."""

    layout: Layout
    constants: dict[str, float]
    ranges: dict[str, tuple[float, float]]
    network: bundle.Net
    margin: float
    box: bundle.Box
    quality: dict[str, object]


def export(
    trained: Trained, recipe: Recipe, rows: Corpus, held_out: Corpus, name: str, parent: Path, margin: float = MARGIN
) -> Path:
    """Write the bundle `parent/name` and return its folder; see `write`."""
    return write(_files(trained, recipe, rows, held_out, name, margin), name, parent)


def write(contents: Mapping[str, bytes], name: str, parent: Path) -> Path:
    """Write the bundle `parent/name`, whole or not at all, and return its folder. An older bundle there is replaced.

    Raises:
        LatentdError: the folder contains something that is not a bundle, or cannot be written; see `check_place`.
        BundleError: these files are not a bundle that can be loaded; an older one is kept.
    """
    folder = check_place(parent, name)
    new, old = (parent / f".{name}.{os.getpid()}.{what}" for what in ("new", "old"))
    try:
        files.write(new, contents, _HINT)
        bundle.load(str(new.resolve()))
        _replace(folder, new, old)
        files.sync_folder(parent)
    except OSError as error:
        raise files.cannot_write(folder, error, _HINT) from error
    finally:
        shutil.rmtree(new, ignore_errors=True)
        if folder.exists():
            shutil.rmtree(old, ignore_errors=True)
    return folder


def _replace(folder: Path, new: Path, old: Path) -> None:
    """Rename `new` to `folder`. What was there before becomes `old`, and comes back if that fails."""
    if not folder.exists():
        new.rename(folder)
        return
    folder.rename(old)
    try:
        new.rename(folder)
    except OSError:
        old.rename(folder)
        raise


def check_place(parent: Path, name: str) -> Path:
    """The folder of a bundle to be, checked before any work for it begins.

    Raises:
        UserError: it contains something that is not a bundle, or cannot be written.
        LatentdError: the disk is full.
    """
    folder = parent / name
    files.check_folder(parent, _HINT)
    if folder.exists() and not (folder / bundle.MODEL_FILE).is_file():
        raise UserError(f"{folder}: exists and is not a model", "Choose another --name or --out")
    return folder


def _on_pad(trained: Trained, rows: Corpus) -> tuple[Network, Network, dict[int, Network], dict[str, object]]:
    """Decoder, encoder and snapshots for the pad's two dimensions, and facts on the plane if there are more."""
    decoder, encoder = networks(trained.model)
    snapshots = {epoch: Network(one, trained.model.slope) for epoch, one in trained.snapshots.items()}
    if decoder.inputs == LATENT:
        return decoder, encoder, snapshots, {}
    shown = pca.through(encoder(trained.model.layout.encode(rows.params)))
    facts = {"latent": decoder.inputs, "variance_kept": round(shown.kept, 4)}
    flat = {epoch: shown.decoder(network) for epoch, network in snapshots.items()}
    return shown.decoder(decoder), shown.encoder(encoder), flat, {"plane": facts}


def _files(
    trained: Trained, recipe: Recipe, rows: Corpus, held_out: Corpus, name: str, margin: float
) -> dict[str, bytes]:
    layout = trained.model.layout
    decoder_net, encoder_net, snapshots, flattened = _on_pad(trained, rows)
    learned = layout.continuous + layout.categories
    constants = {p: v for p, v in PAPER_CONSTANTS.items() if amsynth.INDEX[p] not in learned}
    decoder = Decoder(layout, decoder_net, constant_params(constants), margin)
    encoder = Encoder(layout, encoder_net)
    points = encoder.encode(rows.params)
    box = np.percentile(points, BOX_SHARE, axis=0)
    contents = {
        bundle.DECODER_FILE: tensors(decoder_net),
        bundle.ENCODER_FILE: tensors(encoder_net),
        bundle.LANDMARKS_FILE: landmarks(rows, points, box),
    }
    parts = Parts(
        layout=layout,
        constants=constants,
        ranges={},
        network=bundle.Net(slope=recipe.slope),
        margin=margin,
        box=bundle.Box(
            low=(float(box[0, 0]), float(box[0, 1])),
            high=(float(box[1, 0]), float(box[1, 1])),
            how=f"percentiles {BOX_SHARE[0]:g} and {BOX_SHARE[1]:g} of the encoded corpus on each axis",
        ),
        quality=flattened | _quality(trained.curve, decoder, encoder, rows, held_out),
    )
    contents |= described(name, parts, recipe, rows, held_out, contents)
    contents[CURVE_FILE] = _curve(trained.curve)
    if snapshots:
        contents[SNAPSHOTS_FILE] = _snapshots(snapshots)
    return contents


def described(
    name: str, parts: Parts, recipe: Recipe | TimbreRecipe, rows: Corpus, held_out: Corpus, others: Mapping[str, bytes]
) -> dict[str, bytes]:
    """`model.json` and the card of a bundle with these other files."""
    manifest = bundle.Manifest(
        format=bundle.FORMAT,
        name=name,
        synth="amsynth 1.13",
        parameters=bundle.parameter_facts(),
        columns=bundle.columns_of(parts.layout),
        constants=parts.constants,
        ranges=parts.ranges,
        network=parts.network,
        margin=parts.margin,
        box=parts.box,
        training=settings(recipe),
        corpus={"trained_on": rows.facts(), "kept_aside": held_out.facts()},
        quality=parts.quality,
        sha256={file: bundle.digest(data) for file, data in others.items()},
    )
    return {bundle.MODEL_FILE: to_json(manifest.model_dump()), bundle.CARD_FILE: card.text(manifest).encode()}


def settings(recipe: Recipe | TimbreRecipe) -> dict[str, object]:
    """The settings of a recipe for a manifest, in one level; `latent` is left out where it is two, as in every pad."""
    noted = asdict(recipe)
    weights: dict[str, float] = noted.pop("weights", {})
    if noted.get("latent") == LATENT:
        noted.pop("latent")
    return noted | {f"weight_of_{name}": value for name, value in weights.items()}


def tensors(network: Network, kind: type[np.floating] = np.float32) -> bytes:
    """A safetensors file, in the float32 of the training by default, which is exact."""
    stored = {} if network.waves is None else {"waves": network.waves.astype(kind)}
    for i, (weight, bias) in enumerate(network.layers):
        stored[f"{i}.weight"], stored[f"{i}.bias"] = weight.astype(kind), bias.astype(kind)
    data: bytes = save(stored)
    return data


def _snapshots(snapshots: Mapping[int, Network]) -> bytes:
    """A safetensors file of the decoder after some of the epochs: `EPOCH.0.weight`, `EPOCH.0.bias`, …"""
    tensors = {}
    for epoch, network in snapshots.items():
        for i, (weight, bias) in enumerate(network.layers):
            tensors[f"{epoch}.{i}.weight"] = weight.astype(np.float32)
            tensors[f"{epoch}.{i}.bias"] = bias.astype(np.float32)
    data: bytes = save(tensors)
    return data


def landmarks(rows: Corpus, points: Array, box: Array) -> bytes:
    """`landmarks.json` from the rows' latent points (n, 2). Presets outside the box are moved to its edge."""
    pad = np.clip((points - box[0]) / (box[1] - box[0]), 0.0, 1.0)
    lines = [
        json.dumps({**asdict(row), "x": round(float(x), 6), "y": round(float(y), 6)}, ensure_ascii=False)
        for row, (x, y) in zip(rows.rows, pad, strict=True)
    ]
    return ('{"landmarks": [\n' + ",\n".join(lines) + "\n]}\n").encode("utf-8", "replace")


def _quality(
    curve: Sequence[Epoch], decoder: Decoder, encoder: Encoder, rows: Corpus, held_out: Corpus
) -> dict[str, object]:
    last = asdict(curve[-1])
    last.pop("number")
    return {
        "losses_of_last_epoch": {key: None if value is None else round(value, 6) for key, value in last.items()},
        "reconstruction": {
            "trained_on": reconstruction(decoder, encoder, rows.params),
            "kept_aside": reconstruction(decoder, encoder, held_out.params) if held_out.rows else None,
        },
    }


def reconstruction(decoder: Decoder, encoder: Encoder | SoundEncoder, params: Array) -> dict[str, object]:
    """For each parameter the mean |difference| as a share of its range; for categories the share of right classes."""
    layout = decoder.layout
    back = decoder.decode_many(encoder.encode(params))
    error = np.abs(back - params).mean(axis=0)
    right = (layout.class_of(back) == layout.class_of(params)).mean(axis=0)
    return {
        "mean_error": {amsynth.NAMES[i]: round(float(error[i]), 4) for i in layout.continuous},
        "right_class": {amsynth.NAMES[i]: round(float(s), 4) for i, s in zip(layout.categories, right, strict=True)},
    }


def _curve(curve: Sequence[Epoch]) -> bytes:
    fields = list(asdict(curve[0]))
    lines = [",".join("" if v is None else f"{v:.6g}" for v in asdict(epoch).values()) for epoch in curve]
    return "\n".join([",".join(fields), *lines, ""]).encode()


def to_json(data: object) -> bytes:
    """A JSON file."""
    return (json.dumps(data, indent=1, ensure_ascii=False) + "\n").encode()
