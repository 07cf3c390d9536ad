"""What is played while the patch changes: notes in time, beside the patch of every block."""

from __future__ import annotations

from dataclasses import dataclass

from latentd.offline.render.clip_spec import RATE

BLOCK = 128  # frames; the patch changes from block to block, notes start and end with one
BLOCKS_PER_S = RATE / BLOCK


@dataclass(frozen=True, slots=True)
class HeldNote:
    """A MIDI note, its velocity, the block in which it starts and the one in which it ends."""

    number: int
    velocity: int
    start: int
    end: int


Performance = tuple[HeldNote, ...]
