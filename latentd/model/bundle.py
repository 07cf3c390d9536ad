"""Model bundles: folders of numbers. All of them are checked before anything uses them.

    models/NAME/model.json           parameters, columns, latent box, training, quality, hashes
    models/NAME/decoder.safetensors  tensors `0.weight`, `0.bias`, `1.weight`, …
    models/NAME/encoder.safetensors  the same, from columns to the mean of the latent point
    models/NAME/sounds.safetensors   the sound of the pad, if the model encodes by sound
    models/NAME/landmarks.json       the corpus presets and their pad points
    models/NAME/README.md            the model card

Only JSON and safetensors are read: nothing in a bundle can run.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
from pydantic import BaseModel, Field, ValidationError
from safetensors import SafetensorError
from safetensors import numpy as tensor_files

from latentd.errors import UserError
from latentd.model.decoder import Decoder, Encoder, Layout, Network, SoundEncoder
from latentd.model.pad_sounds import DESCRIPTORS, PICTURE, Sounds
from latentd.model.playable import Landmark, Playable
from latentd.schema.documents import Strict
from latentd.synth import amsynth
from latentd.synth.amsynth import Array
from latentd.system import resources

DEFAULT = "timbre"
FORMAT = 1
NAME = r"\w[\w .+-]{0,63}"  # of a model; becomes a part of file names
MODEL_FILE = "model.json"
DECODER_FILE = "decoder.safetensors"
ENCODER_FILE = "encoder.safetensors"
LANDMARKS_FILE = "landmarks.json"
SOUNDS_FILE = "sounds.safetensors"
HASHED = (DECODER_FILE, ENCODER_FILE, LANDMARKS_FILE)
CARD_FILE = "README.md"
CURVE_FILE = "losses.csv"
SNAPSHOTS_FILE = "snapshots.safetensors"
_GREATEST = 1e6  # limit of a weight or a box corner: within it the sums of a network stay finite in float32

T = TypeVar("T", bound=BaseModel)


class BundleError(UserError):
    """A bundle is incomplete, damaged, or not for this synth."""

    def __init__(self, message: str, hint: str = "Copy the bundle again, or train again") -> None:
        super().__init__(message, hint)


class ParameterFacts(Strict):
    """A row of `amsynth.PARAMETERS` when the model was trained, so that a changed table is noticed."""

    name: str
    minimum: float
    maximum: float
    step: float


class Columns(Strict):
    """Columns of the networks: one for each continuous parameter, then one for each class of each category."""

    continuous: list[str]
    one_hot: dict[str, int]


def columns_of(layout: Layout) -> Columns:
    """The entry of a layout in a manifest."""
    return Columns(
        continuous=[amsynth.NAMES[i] for i in layout.continuous],
        one_hot={amsynth.NAMES[i]: n for i, n in zip(layout.categories, layout.classes, strict=True)},
    )


class Net(Strict):
    """What kind of networks the tensors belong to."""

    kind: Literal["mlp", "waves"] = Field(
        default="mlp", description="waves: the decoder sees a point as sines and cosines"
    )
    encoder: Literal["point", "sound"] = Field(default="point", description="the output of the encoder network")
    slope: float = Field(ge=0.0, le=1.0, description="of the leaky ReLU below zero")


class Box(Strict):
    """The part of the latent space that the pad shows."""

    low: tuple[float, float]
    high: tuple[float, float]
    how: str


class Manifest(Strict):
    """`model.json`."""

    format: int
    name: str = Field(pattern=f"^{NAME}$", description="becomes a part of file names")
    synth: str
    parameters: list[ParameterFacts]
    columns: Columns
    constants: dict[str, float] = Field(description="parameters that are not learned, in the synth's units")
    ranges: dict[str, tuple[float, float]] = Field(
        default={}, description="continuous parameters that keep to a part of the synth's range, in its units"
    )
    network: Net
    margin: float = Field(ge=0.0, description="logits by which another class must beat the held one")
    box: Box
    training: dict[str, Any]
    corpus: dict[str, Any]
    quality: dict[str, Any]
    sha256: dict[str, str]


class LandmarkRow(Strict):
    """One preset of the corpus."""

    name: str
    bank: str
    index: int = Field(ge=0)
    x: float = Field(ge=0.0, le=1.0)
    y: float = Field(ge=0.0, le=1.0)


class Landmarks(Strict):
    """`landmarks.json`."""

    landmarks: list[LandmarkRow]


@dataclass(frozen=True)
class Model(Playable):
    """A loaded bundle: what the engine plays, and everything else in it."""

    encoder: Encoder | SoundEncoder
    manifest: Manifest
    sounds: Sounds | None = None


def user_folder() -> Path:
    """Where `latentd train` writes models: `$XDG_DATA_HOME/latentd/models`."""
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data) / "latentd" / "models"


def find(name_or_path: str) -> Path:
    """The folder of a bundle: text with a slash is a path, other text the name of a user's or a shipped model.

    Raises:
        UserError: there is no such model.
    """
    if os.sep in name_or_path or name_or_path in (".", ".."):
        folder = Path(name_or_path)
        if _is_model(folder):
            return folder
        if folder.is_dir():
            raise UserError(f"{name_or_path}: no model folder: no {MODEL_FILE} in it", "Give the folder of a model")
        raise UserError(f"{name_or_path}: no such folder", "Give a model's name, or the path of its folder")
    folders = [user_folder(), resources.folder("models")]
    for folder in folders:
        if name_or_path and _is_model(folder / name_or_path):
            return folder / name_or_path
    known = sorted({p.parent.name for folder in folders for p in folder.glob(f"*/{MODEL_FILE}")})
    near = difflib.get_close_matches(name_or_path, known, n=1)
    meant = f"Did you mean {near[0]}? " if near else ""
    raise UserError(f"No model named {name_or_path!r}", f"{meant}There are: {', '.join(known) or 'none'}")


def _is_model(folder: Path) -> bool:
    try:
        return (folder / MODEL_FILE).is_file()
    except OSError as error:  # a folder that may not be read, a name that is too long
        raise UserError(f"{folder}: {error.strerror}", "Check its name and its permissions") from error


def load(name_or_path: str = DEFAULT) -> Model:
    """Load a bundle and check all of it: shapes, numbers, hashes, and the table of parameters.

    Raises:
        UserError: no such model.
        BundleError: something is wrong in it; names the file.
    """
    folder = find(name_or_path)
    manifest = _manifest(folder / MODEL_FILE)
    data = {name: _checked(folder / name, manifest.sha256.get(name)) for name in HASHED}
    layout = _layout(manifest, folder / MODEL_FILE)
    constants = _constants(manifest, layout, folder / MODEL_FILE)
    slope, waves = manifest.network.slope, manifest.network.kind == "waves"
    decoder = _network(data[DECODER_FILE], folder / DECODER_FILE, (2, layout.width), slope, waves)
    box, sounds = _box(manifest.box, folder / MODEL_FILE), _sounds(manifest, folder)
    outputs = 2 if sounds is None else DESCRIPTORS + PICTURE[0] * PICTURE[1]
    encoder = _network(data[ENCODER_FILE], folder / ENCODER_FILE, (layout.width, outputs), slope)
    marks = _validated(Landmarks, data[LANDMARKS_FILE], folder / LANDMARKS_FILE)
    return Model(
        name=manifest.name,
        decoder=Decoder(layout, decoder, constants, manifest.margin, _ranges(manifest, folder / MODEL_FILE)),
        encoder=Encoder(layout, encoder) if sounds is None else SoundEncoder(layout, encoder, sounds, box),
        box=box,
        landmarks=[Landmark(m.name, m.x, m.y) for m in marks.landmarks],
        manifest=manifest,
        folder=folder,
        sounds=sounds,
    )


def digest(data: bytes) -> str:
    """The SHA-256 in `model.json`."""
    return hashlib.sha256(data).hexdigest()


def parameter_facts() -> list[ParameterFacts]:
    """The table of parameters, as a manifest has it."""
    return [ParameterFacts(name=p.name, minimum=p.minimum, maximum=p.maximum, step=p.step) for p in amsynth.PARAMETERS]


def _manifest(path: Path) -> Manifest:
    data = _bytes(path)
    try:
        version = json.loads(data).get("format")
    except (ValueError, AttributeError, RecursionError) as error:
        raise BundleError(f"{path}: not a JSON object", "Copy the bundle again") from error
    if version != FORMAT:
        raise BundleError(f"{path}: format {version!r}, this latentd reads {FORMAT}", "Update latentd, or train again")
    manifest = _validated(Manifest, data, path)
    for ours, theirs in zip(parameter_facts(), manifest.parameters, strict=False):
        if ours != theirs:
            raise BundleError(f"{path}: parameters: {theirs} where this latentd has {ours}", "Train again")
    if len(manifest.parameters) != amsynth.COUNT:
        raise BundleError(f"{path}: parameters: found {len(manifest.parameters)}, amSynth has {amsynth.COUNT}")
    return manifest


def _validated(model: type[T], data: bytes, path: Path) -> T:
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise BundleError(f"{path}: {where}: {first['msg']}", "Copy the bundle again, or train again") from error


def _layout(manifest: Manifest, path: Path) -> Layout:
    columns = manifest.columns
    for name in (*columns.continuous, *columns.one_hot, *manifest.constants):
        if name not in amsynth.INDEX:
            raise BundleError(f"{path}: columns: amSynth has no parameter {name!r}")
    try:
        layout = Layout(
            continuous=tuple(amsynth.INDEX[name] for name in columns.continuous),
            categories=tuple(amsynth.INDEX[name] for name in columns.one_hot),
        )
    except ValueError as error:
        raise BundleError(f"{path}: columns: {error}") from error
    for (name, found), classes in zip(columns.one_hot.items(), layout.classes, strict=True):
        if found != classes:
            raise BundleError(f"{path}: columns: {name} has {found} classes, amSynth has {classes}")
    return layout


def _constants(manifest: Manifest, layout: Layout, path: Path) -> Array:
    """Params (41,): the constants in their places, the synth's defaults elsewhere."""
    left = {amsynth.NAMES[i] for i in range(amsynth.COUNT) if i not in layout.continuous + layout.categories}
    if left != manifest.constants.keys():
        odd = ", ".join(sorted(left ^ manifest.constants.keys()))
        raise BundleError(f"{path}: constants: each parameter must be either learned or constant: {odd}")
    patch = amsynth.DEFAULT.copy()
    for name, value in manifest.constants.items():
        parameter = amsynth.PARAMETERS[amsynth.INDEX[name]]
        if not parameter.minimum <= value <= parameter.maximum:
            allowed = f"{parameter.minimum:g}..{parameter.maximum:g}"
            raise BundleError(f"{path}: constants: {name}: found {value}, allowed {allowed}")
        patch[amsynth.INDEX[name]] = value
    return amsynth.round_steps(amsynth.to_params(patch))


