"""What is played for one clip: the note and its length. The same patch and spec give the same clip, bit for bit."""

from __future__ import annotations

from dataclasses import dataclass

from latentd.errors import UserError

RATE = 48000
# Raise it with any change that changes the sound: cached measurements of older recipes are then not used.
RECIPE = 1


@dataclass(frozen=True, slots=True)
class ClipSpec:
    """One note that starts at the clip's first sample, at 48 kHz in stereo.

    Attributes:
        note: MIDI note 0..127.
        velocity: 1..127.
        length_s: of the clip.
        held_s: of the note; None holds it for the whole clip.

    Raises:
        UserError: a value out of its range.
    """

    note: int = 60
    velocity: int = 100
    length_s: float = 4.0
    held_s: float | None = None

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("note", self.note, 0, 127),
            ("velocity", self.velocity, 1, 127),
            ("length", self.length_s, 0.1, 600.0),
            ("held", self.held, 0.001, 600.0),
        ):
            if not low <= value <= high:
                raise UserError(f"{name}: found {value:g}, {low:g}..{high:g} is allowed")

    @property
    def held(self) -> float:
        """Seconds from note-on to note-off."""
        return self.length_s if self.held_s is None else self.held_s

    @property
    def samples(self) -> int:
        """Length in samples."""
        return round(self.length_s * RATE)


USUAL = ClipSpec()  # the note that describes a sound, and that all figures are measured with unless they name another
