"""Writes a pad of the recipe `timbre` as a bundle: tensors, manifest, landmarks, sounds and model card."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors.numpy import save

from latentd.model import bundle
from latentd.model.decoder import Decoder, SoundEncoder
from latentd.model.pad_sounds import Sounds
from latentd.offline.corpus.corpus import Corpus
from latentd.offline.publish.export import Parts, described, landmarks, reconstruction, tensors, write
from latentd.offline.recipes import limits
from latentd.offline.recipes.surface import SLOPE
from latentd.offline.recipes.surrogate import LAYOUT
from latentd.offline.recipes.timbre import MARGIN, TimbreRecipe, TrainedPad
from latentd.synth import amsynth

_BOX = np.array([[-1.0, -1.0], [1.0, 1.0]])


def export(pad: TrainedPad, recipe: TimbreRecipe, rows: Corpus, held_out: Corpus, name: str, parent: Path) -> Path:
    """Write the bundle `parent/name` and return its folder; see `export.write`."""
    contents = {
        bundle.DECODER_FILE: tensors(pad.decoder),
        bundle.ENCODER_FILE: tensors(pad.encoder, np.float16),
        bundle.SOUNDS_FILE: _sounds(pad.sounds),
        bundle.LANDMARKS_FILE: landmarks(rows, 2 * pad.points - 1, _BOX),
    }
    playing = limits.of(recipe.family)
    decoder = Decoder(LAYOUT, pad.decoder, np.zeros(amsynth.COUNT), MARGIN, limits.ranges(playing))
    encoder = SoundEncoder(LAYOUT, pad.encoder, pad.sounds, _BOX)
    unseen = reconstruction(decoder, encoder, held_out.params) if held_out.rows else None
    parts = Parts(
        layout=LAYOUT,
        constants={},
        ranges=limits.patch_ranges(playing),
        network=bundle.Net(kind="waves", encoder="sound", slope=SLOPE),
        margin=MARGIN,
        box=bundle.Box(low=(-1.0, -1.0), high=(1.0, 1.0), how="all that was trained"),
        quality={
            "proxy_error_on_each_pad": [round(error, 4) for error in pad.doubt],
            "reconstruction": {
                "trained_on": reconstruction(decoder, encoder, rows.params),
                "kept_aside": unseen,
            },
        },
    )
    contents |= described(name, parts, recipe, rows, held_out, contents)
    return write(contents, name, parent)


def _sounds(sounds: Sounds) -> bytes:
    data: bytes = save(
        {
            "descriptors": sounds.descriptors.astype(np.float32),
            "lufs": sounds.lufs.astype(np.float32),
            "levels": sounds.levels,
        }
    )
    return data