def _ranges(manifest: Manifest, path: Path) -> Array:
    """Least and greatest params (2, 41): the given ranges in their places, 0 and 1 elsewhere."""
    found = np.tile([[0.0], [1.0]], amsynth.COUNT)
    for name, (low, high) in manifest.ranges.items():
        if name not in manifest.columns.continuous:
            raise BundleError(f"{path}: ranges: {name} is not a continuous column")
        i = amsynth.INDEX[name]
        minimum, maximum = float(amsynth.MINIMUM[i]), float(amsynth.MAXIMUM[i])
        if not minimum <= low < high <= maximum:
            raise BundleError(f"{path}: ranges: {name}: found {low}..{high}, allowed {minimum:g}..{maximum:g}")
        found[:, i] = (np.array([low, high]) - minimum) / amsynth.SPAN[i]
    return found


def _network(data: bytes, path: Path, widths: tuple[int, int], slope: float, with_waves: bool = False) -> Network:
    """A network with `widths` inputs and outputs. `with_waves`: its first layer sees the plane waves in `waves`."""
    tensors = _tensors(data, path)
    width, outputs = widths
    waves = _tensor(tensors, "waves", path) if with_waves else None
    if waves is not None:
        if waves.ndim != 2 or waves.shape[1] != width or not len(waves):
            raise BundleError(f"{path}: waves: {waves.shape} does not fit {width} inputs")
        width += 2 * len(waves)
    layers = []
    count = len(tensors) - with_waves
    for i in range(count // 2):
        weight, bias = _tensor(tensors, f"{i}.weight", path), _tensor(tensors, f"{i}.bias", path)
        if weight.ndim != 2 or weight.shape[1] != width or bias.shape != weight.shape[:1]:
            raise BundleError(f"{path}: layer {i}: {weight.shape} and {bias.shape} do not fit {width} inputs")
        layers.append((weight, bias))
        width = len(bias)
    if not layers or count % 2 or width != outputs:
        raise BundleError(f"{path}: {len(tensors)} tensors ending in {width} values, expected {outputs}")
    return Network(tuple(layers), slope, waves)


def _sounds(manifest: Manifest, folder: Path) -> Sounds | None:
    """The sound of the pad, if the encoder uses it."""
    if manifest.network.encoder != "sound":
        return None
    path = folder / SOUNDS_FILE
    tensors = _tensors(_checked(path, manifest.sha256.get(SOUNDS_FILE)), path)
    shapes = {name: tensor.shape for name, tensor in tensors.items()}
    points = shapes.get("lufs", (0,))[0]
    size = round(points**0.5)
    fits = {"descriptors": (points, DESCRIPTORS), "lufs": (points,), "levels": (points, PICTURE[0] * PICTURE[1])}
    if shapes != fits or size < 2 or size**2 != points or tensors["levels"].dtype != np.uint8:
        raise BundleError(f"{path}: {shapes} does not describe a square of points", "Copy the bundle again")
    descriptors, lufs = (tensors[name].astype(np.float64) for name in ("descriptors", "lufs"))
    if not (np.isfinite(descriptors).all(axis=1) & np.isfinite(lufs)).any():
        raise BundleError(f"{path}: every point of the pad is silent", "Train again")
    return Sounds(descriptors, lufs, tensors["levels"])


def _tensors(data: bytes, path: Path) -> dict[str, Any]:
    try:
        tensors: dict[str, Any] = tensor_files.load(data)
    except (SafetensorError, KeyError, ValueError) as error:
        raise BundleError(f"{path}: not a safetensors file: {error}", "Copy the bundle again") from error
    return tensors


def _tensor(tensors: Mapping[str, Any], name: str, path: Path) -> Array:
    if name not in tensors:
        raise BundleError(f"{path}: no tensor {name}")
    tensor: Array = np.ascontiguousarray(tensors[name], dtype=np.float64)
    if not (np.abs(tensor) <= _GREATEST).all():  # false for NaN, too
        raise BundleError(f"{path}: {name} has a number that is not finite or beyond {_GREATEST:g}", "Train again")
    return tensor


def _box(box: Box, path: Path) -> Array:
    corners = np.array([box.low, box.high])
    if not ((np.abs(corners) <= _GREATEST).all() and (corners[0] < corners[1]).all()):
        raise BundleError(
            f"{path}: box: found {box.low}..{box.high}; each low must be below its high, and none beyond {_GREATEST:g}"
        )
    return corners


def _checked(path: Path, expected: str | None) -> bytes:
    data = _bytes(path)
    if digest(data) != expected:
        raise BundleError(f"{path}: its SHA-256 is not the one in {MODEL_FILE}", "Copy the bundle again")
    return data


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BundleError(f"{path}: {error.strerror or error}", "The bundle is incomplete: copy it again") from error
