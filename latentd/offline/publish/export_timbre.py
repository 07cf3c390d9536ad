"""A pad trained by ear becomes a bundle: tensors, manifest, landmarks, what it sounds like, and the model card."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors.numpy import save

from latentd.model import bundle
from latentd.model.decoder import Decoder, SoundEncoder
from latentd.model.pad_sounds import Sounds
from latentd.offline.corpus.corpus import Corpus
from latentd.offline.publish.export import Parts, described, landmarks, reconstruction, tensors, write
from latentd.offline.recipes.surface import SLOPE
from latentd.offline.recipes.surrogate import LAYOUT
from latentd.offline.recipes.timbre import MARGIN, TimbreRecipe, TrainedPad
from latentd.synth import amsynth

_BOX = np.array([[-1.0, -1.0], [1.0, 1.0]])


def export(made: TrainedPad, recipe: TimbreRecipe, rows: Corpus, kept_aside: Corpus, name: str, parent: Path) -> Path:
    """Write the bundle `parent/name`, whole or not at all, and return its folder. An older bundle there is replaced.

    Raises:
        UserError: the folder holds something that is not a bundle, or cannot be written.
    """
    files = {
        bundle.DECODER_FILE: tensors(made.decoder),
        bundle.ENCODER_FILE: tensors(made.encoder, np.float16),
        bundle.SOUNDS_FILE: _sounds(made.sounds),
        bundle.LANDMARKS_FILE: landmarks(rows, 2 * made.points - 1, _BOX),
    }
    decoder = Decoder(LAYOUT, made.decoder, np.zeros(amsynth.COUNT), MARGIN)
    encoder = SoundEncoder(LAYOUT, made.encoder, made.sounds, _BOX)
    aside = reconstruction(decoder, encoder, kept_aside.params) if kept_aside.rows else None
    parts = Parts(
        layout=LAYOUT,
        constants={},
        network=bundle.Net(kind="waves", encoder="sound", slope=SLOPE),
        margin=MARGIN,
        box=bundle.Box(low=(-1.0, -1.0), high=(1.0, 1.0), how="all that was trained"),
        quality={
            "proxy_error_on_each_pad": [round(error, 4) for error in made.doubt],
            "reconstruction": {
                "trained_on": reconstruction(decoder, encoder, rows.params),
                "kept_aside": aside,
            },
        },
    )
    files |= described(name, parts, recipe, rows, kept_aside, files)
    return write(files, name, parent)


def _sounds(sounds: Sounds) -> bytes:
    data: bytes = save(
        {
            "descriptors": sounds.descriptors.astype(np.float32),
            "lufs": sounds.lufs.astype(np.float32),
            "levels": sounds.levels,
        }
    )
    return data
