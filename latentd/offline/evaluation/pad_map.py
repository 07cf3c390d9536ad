"""The measured sound of a pad on a grid, as a bundle stores it."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from latentd.offline.evaluation import metrics
from latentd.offline.timbre.describe import DESCRIPTORS
from latentd.synth.amsynth import Array


@dataclass(frozen=True)
class PadMap:
    """The sound of a pad at `size` x `size` points, both edges included; row 0 is the pad's lower edge.

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
        """Points per side."""
        return len(self.lufs)

    def tensors(self) -> bytes:
        """A safetensors file: `descriptors` and `lufs` in float32, `silent` as 0 or 1; NaN and -inf in silence."""
        data: bytes = save(
            {
                "descriptors": self.descriptors.astype(np.float32),
                "lufs": self.lufs.astype(np.float32),
                "silent": self.silent.astype(np.uint8),
            }
        )
        return data

    def table(self) -> str:
        """The same as CSV: one line per point, from the lower left, x fastest."""
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
