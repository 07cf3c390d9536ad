"""The part of a model that the engine plays, and how a process sends it to another: as numbers only, never as code."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from latentd.model.decoder import Decoder, Layout, Network
from latentd.synth.amsynth import Array


class Landmark(NamedTuple):
    """A named pad point, 0..1."""

    name: str
    x: float
    y: float


@dataclass(frozen=True)
class Playable:
    """The part of a model that the engine plays. `box` is [[left, bottom], [right, top]] in latent units."""

    name: str
    folder: Path
    decoder: Decoder
    box: Array
    landmarks: list[Landmark]


def pack(model: Playable) -> bytes:
    """One line of JSON, then all arrays as float64 in the byte order of this machine."""
    decoder, network = model.decoder, model.decoder.network
    weights = [part for layer in network.layers for part in layer]
    arrays = [model.box, np.array(decoder.constants), decoder.ranges, *weights]
    if network.waves is not None:
        arrays.append(network.waves)
    head = {
        "name": model.name,
        "folder": str(model.folder),
        "continuous": decoder.layout.continuous,
        "categories": decoder.layout.categories,
        "slope": network.slope,
        "waves": network.waves is not None,
        "margin": decoder.margin,
        "landmarks": model.landmarks,
        "shapes": [array.shape for array in arrays],
    }
    return b"\n".join([json.dumps(head).encode(), b"".join(array.astype(np.float64).tobytes() for array in arrays)])


def unpack(data: bytes) -> Playable:
    """The model that `pack` was given, to the last bit."""
    line, _, numbers = data.partition(b"\n")
    head = json.loads(line)
    arrays, start = [], 0
    for shape in head["shapes"]:
        count = math.prod(shape)
        arrays.append(np.frombuffer(numbers, np.float64, count, start).reshape(shape))
        start += count * 8
    waves = arrays.pop() if head["waves"] else None
    box, constants, ranges, *parts = arrays
    network = Network(tuple(zip(parts[::2], parts[1::2], strict=True)), head["slope"], waves)
    layout = Layout(tuple(head["continuous"]), tuple(head["categories"]))
    decoder = Decoder(layout, network, constants, head["margin"], ranges)
    return Playable(head["name"], Path(head["folder"]), decoder, box, [Landmark(*row) for row in head["landmarks"]])
