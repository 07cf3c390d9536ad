"""A trained auto-encoder becomes a bundle: tensors, manifest, landmarks, loss curve and model card."""

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

if TYPE_CHECKING:
    from latentd.offline.recipes.timbre import TimbreRecipe

MARGIN = 0.03  # logits; on the shipped model a class is held for 1 % of the pad beyond its border (median)


class Parts(NamedTuple):
    """What a recipe decides of a manifest."""

    layout: Layout
    constants: dict[str, float]
    network: bundle.Net
    margin: float
    box: bundle.Box
    quality: dict[str, object]


def export(
    trained: Trained, recipe: Recipe, rows: Corpus, kept_aside: Corpus, name: str, parent: Path, margin: float = MARGIN
) -> Path:
    """Write the bundle `parent/name`, whole or not at all, and return its folder. An older bundle there is replaced.

    Raises:
        UserError: the folder holds something that is not a bundle, or cannot be written.
    """
    return write(_files(trained, recipe, rows, kept_aside, name, margin), name, parent)


def write(files: Mapping[str, bytes], name: str, parent: Path) -> Path:
    """Write the bundle `parent/name`, whole or not at all, and return its folder. An older bundle there is replaced.

    Raises:
        UserError: the folder holds something that is not a bundle, or cannot be written.
        BundleError: these files make no bundle that can be loaded; an older one stays.
    """
    folder = check_place(parent, name)
    aside, replaced = (parent / f".{name}.{os.getpid()}.{what}" for what in ("new", "old"))
    try:
        aside.mkdir(parents=True)
        for file, data in files.items():
            (aside / file).write_bytes(data)
        bundle.load(str(aside.resolve()))
        if folder.exists():
            folder.rename(replaced)
        aside.rename(folder)
    except OSError as error:
        raise UserError(f"{folder}: {error.strerror or error}", "Choose another --out") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        shutil.rmtree(replaced, ignore_errors=True)
    return folder


def check_place(parent: Path, name: str) -> Path:
    """The folder that the bundle will have, before any work for it begins.

    Raises:
        UserError: it holds something that is not a bundle, or cannot be written.
    """
    folder = parent / name
    if folder.exists() and not (folder / bundle.MODEL_FILE).is_file():
        raise UserError(f"{folder}: exists and is not a model", "Choose another --name or --out")
    try:
        parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{parent}: {error.strerror or error}", "Choose another --out") from error
    return folder


def _on_pad(trained: Trained, rows: Corpus) -> tuple[Network, Network, dict[int, Network], dict[str, object]]:
    """Decoder, encoder and snapshots for the pad's two dimensions, and what is to be said of the other ones."""
    decoder, encoder = networks(trained.model)
    snapshots = {epoch: Network(one, trained.model.slope) for epoch, one in trained.snapshots.items()}
    if decoder.inputs == LATENT:
        return decoder, encoder, snapshots, {}
    shown = pca.through(encoder(trained.model.layout.encode(rows.params)))
    facts = {"latent": decoder.inputs, "variance_kept": round(shown.kept, 4)}
    flat = {epoch: shown.decoder(network) for epoch, network in snapshots.items()}
    return shown.decoder(decoder), shown.encoder(encoder), flat, {"plane": facts}


def _files(
    trained: Trained, recipe: Recipe, rows: Corpus, kept_aside: Corpus, name: str, margin: float
) -> dict[str, bytes]:
    layout = trained.model.layout
    decoder_net, encoder_net, snapshots, flattened = _on_pad(trained, rows)
    learned = layout.continuous + layout.categories
    constants = {p: v for p, v in PAPER_CONSTANTS.items() if amsynth.INDEX[p] not in learned}
    decoder = Decoder(layout, decoder_net, constant_params(constants), margin)
    encoder = Encoder(layout, encoder_net)
    points = encoder.encode(rows.params)
    box = np.percentile(points, BOX_SHARE, axis=0)
    files = {
        bundle.DECODER_FILE: tensors(decoder_net),
        bundle.ENCODER_FILE: tensors(encoder_net),
        bundle.LANDMARKS_FILE: landmarks(rows, points, box),
    }
    parts = Parts(
        layout=layout,
        constants=constants,
        network=bundle.Net(slope=recipe.slope),
        margin=margin,
        box=bundle.Box(
            low=(float(box[0, 0]), float(box[0, 1])),
            high=(float(box[1, 0]), float(box[1, 1])),
            how=f"percentiles {BOX_SHARE[0]:g} and {BOX_SHARE[1]:g} of the encoded corpus on each axis",
        ),
        quality=flattened | _quality(trained.curve, decoder, encoder, rows, kept_aside),
    )
    files |= described(name, parts, recipe, rows, kept_aside, files)
    files[CURVE_FILE] = _curve(trained.curve)
    if snapshots:
        files[SNAPSHOTS_FILE] = _snapshots(snapshots)
    return files


