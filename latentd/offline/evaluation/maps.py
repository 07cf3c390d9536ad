"""Maps of a model's pad: the seven descriptors, loudness and silence over a grid, as data and as pictures."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from latentd.errors import UserError
from latentd.model.bundle import Model
from latentd.offline.evaluation import metrics
from latentd.offline.evaluation.evaluate import Measure, decoded, sounds
from latentd.offline.timbre.describe import DESCRIPTORS
from latentd.synth import amsynth
from latentd.synth.amsynth import Array

DATA_FILE = "map.safetensors"
TABLE_FILE = "map.csv"
PICTURE_FILE = "map.png"


@dataclass(frozen=True)
class PadMap:
    """What a pad sounds like at `size` x `size` points, both edges included; row 0 is the pad's lower edge.

    Attributes:
        descriptors: (size, size, 7), unclipped; NaN in silence.
        lufs: (size, size); -inf in silence.
        silent: (size, size), True where a clip is silent or below -45 LUFS.
    """

    descriptors: Array
    lufs: Array
    silent: NDArray[np.bool_]

    @property
    def size(self) -> int:
        """Points a side."""
        return len(self.lufs)

    def tensors(self) -> bytes:
        """A safetensors file: `descriptors` and `lufs` in float32, `silent` as 0 or 1; silence has NaN and -inf."""
        data: bytes = save(
            {
                "descriptors": self.descriptors.astype(np.float32),
                "lufs": self.lufs.astype(np.float32),
                "silent": self.silent.astype(np.uint8),
            }
        )
        return data

    def table(self) -> str:
        """The same as CSV: a line a point, from the lower left, x fastest."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["x", "y", *DESCRIPTORS, "lufs", "silent"])
        for (x, y), seven, lufs, silent in zip(
            metrics.grid_points(self.size).tolist(),
            self.descriptors.reshape(-1, 7).tolist(),
            self.lufs.ravel().tolist(),
            self.silent.ravel().tolist(),
            strict=True,
        ):
            writer.writerow([f"{x:.6f}", f"{y:.6f}", *(f"{v:.4f}" for v in seven), f"{lufs:.3f}", int(silent)])
        return text.getvalue()


def measured(model: Model, measure: Measure, size: int = metrics.GRID) -> PadMap:
    """Render and describe the whole pad."""
    heard = sounds(measure(amsynth.to_patch(decoded(model, metrics.grid_points(size)))))
    return PadMap(
        heard.descriptors.reshape(size, size, 7),
        heard.lufs.reshape(size, size),
        metrics.silent(heard).reshape(size, size),
    )


def write(pad: PadMap, title: str, folder: Path) -> list[Path]:
    """Write the data, the table, a picture of everything and one of each field; returns the files.

    Raises:
        UserError: the folder cannot be written.
    """
    from latentd.offline.evaluation import figures

    pictures: dict[str, Callable[[], bytes]] = {PICTURE_FILE: partial(figures.overview, pad, title)}
    for name in (*DESCRIPTORS, "loudness"):
        pictures[f"map-{name}.png"] = partial(figures.single, pad, name, title)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / DATA_FILE).write_bytes(pad.tensors())
        (folder / TABLE_FILE).write_text(pad.table(), encoding="utf-8")
        for file, draw in pictures.items():
            (folder / file).write_bytes(draw())
    except OSError as error:
        raise UserError(f"{folder}: {error.strerror or error}", "Choose another --out") from error
    return [folder / DATA_FILE, folder / TABLE_FILE, *(folder / file for file in pictures)]
