"""Maps of a model's pad: the seven descriptors, loudness and silence on a grid, as data and as pictures."""

from __future__ import annotations

from pathlib import Path

from latentd.model.bundle import Model
from latentd.offline.evaluation import metrics
from latentd.offline.evaluation.evaluate import clip_sounds, decoded
from latentd.offline.evaluation.pad_map import PadMap
from latentd.offline.timbre.describe import DESCRIPTORS
from latentd.offline.timbre.measure import Measure
from latentd.synth import amsynth
from latentd.system import files

DATA_FILE = "map.safetensors"
TABLE_FILE = "map.csv"
PICTURE_FILE = "map.png"


def measured(model: Model, measure: Measure, size: int = metrics.GRID) -> PadMap:
    """Render and describe the whole pad."""
    sounds = clip_sounds(measure(amsynth.to_patch(decoded(model, metrics.grid_points(size)))))
    return PadMap(
        sounds.descriptors.reshape(size, size, 7),
        sounds.lufs.reshape(size, size),
        metrics.silent(sounds).reshape(size, size),
    )


def write(pad: PadMap, title: str, folder: Path, hint: str) -> list[Path]:
    """Write the data, the table, a picture of everything and one of each field; returns the files.

    Raises:
        LatentdError: the folder cannot be written; `hint` is the next step.
    """
    from latentd.offline.evaluation import figures

    contents = {
        DATA_FILE: pad.tensors(),
        TABLE_FILE: pad.table().encode(),
        PICTURE_FILE: figures.overview(pad, title),
    }
    for name in (*DESCRIPTORS, "loudness"):
        contents[f"map-{name}.png"] = figures.single(pad, name, title)
    files.write(folder, contents, hint)
    return [folder / name for name in contents]