def described(
    name: str, parts: Parts, recipe: Recipe | TimbreRecipe, rows: Corpus, kept_aside: Corpus, files: Mapping[str, bytes]
) -> dict[str, bytes]:
    """`model.json` and the card of a bundle that holds `files`."""
    manifest = bundle.Manifest(
        format=bundle.FORMAT,
        name=name,
        synth="amsynth 1.13",
        parameters=bundle.parameter_facts(),
        columns=bundle.columns_of(parts.layout),
        constants=parts.constants,
        network=parts.network,
        margin=parts.margin,
        box=parts.box,
        training=settings(recipe),
        corpus={"trained_on": rows.facts(), "kept_aside": kept_aside.facts()},
        quality=parts.quality,
        sha256={file: bundle.digest(data) for file, data in files.items()},
    )
    return {bundle.MODEL_FILE: to_json(manifest.model_dump()), bundle.CARD_FILE: card.text(manifest).encode()}


def settings(recipe: Recipe | TimbreRecipe) -> dict[str, object]:
    """What a manifest notes of a recipe, in one level; two dimensions, which every pad has, go without saying."""
    noted = asdict(recipe)
    weights: dict[str, float] = noted.pop("weights", {})
    if noted.get("latent") == LATENT:
        noted.pop("latent")
    return noted | {f"weight_of_{name}": value for name, value in weights.items()}


def tensors(network: Network, kind: type[np.floating] = np.float32) -> bytes:
    """Stored as the float32 that training had, exact; or as another kind of float."""
    stored = {} if network.waves is None else {"waves": network.waves.astype(kind)}
    for i, (weight, bias) in enumerate(network.layers):
        stored[f"{i}.weight"], stored[f"{i}.bias"] = weight.astype(kind), bias.astype(kind)
    data: bytes = save(stored)
    return data


def _snapshots(snapshots: Mapping[int, Network]) -> bytes:
    """The decoder after some of the epochs: `EPOCH.0.weight`, `EPOCH.0.bias`, …"""
    tensors = {}
    for epoch, network in snapshots.items():
        for i, (weight, bias) in enumerate(network.layers):
            tensors[f"{epoch}.{i}.weight"] = weight.astype(np.float32)
            tensors[f"{epoch}.{i}.bias"] = bias.astype(np.float32)
    data: bytes = save(tensors)
    return data


def landmarks(rows: Corpus, points: Array, box: Array) -> bytes:
    """`landmarks.json` of the rows' latent points (n, 2). Presets outside the box lie on its edge."""
    pad = np.clip((points - box[0]) / (box[1] - box[0]), 0.0, 1.0)
    lines = [
        json.dumps({**asdict(row), "x": round(float(x), 6), "y": round(float(y), 6)}, ensure_ascii=False)
        for row, (x, y) in zip(rows.rows, pad, strict=True)
    ]
    return ('{"landmarks": [\n' + ",\n".join(lines) + "\n]}\n").encode("utf-8", "replace")


def _quality(
    curve: Sequence[Epoch], decoder: Decoder, encoder: Encoder, rows: Corpus, kept_aside: Corpus
) -> dict[str, object]:
    last = asdict(curve[-1])
    last.pop("number")
    return {
        "losses_of_last_epoch": {key: None if value is None else round(value, 6) for key, value in last.items()},
        "reconstruction": {
            "trained_on": reconstruction(decoder, encoder, rows.params),
            "kept_aside": reconstruction(decoder, encoder, kept_aside.params) if kept_aside.rows else None,
        },
    }


def reconstruction(decoder: Decoder, encoder: Encoder | SoundEncoder, params: Array) -> dict[str, object]:
    """Per parameter: mean |difference| in its range, or for a category the share of patches with the right class."""
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
    """A document of ours."""
    return (json.dumps(data, indent=1, ensure_ascii=False) + "\n").encode()
