"""Maps of a model's pad: the seven descriptors, loudness and silence over a grid, as data and as pictures."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from latentd.errors import UserError
from latentd.model.bundle import Model
from latentd.offline.evaluation import metrics
from latentd.offline.evaluation.evaluate import clip_sounds, decoded
from latentd.offline.evaluation.pad_map import PadMap
from latentd.offline.timbre.describe import DESCRIPTORS
from latentd.offline.timbre.measure import Measure
from latentd.synth import amsynth

DATA_FILE = "map.safetensors"
TABLE_FILE = "map.csv"
PICTURE_FILE = "map.png"


def measured(model: Model, measure: Measure, size: int = metrics.GRID) -> PadMap:
    """Render and describe the whole pad."""
    heard = clip_sounds(measure(amsynth.to_patch(decoded(model, metrics.grid_points(size)))))
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
